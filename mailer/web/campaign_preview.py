"""How a message will look: faults by line, size, and the page that a mail program would show."""

import json
import re
import secrets
from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from redis import RedisError

from mailer import clock, installation
from mailer.campaigns import drafts, question
from mailer.campaigns.content import ContentError, compile_content
from mailer.campaigns.models import Campaign, CampaignContent
from mailer.campaigns.problems import Problem, sentence
from mailer.languages import LANGUAGES, format_number
from mailer.languages import gettext as _
from mailer.segments import build
from mailer.segments.models import Segment
from mailer.segments.rules import SegmentError
from mailer.sending import sample
from mailer.sending.previews import person_for_preview
from mailer.sending.rendering import Final
from mailer.web.campaigns import campaign_or_404
from mailer.web.guard import may, requires
from mailer.web.request import db_session, notice_in_force

blueprint = Blueprint("campaign_preview", __name__, url_prefix="/campaigns/<int:campaign_id>")

# Unsaved text waits here for its preview.
_DRAFT = "lupaposti:preview:{}:{}"
_DRAFT_SECONDS = 900
_DRAFT_KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")
VIEWS = ("desktop", "mobile", "dark", "images_off", "text")
# Inline styles are how mail is styled; scripts, forms and frames have no place in it.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src {images}; sandbox allow-popups; "
    "frame-ancestors 'self'"
)
PREVIEW_CHOICES = 20


@blueprint.post("/content/<language>/look")
@requires("campaigns.edit")
def look(campaign_id: int, language: str) -> str:
    """Faults, size and preview of text that is not saved yet."""
    campaign = campaign_in(campaign_id, language)
    values = values_sent()
    key = secrets.token_urlsafe(16)
    try:
        installation.current().redis.set(
            _DRAFT.format(campaign.id, key), json.dumps(values), ex=_DRAFT_SECONDS
        )
    except RedisError:
        key = ""
    return render_template(
        "web/campaigns/look.html", **looked_at(campaign, language, values, key=key)
    )


@blueprint.get("/content/<language>/look")
@requires("campaigns.view")
def show(campaign_id: int, language: str) -> str:
    """The same for another way of showing it."""
    campaign = campaign_in(campaign_id, language)
    key = request.args.get("draft", "")
    unsaved = _unsaved(campaign, key)
    values = unsaved or values_of(drafts.content_in(db_session(), campaign.id, language))
    return render_template(
        "web/campaigns/look.html",
        **looked_at(campaign, language, values, key=key if unsaved else ""),
    )


@blueprint.get("/preview/<language>")
@requires("campaigns.view")
def preview(campaign_id: int, language: str) -> Response:
    """The message as a mail program shows it, by the same code that makes the real one."""
    campaign = campaign_in(campaign_id, language)
    view = request.args.get("view", "desktop")
    if view not in VIEWS:
        abort(404)
    values = _unsaved(campaign, request.args.get("draft", "")) or values_of(
        drafts.content_in(db_session(), campaign.id, language)
    )
    response = Response(_preview(campaign, language, values, view), mimetype="text/html")
    images = "'none'" if view == "images_off" else "'self' data: https:"
    response.headers["Content-Security-Policy"] = _POLICY.format(images=images)
    return response


def _preview(campaign: Campaign, language: str, values: dict[str, str], view: str) -> str:
    try:
        final = _final(campaign, language, values)
    except ContentError as error:
        return render_template("web/campaigns/preview_fault.html", problems=_faults(error))
    if final is None:
        return render_template("web/campaigns/preview_fault.html", problems=[])
    if view == "text":
        return render_template("web/campaigns/preview_text.html", text=final.text)
    if view == "dark":
        return re.sub(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", "all", final.html)
    return final.html


def _final(campaign: Campaign, language: str, values: dict[str, str]) -> Final | None:
    """The finished message for the chosen person; None without a sender or a text."""
    notice = notice_in_force()
    entity = notice.entity(campaign.entity) if notice else None
    if notice is None or entity is None or not values["mjml"].strip():
        return None
    made = compile_content(language, values["subject"], values["preheader"], values["mjml"])
    rendering = sample.rendering(
        campaign, installation.current().settings, notice, entity, contents=[made]
    )
    chosen = request.args.get("contact", "")
    contact_id = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else None
    person = person_for_preview(
        db_session(),
        campaign,
        contact_id=contact_id if may("contacts.view") else None,
        language=language,
    )
    return rendering.final(person, test=True)


def looked_at(
    campaign: Campaign, language: str, values: dict[str, str], *, key: str
) -> dict[str, Any]:
    """What the page and its live part say of a text. `key`: where `look` keeps it unsaved."""
    problems: list[dict[str, Any]] = []
    final = None
    if values["mjml"].strip() or values["subject"].strip():
        try:
            final = _final(campaign, language, values)
        except ContentError as error:
            problems = _faults(error)
    view = request.values.get("view", "desktop")
    notice = notice_in_force()
    return {
        "campaign": campaign,
        "edited": language,
        "problems": problems,
        "size": format_number(-(-final.size // 1024)) if final else None,
        "sender_known": notice is not None and notice.entity(campaign.entity) is not None,
        "written": bool(values["mjml"].strip()),
        "draft": key,
        "view": view if view in VIEWS else "desktop",
        "contact": request.values.get("contact", ""),
        "people": preview_people(campaign),
        "subject": final.subject if final else values["subject"],
        "preheader": values["preheader"],
    }


def preview_people(campaign: Campaign) -> list[tuple[str, str]]:
    """The first recipients, to look at the message as; nobody for who may not see people."""
    if not may("contacts.view") or not campaign.segment_id:
        return []
    segment = db_session().get(Segment, campaign.segment_id)
    if segment is None:
        return []
    ask = question.ask(db_session(), campaign, now=clock.now())
    try:
        found = build.people(
            db_session(), segment.tree, ask, verdict=build.CLEAR, limit=PREVIEW_CHOICES
        )
    except SegmentError:
        return []
    return [
        (
            str(person.contact_id),
            f"{person.first_name} {person.last_name}, {person.company or '–'}".strip(" ,"),
        )
        for person in found
    ]


def _faults(error: ContentError) -> list[dict[str, Any]]:
    return [
        {"line": fault.line, "text": _fault(fault), "field": fault.field}
        for fault in error.problems
    ]


def _fault(problem: Problem) -> str:
    if problem.line is None:
        return sentence(problem)
    return _("Line %(line)s: %(fault)s", line=problem.line, fault=sentence(problem))


def campaign_in(campaign_id: int, language: str) -> Campaign:
    """The campaign, for a language that there is; else a page that says there is none."""
    if language not in LANGUAGES:
        abort(404)
    return campaign_or_404(campaign_id)


def values_of(content: CampaignContent | None) -> dict[str, str]:
    """The text of a version as its form has it."""
    if content is None:
        return {"subject": "", "preheader": "", "mjml": ""}
    return {"subject": content.subject, "preheader": content.preheader, "mjml": content.mjml}


def values_sent() -> dict[str, str]:
    """The text of a version as it was sent."""
    # Browsers send CRLF; a lone CR would throw the count of lines off.
    return {
        name: request.form.get(name, "").replace("\r\n", "\n").replace("\r", "\n")
        for name in ("subject", "preheader", "mjml")
    }


def _unsaved(campaign: Campaign, key: str) -> dict[str, str] | None:
    if not _DRAFT_KEY.fullmatch(key):
        return None
    try:
        stored = installation.current().redis.get(_DRAFT.format(campaign.id, key))
    except RedisError:
        return None
    return json.loads(stored) if stored else None
