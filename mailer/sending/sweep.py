"""Finding lost work in PostgreSQL, whatever happened to Redis and to workers.

- A message claimed longer ago than the lease belongs to a worker that died: `uncertain`.
- An `uncertain` message is settled by SES's own events (mailer.events.effects), or goes back to the
  queue when it is proven that SES did not accept it (mailer.sending.proof). What can be proven
  neither way waits for a person (mailer.sending.uncertain).
"""

from datetime import datetime, timedelta

from sqlalchemy import exists, select, text, update
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign
from mailer.sending import proof, stops
from mailer.sending.models import Message
from mailer.sending.proof import Call, Margins, version_of


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


def settle_by_traces(session: Session, *, margins: Margins) -> int:
    """Uncertain messages that a recipient has opened, clicked or answered did leave; how many.

    SES's own events move the ledger themselves (mailer.events.effects).
    """
    settled = session.execute(_SETTLE_BY_TRACES, {"lease": margins.lease})
    return len(settled.all())


def requeue_unaccepted(session: Session, *, margins: Margins, now: datetime) -> int:
    """Uncertain messages that SES provably did not accept (mailer.sending.proof) go back to the
    queue; how many."""
    calls = proof.calls(session, margins=margins, now=now)
    _note_accepted_calls(session, [each for each in calls if each.standing == "call_accepted"])
    proven = [each for each in calls if each.standing == "proven"]
    if not proven:
        return 0
    requeued = session.execute(
        _REQUEUE,
        {
            "campaigns": [each.campaign_id for each in proven],
            "moments": [each.claimed_at for each in proven],
            "versions": [each.version for each in proven],
            "lost": list(proof.LOST),
            "lease": margins.lease,
            "now": now,
        },
    )
    return len(requeued.all())


# An event of an earlier try (before a soft bounce) says nothing of this one.
_SETTLE_BY_TRACES = text(
    """
    UPDATE messages AS m SET state = 'sent', sent_at = coalesce(m.sent_at, m.claimed_at),
        error = NULL
    WHERE m.state = 'uncertain' AND EXISTS (
        SELECT FROM events AS e WHERE e.message_id = m.id AND e.at >= m.claimed_at - :lease
            AND e.kind NOT IN ('reject', 'rendering_failure')
    )
    RETURNING m.id
    """
)
# A notification that could not be applied yet waits; one that names the message is no silence.
_REQUEUE = text(
    rf"""
    UPDATE messages AS m SET state = 'queued', not_before = :now, error = 'not_accepted'
    FROM unnest(CAST(:campaigns AS bigint[]), CAST(:moments AS timestamptz[]),
        CAST(:versions AS text[])) AS c(campaign_id, claimed_at, version)
    WHERE m.campaign_id = c.campaign_id AND m.claimed_at = c.claimed_at
        AND {version_of("m")} = c.version
        AND m.state = 'uncertain' AND m.kind = 'campaign' AND m.error = ANY(:lost)
        AND m.confirmed_at IS NULL
        AND NOT EXISTS (
            SELECT FROM events AS e
            WHERE e.message_id = m.id AND e.at >= m.claimed_at - CAST(:lease AS interval)
        )
        AND NOT EXISTS (
            SELECT FROM raw_notifications AS r
            WHERE r.state = 'waiting' AND r.body ~ ('message\W+' || m.id || '\M')
        )
    RETURNING m.id
    """  # noqa: S608 - our own words only
)
_NOTE_ACCEPTED_CALL = text(
    f"""
    UPDATE messages AS m SET error = 'call_accepted'
    FROM unnest(CAST(:campaigns AS bigint[]), CAST(:moments AS timestamptz[]),
        CAST(:versions AS text[])) AS c(campaign_id, claimed_at, version)
    WHERE m.campaign_id = c.campaign_id AND m.claimed_at = c.claimed_at
        AND {version_of("m")} = c.version
        AND m.state = 'uncertain' AND m.kind = 'campaign'
    """  # noqa: S608 - our own words only
)


def _note_accepted_calls(session: Session, calls: list[Call]) -> None:
    # For good: nothing that comes later makes their silence a proof.
    if calls:
        session.execute(
            _NOTE_ACCEPTED_CALL,
            {
                "campaigns": [each.campaign_id for each in calls],
                "moments": [each.claimed_at for each in calls],
                "versions": [each.version for each in calls],
            },
        )


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
    """Campaigns with something to send now; none while everything is stopped."""
    return list(
        session.scalars(
            select(Campaign.id)
            .where(
                Campaign.state == "sending",
                stops.none_open(),
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
