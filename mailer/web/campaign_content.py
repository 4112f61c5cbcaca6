"""Step 2: the message in each language, its faults by line, and how it will look."""

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from mailer import clock
from mailer.campaigns import drafts, merge, starter
from mailer.campaigns.content import ContentError, compile_content
from mailer.campaigns.models import Campaign, CampaignContent
from mailer.languages import LANGUAGES, format_time
from mailer.languages import gettext as _
from mailer.web.campaign_preview import campaign_in, looked_at, values_of, values_sent
from mailer.web.campaign_recipients import conflict
from mailer.web.campaigns import address_of, campaign_or_404
from mailer.web.guard import requires
from mailer.web.request import db_session, notice_in_force, signed_in_user

blueprint = Blueprint("campaign_content", __name__, url_prefix="/campaigns/<int:campaign_id>")


@blueprint.get("/content")
@requires("campaigns.view")
def edit_first(campaign_id: int) -> Any:
    """Go to the first language that is written, or to the first of all."""
    written = drafts.contents(db_session(), campaign_or_404(campaign_id).id)
    language = next((language for language in LANGUAGES if language in written), LANGUAGES[0])
    return redirect(
        url_for("campaign_content.edit", campaign_id=campaign_id, language=language), 303
    )


@blueprint.get("/content/<language>")
@requires("campaigns.view")
def edit(campaign_id: int, language: str) -> Any:
    """The form of step 2 in one language."""
    campaign = campaign_in(campaign_id, language)
    if campaign.state != "draft":
        return redirect(address_of(campaign), 303)
    content = drafts.content_in(db_session(), campaign.id, language)
    values = values_of(content)
    return _page(campaign, language, values, errors={})


@blueprint.post("/content/<language>")
@requires("campaigns.edit")
def save(campaign_id: int, language: str) -> Any:
    """Save the message in one language, also while it has faults."""
    campaign = campaign_in(campaign_id, language)
    session = db_session()
    draft = drafts.find(session, campaign_id)
    if draft is None:
        return redirect(address_of(campaign), 303)
    values = values_sent()
    content = drafts.content_in(session, draft.id, language)
    if request.form.get("version") != _version(content):
        values["version"] = _version(content)
        return _page(draft, language, values, errors={"": conflict(draft)}), 409
    if any(merge.has_bad_characters(values[name]) for name in ("subject", "preheader", "mjml")):
        errors = {"mjml": _("There is a character that does not belong in a message.")}
        return _page(draft, language, values, errors=errors), 422
    now = clock.now()
    drafts.save_content(
        session,
        draft,
        language,
        subject=values["subject"].strip(),
        preheader=values["preheader"].strip(),
        mjml=values["mjml"],
        now=now,
        actor_id=signed_in_user().id,
    )
    flash(_("Saved %(time)s", time=format_time(now)))
    if request.form.get("then") == "review":
        return redirect(url_for("campaign_review.show", campaign_id=draft.id), 303)
    return redirect(url_for("campaign_content.edit", campaign_id=draft.id, language=language), 303)


@blueprint.post("/content/<language>/start")
@requires("campaigns.edit")
def start(campaign_id: int, language: str) -> Any:
    """Fill an empty version from the starter message or from another language."""
    campaign = campaign_in(campaign_id, language)
    session = db_session()
    draft = drafts.find(session, campaign_id)
    if draft is None:
        return redirect(address_of(campaign), 303)
    here = url_for("campaign_content.edit", campaign_id=draft.id, language=language)
    existing = drafts.content_in(session, draft.id, language)
    if existing is not None and existing.mjml.strip():
        flash(_("There is content already. Delete this version first."), "bad")
        return redirect(here, 303)
    origin = drafts.content_in(session, draft.id, request.form.get("from", ""))
    drafts.save_content(
        session,
        draft,
        language,
        subject=origin.subject if origin else (existing.subject if existing else ""),
        preheader=origin.preheader if origin else (existing.preheader if existing else ""),
        mjml=origin.mjml if origin else _starter(draft, language),
        now=clock.now(),
        actor_id=signed_in_user().id,
    )
    return redirect(here, 303)


@blueprint.post("/content/<language>/delete")
@requires("campaigns.edit")
def delete(campaign_id: int, language: str) -> Any:
    """Drop the version in one language."""
    campaign = campaign_in(campaign_id, language)
    draft = drafts.find(db_session(), campaign_id)
    if draft is None:
        return redirect(address_of(campaign), 303)
    drafts.delete_content(
        db_session(), draft, language, now=clock.now(), actor_id=signed_in_user().id
    )
    flash(_("The version was deleted."))
    return redirect(url_for("campaign_content.edit", campaign_id=draft.id, language=language), 303)


def _page(
    campaign: Campaign, language: str, values: dict[str, str], *, errors: dict[str, str]
) -> str:
    contents = drafts.contents(db_session(), campaign.id)
    return render_template(
        "web/campaigns/content.html",
        values=values,
        errors=errors,
        version=values.get("version", _version(contents.get(language))),
        states={each: _state(contents.get(each)) for each in LANGUAGES},
        others=[each for each in LANGUAGES if each != language and each in contents],
        fields=[(key, _(label)) for key, label in merge.FIELDS.items()],
        saved_at=contents[language].updated_at if language in contents else None,
        **looked_at(campaign, language, values, key=""),
    )


def _starter(draft: Campaign, language: str) -> str:
    notice = notice_in_force()
    entity = notice.entity(draft.entity) if notice else None
    domain = entity.sender_domains[0] if entity and entity.sender_domains else ""
    return starter.starter(
        language,
        company=entity.name if entity else "",
        address=f"https://{domain}/" if domain else "",
    )


def _state(content: CampaignContent | None) -> str:
    if content is None or not (content.mjml.strip() or content.subject.strip()):
        return "missing"
    try:
        compile_content(content.language, content.subject, content.preheader, content.mjml)
    except ContentError:
        return "faulty"
    return "ready" if content.subject.strip() else "faulty"


def _version(content: CampaignContent | None) -> str:
    moment: datetime | None = content.updated_at if content else None
    return moment.isoformat() if moment else ""
