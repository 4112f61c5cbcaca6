"""The first administrator: made by whoever holds a one-time link that the operator printed."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select, text, update
from sqlalchemy.orm import Session

from mailer import audit
from mailer.accounts import signed_in, users
from mailer.accounts.models import SetupToken, User

VALID_FOR = timedelta(hours=24)
_LOCK = 7_105_002


class AlreadySetUpError(Exception):
    """There are users already; they invite further ones."""


def is_set_up(session: Session) -> bool:
    """Whether there is a user."""
    return bool(session.scalar(select(exists().where(User.id.is_not(None)))))


def issue_token(session: Session, *, now: datetime) -> str:
    """A new token for /setup/TOKEN, valid once and for a day; older ones end.

    Raises AlreadySetUpError when there is a user.
    """
    if is_set_up(session):
        raise AlreadySetUpError
    session.execute(delete(SetupToken))
    token = secrets.token_urlsafe(24)
    session.add(
        SetupToken(token_hash=signed_in.digest(token), issued_at=now, expires_at=now + VALID_FOR)
    )
    audit.record(session, "setup.token_issued", "setup", None, now=now)
    return token


def is_valid(session: Session, token: str, *, now: datetime) -> bool:
    """Whether a token can still make the first administrator."""
    found = session.scalar(
        select(SetupToken.token_hash).where(
            SetupToken.token_hash == signed_in.digest(token),
            SetupToken.used_at.is_(None),
            SetupToken.expires_at > now,
        )
    )
    return found is not None and not is_set_up(session)


def make_first_administrator(
    session: Session, token: str, person: users.Person, password: str, *, now: datetime
) -> User | None:
    """The first user, an administrator; None when the token is used, old, wrong or too late."""
    # One at a time: the same link opened twice must not make two.
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if not is_valid(session, token, now=now):
        return None
    session.execute(
        update(SetupToken)
        .where(SetupToken.token_hash == signed_in.digest(token))
        .values(used_at=now)
    )
    return users.add(
        session, person, password, roles=["admin"], now=now, must_change_password=False
    )
