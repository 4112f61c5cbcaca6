"""Signing in: the right name and password, in time, and not too many tries."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import audit
from mailer.accounts import names, passwords, signed_in, throttle
from mailer.accounts.models import User


@dataclass(frozen=True, slots=True)
class Entered:
    """Signed in: the user, and the secret for the browser's cookie."""

    user: User
    secret: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not signed in. No reason: it would tell whether the name exists."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """Not even tried: too many failures before. None: another try is under way right now."""

    until: datetime | None


def attempt(
    session: Session, user_name: str, password: str, *, address: str, pepper: str, now: datetime
) -> Entered | Refused | Throttled:
    """Try to sign in from a network address. `pepper` keys the hashes of what was tried.

    The caller commits whatever the outcome: failures count.
    """
    user_name = names.normal_user_name(user_name)[:200]
    name_key, address_key = throttle.keys(pepper, user_name, address)
    if not throttle.try_lock(session, name_key):
        return Throttled(None)
    until = throttle.waits_until(session, name_key, address_key, now=now)
    if until is not None:
        return Throttled(until)
    user = session.scalar(select(User).where(User.user_name == user_name))
    right = passwords.matches(password, user.password_hash if user is not None else None)
    if user is None or not right or not is_open(user, now):
        _note_failure(
            session, user, throttle.note_failure(session, name_key, address_key, now=now), now
        )
        return Refused()
    throttle.forget(session, name_key)
    if passwords.is_outdated(user.password_hash):
        user.password_hash = passwords.hashed(password)
    audit.record(session, "user.signed_in", "user", user.id, now=now, actor_id=user.id)
    return Entered(user, signed_in.begin(session, user, now=now))


def confirm(
    session: Session, user: User, password: str, *, address: str, pepper: str, now: datetime
) -> bool:
    """Whether a signed-in user's password is right; wrong ones count as failed sign-ins do."""
    # Whoever finds an open browser has no more tries than a stranger.
    name_key, address_key = throttle.keys(pepper, user.user_name, address)
    if not throttle.try_lock(session, name_key):
        return False
    if throttle.waits_until(session, name_key, address_key, now=now) is not None:
        return False
    if passwords.matches(password, user.password_hash):
        return True
    throttle.note_failure(session, name_key, address_key, now=now)
    return False


def is_open(user: User, now: datetime) -> bool:
    """Whether the account may be used: not disabled and not past its end (R70)."""
    return user.disabled_at is None and (user.ends_at is None or user.ends_at > now)


def _note_failure(session: Session, user: User | None, failures: int, now: datetime) -> None:
    # One entry when a burst begins, and one each time it has doubled: not one for every try.
    burst = failures >= throttle.FREE_TRIES and failures % throttle.FREE_TRIES == 0
    if burst:
        audit.record(
            session,
            "user.sign_in_failures",
            "user",
            user.id if user is not None else None,
            now=now,
            failures=failures,
        )
