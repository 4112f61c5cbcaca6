"""What people do with mail that came in: obey it, dismiss it, take that back; and forgetting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select, update
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign
from mailer.contacts import suppression
from mailer.events import answers, mail_opt_outs
from mailer.events.mail_models import FOR_NOBODY, InboundMessage
from mailer.languages import N_
from mailer.sending.models import Message

TEXT_KEPT = timedelta(days=30)  # after somebody has decided
HINT_KEPT = timedelta(days=90)
ROW_KEPT = timedelta(days=730)

KINDS = {
    "token": N_("Opted out by the unsubscribe address"),
    "stop": N_("Says only: stop"),
    "request": N_("Seems to ask for an opt-out"),
    "reply": N_("Another answer"),
    "left": N_("No longer works there"),
    "auto": N_("Automatic answer"),
    "bounce": N_("Bounce"),
    "spam": N_("Spam"),
    "test": N_("Answer to a test message"),
    "unreadable": N_("Could not be read"),
}
STATES = {
    "new": N_("Waits for you"),
    "obeyed": N_("Opted out"),
    "dismissed": N_("Not a request"),
    "undone": N_("Opt-out taken back"),
    "closed": N_("Needs nobody"),
}
# Why it was not simply obeyed.
REASONS = {
    "not_proven": N_("It says only “stop”, but it is not proven who sent it: it may be forged."),
    "not_mailed": N_("It says only “stop”, but this address has got no message from here."),
    "automatic": N_("A program answered, and it says only “stop”."),
    "feedback_report": N_("A mail provider reports that its user marked the message as spam."),
    "no_content": N_("Only the sender and the subject are known. Look for it in the mailbox."),
    "tangled": N_("It is built in a way that was not followed. Look for it in the mailbox."),
}
VIEWS: dict[str, tuple[str, ...]] = {
    "waiting": ("new",),
    "decided": ("obeyed", "dismissed", "undone"),
    "left": ("closed",),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A mail on the screen, with the campaign whose message it answers."""

    mail: InboundMessage
    campaign_id: int | None
    campaign: str


def page(session: Session, view: str, *, limit: int, offset: int) -> list[Shown]:
    """Mails of a view: what waits as it should be read, others the latest first."""
    urgency = case({"request": 0, "unreadable": 1}, value=InboundMessage.kind, else_=2)
    order = (
        (urgency, InboundMessage.received_at, InboundMessage.id)
        if view == "waiting"
        else (
            func.coalesce(InboundMessage.decided_at, InboundMessage.received_at).desc(),
            InboundMessage.id.desc(),
        )
    )
    found = session.execute(
        select(InboundMessage, Campaign.id, Campaign.name)
        .outerjoin(Message, Message.id == InboundMessage.message_id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .where(*_view(view))
        .order_by(*order)
        .limit(limit)
        .offset(offset)
    )
    return [Shown(mail, campaign_id, name or "") for mail, campaign_id, name in found]


def counts(session: Session) -> dict[str, int]:
    """How many mails each view has."""
    return {
        view: session.scalar(select(func.count()).select_from(InboundMessage).where(*_view(view)))
        or 0
        for view in VIEWS
    }


def _view(view: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [InboundMessage.state.in_(VIEWS[view])]
    if view == "left":
        conditions.append(InboundMessage.kind == "left")
    return conditions


def can_opt_out(inbound: InboundMessage) -> bool:
    """Whether it is known whom to opt out."""
    return inbound.sender_key is not None or inbound.message_id is not None


def can_undo(inbound: InboundMessage) -> bool:
    """Whether staff may take its opt-out back; one by a token is the person's own."""
    return inbound.state == "obeyed" and inbound.kind != "token"


def opt_out(session: Session, inbound_id: int, *, now: datetime, actor_id: int) -> bool:
    """Obey a mail: its sender, and whom we mailed. False when it waits no more."""
    inbound = _lock(session, inbound_id, ("new", "dismissed"))
    if inbound is None or not can_opt_out(inbound):
        return False
    mail_opt_outs.by_words(
        session, inbound.id, inbound.sender_key, inbound.message_id, now=now, actor_id=actor_id
    )
    _settle(inbound, "obeyed", now=now, actor_id=actor_id)
    return True


def dismiss(session: Session, inbound_id: int, *, now: datetime, actor_id: int) -> bool:
    """Note that a mail is no request. False when it waits no more."""
    inbound = _lock(session, inbound_id, ("new",))
    if inbound is None:
        return False
    _settle(inbound, "dismissed", now=now, actor_id=actor_id)
    return True


def undo(session: Session, inbound_id: int, *, now: datetime, actor_id: int, reason: str) -> bool:
    """Take back an opt-out made by a mail's words, not one by a token, which is the person's own.

    False when there is none. Other opt-outs of the same person stay.
    """
    inbound = _lock(session, inbound_id, ("obeyed",))
    if inbound is None or not can_undo(inbound) or inbound.decided_at is None:
        return False
    lifted = suppression.lift_by_evidence(
        session,
        mail_opt_outs.evidence_of(inbound.id),
        at=inbound.decided_at,
        by=f"user:{actor_id}",
        reason=reason,
        now=now,
    )
    if lifted and inbound.message_id is not None:
        answers.note_undone(session, inbound.message_id, now=now)
    _settle(inbound, "undone", now=now, actor_id=actor_id)
    return True


def _lock(session: Session, inbound_id: int, states: Sequence[str]) -> InboundMessage | None:
    return session.scalars(
        select(InboundMessage)
        .where(InboundMessage.id == inbound_id, InboundMessage.state.in_(states))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()


def _settle(inbound: InboundMessage, state: str, *, now: datetime, actor_id: int) -> None:
    inbound.state = state
    inbound.decided_at = now
    inbound.decided_by = actor_id


def waiting(session: Session) -> int:
    """How many mails wait for a person."""
    statement = select(func.count()).where(InboundMessage.state == "new")
    return session.scalar(statement) or 0


def forget(session: Session, *, now: datetime) -> int:
    """Delete what is no longer needed; how many mails lost their words or were deleted."""
    decided = InboundMessage.decided_at
    wordless = session.execute(
        update(InboundMessage)
        .where(
            InboundMessage.forgotten_at.is_(None),
            InboundMessage.state.in_(("obeyed", "dismissed", "undone")),
            decided < now - TEXT_KEPT,
        )
        .values(sender="", sender_key=None, subject="", excerpt="", forgotten_at=now)
        .returning(InboundMessage.id)
    )
    gone = session.execute(
        delete(InboundMessage).where(or_(*_expired(now))).returning(InboundMessage.id)
    )
    return len(wordless.all()) + len(gone.all())


def _expired(now: datetime) -> list[ColumnElement[bool]]:
    received = InboundMessage.received_at
    return [
        and_(InboundMessage.kind.in_(FOR_NOBODY), received < now - TEXT_KEPT),
        and_(InboundMessage.kind == "left", received < now - HINT_KEPT),
        and_(InboundMessage.state != "new", received < now - ROW_KEPT),
    ]
