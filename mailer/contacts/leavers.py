"""People who have probably left their employer: the list, what staff know better, successors.

The mark comes from what mail servers say (mailer.events.leavers). It stops nobody by itself: the
suppression of the address does, and it stays whatever becomes of the mark. With the mark the
period begins for which data of somebody who is no longer a contact is kept (R100, R103).
"""

from dataclasses import dataclass
from datetime import date, datetime

from dateutil.relativedelta import relativedelta
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from mailer import audit
from mailer.contacts.models import Company, Contact
from mailer.languages import TIMEZONE
from mailer.notice.schema import Notice

_SUCCESSOR = aliased(Contact)


@dataclass(frozen=True, slots=True)
class Leaver:
    """Somebody who has probably left; `successor` is whom staff have named."""

    contact: Contact
    company: Company | None
    successor: Contact | None
    kept_until: date | None


def page(
    session: Session,
    notice: Notice | None,
    *,
    unanswered: bool = False,
    company_id: int | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Leaver], int]:
    """Some of those who have probably left, the newest first, and how many there are.

    `unanswered`: only those whose successor is not known.
    """
    wanted: list[ColumnElement[bool]] = [
        Contact.left_at.is_not(None),
        Contact.erased_at.is_(None),
        Contact.restricted_at.is_(None),
    ]
    if unanswered:
        wanted.append(Contact.successor_id.is_(None))
    if company_id is not None:
        wanted.append(Contact.company_id == company_id)
    total = session.scalar(select(func.count(Contact.id)).where(*wanted)) or 0
    rows = session.execute(
        select(Contact, Company, _SUCCESSOR)
        .outerjoin(Company, Company.id == Contact.company_id)
        .outerjoin(_SUCCESSOR, _SUCCESSOR.id == Contact.successor_id)
        .where(*wanted)
        .order_by(Contact.left_at.desc(), Contact.id)
        .limit(limit)
        .offset(offset)
    )
    return [
        Leaver(contact, company, successor, kept_until(contact, notice))
        for contact, company, successor in rows
    ], total


def kept_until(contact: Contact, notice: Notice | None) -> date | None:
    """The day until which the notice lets the data of somebody who has left be kept."""
    if contact.left_at is None or notice is None:
        return None
    ends = [contact.left_at + relativedelta(months=notice.customer_months or 0)]
    if contact.relationship_kind != "customer" and notice.prospect_months is not None:
        ends.append(contact.collected_at + relativedelta(months=notice.prospect_months))
    return min(ends).astimezone(TIMEZONE).date()


def say_they_stay(session: Session, contact: Contact, *, now: datetime, actor_id: int) -> bool:
    """Take the mark away on staff's word; whether there was one. Only a later bounce brings it
    back."""
    session.refresh(contact, with_for_update=True)
    if contact.left_at is None:
        return False
    contact.left_at, contact.stays_at, contact.updated_at = None, now, now
    contact.successor_id = None
    session.flush()
    audit.record(session, "contact.stays", "contact", contact.id, now=now, actor_id=actor_id)
    return True


def name_successor(
    session: Session, contact: Contact, successor: Contact, *, now: datetime, actor_id: int
) -> bool:
    """Note who came after somebody who has left; False for somebody who has not, or themselves."""
    session.refresh(contact, with_for_update=True)
    if contact.left_at is None or contact.id == successor.id:
        return False
    contact.successor_id, contact.updated_at = successor.id, now
    session.flush()
    audit.record(
        session, "contact.successor_named", "contact", contact.id, now=now, actor_id=actor_id,
        successor_id=successor.id,
    )  # fmt: skip
    return True
