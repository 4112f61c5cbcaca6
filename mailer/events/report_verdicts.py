"""Which opens and clicks did not count as a person's, and why: the latest ones of a campaign."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.campaigns.models import Link
from mailer.events.models import Event
from mailer.events.rules import RULES

# A campaign may have millions; the latest tell what goes on.
LATEST = 1_000
NOT_PEOPLE = ("machine", "unknown")


@dataclass(frozen=True, slots=True)
class JudgedHit:
    """An open or a click as it was judged; `link` is empty for an open, and for the link that
    nobody sees."""

    at: datetime
    kind: str
    link: str
    actor: str
    reasons: tuple[str, ...]
    ruleset: int | None


def latest(session: Session, campaign_id: int, kinds: Collection[str]) -> list[JudgedHit]:
    """Hits of a campaign that were not taken for a person's, newest first, at most LATEST."""
    # Kind by kind, as the index has them by time.
    found = [hit for kind in kinds for hit in _latest(session, campaign_id, kind)]
    return sorted(found, key=lambda hit: hit.at, reverse=True)[:LATEST]


def _latest(session: Session, campaign_id: int, kind: str) -> list[JudgedHit]:
    rows = session.execute(
        select(
            Event.at,
            Link.label,
            Link.url,
            Event.actor,
            Event.reasons,
            Event.ruleset_version,
        )
        .outerjoin(Link, Link.id == Event.link_id)
        .where(
            Event.campaign_id == campaign_id,
            Event.kind == kind,
            Event.actor.in_(NOT_PEOPLE),
        )
        .order_by(Event.at.desc())
        .limit(LATEST)
    )
    return [
        JudgedHit(
            row.at,
            kind,
            row.label or row.url or "",
            row.actor,
            tuple(row.reasons),
            row.ruleset_version,
        )
        for row in rows
    ]


def weightiest(hits: Collection[JudgedHit]) -> list[tuple[str, int, int]]:
    """The reason that weighed most, how many machine hits it decided, and how many unclear ones;
    most frequent first. Reasons of rules that are no more are left out."""
    counts = Counter((hit.reasons[0], hit.actor) for hit in hits if hit.reasons)
    codes = {code for code, _actor in counts if code in RULES}
    return sorted(
        ((code, counts[code, "machine"], counts[code, "unknown"]) for code in codes),
        key=lambda row: (-row[1] - row[2], row[0]),
    )
