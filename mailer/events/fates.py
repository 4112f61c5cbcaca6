"""What became of one person in one campaign, and why: the ledger, the rules and the events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign
from mailer.contacts.address import Address
from mailer.contacts.models import Contact
from mailer.events.models import Event
from mailer.segments import build
from mailer.segments.models import Segment
from mailer.segments.rules import Rule, SegmentError, Tree, parse
from mailer.sending import launch
from mailer.sending.models import Message


@dataclass(frozen=True, slots=True)
class Membership:
    """What the segment's rules say of the person now."""

    name: str
    tree: Tree
    matches: bool
    answers: Sequence[tuple[Rule, bool | None]]


@dataclass(frozen=True, slots=True)
class Fate:
    """`message` is None for who was not in the audience. The verdicts are the gate's codes:
    at the freeze, at the last claim (None when it was never claimed), and now (None before a
    notice is in force)."""

    contact: Contact | None
    message: Message | None
    at_freeze: str | None
    at_claim: str | None
    now: str | None
    membership: Membership | None
    events: Sequence[Event]


def of(session: Session, campaign: Campaign, *, contact: Contact | None, now: datetime) -> Fate:
    """What became of a contact in a campaign."""
    if contact is None:
        return Fate(None, None, None, None, "erased", None, ())
    message = session.scalar(
        select(Message).where(Message.campaign_id == campaign.id, Message.contact_id == contact.id)
    )
    events = session.scalars(
        select(Event)
        .where(Event.message_id == (message.id if message else None))
        .order_by(Event.at, Event.id)
        .limit(200)
    ).all()
    membership, present = _now(session, campaign, contact, now)
    return Fate(
        contact,
        message,
        _at_freeze(message),
        message.verdict if message and message.attempt else None,
        present,
        membership,
        events,
    )


def contact_at(session: Session, address: Address) -> Contact | None:
    """The contact with an address."""
    return session.scalar(select(Contact).where(Contact.email == str(address)))


def _at_freeze(message: Message | None) -> str | None:
    # A claim writes its verdict over the freeze's, and only who was clear is ever claimed.
    if message is None:
        return None
    return build.CLEAR if message.attempt else message.verdict


def _now(
    session: Session, campaign: Campaign, contact: Contact, now: datetime
) -> tuple[Membership | None, str | None]:
    ask = launch.ask(session, campaign, now=now, asks_ledger=False)
    if ask.notice is None:
        return None, None
    segment = session.get(Segment, campaign.segment_id) if campaign.segment_id else None
    if segment is None:
        return None, build.check(session, contact.id, ask)
    try:
        tree = parse(segment.tree)
        explained = build.explain(session, tree, contact.id, ask)
    except SegmentError:
        return None, build.check(session, contact.id, ask)
    answers = [(each.rule, each.holds) for each in explained.answers]
    membership = Membership(segment.name, tree, explained.matches, answers)
    return membership, explained.verdict
