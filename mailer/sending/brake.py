"""The brake: a campaign that bounces or is complained about too much pauses itself.

Counted over what a campaign has sent since it last began to go (launch, or a person's decision to
go on), so that whoever goes on with open eyes is not stopped again by the same answers. The limits
are of SES's review thresholds (5 % hard bounces, 0.1 % complaints): above them Amazon looks at the
account, and every other campaign suffers.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import column, func, select, table
from sqlalchemy.orm import Session

from mailer.campaigns import lifecycle
from mailer.campaigns.models import Campaign
from mailer.sending.models import ACCEPTED, Message

# No rate means anything before this many messages were accepted.
FROM_ACCEPTED = 200


@dataclass(frozen=True, slots=True)
class Limit:
    """Pause for `reason` when more than one in `per` accepted messages has an event of `kind`."""

    kind: str
    per: int
    reason: str


# Echoes of SES's own suppression list (`listed`) tell nothing about this campaign and do not count.
LIMITS = (
    Limit("hard_bounce", per=20, reason="brake_bounces"),
    Limit("complaint", per=1_000, reason="brake_complaints"),
)

# Above this module, so named here and not imported.
_events = table("events", column("campaign_id"), column("kind"), column("at"), column("message_id"))


def apply(session: Session, *, now: datetime) -> list[int]:
    """Pause every campaign under way that is over a limit; their ids."""
    under_way = session.execute(
        select(Campaign.id, func.coalesce(Campaign.resumed_at, Campaign.launched_at).label("since"))
        .where(Campaign.state == "sending", Campaign.launched_at.is_not(None))
        .order_by(Campaign.id)
    )
    return [
        campaign.id
        for campaign in under_way.all()
        if (reason := _reason(session, campaign.id, campaign.since)) is not None
        and lifecycle.pause(session, campaign.id, reason=reason, now=now)
    ]


def _reason(session: Session, campaign_id: int, since: datetime) -> str | None:
    for limit in LIMITS:
        answers = _answers(session, campaign_id, limit.kind, since)
        if answers == 0:
            continue
        # Over the limit means: fewer accepted than this. So no more than that need be counted.
        enough = answers * limit.per
        if enough <= FROM_ACCEPTED:
            continue
        accepted = _accepted(session, campaign_id, since, at_most=enough)
        if FROM_ACCEPTED <= accepted < enough:
            return limit.reason
    return None


def _answers(session: Session, campaign_id: int, kind: str, since: datetime) -> int:
    """Messages sent since a moment that got an event of a kind."""
    return (
        session.scalar(
            select(func.count(_events.c.message_id.distinct()))
            .select_from(_events)
            .join(Message, Message.id == _events.c.message_id)
            .where(
                _events.c.campaign_id == campaign_id,
                _events.c.kind == kind,
                Message.claimed_at >= since,
            )
        )
        or 0
    )


def _accepted(session: Session, campaign_id: int, since: datetime, *, at_most: int) -> int:
    found = (
        select(Message.id)
        .where(
            Message.campaign_id == campaign_id,
            Message.state.in_(ACCEPTED),
            Message.claimed_at >= since,
        )
        .limit(at_most)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(found)) or 0
