"""What proves that SES did not accept a message whose answer was lost (docs/decisions.md 7, 21).

A negative is proven by witnesses: messages that SES did accept around that time, probes among them,
whose own events came. Each open call gets one of the codes of STANDINGS, the first that applies;
only `proven` sends anything again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from mailer.languages import DEFAULT_LANGUAGE, N_
from mailer.sending.models import ACCEPTED

# Causes after which silence says something: SES never answered. Where it did answer, with an error
# of its own or with nothing readable, its events of that moment are as doubtful as its answer.
LOST = (
    "claim_expired",
    "ConnectionClosedError",
    "ReadTimeoutError",
    "ResponseStreamingError",
    "IncompleteReadError",
    "HTTPClientError",
    "SSLError",
)
# So many accepted messages must have had their event before and after: a stream that loses single
# events at random is then found out (the figures: docs/decisions.md 21).
WITNESSES_BEFORE = 10
WITNESSES_AFTER = 50
# Later evidence than this does not come: SNS gives up after hours.
DECIDED_WITHIN = timedelta(hours=24)

STANDINGS: Mapping[str, str] = {
    "waiting": N_("Amazon's own event is waited for."),
    "backlog": N_("Notifications that have come in must be read first."),
    "lossy": N_("Amazon's events of other messages of that time are missing too."),
    "unseen_before": N_("No events prove that Amazon's notifications worked just before."),
    "unseen_after": N_("No events prove yet that Amazon's notifications work since then."),
    "call_accepted": N_("Amazon took others of the same call, so it may have taken this one."),
    "proven": N_("Amazon did not take it; it goes back to the queue."),
    "too_old": N_("Too old for a proof: a person has to decide."),
    "answered": N_("Amazon did answer, but not clearly: a person has to decide."),
}


def version_of(messages: str) -> str:
    """SQL: the language in which a message is sent (mailer.sending.rendering.language_of).

    A claim becomes a call for each of them, and one of those may be lost while another arrives.
    """
    written = (
        "SELECT k.language FROM campaign_contents AS k"  # noqa: S608 - a name of ours
        f" WHERE k.mjml <> '' AND k.campaign_id = {messages}.campaign_id"
    )
    return (
        f"coalesce(({written} AND k.language = {messages}.language),"
        f" ({written} ORDER BY k.language <> '{DEFAULT_LANGUAGE}', k.language LIMIT 1), '')"
    )


@dataclass(frozen=True, slots=True)
class Call:
    """The open messages of one call, which were claimed at one moment, and what is known."""

    campaign_id: int
    claimed_at: datetime
    version: str
    standing: str


@dataclass(frozen=True, slots=True)
class Margins:
    """How long things may take. `lease`: from the claim to SES's acceptance at the latest, and
    longer than SNS pauses between two tries. `settle`: how far before and after that witnesses
    count."""

    lease: timedelta
    settle: timedelta

    @classmethod
    def of(cls, *, lease_seconds: int, settle_seconds: int) -> "Margins":
        """From the settings."""
        return cls(timedelta(seconds=lease_seconds), timedelta(seconds=settle_seconds))


# A probe reaches Amazon's simulator at once, so it must have been delivered as well; of a real
# recipient only the Send event is certain. A witness' event must have come a lease ago: by then
# whatever SNS had to try again has come too.
_SEEN = """
    n.state = ANY(:accepted) AND n.ses_message_id IS NOT NULL AND n.confirmed_at <= :seen_by
    AND (n.kind <> 'probe' OR n.delivered_at IS NOT NULL)
"""
_STANDINGS = text(
    f"""
    WITH open AS (
        SELECT DISTINCT m.campaign_id, m.claimed_at, {version_of("m")} AS version
        FROM messages AS m
        WHERE m.state = 'uncertain' AND m.kind = 'campaign' AND m.error = ANY(:lost)
            AND m.claimed_at > :oldest
    )
    SELECT campaign_id, claimed_at, version, CASE
        WHEN claimed_at > :young THEN 'waiting'
        WHEN EXISTS (
            SELECT FROM raw_notifications AS r WHERE r.state = 'new'
                AND r.received_at <= greatest(open.claimed_at + :lease + :settle, :read_by)
        ) THEN 'backlog'
        WHEN EXISTS (
            SELECT FROM messages AS n
            WHERE n.sent_at BETWEEN open.claimed_at - :settle
                    AND open.claimed_at + :lease + :settle
                AND n.sent_at IS NOT NULL AND n.ses_message_id IS NOT NULL
                AND n.confirmed_at IS NULL AND n.state = ANY(:accepted)
        ) THEN 'lossy'
        WHEN (
            SELECT count(*) FROM (
                SELECT FROM messages AS n
                WHERE n.sent_at >= open.claimed_at - :settle AND n.sent_at < open.claimed_at
                    AND {_SEEN} LIMIT :before
            ) AS seen
        ) < :before THEN 'unseen_before'
        WHEN (
            SELECT count(*) FROM (
                SELECT FROM messages AS n
                WHERE n.sent_at >= open.claimed_at + :lease
                    AND n.sent_at <= open.claimed_at + :lease + :settle AND {_SEEN} LIMIT :after
            ) AS seen
        ) < :after THEN 'unseen_after'
        WHEN EXISTS (
            SELECT FROM messages AS n
            WHERE n.sent_at BETWEEN open.claimed_at - :lease AND open.claimed_at + 2 * :lease
                AND n.claimed_at = open.claimed_at AND n.campaign_id = open.campaign_id
                AND n.state = ANY(:accepted) AND {version_of("n")} = open.version
        ) THEN 'call_accepted'
        ELSE 'proven' END AS standing
    FROM open
    """  # noqa: S608 - our own words only
)


def calls(session: Session, *, margins: Margins, now: datetime) -> list[Call]:
    """The calls that got no answer and may still be settled by proof, with where each stands."""
    rows = session.execute(
        _STANDINGS,
        {
            "accepted": list(ACCEPTED),
            "lost": list(LOST),
            "oldest": now - DECIDED_WITHIN,
            "young": now - margins.settle,
            "settle": margins.settle,
            "lease": margins.lease,
            "seen_by": now - margins.lease,
            "read_by": now - margins.lease,
            "before": WITNESSES_BEFORE,
            "after": WITNESSES_AFTER,
        },
    )
    return [Call(*row) for row in rows]
