"""The opt-outs that mail makes: by a signed token, or by its words."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.contacts import suppression
from mailer.contacts.models import Contact
from mailer.events import answers
from mailer.sending.models import Message
from mailer.tokens import Recipient


def evidence_of(inbound_id: int) -> str:
    """What a suppression says about the mail that it comes from."""
    return f"mail {inbound_id}"


def by_token(session: Session, inbound_id: int, token: Recipient, *, now: datetime) -> None:
    """Opt out whom a token names. Works when the message and the contact are gone."""
    answers.opt_out(
        session,
        token.message_id,
        token.address_key,
        origin="mail",
        now=now,
        evidence=evidence_of(inbound_id),
    )


def by_words(
    session: Session,
    inbound_id: int,
    key: bytes | None,
    message_id: int | None,
    *,
    now: datetime,
    actor_id: int | None = None,
) -> None:
    """Opt out the sender of a mail, and the recipient of the message that it answers."""
    evidence = evidence_of(inbound_id)
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
