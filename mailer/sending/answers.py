"""What SES answered, written to the ledger: every outcome of a call in one statement."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from mailer.adapters.ses import TRANSIENT, Outcome, Result
from mailer.sending import clocks
from mailer.sending.claims import Claimed, array_text
from mailer.sending.models import TRANSITIONS

# Not accepted, may be tried again: after this long, doubled at each attempt.
RETRY_AFTER = timedelta(seconds=5)
RETRY_AT_MOST = timedelta(minutes=10)
MAX_ATTEMPTS = 12
_MAY_BE_SENT = sorted(state for state, after in TRANSITIONS.items() if "sent" in after)

_RECORD = text(f"""
    WITH clock AS (SELECT {clocks.RIGHT_NOW} AS now), answers AS (
        SELECT * FROM unnest(
            CAST(:ids AS bigint[]), CAST(:attempts AS smallint[]), CAST(:states AS text[]),
            CAST(:ses_ids AS text[]), CAST(:errors AS text[]), CAST(:waits AS interval[])
        ) AS a (id, attempt, state, ses_message_id, error, wait)
    ), moved AS (
        UPDATE messages AS m SET
            -- SES's own events may have come first and moved an accepted message on; and one that
            -- was taken for lost in the meantime is proven to have left.
            state = CASE WHEN a.state <> 'sent' OR m.state IN {tuple(_MAY_BE_SENT)}
                THEN a.state ELSE m.state END,
            ses_message_id = coalesce(a.ses_message_id, m.ses_message_id),
            sent_at = CASE WHEN a.state = 'sent' THEN coalesce(m.sent_at, clock.now)
                ELSE m.sent_at END,
            error = a.error,
            not_before = coalesce(clock.now + a.wait, m.not_before),
            claimed_at = CASE WHEN a.state = 'queued' THEN NULL ELSE m.claimed_at END
        FROM answers AS a CROSS JOIN clock
        WHERE m.id = a.id
            -- A claim that was taken for lost may be another sender's by now.
            AND (a.state = 'sent' OR (m.state = 'sending' AND m.attempt = a.attempt))
        RETURNING m.contact_id, a.state = 'sent' AS accepted
    )
    UPDATE contacts AS c SET
        last_marketing_at = clock.now,
        art14_informed_at = coalesce(c.art14_informed_at, clock.now)
    FROM moved CROSS JOIN clock WHERE moved.accepted AND c.id = moved.contact_id
""")  # noqa: S608 - states of our own


def record(session: Session, outcomes: Sequence[tuple[Claimed, Result]], *, now: datetime) -> None:
    """Write each outcome to the ledger, set-wise. Never undoes what an event already told."""
    if not outcomes:
        return
    after = [_after(result, message.attempt) for message, result in outcomes]
    session.execute(
        _RECORD,
        {
            "ids": array_text(message.person.message_id for message, _ in outcomes),
            "attempts": array_text(message.attempt for message, _ in outcomes),
            "states": array_text(state for state, _ in after),
            "ses_ids": array_text(result.message_id for _, result in outcomes),
            "errors": array_text(result.error for _, result in outcomes),
            "waits": array_text(
                None if wait is None else f"{wait.total_seconds()} s" for _, wait in after
            ),
            "now": now,
            "tolerance": clocks.TOLERANCE,
        },
    )


def _after(result: Result, attempt: int) -> tuple[str, timedelta | None]:
    """The ledger state that follows an outcome, and how long it waits if it is queued again."""
    if result.outcome is Outcome.ACCEPTED:
        return "sent", None
    if result.outcome is Outcome.UNKNOWN:
        return "uncertain", None
    if result.outcome is Outcome.REFUSED:
        return "failed", None
    # Throttling and a network that is away are not about this message: it outlives any outage.
    if result.error == TRANSIENT and attempt >= MAX_ATTEMPTS:
        return "failed", None
    return "queued", min(RETRY_AFTER * 2 ** min(attempt - 1, 10), RETRY_AT_MOST)
