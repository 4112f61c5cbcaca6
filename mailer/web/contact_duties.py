"""What the register owes one contact, for the contact's page; whom a new contact comes after."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from mailer.campaigns.models import Campaign
from mailer.contacts import entry, informing, leavers, revalidation
from mailer.contacts.informing import Which
from mailer.contacts.models import Company, Contact
from mailer.languages import gettext as _
from mailer.sending.models import Message
from mailer.web.request import db_session, notice_in_force

_KEPT = ("company_name", "business_id", "country", "title", "duties", "language")


def standing(contact: Contact, now: datetime) -> dict[str, Any]:
    """What the page says of informing, checks and leaving, by the names that it uses."""
    session, notice = db_session(), notice_in_force()
    waiting, _total = informing.page(session, Which(contact_id=contact.id), now=now)
    way = contact.art14_way
    return {
        "uninformed": waiting[0] if waiting else None,
        "informed_way": _(informing.WAYS[way]) if way in informing.WAYS else "",
        "informed_by": _informed_by(contact),
        "checked_against": revalidation.checked_against(session, contact),
        # A check names a kind of source, and the notice says which there are.
        "may_be_checked": notice is not None and contact.restricted_at is None,
        "kept_until": leavers.kept_until(contact, notice),
        "successor": _successor(contact),
    }


def _informed_by(contact: Contact) -> Campaign | None:
    """The campaign whose message told the contact where the data came from, if one did."""
    if contact.art14_informed_at is None or contact.art14_way is not None:
        return None
    return db_session().scalar(
        select(Campaign)
        .join(Message, Message.campaign_id == Campaign.id)
        .where(
            Message.contact_id == contact.id,
            Message.kind == "campaign",
            Message.sent_at.is_not(None),
        )
        .order_by(Message.sent_at, Message.id)
        .limit(1)
    )


def _successor(contact: Contact) -> Contact | None:
    found = db_session().get(Contact, contact.successor_id) if contact.successor_id else None
    return found if found is not None and found.erased_at is None else None


def leaver(text: str) -> Contact | None:
    """Whom a new contact comes after; None when that is nobody who has left."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    contact = db_session().get(Contact, number) if number else None
    if contact is None or contact.left_at is None or contact.restricted_at is not None:
        return None
    return contact


def of_leaver(contact: Contact) -> dict[str, str]:
    """What stays the same when somebody else takes over: the employer and the work."""
    company = db_session().get(Company, contact.company_id) if contact.company_id else None
    stored = entry.values_of(contact, company)
    return {name: stored[name] for name in _KEPT} | {
        "source_kind": "system_entry",
        "relationship": contact.relationship_kind,
        "basis": contact.basis or "",
    }
