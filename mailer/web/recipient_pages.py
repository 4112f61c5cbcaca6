"""What all pages for recipients share: frame, language, keeping what was said, private headers."""

import logging
from collections.abc import Callable
from typing import Any

from flask import Response, make_response, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mailer import clock, installation, languages
from mailer.db import transaction
from mailer.languages import gettext as _
from mailer.notice import switches
from mailer.notice.schema import Notice

log = logging.getLogger(__name__)


def keep_private(response: Response) -> Response:
    """Not kept, not indexed, and its address told to nobody: the link in it is a key."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def notice_in_force() -> Notice | None:
    """The notice in force; None before the first one, and when the database is away."""
    try:
        with installation.current().sessions() as session:
            return switches.in_force(session, clock.now())
    except SQLAlchemyError as error:
        log.warning("notice_unknown", extra={"error": type(error).__name__})
        return None


def frame(notice: Notice | None, entity: str = "") -> dict[str, Any]:
    """What every page shows around its content: who we are, and the languages."""
    sender = None
    if notice is not None and notice.entities:
        sender = notice.entity(entity) or notice.entities[0]
    chosen = request.args.get("lang")
    return {"sender": sender, "lang": chosen if chosen in languages.LANGUAGES else None}


def choose_language(known: str | None) -> None:
    """The one asked for, else the message's; else the browser's, which is in force already."""
    for language in (request.args.get("lang"), known):
        if language in languages.LANGUAGES:
            languages.set_language(language)
            return


def missing() -> Response:
    """404, the same for every link that is not ours."""
    choose_language(None)
    return show_message(
        _("There is no such page"),
        _("The address may be mistyped, or what was here has been deleted."),
        404,
    )


def show_message(title: str, text: str, status: int) -> Response:
    """A page of a heading and a sentence, without the database."""
    page = render_template(
        "public/message.html", title=title, text=text, sender=None, lang=None, token=None
    )
    return make_response(page, status)


def plain(text: str, status: int) -> Response:
    """A line of text for mail programs."""
    response = Response(f"{text}\n", status, mimetype="text/plain")
    if status == 503:
        response.headers["Retry-After"] = "60"
    return response


def keep(act: Callable[[Session], Any]) -> bool:
    """Do it and commit; True when it could not be kept, so that nobody is told it was."""
    try:
        with transaction(installation.current().sessions) as session:
            act(session)
    except SQLAlchemyError as error:
        log.warning("answer_not_kept", extra={"error": type(error).__name__})
        return True
    return False


def unavailable() -> Response:
    """503: it was not kept, and here is what else can be done."""
    choose_language(None)
    mailbox = installation.current().settings.unsubscribe_mailbox
    response = show_message(
        _("This could not be saved just now"),
        _(
            "Please try again in a minute. You can also write to %(mailbox)s.",
            mailbox=mailbox,
        ),
        503,
    )
    response.headers["Retry-After"] = "60"
    return response
