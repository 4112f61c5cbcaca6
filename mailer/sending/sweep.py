"""Finding lost work in PostgreSQL, whatever happened to Redis and to workers.

- A message claimed longer ago than the lease belongs to a worker that died: `uncertain`.
- An `uncertain` message is settled by SES's own Send event (mailer.events.effects), or goes back to
  the queue when no event came although the event stream is proven alive for that time: then SES did
  not accept it. What can be proven neither way waits for a person.
"""

from datetime import datetime, timedelta

from sqlalchemy import and_, column, exists, not_, select, table, update
from sqlalchemy.orm import Session, aliased

from mailer.campaigns.models import Campaign
from mailer.sending.models import ACCEPTED, Message

# Below the events that fill it, so named here and not imported.
_raw = table("raw_notifications", column("state"), column("received_at"))


def expire_claims(session: Session, *, lease_seconds: int, now: datetime) -> int:
    """Messages whose claim outlived the lease become `uncertain`; how many."""
    expired = session.execute(
        update(Message)
        .where(
            Message.state == "sending",
            Message.claimed_at < now - timedelta(seconds=lease_seconds),
        )
        .values(state="uncertain", error="claim_expired")
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    )
    return len(expired.all())


def requeue_unaccepted(session: Session, *, settle_seconds: int, now: datetime) -> int:
    """Uncertain messages that SES provably did not accept go back to the queue; how many.

    Proof, per message claimed at t and at least `settle_seconds` old: messages accepted within
    `settle_seconds` of t, on both sides of it, all have their own Send event; every notification
    received up to t + `settle_seconds` has been applied; and no event names this one.
    """
    settle = timedelta(seconds=settle_seconds)
    open_ones = and_(
        Message.state == "uncertain",
        Message.kind == "campaign",
        Message.claimed_at < now - settle,
        Message.confirmed_at.is_(None),
    )
    # A whole call shares its moment, so the neighbours are looked through once for each call.
    moments = select(Message.claimed_at).where(open_ones).distinct().cte("moments")
    claimed_at = moments.c.claimed_at
    neighbour = aliased(Message)
    near = and_(
        neighbour.state.in_(ACCEPTED),
        neighbour.ses_message_id.is_not(None),
        neighbour.sent_at.between(claimed_at - settle, claimed_at + settle),
    )
    confirmed_after = exists().where(
        near, neighbour.sent_at >= claimed_at, neighbour.confirmed_at.is_not(None)
    )
    unconfirmed = exists().where(near, neighbour.confirmed_at.is_(None))
    backlog = exists().where(_raw.c.state == "new", _raw.c.received_at <= claimed_at + settle)
    proven = select(claimed_at).where(
        confirmed_after.correlate(moments),
        not_(unconfirmed.correlate(moments)),
        not_(backlog.correlate(moments)),
    )
    requeued = session.execute(
        update(Message)
        .where(open_ones, Message.claimed_at.in_(proven))
        .values(state="queued", not_before=now, error="not_accepted")
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    )
    return len(requeued.all())


def cancel_left_over(session: Session) -> int:
    """Messages that came back to the queue after their campaign was stopped; how many."""
    cancelled = session.execute(
        update(Message)
        .where(
            Message.state == "queued",
            Message.campaign_id.in_(select(Campaign.id).where(Campaign.state == "stopped")),
        )
        .values(state="cancelled")
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    )
    return len(cancelled.all())


def waiting_campaigns(session: Session, *, now: datetime) -> list[int]:
    """Campaigns with something to send now."""
    return list(
        session.scalars(
            select(Campaign.id)
            .where(
                Campaign.state == "sending",
                exists()
                .where(
                    Message.campaign_id == Campaign.id,
                    Message.state == "queued",
                    Message.not_before <= now,
                )
                .correlate(Campaign),
            )
            .order_by(Campaign.id)
        )
    )
