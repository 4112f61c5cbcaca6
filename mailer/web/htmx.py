"""Answers to htmx: a fragment of a page instead of the whole, and a change of page."""

from typing import Any

from flask import redirect, render_template, request
from werkzeug.wrappers import Response


def is_htmx() -> bool:
    """Whether htmx asks, and wants a fragment."""
    return request.headers.get("HX-Request") == "true"


def respond(page: str, fragment: str, *, status: int = 200, **context: Any) -> tuple[str, int]:
    """Render the fragment for htmx and the page that includes it for everybody else."""
    return render_template(fragment if is_htmx() else page, **context), status


def send_to(url: str, *, status: int = 303) -> Response:
    """Go to another page: a redirect, or for htmx the header that makes it load the page."""
    if not is_htmx():
        return redirect(url, 303)
    response = Response(status=200 if status == 303 else status)
    response.headers["HX-Redirect"] = url
    return response
