"""Error pages in the reader's language; short plain answers for machines. Never a traceback."""

import logging
import secrets
import traceback
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, current_app, g, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from mailer.accounts import permissions
from mailer.languages import N_, gettext
from mailer.web.api import problems

log = logging.getLogger(__name__)

MACHINE_PATHS = ("/webhooks/", "/healthz", "/readyz")
RECIPIENT_PATH = ("/u/", "/s/", "/privacy")


@dataclass(frozen=True, slots=True)
class Sentence:
    """What an error page says: what happened, and what to do."""

    title: str
    text: str


SENTENCES = {
    400: Sentence(
        N_("The request could not be understood"),
        N_("Nothing was changed. Go back, reload the page and try again."),
    ),
    403: Sentence(
        N_("You may not open this"),
        N_("Your role does not allow it. Nothing was changed."),
    ),
    404: Sentence(
        N_("There is no such page"),
        N_("The address may be mistyped, or what was here has been deleted."),
    ),
    405: Sentence(
        N_("This address does not take that kind of request"),
        N_("Nothing was changed. Open the page from the menu and try again."),
    ),
    413: Sentence(
        N_("That is too large"),
        N_("Nothing was changed. Send a smaller file or a shorter text."),
    ),
    422: Sentence(
        N_("Some of the values cannot be used"),
        N_("Nothing was changed. Go back, check the form and try again."),
    ),
    429: Sentence(
        N_("Too many attempts"),
        N_("Wait a while and then try again."),
    ),
    500: Sentence(
        N_("Something went wrong on our side"),
        N_(
            "What you were doing was not saved. Try again; if it happens again, tell the"
            " administrator the number below."
        ),
    ),
}
_EXPIRED = Sentence(
    N_("This form is too old"),
    N_("Nothing was changed. Go back, reload the page and send the form again."),
)
_STEP_FIRST = Sentence(
    N_("One step is left before you can go on"),
    N_("Finish it first; then this page opens."),
)


def _show_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    return _show_fault(error) if _is_server_error(status) else _answer(status, error)


def _show_fault(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    # The texts of exceptions may hold what people typed (R74), so production logs the place only.
    log.error(
        "request_failed",
        extra={
            "reference": reference,
            "endpoint": request.endpoint,
            "error": type(error).__name__,
            "place": _place(error),
        },
        exc_info=None if current_app.config["PRODUCTION"] else error,
    )
    # Whoever is signed in is asked from the database, which may be what failed.
    g.user = None
    return _answer(500, None, reference=reference)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))


def _is_server_error(status: int) -> bool:
    return status >= 500


def _answer(status: int, error: HTTPException | None, *, reference: str = "") -> Response:
    body = _body(status, reference)
    response = body if isinstance(body, Response) else Response(body)
    response.status_code = status
    for name, value in error.get_headers() if error is not None else ():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _body(status: int, reference: str) -> Response | str:
    sentence = _sentence(status)
    if request.path.startswith(problems.PREFIX):
        return problems.of_status(status, reference)
    if request.path.startswith(MACHINE_PATHS):
        return jsonify(error=status, **({"reference": reference} if reference else {}))
    if request.path.startswith(RECIPIENT_PATH) and request.method == "POST":
        return Response(f"{gettext(sentence.title)}\n", mimetype="text/plain")
    recipient = request.path.startswith(RECIPIENT_PATH)
    return render_template(
        "web/errors/recipient.html" if recipient else "web/errors/error.html",
        status=status,
        title=gettext(sentence.title),
        text=gettext(sentence.text),
        reference=reference,
        next_step=g.get("next_step"),
        roles=_roles_that_may() if status == 403 else [],
    )


def _sentence(status: int) -> Sentence:
    if g.get("form_expired"):
        return _EXPIRED
    if g.get("next_step"):
        return _STEP_FIRST
    return SENTENCES.get(status) or SENTENCES[500 if _is_server_error(status) else 400]


def _roles_that_may() -> list[str]:
    permission = g.get("missing_permission")
    if permission is None:
        return []
    return [gettext(permissions.ROLE_NAMES[role]) for role in permissions.roles_with(permission)]


def register(app: Flask) -> None:
    """Answer every error with a page of ours."""
    app.register_error_handler(HTTPException, _show_http_error)
    app.register_error_handler(Exception, _show_fault)
