"""Signed-in browsers: begun at sign-in, found at each request, ended at sign-out or by time."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from mailer.accounts.models import SignedIn, User

LONGEST = timedelta(hours=12)
LONGEST_IDLE = timedelta(hours=2)
# How precisely "last seen" is kept, so that not every page view writes.
PRECISION = timedelta(minutes=1)


def digest(secret: str) -> bytes:
    """What the table holds of a cookie's secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def begin(session: Session, user: User, *, now: datetime) -> str:
    """Sign a browser in; the secret for its cookie. Always a new one, never a given one."""
    secret = secrets.token_urlsafe(32)
    session.execute(delete(SignedIn).where(SignedIn.expires_at <= now))
    session.add(
        SignedIn(
            token_hash=digest(secret),
            user_id=user.id,
            created_at=now,
            seen_at=now,
            expires_at=now + LONGEST,
        )
    )
    return secret


def find(session: Session, secret: str, *, now: datetime) -> tuple[User, datetime] | None:
    """The user behind a cookie and when they were last seen; None when it is over for any reason.

    The end date and a disabled account count from this very request on (R70).
    """
    row = session.execute(
        select(User, SignedIn.seen_at)
        .join(SignedIn, SignedIn.user_id == User.id)
        .where(
            SignedIn.token_hash == digest(secret),
            SignedIn.expires_at > now,
            SignedIn.seen_at > now - LONGEST_IDLE,
            User.disabled_at.is_(None),
            User.ends_at.is_(None) | (User.ends_at > now),
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def touch(session: Session, secret: str, *, now: datetime) -> None:
    """Note that the browser was seen."""
    session.execute(
        update(SignedIn).where(SignedIn.token_hash == digest(secret)).values(seen_at=now)
    )


def end(session: Session, secret: str) -> None:
    """Sign one browser out."""
    session.execute(delete(SignedIn).where(SignedIn.token_hash == digest(secret)))


def end_all(session: Session, user_id: int, *, but: str | None = None) -> None:
    """Sign out every browser of a user, except the one with the secret `but`."""
    statement = delete(SignedIn).where(SignedIn.user_id == user_id)
    if but is not None:
        statement = statement.where(SignedIn.token_hash != digest(but))
    session.execute(statement)
