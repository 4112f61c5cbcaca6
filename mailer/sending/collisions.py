"""Who of an audience gets another message about the same time, before anything is sent."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Subquery, case, func, literal, or_, select
from sqlalchemy.orm import Session

from mailer.campaigns import question
from mailer.campaigns.facts import Collisions
from mailer.campaigns.models import Campaign
from mailer.contacts.models import Contact
from mailer.segments.models import Segment
from mailer.segments.rules import SegmentError
from mailer.sending import plan_rows
from mailer.sending.models import Message

WEEK = timedelta(days=7)
# Nobody reads a longer list, and each is a look at a whole audience.
MOST_CAMPAIGNS = 8


def find(
    session: Session, campaign: Campaign, rows: Subquery, *, starts_at: datetime, now: datetime
) -> Collisions:
    """Count the people of `rows` (plan_rows.clear) whom another message meets within a week."""
    others = _others(session, campaign, starts_at=starts_at, now=now)
    source: Any = rows.join(Contact, Contact.id == rows.c.contact_id)
    met = []
    for _, audience in others:
        source = source.outerjoin(audience, audience.c.contact_id == rows.c.contact_id)
        met.append(audience.c.contact_id.is_not(None))
    recently = func.coalesce(Contact.last_marketing_at > starts_at - WEEK, literal(False))
    any_of_them = or_(recently, *met)
    people, companies, recent, *numbers = session.execute(
        select(
            func.count().filter(any_of_them),
            func.count(func.distinct(case((any_of_them, Contact.company_id)))),
            func.count().filter(recently),
            *(func.count().filter(each) for each in met),
        ).select_from(source)
    ).one()
    named = zip((name for name, _ in others), numbers, strict=True)
    return Collisions(
        people, companies, recent, tuple((name, number) for name, number in named if number)
    )


def _others(
    session: Session, campaign: Campaign, *, starts_at: datetime, now: datetime
) -> list[tuple[str, Subquery]]:
    """Campaigns that send within the week before or after, with the people they would reach."""
    soon = Campaign.starts_at.between(starts_at - WEEK, starts_at + WEEK)
    found = session.scalars(
        select(Campaign)
        .where(
            Campaign.id != campaign.id,
            or_(
                Campaign.state.in_(("sending", "paused")),
                Campaign.state.in_(("scheduled", "starting")) & soon,
            ),
        )
        .order_by(Campaign.starts_at, Campaign.id)
        .limit(MOST_CAMPAIGNS)
    )
    audiences = [(other.name, _audience(session, other, now)) for other in found]
    return [(name, audience) for name, audience in audiences if audience is not None]


def _audience(session: Session, campaign: Campaign, now: datetime) -> Subquery | None:
    if campaign.state in ("sending", "paused"):
        return (
            select(Message.contact_id)
            .where(Message.campaign_id == campaign.id, Message.state.in_(("queued", "sending")))
            .subquery(f"campaign_{campaign.id}")
        )
    segment = session.get(Segment, campaign.segment_id) if campaign.segment_id else None
    if segment is None:
        return None
    try:
        clear = plan_rows.clear(segment.tree, question.ask(session, campaign, now=now))
    except SegmentError:  # its own check will say so
        return None
    return select(clear.c.contact_id).subquery(f"campaign_{campaign.id}")
