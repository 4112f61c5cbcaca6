"""Whether people can be mailed, in the gate's words, for the screens of the register.

The general question is asked about no campaign: a message of the notice's first marketing purpose
that concerns those of the person's own duties that the offering concerns too (R11).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, false, select, true
from sqlalchemy.orm import Session

from mailer.campaigns import question
from mailer.campaigns.models import Campaign
from mailer.contacts.models import Company, Contact
from mailer.notice.vocabulary import PERSON_KINDS
from mailer.segments import build
from mailer.segments.models import Segment
from mailer.segments.rules import SegmentError
from mailer.sending.models import Message
from mailer.web.request import notice_in_force

# What marketing stands on first; the stored notice does not keep the order it was written in.
PURPOSES = (
    "e_marketing",
    "new_customer_acquisition",
    "after_sales_marketing",
    "events",
    "market_research",
)
RECENT = 5
# A tree that everybody matches: every contact is of some kind.
_EVERYBODY = {"include": [{"field": "kind", "is": "any_of", "value": list(PERSON_KINDS)}]}


@dataclass(frozen=True, slots=True)
class Standing:
    """A contact and one campaign: the message if there is one, else what the gate says now.

    `matches`: whether the segment holds the contact; None where that was settled at launch.
    """

    campaign: Campaign
    message: Message | None
    matches: bool | None
    verdict: str | None


def general_ask(session: Session, now: datetime) -> build.Question | None:
    """The general question; None before a notice is in force: nobody can be mailed then."""
    notice = notice_in_force()
    if notice is None:
        return None
    purpose = next((key for key in PURPOSES if key in notice.purposes), PURPOSES[0])
    return build.ask_for(session, purpose=purpose, functions=notice.offering, now=now)


def verdicts(session: Session, ids: Collection[int], now: datetime) -> dict[int, str]:
    """What the gate says of each contact to the general question."""
    ask = general_ask(session, now)
    if ask is None or not ids:
        return {}
    rows = session.execute(build.audience(_EVERYBODY, ask).where(Contact.id.in_(ids)))
    return {row.contact_id: row.verdict for row in rows}


def answered(session: Session, now: datetime, *, clear: bool) -> Select[Any]:
    """Contacts, with their companies, of whom the gate says yes, or no, to the general question."""
    ask = general_ask(session, now)
    if ask is None:
        everybody = select(Contact.id).outerjoin(Company, Company.id == Contact.company_id)
        return everybody.where(false() if clear else true())
    asked = build.audience(_EVERYBODY, ask)
    verdict: Any = asked.selected_columns["verdict"]
    answer = verdict.element == build.CLEAR
    return asked.where(answer if clear else ~answer)


def standings(session: Session, contact: Contact, now: datetime) -> list[Standing]:
    """Where a contact stands in the campaigns that were touched last."""
    rows = session.execute(
        select(Campaign, Segment.tree, Message)
        .outerjoin(Segment, Segment.id == Campaign.segment_id)
        .outerjoin(
            Message, (Message.campaign_id == Campaign.id) & (Message.contact_id == contact.id)
        )
        .order_by(Campaign.updated_at.desc(), Campaign.id.desc())
        .limit(RECENT)
    )
    return [_standing(session, contact, row, now) for row in rows]


def _standing(session: Session, contact: Contact, row: Any, now: datetime) -> Standing:
    campaign, tree, message = row
    if message is not None or campaign.launched_at is not None:
        return Standing(campaign, message, None, message.verdict if message else None)
    ask = question.ask(session, campaign, now=now, asks_ledger=True)
    if ask.notice is None or tree is None:
        return Standing(campaign, None, None, None)
    try:
        explained = build.explain(session, tree, contact.id, ask)
    except SegmentError:
        return Standing(campaign, None, None, None)
    return Standing(campaign, None, explained.matches, explained.verdict)
