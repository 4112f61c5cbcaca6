"""What people say of messages to them, recorded by staff in one step; no identity asked (R47)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts import consents
from mailer.contacts.consents import Statement
from mailer.contacts.models import Contact
from mailer.contacts.suppression import Entry, suppress
from mailer.languages import N_

# How it reached the controller. Any way is good enough.
CHANNELS = {
    "phone": N_("By phone"),
    "email": N_("By e-mail"),
    "letter": N_("By letter"),
    "in_person": N_("Face to face"),
    "other": N_("In another way"),
}
# A no to these is a no to every message of ours, so it also works without the contact.
_STOP_ADDRESS = frozenset({"all_marketing", "email_marketing"})


@dataclass(frozen=True, slots=True)
class Said:
    """One event of consents.EVENTS on some kinds of consents.KINDS, and how it came in."""

    event: str
    kinds: Collection[str]
    channel: str
    wording: str = ""


def record(session: Session, contact: Contact, said: Said, *, now: datetime, actor_id: int) -> None:
    """Write down what a person said; a ban on e-mail also puts the address on the list."""
    kinds = [kind for kind in consents.KINDS if kind in set(said.kinds)]
    consents.record(
        session,
        [
            Statement(contact.id, kind, said.event, wording=said.wording, evidence=said.channel)
            for kind in kinds
        ],
        actor=f"user:{actor_id}",
        now=now,
    )
    suppressed = said.event == "objected" and bool(_STOP_ADDRESS & set(kinds))
    if suppressed:
        entries = [Entry("address", contact.address_key)]
        if contact.person_key is not None:
            entries.append(Entry("person", contact.person_key))
        suppress(
            session, entries, "optout", origin="staff", now=now, evidence=said.channel,
            actor_id=actor_id,
        )  # fmt: skip
    audit.record(
        session, "contact.statement_recorded", "contact", contact.id, now=now, actor_id=actor_id,
        event=said.event, kinds=kinds, channel=said.channel, suppressed=suppressed,
    )  # fmt: skip
