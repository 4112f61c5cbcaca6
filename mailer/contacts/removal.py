"""Deleting a contact with all that hangs on it (R12, R88)."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts import interaction_holds, private_persons, sign_ups
from mailer.contacts.interaction_holds import Parted
from mailer.contacts.models import Contact
from mailer.languages import N_
from mailer.webhooks import outbox

# Why staff delete a contact. Requests of people themselves go through the desk.
DELETE_REASONS = {
    "left": N_("Has left the employer"),
    "wrong": N_("The data is wrong or outdated"),
    "duplicate": N_("The same person is in the register twice"),
    "not_needed": N_("Not needed any more"),
}
# What staff may have noticed that no detector could.
PRIVATE_RULES = {
    "private_person": N_("A private person, not somebody's contact at work"),
    "minor": N_("A minor"),
}


def remove_as_private(
    session: Session, contact: Contact, *, rule: str, now: datetime, actor_id: int
) -> None:
    """Delete a private person or minor at once, and keep the address out (R12)."""
    contact_id = contact.id
    session.expunge(contact)
    _forget_behaviour(session, [contact_id])
    private_persons.remove(session, [contact_id], rule=rule, now=now)
    audit.record(
        session, "contact.private_marked", "contact", contact_id, now=now, actor_id=actor_id,
        rule=rule,
    )  # fmt: skip


def remove(
    session: Session, contact: Contact, *, reason: str, now: datetime, actor_id: int
) -> None:
    """Delete a contact with all that hangs on it; `reason` is a key of DELETE_REASONS.

    Suppressions stay: who said no stays unreachable although the register has forgotten who (R90).
    What accounting law holds stays too, without anything about the person (R104).
    """
    contact_id = contact.id
    session.expunge(contact)
    parted = remove_all(session, [contact_id], now=now)
    audit.record(
        session, "contact.deleted", "contact", contact_id, now=now, actor_id=actor_id,
        reason=reason, **({"interactions_held": parted.held} if parted.held else {}),
    )  # fmt: skip


def remove_all(session: Session, contact_ids: Collection[int], *, now: datetime) -> Parted:
    """Delete contacts with all that hangs on them; whoever asks for it writes down why.

    What is told is what became of the dealings with them.
    """
    facts = {"ids": list(contact_ids)}
    outbox.note(session, "contact.erased", contact_ids, now=now)
    _forget_behaviour(session, contact_ids)
    session.execute(text(_CALL_OFF), facts)
    sign_ups.forget_of(session, contact_ids)
    parted = interaction_holds.part_from(session, contact_ids, now=now)
    session.execute(text("SELECT set_config('lupaposti.erasure', 'on', true)"))
    session.execute(text("DELETE FROM contacts WHERE id = ANY(:ids)"), facts)
    session.execute(text("SELECT set_config('lupaposti.erasure', 'off', true)"))
    return parted


def _forget_behaviour(session: Session, contact_ids: Collection[int]) -> None:
    for statement in _FORGET:
        session.execute(text(statement), {"ids": list(contact_ids)})


# The register lies below the ledger, so its tables are named. What was sent and clicked stays as a
# number; whose work it concerned and what their server said go with the person.
_CALL_OFF = """
UPDATE messages SET state = 'cancelled', verdict = 'erased'
WHERE contact_id = ANY(:ids) AND state = 'queued'
"""
_FORGET = (
    """
UPDATE events SET details = '{}'
WHERE message_id IN (SELECT id FROM messages WHERE contact_id = ANY(:ids)) AND details <> '{}'
""",
    "UPDATE messages SET duties = NULL, error = NULL WHERE contact_id = ANY(:ids)",
)
