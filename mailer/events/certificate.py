"""The reconciliation certificate of a campaign: every person of its audience accounted for.

What the ledger says, what was frozen at the launch (by the audit log) and what Amazon's events say
are counted apart, in one snapshot of the database, and compared. A sum that does not add up is
stated as such. It names no recipient.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from mailer.accounts.models import User
from mailer.audit import AuditEntry
from mailer.campaigns import lifecycle
from mailer.campaigns.models import Campaign
from mailer.languages import N_
from mailer.notice import switches
from mailer.segments import build
from mailer.segments.models import Segment
from mailer.sending.models import ACCEPTED, STATES

FORMAT = "lupaposti-certificate/1"
# Amazon's events usually come within seconds; what is younger may simply be under way.
EVENTS_TAKE = timedelta(minutes=15)
# States in which nothing has been decided yet.
OPEN = ("queued", "sending", "uncertain")

# What is compared, in words. The left number is the one that the right one must equal.
CHECKS: Mapping[str, str] = {
    "as_frozen": N_("Everybody frozen into the audience at the launch is in the ledger."),
    "states_add_up": N_("Sent, left out, failed, uncertain and cancelled make up the audience."),
    "reasons_known": N_("Everybody who was left out has a reason."),
    "cleared": N_("Every message that left had been cleared by the rules when it was sent."),
    "ids_distinct": N_("No two messages share one of Amazon's message ids."),
    "acceptance_known": N_(
        "Every message counted as sent has Amazon's id, an event, or a person's decision."
    ),
    "sent_once": N_("No message was accepted by Amazon twice."),
    "events_in_ledger": N_("Every message Amazon says it accepted counts as sent in the ledger."),
    "events_complete": N_("Amazon's own Send event has come for every message with its id."),
    "nothing_open": N_("Nothing is waiting, being sent or uncertain."),
}
HOLDS, OPEN_STILL, FAILS = "holds", "open", "fails"

_LEDGER = text(
    """
    SELECT state, coalesce(verdict, '') AS verdict, count(*) AS messages,
        count(ses_message_id) AS with_id,
        count(*) FILTER (WHERE error = 'treated_as_sent') AS treated,
        count(*) FILTER (WHERE error = 'treated_as_not_sent') AS treated_as_not,
        count(*) FILTER (WHERE verdict IS DISTINCT FROM 'clear') AS uncleared
    FROM messages WHERE campaign_id = :id GROUP BY 1, 2
    """
)
# A message that was tried again after soft bounces was accepted once more for each of them.
_COMPARED = text(
    """
    WITH told AS (
        SELECT message_id,
            count(*) FILTER (WHERE kind = 'send') AS sends,
            count(*) FILTER (WHERE kind = 'soft_bounce') AS soft,
            bool_or(kind NOT IN ('reject', 'rendering_failure')) AS proven
        FROM events WHERE campaign_id = :id GROUP BY message_id
    )
    SELECT count(*) AS messages,
        -- Compared by bytes: by the rules of a language it would take ten times as long.
        count(DISTINCT m.ses_message_id COLLATE "C") AS distinct_ids,
        count(m.ses_message_id) AS with_id,
        count(*) FILTER (WHERE told.sends > 0) AS with_send,
        coalesce(sum(told.sends), 0) AS sends,
        count(*) FILTER (WHERE told.sends > 1 + told.soft) AS twice,
        count(*) FILTER (WHERE told.sends > 1 AND told.sends <= 1 + told.soft) AS tried_again,
        count(*) FILTER (
            WHERE told.sends > 0 AND told.soft = 0
                AND m.state <> ALL(:accepted) AND m.state <> 'failed'
        ) AS sent_elsewhere,
        count(*) FILTER (
            WHERE m.state = ANY(:accepted) AND m.ses_message_id IS NOT NULL
                AND coalesce(told.sends, 0) = 0
        ) AS without_send,
        count(*) FILTER (
            WHERE m.state = ANY(:accepted) AND m.ses_message_id IS NULL
                AND m.error IS DISTINCT FROM 'treated_as_sent' AND told.proven IS NOT TRUE
        ) AS unproven,
        max(m.sent_at) AS last_sent_at
    FROM messages AS m LEFT JOIN told ON told.message_id = m.id
    WHERE m.campaign_id = :id
    """
)
_EVENTS = text(
    """
    SELECT kind, count(*) AS messages FROM (
        SELECT kind FROM events WHERE campaign_id = :id AND actor = 'ses'
        GROUP BY kind, message_id
    ) AS told GROUP BY kind ORDER BY kind
    """
)
# For this transaction only: the groups of a large campaign fit in memory.
_PREPARE = text("SELECT set_config('work_mem', '256MB', true)")


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: what was expected, what was found, and whether they agree."""

    name: str
    expected: int | None
    found: int
    result: str


def state(
    session: Session, campaign: Campaign, *, installation: str, now: datetime
) -> dict[str, Any]:
    """The certificate as a document of texts, whole numbers and truths (mailer.events.signing).

    `session` must see one moment only (mailer.db.snapshot). `installation`: its public address.
    """
    session.execute(_PREPARE)
    ledger = session.execute(_LEDGER, {"id": campaign.id}).all()
    compared = session.execute(_COMPARED, {"id": campaign.id, "accepted": list(ACCEPTED)}).one()
    frozen = _frozen(session, campaign.id)
    states = {name: sum(r.messages for r in ledger if r.state == name) for name in STATES}
    left_out = {r.verdict: r.messages for r in ledger if r.state == "blocked"}
    checks = list(_checks(ledger, compared, frozen, now))
    return {
        "format": FORMAT,
        "stated_at": _moment(now),
        "installation": installation,
        "software": f"Lupaposti {version('lupaposti')}",
        "campaign": _campaign(session, campaign),
        "decisions": list(_decisions(session, campaign.id)),
        "audience": compared.messages,
        "frozen": frozen,
        "states": states,
        "left_out": dict(sorted(left_out.items())),
        "treated_as_sent": sum(r.treated for r in ledger if r.state in ACCEPTED),
        "treated_as_not_sent": sum(r.treated_as_not for r in ledger),
        "events": {
            "messages_by_kind": {
                row.kind: row.messages for row in session.execute(_EVENTS, {"id": campaign.id})
            },
            "send_events": int(compared.sends),
            "messages_with_send_event": compared.with_send,
            "message_ids_of_amazon": compared.with_id,
            "tried_again_after_soft_bounce": compared.tried_again,
        },
        "checks": [
            {"name": c.name, "expected": c.expected, "found": c.found, "result": c.result}
            for c in checks
        ],
        "adds_up": all(c.result == HOLDS for c in checks),
    }


def _checks(
    ledger: Sequence[Row[Any]], compared: Row[Any], frozen: int | None, now: datetime
) -> Iterator[Check]:
    counted = sum(row.messages for row in ledger if row.state in STATES)
    blocked = [row for row in ledger if row.state == "blocked"]
    accepted = [row for row in ledger if row.state in ACCEPTED]
    yield _equal("as_frozen", frozen, compared.messages)
    yield _equal("states_add_up", compared.messages, counted)
    yield _equal(
        "reasons_known",
        sum(row.messages for row in blocked),
        sum(row.messages for row in blocked if build.is_reason(row.verdict)),
    )
    yield _equal("cleared", 0, sum(row.uncleared for row in accepted))
    yield _equal("ids_distinct", compared.with_id, compared.distinct_ids)
    yield _equal("acceptance_known", 0, compared.unproven)
    yield _equal("sent_once", 0, compared.twice)
    yield _equal("events_in_ledger", 0, compared.sent_elsewhere)
    young = compared.last_sent_at is not None and compared.last_sent_at > now - EVENTS_TAKE
    yield _equal("events_complete", 0, compared.without_send, open_still=young)
    waiting = sum(row.messages for row in ledger if row.state in OPEN)
    yield _equal("nothing_open", 0, waiting, open_still=True)


def _equal(name: str, expected: int | None, found: int, *, open_still: bool = False) -> Check:
    if expected == found:
        return Check(name, expected, found, HOLDS)
    return Check(name, expected, found, OPEN_STILL if open_still else FAILS)


def _frozen(session: Session, campaign_id: int) -> int | None:
    """How many the launch froze, as the audit log tells; None when it does not."""
    details = session.scalar(
        select(AuditEntry.details)
        .where(
            AuditEntry.object_kind == "campaign",
            AuditEntry.object_id == campaign_id,
            AuditEntry.action == "campaign.launched",
        )
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )
    if not details or not {"queued", "blocked"} <= details.keys():
        return None
    return int(details["queued"]) + int(details["blocked"])


def _campaign(session: Session, campaign: Campaign) -> dict[str, Any]:
    segment = session.get(Segment, campaign.segment_id) if campaign.segment_id else None
    launched = campaign.launched_at
    notice = switches.version_in_force(session, launched) if launched else None
    return {
        "id": campaign.id,
        "name": campaign.name,
        "state": campaign.state,
        "purpose": campaign.purpose,
        "relevance_basis": campaign.relevance_basis,
        "segment": segment.name if segment else None,
        "duties": sorted(campaign.target_functions),
        "entity": campaign.entity,
        "sender": campaign.sender_address,
        "content_hash": campaign.content_hash,
        "notice_version": notice.number if notice else None,
        "launched_at": _moment(launched),
        "finished_at": _moment(campaign.finished_at),
    }


# Who decided what about the sending. Content and recipients have their own history.
_DECIDED = (
    *(f"campaign.{state}" for state in lifecycle.TRANSITIONS),
    "campaign.launched",
    "campaign.treated_as_sent",
    "campaign.sent_again",
    "campaign.treated_as_not_sent",
)


def _decisions(session: Session, campaign_id: int) -> Iterator[dict[str, Any]]:
    rows = session.execute(
        select(AuditEntry.at, AuditEntry.action, User.name)
        .outerjoin(User, User.id == AuditEntry.actor_id)
        .where(
            AuditEntry.object_kind == "campaign",
            AuditEntry.object_id == campaign_id,
            AuditEntry.action.in_(_DECIDED),
        )
        .order_by(AuditEntry.id)
    )
    for at, action, name in rows:
        yield {"at": _moment(at), "action": action, "by": name}


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None
