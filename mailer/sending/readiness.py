"""Collects what the checks before sending look at: the audience, the content, the machinery."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from mailer.adapters import workers
from mailer.campaigns import checks, question
from mailer.campaigns.content import Compiled, ContentError, compile_content
from mailer.campaigns.facts import Collisions, Facts, Forecast, Limits, Version
from mailer.campaigns.models import Campaign, CampaignContent
from mailer.campaigns.verdicts import Check
from mailer.contacts.models import Company, Contact, Source
from mailer.installation import Installation
from mailer.languages import DEFAULT_LANGUAGE, TIMEZONE
from mailer.notice import switches
from mailer.segments import build
from mailer.segments.build import Audience
from mailer.segments.models import Segment
from mailer.segments.rules import SegmentError
from mailer.sending import (
    business_hours,
    collisions,
    launch,
    pacing,
    plan,
    plan_load,
    plan_rows,
    sample,
)
from mailer.sending.envelope import Person
from mailer.sending.rendering import Rendering

QUOTA_MAX_AGE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Readiness:
    """A campaign looked at: what was found, and the numbers and hash it was found for."""

    facts: Facts
    checks: list[Check]
    audience: Audience
    content_hash: str

    @property
    def blocking(self) -> list[Check]:
        """What must be mended first."""
        return checks.blocking(self.checks)


@dataclass(frozen=True, slots=True)
class _Recipients:
    audience: Audience = field(default_factory=lambda: Audience(0, 0, {}))
    languages: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    longest: Mapping[str, int] = field(default_factory=dict)
    fault: str = ""
    forecast: Forecast | None = None
    collisions: Collisions = field(default_factory=Collisions)


def look(
    session: Session,
    campaign: Campaign,
    here: Installation,
    *,
    now: datetime,
    starts_at: datetime | None = None,
) -> Readiness:
    """Collect the facts and run every check."""
    notice = switches.in_force(session, now)
    entity = notice.entity(campaign.entity) if notice else None
    segment = session.get(Segment, campaign.segment_id) if campaign.segment_id else None
    recipients = _Recipients()
    if segment:
        recipients = _recipients(session, campaign, segment, now)
        recipients = _ahead(session, campaign, segment, recipients, here, starts_at, now)
    versions, compiled = _compile(session, campaign.id)
    rendering = None
    if notice and entity and compiled:
        rendering = sample.rendering(campaign, here.settings, notice, entity, contents=compiled)
        versions = [
            sample.looked_at(version, rendering, campaign, recipients.longest)
            for version in versions
        ]
    content_hash = rendering.content_hash() if rendering else ""
    domain = campaign.sender_address.rpartition("@")[2]
    start = max(starts_at or now, now)
    facts = Facts(
        now=now,
        starts_at=starts_at,
        segment=segment.name if segment else None,
        segment_fault=recipients.fault,
        people=recipients.audience.people,
        companies=recipients.audience.companies,
        left_out=left_out(recipients.audience),
        languages=recipients.languages,
        missing=recipients.missing,
        functions=tuple(campaign.target_functions),
        relevance_basis=campaign.relevance_basis,
        purpose_declared=notice is not None and campaign.purpose in notice.purposes,
        entity=entity,
        sender_domain=domain,
        domain_of_entity=entity is not None and domain in entity.sender_domains,
        domain_verified=launch.sender_verified(session, campaign),
        versions=tuple(versions),
        default_language=_default_language(rendering),
        worker_alive=workers.is_served(here.redis, "send"),
        limits=_limits(session, campaign, here, start=start, now=now),
        forecast=recipients.forecast,
        collisions=recipients.collisions,
        business_hours=campaign.business_hours,
        spread_days=campaign.spread_days,
        working_day=business_hours.is_working_day(
            business_hours.DEFAULT_COUNTRY, start.astimezone(TIMEZONE).date()
        ),
        frequency_cap_days=notice.frequency_cap_days if notice else 0,
        tested=bool(content_hash) and campaign.tested_hash == content_hash,
        examples_allowed=here.settings.stand_in,
    )
    return Readiness(facts, checks.run(facts), recipients.audience, content_hash)


def left_out(audience: Audience) -> dict[str, int]:
    """Why people of the segment get nothing: code -> number, in the order of the gate."""
    return {code: number for code, number in audience.by_verdict.items() if code != build.CLEAR}


def _recipients(
    session: Session, campaign: Campaign, segment: Segment, now: datetime
) -> _Recipients:
    ask = question.ask(session, campaign, now=now)
    try:
        audience = build.counts(session, segment.tree, ask)
        chosen = build.audience(segment.tree, ask).subquery("chosen")
    except SegmentError as error:
        return _Recipients(fault=error.sentence())
    values: dict[str, ColumnElement[str]] = {
        "first_name": func.coalesce(Contact.first_name, ""),
        "last_name": func.coalesce(Contact.last_name, ""),
        "title": func.coalesce(Contact.title, ""),
        "company_name": func.coalesce(Company.name, ""),
        "source_name": func.coalesce(Source.name, ""),
    }
    rows = session.execute(
        select(
            chosen.c.language,
            func.count().label("people"),
            *(func.count().filter(value == "").label(f"no_{n}") for n, value in values.items()),
            *(func.max(_escaped_bytes(value)).label(f"max_{n}") for n, value in values.items()),
        )
        .select_from(chosen)
        .join(Contact, Contact.id == chosen.c.contact_id)
        .outerjoin(Company, Company.id == Contact.company_id)
        .outerjoin(Source, Source.id == Contact.source_id)
        .where(chosen.c.verdict == build.CLEAR)
        .group_by(chosen.c.language)
    ).mappings()
    found = list(rows)
    return _Recipients(
        audience=audience,
        languages={row["language"]: row["people"] for row in found},
        missing={name: sum(row[f"no_{name}"] for row in found) for name in values},
        longest={name: max((row[f"max_{name}"] for row in found), default=0) for name in values},
    )


def _escaped_bytes(value: ColumnElement[str]) -> ColumnElement[int]:
    # As in HTML, where the longest escape has six characters.
    return func.octet_length(func.regexp_replace(value, "[&<>\"']", "&quot;", "g"))


def _compile(session: Session, campaign_id: int) -> tuple[list[Version], list[Compiled]]:
    versions: list[Version] = []
    compiled: list[Compiled] = []
    for content in session.scalars(
        select(CampaignContent)
        .where(CampaignContent.campaign_id == campaign_id)
        .order_by(CampaignContent.language)
    ):
        if not (content.mjml.strip() or content.subject.strip()):
            continue
        written = Version(content.language, content.subject, content.preheader)
        try:
            made = compile_content(
                content.language, content.subject, content.preheader, content.mjml
            )
        except ContentError as error:
            versions.append(replace(written, problems=tuple(error.problems)))
            continue
        compiled.append(made)
        versions.append(
            replace(
                written,
                links=made.links + made.other_links,
                images=made.images,
                fields=sample.fields(made),
            )
        )
    return versions, compiled


def _default_language(rendering: Rendering | None) -> str:
    if rendering is None:
        return DEFAULT_LANGUAGE
    nobody = Person(message_id=0, contact_id=None, address="", address_key=b"", language="")
    return rendering.language_of(nobody)


def _ahead(
    session: Session,
    campaign: Campaign,
    segment: Segment,
    recipients: _Recipients,
    here: Installation,
    starts_at: datetime | None,
    now: datetime,
) -> _Recipients:
    """When they would get it, and who of them gets another message about then."""
    if recipients.fault or not recipients.audience.people:
        return recipients
    rows = plan_rows.clear(segment.tree, question.ask(session, campaign, now=now))
    start = max(starts_at or now, now)
    return replace(
        recipients,
        forecast=plan.forecast(
            session,
            campaign,
            rows,
            pacing.quota(here),
            now=now,
            starts_at=start,
            people=recipients.audience.people,
        ),
        collisions=collisions.find(session, campaign, rows, starts_at=start, now=now),
    )


def _limits(
    session: Session, campaign: Campaign, here: Installation, *, start: datetime, now: datetime
) -> Limits | None:
    known = pacing.quota(here)
    if known is None or now.timestamp() - known.checked_at > QUOTA_MAX_AGE.total_seconds():
        return None
    day = timedelta(days=1)
    planned = plan_load.planned_between(session, campaign.id, start - day, start + day, now=now)
    # What was used until now no longer counts a day from now.
    used = known.used if start < now + day else 0
    return Limits(per_day=known.per_day, used=used, planned=planned)
