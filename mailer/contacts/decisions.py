"""What staff decide about a contact: duties the person confirmed, restriction, quarantine."""

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts.models import Contact
from mailer.roles.taxonomy import FUNCTIONS

CONFIRMED_BY_PERSON = 4  # of role_evidence: above title, rule and duties


def set_role(
    session: Session,
    contact: Contact,
    *,
    functions: Collection[str],
    level: int,
    now: datetime,
    actor_id: int,
) -> None:
    """Note what the person themselves says of their duties: it beats the title (R45)."""
    known = [key for key in FUNCTIONS if key in set(functions)]
    contact.title_id = None
    contact.functions, contact.level = known, level
    contact.role_confidence, contact.role_evidence = 1.0, CONFIRMED_BY_PERSON
    contact.role_set_at = contact.verified_at = contact.updated_at = now
    contact.version += 1
    session.flush()
    audit.record(
        session, "contact.role_confirmed", "contact", contact.id, now=now, actor_id=actor_id,
        functions=known, level=level,
    )  # fmt: skip


def restrict(session: Session, contact: Contact, *, now: datetime, actor_id: int) -> bool:
    """Store the data and do nothing else with it (R91). False when that was so already."""
    if contact.restricted_at is not None:
        return False
    contact.restricted_at = contact.updated_at = now
    contact.version += 1
    session.flush()
    audit.record(session, "contact.restricted", "contact", contact.id, now=now, actor_id=actor_id)
    return True


def lift_restriction(
    session: Session, contact: Contact, *, told: str, told_on: date, now: datetime, actor_id: int
) -> bool:
    """End a restriction, after the person was told (GDPR 18(3)): how, and on which day."""
    if contact.restricted_at is None:
        return False
    contact.restricted_at, contact.updated_at = None, now
    contact.version += 1
    session.flush()
    audit.record(
        session, "contact.restriction_lifted", "contact", contact.id, now=now, actor_id=actor_id,
        told=told, told_on=told_on.isoformat(),
    )  # fmt: skip
    return True


def release(session: Session, contact: Contact, *, now: datetime, actor_id: int) -> bool:
    """A person has decided that a contact in quarantine is an organisation's (R12)."""
    if contact.quarantined_at is None:
        return False
    reason = contact.quarantine_reason
    contact.quarantined_at, contact.quarantine_reason, contact.updated_at = None, None, now
    contact.version += 1
    session.flush()
    audit.record(
        session, "contact.released", "contact", contact.id, now=now, actor_id=actor_id, rule=reason
    )
    return True
