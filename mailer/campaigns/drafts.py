"""Campaigns while they are written. Nothing here touches one that has left draft."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer import audit
from mailer.campaigns.models import Campaign, CampaignContent
from mailer.languages import gettext as _
from mailer.notice.schema import Notice
from mailer.segments.models import Segment
from mailer.segments.rules import SegmentError, parse

# What is said about whom a campaign is for; the rest is content or lifecycle.
RECIPIENT_COLUMNS = (
    "name",
    "segment_id",
    "target_functions",
    "purpose",
    "relevance_basis",
    "entity",
    "sender_name",
    "sender_address",
    "reply_to",
)


def create(
    session: Session,
    name: str,
    *,
    notice: Notice | None,
    segment: Segment | None = None,
    now: datetime,
    actor_id: int,
) -> Campaign:
    """A new draft, with what the notice and the segment leave no choice about filled in."""
    campaign = Campaign(
        name=name, business_hours=True, created_by=actor_id, created_at=now, updated_at=now
    )
    if segment is not None:
        campaign.segment_id = segment.id
        campaign.target_functions = functions_of(segment.tree)
    if notice and notice.entities:
        entity = notice.entities[0]
        campaign.entity, campaign.sender_name = entity.key, entity.name
        if notice.contact_email.rpartition("@")[2] in entity.sender_domains:
            campaign.reply_to = notice.contact_email
    if notice and campaign.purpose not in notice.purposes:
        campaign.purpose = next(iter(notice.purposes), "e_marketing")
    session.add(campaign)
    session.flush()
    audit.record(session, "campaign.created", "campaign", campaign.id, now=now, actor_id=actor_id)
    return campaign


def find(session: Session, campaign_id: int) -> Campaign | None:
    """A draft, locked until the transaction ends; None when it is gone or no draft any more."""
    return session.scalar(
        select(Campaign)
        .where(Campaign.id == campaign_id, Campaign.state == "draft")
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def save_recipients(
    session: Session,
    draft: Campaign,
    values: Mapping[str, Any],
    *,
    now: datetime,
    actor_id: int,
) -> None:
    """Take over RECIPIENT_COLUMNS from `values`."""
    changed = [name for name in RECIPIENT_COLUMNS if getattr(draft, name) != values[name]]
    for name in changed:
        setattr(draft, name, values[name])
    _note(session, draft, now, actor_id, part="recipients", changed=changed)


def save_content(
    session: Session,
    draft: Campaign,
    language: str,
    *,
    subject: str,
    preheader: str,
    mjml: str,
    now: datetime,
    actor_id: int,
) -> CampaignContent:
    """Take over the message in one language, whether or not it can be made yet."""
    content = content_in(session, draft.id, language)
    if content is None:
        content = CampaignContent(campaign_id=draft.id, language=language, updated_at=now)
        session.add(content)
    content.subject, content.preheader, content.mjml = subject, preheader, mjml
    content.updated_at = now
    session.flush()
    _note(session, draft, now, actor_id, part=f"content_{language}", changed=["content"])
    return content


def delete_content(
    session: Session, draft: Campaign, language: str, *, now: datetime, actor_id: int
) -> None:
    """Drop the version in one language."""
    content = content_in(session, draft.id, language)
    if content is not None:
        session.delete(content)
        _note(session, draft, now, actor_id, part=f"content_{language}", changed=["deleted"])


def copy(session: Session, original: Campaign, *, now: datetime, actor_id: int) -> Campaign:
    """A draft that says the same, for sending again or to others."""
    values = {name: getattr(original, name) for name in RECIPIENT_COLUMNS}
    values["name"] = _("Copy of %(name)s", name=original.name)
    draft = Campaign(**values, created_by=actor_id, created_at=now, updated_at=now)
    draft.track_opens, draft.track_clicks = original.track_opens, original.track_clicks
    # Days are agreed to anew each time; hours are a habit.
    draft.business_hours = original.business_hours
    session.add(draft)
    session.flush()
    for content in contents(session, original.id).values():
        session.add(
            CampaignContent(
                campaign_id=draft.id,
                language=content.language,
                subject=content.subject,
                preheader=content.preheader,
                mjml=content.mjml,
                updated_at=now,
            )
        )
    audit.record(
        session,
        "campaign.copied",
        "campaign",
        draft.id,
        now=now,
        actor_id=actor_id,
        original=original.id,
    )
    return draft


def delete(session: Session, draft: Campaign, *, now: datetime, actor_id: int) -> bool:
    """Delete a draft and its content. False when the ledger names it (a test was sent of it)."""
    try:
        with session.begin_nested():
            session.delete(draft)
            session.flush()
    except IntegrityError:
        return False
    audit.record(session, "campaign.deleted", "campaign", draft.id, now=now, actor_id=actor_id)
    return True


def contents(session: Session, campaign_id: int) -> dict[str, CampaignContent]:
    """The message by language."""
    found = session.scalars(
        select(CampaignContent).where(CampaignContent.campaign_id == campaign_id)
    )
    return {content.language: content for content in found}


def content_in(session: Session, campaign_id: int, language: str) -> CampaignContent | None:
    """The message in one language."""
    return session.scalar(
        select(CampaignContent).where(
            CampaignContent.campaign_id == campaign_id, CampaignContent.language == language
        )
    )


def functions_of(tree: Any) -> list[str]:
    """The job functions that a segment asks for: whose work its message probably concerns."""
    try:
        rules = list(parse(tree).rules())
    except SegmentError:
        return []
    values: Iterable[str] = (
        str(value)
        for rule in rules
        if rule.field.key == "function" and rule.comparison.startswith("any")
        for value in rule.value
    )
    return list(dict.fromkeys(values))


def _note(
    session: Session,
    draft: Campaign,
    now: datetime,
    actor_id: int,
    *,
    part: str,
    changed: list[str],
) -> None:
    draft.updated_at = now
    draft.version += 1
    audit.record(
        session,
        "campaign.changed",
        "campaign",
        draft.id,
        now=now,
        actor_id=actor_id,
        part=part,
        changed=changed,
    )
