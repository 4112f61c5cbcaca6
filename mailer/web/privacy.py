"""The published privacy notice, as it is configured: what it says is what the product does."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, render_template
from sqlalchemy import select

from mailer import clock, installation
from mailer.languages import current, format_date
from mailer.languages import gettext as _
from mailer.notice import pdf, public_facts
from mailer.notice.models import NoticeVersion
from mailer.notice.parsing import parse
from mailer.notice.schema import Notice
from mailer.notice.sections import Section, sections
from mailer.web.guard import public
from mailer.web.recipient_pages import choose_language, frame, keep_private, missing

blueprint = Blueprint("privacy", __name__)
blueprint.after_request(keep_private)


@dataclass(frozen=True, slots=True)
class _Shown:
    """The version that was asked for, and all there are, the one in force first."""

    version: NoticeVersion
    versions: list[NoticeVersion]
    notice: Notice

    @property
    def title(self) -> str:
        """Which version it is, and since when."""
        return _(
            "Version %(number)s, in force from %(date)s",
            number=self.version.number,
            date=format_date(self.version.effective_from or self.version.created_at),
        )

    def sections(self) -> list[Section]:
        """What it says, in the language in force."""
        return sections(self.notice, installation.current().settings.aws_region)


@blueprint.get("/privacy")
@blueprint.get("/privacy/<int:number>")
@public
def show_notice(number: int | None = None) -> Response:
    """The notice in force, or an earlier version of it, in the reader's language."""
    shown = _find(number)
    if shown is None and number is not None:
        return missing()
    notice = shown.notice if shown else None
    return _dated(
        make_response(
            render_template(
                "public/privacy.html",
                **frame(notice),
                shown=shown,
                sections=shown.sections() if shown else [],
            )
        ),
        shown,
    )


@blueprint.get("/privacy.json")
@blueprint.get("/privacy/<int:number>.json")
@public
def give_facts(number: int | None = None) -> Response:
    """The notice for programs: its facts by key, and its sections in the reader's language."""
    shown = _find(number)
    if shown is None:
        response = jsonify(error="no such notice")
        response.status_code = 404
        return response
    told: dict[str, Any] = {
        "version": shown.version.number,
        "in_force_since": _since(shown),
        "language": current(),
        "notice": public_facts.of(shown.notice),
        "sections": [
            {
                "key": each.key,
                "title": each.title,
                "sentences": each.sentences,
                "items": each.items,
                "link": each.link,
            }
            for each in shown.sections()
        ],
    }
    return _dated(jsonify(told), shown)


@blueprint.get("/privacy.pdf")
@blueprint.get("/privacy/<int:number>.pdf")
@public
def give_pdf(number: int | None = None) -> Response:
    """The notice as a file that can be sent to somebody (R3)."""
    shown = _find(number)
    if shown is None:
        return missing()
    content = _paper(tuple(shown.sections()), shown.title, current())
    response = Response(content, mimetype="application/pdf")
    name = f"privacy-notice-{shown.version.number}-{current()}.pdf"
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return _dated(response, shown)


@lru_cache(maxsize=64)
def _paper(content: tuple[Section, ...], title: str, _language: str) -> bytes:
    # A tenth of a second of work, which anybody may ask for: once for each version and language.
    return pdf.make(content, title)


def _find(number: int | None) -> _Shown | None:
    choose_language(None)
    with installation.current().sessions() as session:
        published = (
            select(NoticeVersion)
            .where(
                NoticeVersion.published_at.is_not(None),
                NoticeVersion.effective_from <= clock.now(),
            )
            .order_by(NoticeVersion.effective_from.desc(), NoticeVersion.number.desc())
        )
        versions = list(session.scalars(published))
    for each in versions:
        if number in (None, each.number):
            return _Shown(each, versions, parse(each.content))
    return None


def _dated(response: Response, shown: _Shown | None) -> Response:
    if shown is not None:
        response.last_modified = shown.version.effective_from
    return response


def _since(shown: _Shown) -> str:
    return (shown.version.effective_from or shown.version.created_at).isoformat()
