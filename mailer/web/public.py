"""Pages for recipients: stop, undo, say why.

No JavaScript, no cookie, nothing from a third party. The link is the proof, so there is no login
and no CSRF token. GET never changes anything, because mail gateways fetch every link; what a POST
says is committed before it is answered, and answered 503 when it could not be (RFC 8058, R46, R49).
"""

import logging
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from sqlalchemy.exc import SQLAlchemyError

from mailer import clock, installation
from mailer.events import answers
from mailer.events.answers import Standing
from mailer.languages import gettext as _
from mailer.tokens import Purpose, Recipient, Signer, TokenError
from mailer.web.guard import csrf_exempt, public
from mailer.web.recipient_pages import (
    choose_language,
    frame,
    keep,
    keep_private,
    missing,
    notice_in_force,
    plain,
    unavailable,
)
from mailer.web.stamps import is_quick, looks_automatic, stamp

log = logging.getLogger(__name__)
blueprint = Blueprint("public", __name__)
blueprint.after_request(keep_private)


@blueprint.post("/u/<token>")
@public
@csrf_exempt
def one_click(token: str) -> Response:
    """Opt out at once, whatever the body says (RFC 8058). Called by mail programs."""
    recipient = _read(token, Purpose.ONE_CLICK)
    if recipient is None:
        if _read(token, Purpose.TEST) is not None:
            return plain(_("This was a test message. Nothing was changed."), 200)
        return plain(_("There is no such page"), 404)
    failed = keep(
        lambda session: answers.stop(session, recipient, origin="one_click", now=clock.now())
    )
    if failed:
        return plain(_("This could not be saved just now. Please try again."), 503)
    return plain(_("You will get no more marketing messages."), 200)


@blueprint.get("/u/<token>")
@public
def show_one_click(token: str) -> Response:
    """The same page as the stop link: some programs open this address instead of posting to it."""
    recipient = _read(token, Purpose.ONE_CLICK)
    if recipient is None:
        return missing()
    return _stop_page(_signer().make(Purpose.STOP, recipient), recipient)


@blueprint.get("/s/<token>")
@public
def show_stop(token: str) -> Response:
    """Ask whether to stop. Changes nothing, however often it is fetched."""
    recipient = _read(token, Purpose.STOP)
    if recipient is not None:
        return _stop_page(token, recipient)
    if _read(token, Purpose.TEST) is not None:
        return _page("stop", token, Standing(), demo=True)
    return missing()


@blueprint.post("/s/<token>")
@public
@csrf_exempt
def stop(token: str) -> Response:
    """Opt out, and show what can still be said."""
    recipient = _read(token, Purpose.STOP)
    if recipient is None:
        if _read(token, Purpose.TEST) is None:
            return missing()
        standing = Standing(stopped_at=clock.now(), undoable=True)
        return _page("done", token, standing, demo=True, reason=None, problem=None)
    suspected = is_quick(token) or looks_automatic()
    failed = keep(
        lambda session: answers.stop(
            session,
            recipient,
            origin="stop_page",
            now=clock.now(),
            suspected_automation=suspected,
        )
    )
    if failed:
        return unavailable()
    return _done_page(token, recipient)


@blueprint.post("/s/<token>/undo")
@public
@csrf_exempt
def undo(token: str) -> Response:
    """Take the opt-out back. Stricter than stopping: what looks automatic is asked again."""
    recipient = _read(token, Purpose.STOP)
    if recipient is None:
        return _demo_or_missing(token, "undone", lifted=True)
    if is_quick(token) or looks_automatic():
        return _done_page(token, recipient, problem=_("Please press the button once more."))
    lifted: list[bool] = []
    failed = keep(lambda session: lifted.append(answers.undo(session, recipient, now=clock.now())))
    if failed:
        return unavailable()
    return _page("undone", token, _look(recipient), lifted=lifted[0])


@blueprint.post("/s/<token>/reason")
@public
@csrf_exempt
def tell_reason(token: str) -> Response:
    """Note why somebody stopped."""
    recipient = _read(token, Purpose.STOP)
    if recipient is None:
        return _demo_or_missing(token, "thanks", about="reason")
    reason = request.form.get("reason", "")
    if reason not in answers.REASONS:
        return _done_page(token, recipient, problem=_("Choose one of the reasons."), status=422)
    if keep(lambda session: answers.tell_reason(session, recipient, reason, now=clock.now())):
        return unavailable()
    return _page("thanks", token, _look(recipient), about="reason")


@blueprint.get("/s/<token>/not-my-work")
@public
def show_not_my_work(token: str) -> Response:
    """Ask whether the message was beside the recipient's work."""
    recipient = _read(token, Purpose.STOP)
    if recipient is None:
        return _demo_or_missing(token, "not_my_work")
    return _page("not_my_work", token, _look(recipient))


@blueprint.post("/s/<token>/not-my-work")
@public
@csrf_exempt
def tell_not_my_work(token: str) -> Response:
    """Note that the message was beside the recipient's work. Stops nothing."""
    recipient = _read(token, Purpose.STOP)
    if recipient is None:
        return _demo_or_missing(token, "thanks", about="work")
    if not (is_quick(token) or looks_automatic()) and keep(
        lambda session: answers.not_my_work(session, recipient, now=clock.now())
    ):
        return unavailable()
    return _page("thanks", token, _look(recipient), about="work")


@blueprint.get("/s/<token>/source")
@public
def show_source(token: str) -> Response:
    """Where the address came from (GDPR 14(2)(f))."""
    recipient = _read(token, Purpose.STOP)
    if recipient is None:
        return _demo_or_missing(token, "source")
    return _page("source", token, _look(recipient))


def _signer() -> Signer:
    settings = installation.current().settings
    return Signer(settings.secret_key, *settings.retired_secret_keys)


def _read(token: str, purpose: Purpose) -> Recipient | None:
    try:
        return _signer().read(purpose, token)
    except TokenError:
        return None


def _look(recipient: Recipient) -> Standing:
    """What is known of a recipient; nothing when the database is away, and the page still shows."""
    try:
        with installation.current().sessions() as session:
            return answers.standing(session, recipient, now=clock.now())
    except SQLAlchemyError as error:
        log.warning("standing_unknown", extra={"error": type(error).__name__})
        return Standing()


def _stop_page(token: str, recipient: Recipient) -> Response:
    return _page("stop", token, _look(recipient))


def _done_page(
    token: str, recipient: Recipient, *, problem: str | None = None, status: int = 200
) -> Response:
    standing = _look(recipient)
    if standing.stopped_at is None:  # undone meanwhile, or never stopped: say what is true
        return _page("stop", token, standing, status=status)
    return _page("done", token, standing, status=status, problem=problem)


def _demo_or_missing(token: str, name: str, **more: Any) -> Response:
    if _read(token, Purpose.TEST) is None:
        return missing()
    return _page(name, token, Standing(), demo=True, **more)


def _page(
    name: str,
    token: str,
    standing: Standing,
    *,
    status: int = 200,
    demo: bool = False,
    **more: Any,
) -> Response:
    choose_language(standing.language)
    notice = notice_in_force()
    more.setdefault("problem", None)
    if demo:
        standing = replace(standing, address=standing.address or "m•••••@esimerkki.example")
    page = render_template(
        f"public/{name}.html",
        **frame(notice, standing.entity),
        token=token,
        standing=standing,
        demo=demo,
        reasons=answers.REASONS,
        stamp=stamp(token),
        contact_email=notice.contact_email if notice else "",
        **more,
    )
    return make_response(page, status)
