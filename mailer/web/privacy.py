"""The published privacy notice, as it is configured: what it says is what the product does."""

from flask import Blueprint, Response, make_response, render_template
from sqlalchemy import select

from mailer import clock, installation
from mailer.notice import vocabulary
from mailer.notice.models import NoticeVersion
from mailer.notice.parsing import parse
from mailer.web.guard import public
from mailer.web.recipient_pages import choose_language, frame, keep_private, missing

blueprint = Blueprint("privacy", __name__)
blueprint.after_request(keep_private)


@blueprint.get("/privacy")
@blueprint.get("/privacy/<int:number>")
@public
def show_notice(number: int | None = None) -> Response:
    """The notice in force, or an earlier version of it, in the reader's language."""
    now = clock.now()
    with installation.current().sessions() as session:
        published = (
            select(NoticeVersion)
            .where(NoticeVersion.published_at.is_not(None), NoticeVersion.effective_from <= now)
            .order_by(NoticeVersion.effective_from.desc(), NoticeVersion.number.desc())
        )
        versions = list(session.scalars(published))
    wanted = [each for each in versions if number is None or each.number == number]
    if number is not None and not wanted:
        return missing()
    choose_language(None)
    shown = wanted[0] if wanted else None
    notice = parse(shown.content) if shown else None
    return make_response(
        render_template(
            "public/privacy.html",
            **frame(notice),
            notice=notice,
            shown=shown,
            versions=versions,
            labels=vocabulary,
            region=installation.current().settings.aws_region,
        )
    )
