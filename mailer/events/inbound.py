"""Mail that comes in: opt-outs are obeyed, what asks to stop is shown to a person, the rest is let
go. Of a mail that needs nobody no word is kept (mailer.events.replies has what people do)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.contacts.address import AddressError, address_key, canonical
from mailer.contacts.models import Contact
from mailer.events import letters, mail_opt_outs, mail_rules, receipts
from mailer.events.mail_models import FOR_NOBODY, InboundMessage
from mailer.events.mail_rules import Judged
from mailer.events.models import RawNotification
from mailer.events.receipts import Receipt
from mailer.sending.models import ACCEPTED, Message
from mailer.tokens import Signer

# The content of a mail that S3 does not give out is asked for again for so long.
LONGEST_WAIT = timedelta(hours=1)
PATIENCE = 2.0
_WITH_TEXT = ("request", "reply", "stop", "left", "unreadable")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stored notification of a mail that has not been read."""

    raw_id: int
    message: str
    body: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Match:
    """Whose mail it may be, as far as the register knows."""

    sender_key: bytes | None = None
    contact_id: int | None = None
    message_id: int | None = None
    mailed: bool = False  # we mailed this very address
    proven: bool = False


def waiting_notifications(session: Session, *, now: datetime, limit: int) -> list[RawNotification]:
    """Mails to read, oldest first; those that failed come later and later."""
    age = func.extract("epoch", now - RawNotification.received_at)
    due = age >= func.power(PATIENCE, func.least(RawNotification.tries, 60)) - 1
    return list(
        session.scalars(
            select(RawNotification)
            .where(RawNotification.state == "mail", or_(RawNotification.tries == 0, due))
            .order_by(RawNotification.id)
            .limit(limit)
        )
    )


def postpone(session: Session, raw_id: int) -> None:
    """Try a mail again later."""
    session.execute(
        update(RawNotification)
        .where(RawNotification.id == raw_id, RawNotification.state == "mail")
        .values(tries=RawNotification.tries + 1)
    )


def give_up(session: Session, raw_id: int) -> None:
    """Leave a notification that is none of a mail."""
    _finish(session, raw_id, "ignored")


def receive(
    session: Session,
    raw_id: int,
    receipt: Receipt,
    content: bytes | None,
    *,
    signer: Signer,
    public_url: str,
    now: datetime,
) -> str | None:
    """Take one mail in and do what it asks; its kind, or None when it was taken in before.

    `content` None: it cannot be had, and a person is told.
    """
    state = session.scalar(
        select(RawNotification.state).where(RawNotification.id == raw_id).with_for_update()
    )
    if state != "mail":
        return None
    letter = letters.read(receipt.headers if content is None else content)
    judged = mail_rules.judge(letter, receipt, signer=signer, public_url=public_url)
    if content is None and judged.token is None:
        judged = Judged("unreadable", "no_content")
    elif content is not None:
        _forget_unreadable(session, receipt.ses_id)
    match = _match(session, letter, judged, receipt)
    kind, reason = _decide(judged, match, receipt)
    row = _row(kind, reason, letter=letter, judged=judged, match=match)
    added = session.scalars(
        insert(InboundMessage)
        .values(ses_id=receipt.ses_id, received_at=now, **row)
        .on_conflict_do_nothing(index_elements=[InboundMessage.ses_id])
        .returning(InboundMessage.id)
    ).one_or_none()
    _finish(session, raw_id, "applied")
    if added is None:
        return None
    if kind in ("token", "stop"):
        _obey(session, added, judged, match, now=now)
    return kind


def needs_content(receipt: Receipt, *, signer: Signer, public_url: str) -> bool:
    """Whether the headers that came with the notification do not say it all already."""
    letter = letters.read(receipt.headers)
    judged = mail_rules.judge(letter, receipt, signer=signer, public_url=public_url)
    return judged.token is None


def _forget_unreadable(session: Session, ses_id: str) -> None:
    """Make room for a mail of which another receipt rule told first, without its content."""
    session.execute(
        delete(InboundMessage).where(
            InboundMessage.ses_id == ses_id,
            InboundMessage.kind == "unreadable",
            InboundMessage.state == "new",
        )
    )


def _decide(judged: Judged, match: Match, receipt: Receipt) -> tuple[str, str]:
    """The kind in the end, and why."""
    if judged.kind not in ("request", "reply"):
        return judged.kind, judged.reason
    known = match.mailed or match.contact_id is not None
    if not known and "FAIL" in (receipt.says("spam"), receipt.says("virus")):
        return "spam", ""
    if not judged.clear or judged.reason:
        return judged.kind, judged.reason
    if match.mailed and match.proven:
        return "stop", "clear"
    return "request", "not_proven" if match.mailed else "not_mailed"


def _row(
    kind: str, reason: str, *, letter: letters.Letter, judged: Judged, match: Match
) -> dict[str, object]:
    state = "new"
    if kind in ("token", "stop"):
        state = "obeyed"
    elif kind in (*FOR_NOBODY, "left"):
        state = "closed"
    row: dict[str, object] = {"kind": kind, "reason": reason, "state": state}
    if kind == "token" and judged.token is not None:
        # The event of the opt-out says the rest; the mail's own words are not needed.
        return row | {"proven": True, "message_id": match.message_id}
    row |= {"proven": match.proven, "contact_id": match.contact_id}
    if kind in _WITH_TEXT:
        row |= {
            "message_id": match.message_id,
            "sender": letter.sender,
            "sender_key": match.sender_key,
            "subject": letter.subject,
            "excerpt": judged.words,
        }
    return row


def _match(session: Session, letter: letters.Letter, judged: Judged, receipt: Receipt) -> Match:
    named = judged.token or judged.quoted
    known = session.get(Message, named.message_id) if named is not None else None
    key = _key(letter.sender)
    if judged.token is not None or key is None:
        return Match(message_id=known.id if known is not None else None)
    contact_id = session.scalar(
        select(Contact.id).where(Contact.address_key == key).order_by(Contact.id).limit(1)
    )
    quoted_own = judged.quoted is not None and judged.quoted.address_key == key
    answered = None if known is not None else _answered(session, contact_id, letter.answers)
    return Match(
        sender_key=key,
        contact_id=contact_id,
        message_id=known.id if known is not None else answered,
        mailed=quoted_own or answered is not None or _is_of(known, contact_id),
        # Who repeats a link of the very person it was made for has that person's mail.
        proven=quoted_own or receipt.proves(letter.sender),
    )


def _is_of(message: Message | None, contact_id: int | None) -> bool:
    return message is not None and contact_id is not None and message.contact_id == contact_id


def _answered(session: Session, contact_id: int | None, ids: Sequence[str]) -> int | None:
    """The message that a contact answers: the one their mail names, else the last one they got."""
    if contact_id is None:
        return None
    got = session.execute(
        select(Message.id, Message.ses_message_id)
        .where(Message.contact_id == contact_id, Message.state.in_(ACCEPTED))
        .order_by(Message.sent_at.desc().nulls_last(), Message.id.desc())
        .limit(50)
    ).all()
    named = {each.partition("@")[0] for each in ids}
    for row in got:
        if row.ses_message_id in named:
            return int(row.id)
    return int(got[0].id) if got else None


def _key(sender: str) -> bytes | None:
    try:
        return address_key(canonical(sender))
    except AddressError:
        return None


def _obey(
    session: Session, inbound_id: int, judged: Judged, match: Match, *, now: datetime
) -> None:
    if judged.token is not None:
        mail_opt_outs.by_token(session, inbound_id, judged.token, now=now)
    else:
        mail_opt_outs.by_words(session, inbound_id, match.sender_key, match.message_id, now=now)
    session.execute(
        update(InboundMessage).where(InboundMessage.id == inbound_id).values(decided_at=now)
    )


def _finish(session: Session, raw_id: int, state: str) -> None:
    raw = session.get_one(RawNotification, raw_id)
    raw.state = state
    raw.body = receipts.without_content(raw.body)
    session.flush()
