"""Collects what the checks before sending look at: one look at the audience, one sample message.

The sample is nobody: its values are as long as the longest that any recipient has, so that the
measured size is the largest anybody can get.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from mailer.adapters import workers
from mailer.campaigns import checks
from mailer.campaigns.content import Compiled, ContentError, Slot, compile_content
from mailer.campaigns.facts import Facts, Limits, Version
from mailer.campaigns.models import Campaign, CampaignContent
from mailer.campaigns.verdicts import Check
from mailer.config import Settings
from mailer.contacts.models import Company, Contact, Source
from mailer.installation import Installation
from mailer.languages import in_language
from mailer.notice import switches
from mailer.notice.schema import Entity, Notice
from mailer.segments import build
from mailer.segments.build import Audience
from mailer.segments.models import Segment
from mailer.segments.rules import SegmentError
from mailer.sending import envelope, launch, pacing
from mailer.sending.envelope import Person
from mailer.sending.rendering import Final, OptOutMissingError, Rendering

QUOTA_MAX_AGE = timedelta(minutes=15)
_LARGEST_ID = 10**15
_LEFTOVER = re.compile(r"\{[a-z_]+(\|[^{}]*)?\}|\{\{")


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
    recipients = _recipients(session, campaign, segment, now) if segment else _Recipients()
    contents = _contents(session, campaign.id)
    versions, rendering = _versions(
        campaign, contents, here.settings, notice=notice, entity=entity, longest=recipients.longest
    )
    content_hash = rendering.content_hash() if rendering else ""
    domain = campaign.sender_address.rpartition("@")[2]
    facts = Facts(
        now=now,
        starts_at=starts_at,
        segment=segment.name if segment else None,
        segment_fault=recipients.fault,
        people=recipients.audience.people,
        companies=recipients.audience.companies,
        left_out=_left_out(recipients.audience),
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
        default_language=default_language(version.language for version in versions),
        worker_alive=workers.is_served(here.redis, "send"),
        limits=_limits(here, now),
        tested=bool(content_hash) and campaign.tested_hash == content_hash,
        examples_allowed=here.settings.stand_in,
    )
    return Readiness(facts, checks.run(facts), recipients.audience, content_hash)
