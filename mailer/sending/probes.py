"""Probes: messages to Amazon's mailbox simulator that prove by their events that SES's
notifications reach us, where no real message can.

A campaign so small that one call carries it has no neighbours: a few probes during its hold are its
witnesses before, and more are sent when a call was lost (mailer.sending.proof). They are rows of
the ledger of the kind `probe`, so the events find them by the same tag as any message. The
simulator takes no quota and no reputation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, text, update
from sqlalchemy.orm import Session

from mailer.adapters.ses import BulkCall, BulkEntry, Outcome, Result
from mailer.campaigns.models import Campaign
from mailer.sending import envelope, proof, stops
from mailer.sending.models import ACCEPTED, Message
from mailer.sending.proof import Margins

# After a call that SES did not take, this long.
REST = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many probes are wanted, in the name of which campaign's sender."""

    campaign_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Probes on the ledger, and the call that carries them in the same order."""

    ids: list[int]
    call: BulkCall


_CANDIDATES = """
    SELECT count(*) FROM (
        SELECT FROM messages AS n
        WHERE n.sent_at >= {since} AND n.state = ANY(:accepted) AND n.ses_message_id IS NOT NULL
        LIMIT :most
    ) AS seen
"""
# A call that was lost not long ago and has too few witnesses after it, the longest open one first.
_AFTER = text(
    f"""
    SELECT o.campaign_id, ({_CANDIDATES.format(since="o.claimed_at + :lease")}) AS seen
    FROM (
        SELECT DISTINCT campaign_id, claimed_at FROM messages
        WHERE state = 'uncertain' AND kind = 'campaign' AND error = ANY(:lost)
            AND claimed_at BETWEEN CAST(:now AS timestamptz) - :lease - :settle
                AND CAST(:now AS timestamptz) - :lease
    ) AS o
    ORDER BY seen, o.claimed_at LIMIT 1
    """  # noqa: S608 - our own words only
)
_BEFORE = text(
    f"""
    SELECT k.id AS campaign_id, ({_CANDIDATES.format(since=":since")}) AS seen
    FROM campaigns AS k
    WHERE k.state = 'starting' OR (k.state = 'sending' AND EXISTS (
        SELECT FROM messages AS m
        WHERE m.campaign_id = k.id AND m.state = 'queued' AND m.not_before <= :now
    ))
    ORDER BY k.id LIMIT 1
    """  # noqa: S608 - our own words only
)
_TRIED = text(
    """
    SELECT EXISTS (
        SELECT FROM messages WHERE kind = 'probe' AND id > (SELECT max(id) - 5000 FROM messages)
            AND state IN ('sending', 'uncertain', 'failed') AND claimed_at > :since
    )
    """
)


def wanted(session: Session, *, margins: Margins, now: datetime) -> Wanted | None:
    """What must be sent now so that a lost call could be settled by proof; None for nothing."""
    if stops.standing(session) is not None:
        return None
    values = {
        "accepted": list(ACCEPTED),
        "lost": list(proof.LOST),
        "lease": margins.lease,
        "settle": margins.settle,
        "now": now,
        # Before the witnesses are too old to count, so that there always are some.
        "since": now - margins.settle / 2,
    }
    for statement, most in ((_AFTER, proof.WITNESSES_AFTER), (_BEFORE, proof.WITNESSES_BEFORE)):
        found = session.execute(statement, {**values, "most": most}).one_or_none()
        if found is not None and found.seen < most:
            rests = session.scalar(_TRIED, {"since": now - REST})
            return None if rests else Wanted(found.campaign_id, most - found.seen)
    return None


def begin(session: Session, wanted: Wanted, *, number: int, now: datetime) -> Batch:
    """Put `number` probes on the ledger. Commit, then make the call."""
    campaign = session.get_one(Campaign, wanted.campaign_id)
    row = {
        "kind": "probe",
        "language": "en",
        "state": "sending",
        "attempt": 1,
        "created_at": now,
        "not_before": now,
        "claimed_at": now,
    }
    ids = list(
        session.scalars(insert(Message).returning(Message.id), [dict(row) for _ in range(number)])
    )
    entries = [
        BulkEntry(
            to=f"success+{message_id}@simulator.amazonses.com",
            data={},
            headers=[],
            tags={"message": str(message_id), "probe": "yes"},
        )
        for message_id in ids
    ]
    words = "This message proves that notifications of Amazon SES arrive. Nobody reads it."
    call = BulkCall(
        sender=envelope.sender(campaign.sender_name, campaign.sender_address),
        reply_to="",
        subject="Lupaposti: probe of the notifications",
        html=f"<p>{words}</p>",
        text=words,
        headers=[],
        entries=entries,
    )
    return Batch(ids, call)


def record(session: Session, batch: Batch, results: Sequence[Result], *, now: datetime) -> None:
    """Note what SES answered."""
    for message_id, result in zip(batch.ids, results, strict=True):
        accepted = result.outcome is Outcome.ACCEPTED
        missing = "uncertain" if result.outcome is Outcome.UNKNOWN else "failed"
        session.execute(
            update(Message)
            .where(Message.id == message_id, Message.state == "sending")
            .values(
                state="sent" if accepted else missing,
                ses_message_id=result.message_id,
                sent_at=now if accepted else None,
                error=None if accepted else result.error,
            )
            .execution_options(synchronize_session=False)
        )
