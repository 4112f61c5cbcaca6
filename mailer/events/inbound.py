"""Mail that comes in: opt-outs are obeyed, what asks to stop is shown to a person, the rest is let
go. Of a mail that needs nobody no word is kept; of the others no longer than needed (`forget`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.contacts import suppression
from mailer.contacts.address import AddressError, address_key, canonical
from mailer.contacts.models import Contact
from mailer.events import answers, letters, mail_rules, receipts
from mailer.events.mail_models import InboundMessage
from mailer.events.mail_rules import Judged
from mailer.events.models import RawNotification
from mailer.events.receipts import Receipt
from mailer.sending.models import ACCEPTED, Message
from mailer.tokens import Signer

# The content of a mail that S3 does not give out is asked for again for so long.
LONGEST_WAIT = timedelta(hours=1)
PATIENCE = 2.0
TEXT_KEPT = timedelta(days=30)  # after somebody has decided
HINT_KEPT = timedelta(days=90)
ROW_KEPT = timedelta(days=730)
_FOR_NOBODY = ("auto", "bounce", "spam", "test")
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
    elif kind in (*_FOR_NOBODY, "left"):
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


def _evidence(inbound_id: int) -> str:
    return f"mail {inbound_id}"


def _obey(
    session: Session, inbound_id: int, judged: Judged, match: Match, *, now: datetime
) -> None:
    if judged.token is not None:
        answers.opt_out(
            session,
            judged.token.message_id,
            judged.token.address_key,
            origin="mail",
            now=now,
            evidence=_evidence(inbound_id),
        )
    elif match.sender_key is not None:
        _opt_out(session, inbound_id, match.sender_key, match.message_id, now=now)
    session.execute(
        update(InboundMessage).where(InboundMessage.id == inbound_id).values(decided_at=now)
    )


def _opt_out(
    session: Session,
    inbound_id: int,
    key: bytes | None,
    message_id: int | None,
    *,
    now: datetime,
    actor_id: int | None = None,
) -> None:
    evidence = _evidence(inbound_id)
    if message_id is not None:
        keys = [key] if key is not None else []
        keys += session.scalars(
            select(Contact.address_key)
            .join(Message, Message.contact_id == Contact.id)
            .where(Message.id == message_id)
        )
        for each in dict.fromkeys(keys):
            answers.opt_out(
                session, message_id, each, origin="reply", now=now, evidence=evidence,
                actor_id=actor_id,
            )  # fmt: skip
    elif key is not None:
        suppression.opt_out(
            session, key, origin="reply", now=now, evidence=evidence, actor_id=actor_id
        )


def _finish(session: Session, raw_id: int, state: str) -> None:
    raw = session.get_one(RawNotification, raw_id)
    raw.state = state
    raw.body = receipts.without_content(raw.body)
    session.flush()


# What a person does with one


def can_opt_out(inbound: InboundMessage) -> bool:
    """Whether it is known whom to opt out."""
    return inbound.sender_key is not None or inbound.message_id is not None


def opt_out(session: Session, inbound_id: int, *, now: datetime, actor_id: int) -> bool:
    """Obey a mail: its sender, and whom we mailed. False when it waits no more."""
    inbound = _lock(session, inbound_id, ("new", "dismissed"))
    if inbound is None or not can_opt_out(inbound):
        return False
    _opt_out(
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
    if inbound is None or inbound.kind == "token" or inbound.decided_at is None:
        return False
    lifted = suppression.lift_by_evidence(
        session,
        _evidence(inbound.id),
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


# Counting and forgetting


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
        and_(InboundMessage.kind.in_(_FOR_NOBODY), received < now - TEXT_KEPT),
        and_(InboundMessage.kind == "left", received < now - HINT_KEPT),
        and_(InboundMessage.state != "new", received < now - ROW_KEPT),
    ]
