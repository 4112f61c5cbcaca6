"""The one stop for everything: while it is open nothing is handed to SES.

It is a row in PostgreSQL, read in the statement that claims messages, so it holds for every worker
on every machine from the moment it is committed, also when Redis is away. Campaigns keep their
state: lifting the stop lets each go on where it was.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, exists, not_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer import audit
from mailer.languages import N_
from mailer.sending.models import SendingStop

BY_HAND = N_("All sending was stopped by hand.")
# Answers of SES about the whole account (rules: SES errors): no campaign can be sent, and going on
# asking would only make it worse.
OF_THE_ACCOUNT = {
    "AccountSuspendedException": N_("Amazon SES has suspended the account."),
    "ACCOUNT_SUSPENDED": N_("Amazon SES has suspended the account."),
    "SendingPausedException": N_("Sending is paused at Amazon SES."),
    "ACCOUNT_SENDING_PAUSED": N_("Sending is paused at Amazon SES."),
    "CONFIGURATION_SET_SENDING_PAUSED": N_("Sending is paused at Amazon SES."),
    "sandbox": N_(
        "The Amazon SES account is still in the sandbox, which sends to verified addresses only."
        " Ask Amazon for production access."
    ),
}


def none_open() -> ColumnElement[bool]:
    """SQL: whether sending is not stopped. For the claim, and for whatever else calls SES."""
    return not_(
        exists().where(SendingStop.lifted_at.is_(None)).correlate_except(SendingStop),
    )


def standing(session: Session) -> SendingStop | None:
    """The open stop, if there is one."""
    return session.scalar(select(SendingStop).where(SendingStop.lifted_at.is_(None)))


def stop_all(session: Session, *, reason: str, now: datetime, actor_id: int | None = None) -> bool:
    """Stop all sending; False if it was stopped already. `reason`: a key of OF_THE_ACCOUNT, or
    `user`.

    What has been claimed by then may still leave: at most one call's worth for each sender thread.
    """
    stopped = session.scalar(
        insert(SendingStop)
        .values(at=now, by=actor_id, reason=reason)
        .on_conflict_do_nothing()
        .returning(SendingStop.id)
    )
    if stopped is None:
        return False
    audit.record(
        session, "sending.stopped", "sending", None, now=now, actor_id=actor_id, reason=reason
    )
    return True


def lift(session: Session, *, now: datetime, actor_id: int | None = None) -> bool:
    """Let every campaign go on where it was; False if sending was not stopped."""
    lifted = session.scalar(
        update(SendingStop)
        .where(SendingStop.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=actor_id)
        .returning(SendingStop.id)
    )
    if lifted is None:
        return False
    audit.record(session, "sending.resumed", "sending", None, now=now, actor_id=actor_id)
    return True


def sentence(reason: str) -> str:
    """The msgid of why all sending is stopped."""
    return OF_THE_ACCOUNT.get(reason, BY_HAND)
