"""What a recipient says through the links of a message: stop, undo, why.

Everything works by the message's id and the address key of the link, so also when the message or
the contact is gone. An opt-out is one event of its message, so that reports count people.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign
from mailer.contacts import suppression
from mailer.contacts.address import masked
from mailer.contacts.models import Contact, Source, Suppression
from mailer.events import journal
from mailer.events.journal import NewEvent
from mailer.events.models import Event
from mailer.languages import N_
from mailer.sending.models import Message
from mailer.tokens import Recipient

# A link is in a mailbox for ever, and gateways press buttons: an old opt-out is not undone by one.
UNDO_WITHIN = timedelta(days=1)

LABELS = {
    "opt_out": N_("Opted out"),
    "opt_out_undone": N_("Took the opt-out back"),
    "optout_reason": N_("Said why they opted out"),
    "not_my_work": N_("Said that this is not part of their work"),
}
REASONS = {
    "not_my_work": N_("The messages are not about my work"),
    "too_many": N_("There were too many messages"),
    "changed_job": N_("I changed jobs or duties"),
    "never_asked": N_("I never asked for them"),
    "other": N_("Another reason"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a page may show to whoever holds a link. `address` is masked; None when unknown.

    `undoable`: an opt-out through this very message is in force and young enough to take back.
    """

    address: str | None = None
    language: str | None = None
    entity: str = ""
    source: str = ""
    source_date: date | None = None
    stopped_at: datetime | None = None
    undoable: bool = False


def standing(session: Session, recipient: Recipient, *, now: datetime) -> Standing:
    """Where the recipient of a link stands."""
    message = session.execute(
        select(Message.language, Campaign.entity)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .where(Message.id == recipient.message_id)
    ).one_or_none()
    # By the key and not by the message: a contact with another address now is not shown here.
    contact = session.execute(
        select(Contact.email, Source.name, Source.dated)
        .join(Source, Source.id == Contact.source_id)
        .where(Contact.address_key == recipient.address_key, Contact.erased_at.is_(None))
        .order_by(Contact.id)
        .limit(1)
    ).one_or_none()
    in_force = [Suppression.kind == "optout", Suppression.lifted_at.is_(None)]
    stopped_at = session.scalar(
        select(func.min(Suppression.at)).where(Suppression.key == recipient.address_key, *in_force)
    )
    own = session.scalar(
        select(func.max(Suppression.at)).where(
            Suppression.message_id == recipient.message_id, *in_force
        )
    )
    return Standing(
        address=masked(contact.email) if contact else None,
        language=message.language if message else None,
        entity=(message.entity if message else None) or "",
        source=contact.name if contact else "",
        source_date=contact.dated if contact else None,
        stopped_at=stopped_at,
        undoable=own is not None and now - own < UNDO_WITHIN,
    )


def stop(
    session: Session,
    recipient: Recipient,
    *,
    origin: str,
    now: datetime,
    suspected_automation: bool = False,
) -> None:
    """Opt the recipient of a link out of all marketing. Commit before answering; safe to repeat."""
    opt_out(
        session,
        recipient.message_id,
        recipient.address_key,
        origin=origin,
        now=now,
        suspected_automation=suspected_automation,
    )


def opt_out(
    session: Session,
    message_id: int,
    key: bytes,
    *,
    origin: str,
    now: datetime,
    evidence: str = "",
    actor_id: int | None = None,
    suspected_automation: bool = False,
) -> None:
    """The opt-out of a message's recipient: the mailbox it went to, and the person behind it."""
    message = session.execute(
        select(Message.campaign_id, Contact.address_key)
        .outerjoin(Contact, Contact.id == Message.contact_id)
        .where(Message.id == message_id)
    ).one_or_none()
    keys = [key]
    # The person may have another address by now, and it is the person who objects.
    if message is not None and message.address_key is not None:
        keys.append(message.address_key)
    for each in dict.fromkeys(keys):
        suppression.opt_out(
            session,
            each,
            origin=origin,
            now=now,
            evidence=evidence,
            actor_id=actor_id,
            message_id=message_id,
            campaign_id=message.campaign_id if message else None,
            suspected_automation=suspected_automation,
        )
    # Once for each time somebody opts out: after an undo it counts again.
    undone = session.scalar(
        select(func.count()).where(Event.message_id == message_id, Event.kind == "opt_out_undone")
    )
    _note(
        session,
        message_id,
        "opt_out",
        now=now,
        key=f"opt_out:{message_id}:{undone}",
        actor="unknown" if suspected_automation else "ses" if origin == "ses_event" else "human",
        details={"origin": origin},
    )


def undo(session: Session, recipient: Recipient, *, now: datetime) -> bool:
    """Take back the opt-outs that came through this message; whether mail may come again.

    False when another opt-out, an older one, still holds: that is not this link's to undo.
    """
    undoable = standing(session, recipient, now=now).undoable
    if undoable and suppression.undo_opt_out(session, recipient.message_id, now=now):
        note_undone(session, recipient.message_id, now=now)
    return standing(session, recipient, now=now).stopped_at is None


def note_undone(session: Session, message_id: int, *, now: datetime) -> None:
    """Add to a message's events that an opt-out through it was taken back."""
    done = session.scalar(
        select(func.count()).where(Event.message_id == message_id, Event.kind == "opt_out_undone")
    )
    _note(
        session,
        message_id,
        "opt_out_undone",
        now=now,
        key=f"opt_out_undone:{message_id}:{done}",
    )


def tell_reason(session: Session, recipient: Recipient, reason: str, *, now: datetime) -> None:
    """Note why somebody stopped; the last answer stands. Raises KeyError for an unknown reason."""
    REASONS[reason]
    _note(
        session,
        recipient.message_id,
        "optout_reason",
        now=now,
        key=f"optout_reason:{recipient.message_id}",
        details={"reason": reason},
        replace=True,
    )


def not_my_work(session: Session, recipient: Recipient, *, now: datetime) -> None:
    """Note that the message was not about the recipient's work. Stops nothing by itself."""
    _note(
        session,
        recipient.message_id,
        "not_my_work",
        now=now,
        key=f"not_my_work:{recipient.message_id}",
    )


def _note(
    session: Session,
    message_id: int,
    kind: str,
    *,
    now: datetime,
    key: str,
    actor: str = "human",
    details: dict[str, Any] | None = None,
    replace: bool = False,
) -> None:
    """Add an event of a message once; nothing happens when the message is gone."""
    message = session.execute(
        select(Message.campaign_id).where(Message.id == message_id)
    ).one_or_none()
    if message is None:
        return
    # Pressing a button twice is one event with two moments.
    journal.lock(session, key)
    if replace:
        session.execute(
            delete(Event).where(Event.message_id == message_id, Event.dedupe_key == key)
        )
    event = NewEvent(
        message_id,
        message.campaign_id,
        kind,
        now,
        key,
        actor=actor,
        details=details or {},
        moment_is_its_own=False,
    )
    journal.add(session, [event])
