"""How far a campaign has come. Every change is a compare-and-set along TRANSITIONS, and audited."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from mailer import audit
from mailer.campaigns.models import Campaign
from mailer.languages import N_
from mailer.webhooks import outbox

# from -> to. `starting` is the hold: nothing has left yet, and it can still be taken back.
TRANSITIONS: dict[str, frozenset[str]] = {
    "draft": frozenset({"scheduled"}),
    "waiting_for_approval": frozenset({"draft", "scheduled"}),
    "scheduled": frozenset({"starting", "draft"}),
    "starting": frozenset({"sending", "draft", "failed"}),
    "sending": frozenset({"paused", "sent", "stopped"}),
    "paused": frozenset({"sending", "stopped"}),
    "failed": frozenset({"draft"}),
    # Only to try again what a recipient's server could not take (mailer.sending.retries).
    "sent": frozenset({"sending"}),
    "stopped": frozenset(),
}
LABELS = {
    "draft": N_("Draft"),
    "waiting_for_approval": N_("Waiting for approval"),
    "scheduled": N_("Scheduled"),
    "starting": N_("Starting"),
    "sending": N_("Sending"),
    "paused": N_("Paused"),
    "sent": N_("Sent"),
    "stopped": N_("Stopped"),
    "failed": N_("Failed"),
}
# Nothing has been handed over, so it can be called off without a trace at any recipient.
WAITING = frozenset({"scheduled", "starting"})
UNDER_WAY = frozenset({"sending", "paused"})
OVER = frozenset({"sent", "stopped"})


def move(
    session: Session,
    campaign_id: int,
    *,
    to: str,
    now: datetime,
    allowed_from: Iterable[str] | None = None,
    actor_id: int | None = None,
    **values: Any,
) -> bool:
    """Change the state if the campaign stands where that is allowed; False when it does not.

    `values` are columns set along with it. Raises KeyError for a state that does not exist.
    """
    TRANSITIONS[to]
    found = session.scalar(
        select(Campaign.state).where(Campaign.id == campaign_id).with_for_update()
    )
    if found is None or to not in TRANSITIONS[found]:
        return False
    if allowed_from is not None and found not in frozenset(allowed_from):
        return False
    if found == "paused":
        values = {"pause_reason": None, **values}
    if to in OVER:
        values = {"finished_at": now, **values}
        outbox.note(session, "campaign.finished", [campaign_id], now=now)
    session.execute(
        update(Campaign)
        .where(Campaign.id == campaign_id)
        .values(state=to, updated_at=now, version=Campaign.version + 1, **values)
        .execution_options(synchronize_session="fetch")
    )
    reason = values.get("pause_reason")
    details = {"from": found, **({"reason": reason} if reason else {})}
    audit.record(
        session, f"campaign.{to}", "campaign", campaign_id, now=now, actor_id=actor_id, **details
    )
    return True


def schedule(
    session: Session,
    campaign_id: int,
    *,
    starts_at: datetime,
    now: datetime,
    actor_id: int,
    content_hash: str,
) -> bool:
    """Let a checked draft go at a moment; one that has come begins its hold at once."""
    starts_at = max(starts_at, now)
    if not move(
        session,
        campaign_id,
        to="scheduled",
        now=now,
        allowed_from={"draft"},
        actor_id=actor_id,
        starts_at=starts_at,
        content_hash=content_hash,
    ):
        return False
    if starts_at <= now:
        move(session, campaign_id, to="starting", now=now, actor_id=actor_id)
    return True


def cancel(session: Session, campaign_id: int, *, now: datetime, actor_id: int) -> bool:
    """Take a scheduled or held campaign back to draft. False once sending has begun."""
    return move(
        session,
        campaign_id,
        to="draft",
        now=now,
        allowed_from=WAITING,
        actor_id=actor_id,
        starts_at=None,
    )


def reopen(session: Session, campaign_id: int, *, now: datetime, actor_id: int) -> bool:
    """Take a campaign whose launch failed back to draft, so that it can be mended."""
    return move(
        session,
        campaign_id,
        to="draft",
        now=now,
        allowed_from={"failed"},
        actor_id=actor_id,
        starts_at=None,
        pause_reason=None,
    )


def pause(
    session: Session, campaign_id: int, *, reason: str, now: datetime, actor_id: int | None = None
) -> bool:
    """Hold back what is still queued. `reason`: a code of mailer.sending.pacing."""
    return move(session, campaign_id, to="paused", now=now, actor_id=actor_id, pause_reason=reason)


def resume(
    session: Session, campaign_id: int, *, now: datetime, actor_id: int | None = None
) -> bool:
    """Go on with a paused campaign. When a person decides it, the brake counts anew from here."""
    values = {} if actor_id is None else {"resumed_at": now}
    return move(
        session,
        campaign_id,
        to="sending",
        now=now,
        allowed_from={"paused"},
        actor_id=actor_id,
        **values,
    )


def go_on(session: Session, campaign_id: int, *, now: datetime) -> bool:
    """Let a campaign that was sent send what has come back to its queue."""
    return move(
        session, campaign_id, to="sending", now=now, allowed_from={"sent"}, finished_at=None
    )


def resume_paused(session: Session, *, reason: str, now: datetime) -> list[int]:
    """Go on with every campaign that was paused for one reason; their ids."""
    waiting = session.scalars(
        select(Campaign.id).where(Campaign.state == "paused", Campaign.pause_reason == reason)
    )
    return [campaign_id for campaign_id in waiting if resume(session, campaign_id, now=now)]


def fail(session: Session, campaign_id: int, *, reason: str, now: datetime) -> bool:
    """Note that a held campaign could not be launched, and why."""
    return move(
        session,
        campaign_id,
        to="failed",
        now=now,
        allowed_from={"starting"},
        pause_reason=reason,
    )
