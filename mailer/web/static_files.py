"""Static files under a path that names their content, so that browsers may keep them for ever.

One version for the whole tree: ES modules and style sheets name their neighbours by relative
paths, and so a page gets files that belong together.
"""

import hashlib
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, send_from_directory

from mailer.web.guard import public

DIRECTORY = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"


def tree_version(directory: Path) -> str:
    """The hash of all names and contents below a directory."""
    version = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            version.update(f"{path.relative_to(directory)}\0".encode())
            version.update(hashlib.sha256(path.read_bytes()).digest())
    return version.hexdigest()[:12]


@public
def _serve(version: str, filename: str) -> Response:
    response = send_from_directory(DIRECTORY, filename)
    # A page from before an upgrade still finds its files, but must not keep them.
    current = version == current_app.config["STATIC_VERSION"]
    response.headers["Cache-Control"] = FOR_EVER if current else "no-cache"
    return response


def _add_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static":
        values.setdefault("version", current_app.config["STATIC_VERSION"])


def register(app: Flask) -> None:
    """Serve the files at the endpoint `static`; url_for("static", filename=…) adds the version."""
    app.config["STATIC_VERSION"] = tree_version(DIRECTORY)
    app.add_url_rule("/static/<version>/<path:filename>", "static", _serve)
    app.url_defaults(_add_version)
