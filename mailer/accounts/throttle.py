"""Failed sign-ins make the next try wait, per user name and per address (R71).

What was tried is kept as a keyed hash: a mistyped name may be somebody's password.
"""

import hmac
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from mailer.accounts.models import SignInFailure

REMEMBERED = timedelta(hours=24)
FREE_TRIES = 5
# Many people share an address behind one router.
FREE_TRIES_BY_ADDRESS = 50
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)


def keys(secret: str, user_name: str, address: str) -> tuple[bytes, bytes]:
    """The keys of a user name and of a network address."""
    return _key(secret, "name", user_name), _key(secret, "address", address)


def machine_key(secret: str, address: str) -> bytes:
    """The key of a network address from which programs try tokens. Apart from people's, so that a
    program with an old token does not lock out an office."""
    return _key(secret, "machine", address)


def _key(secret: str, kind: str, value: str) -> bytes:
    message = f"sign-in:{kind}:{value}".encode("utf-8", "surrogatepass")
    return hmac.digest(secret.encode(), message, "sha256")[:16]


def wait_after(failures: int, free_tries: int) -> timedelta:
    """How long the next try has to wait after that many failures: doubling, up to a limit."""
    if failures < free_tries:
        return timedelta(0)
    doublings = min(failures - free_tries, 10)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def try_lock(session: Session, key: bytes) -> bool:
    """Take the turn of a user name until the transaction ends; False if another try has it.

    Without it, a hundred tries at once would all be the first.
    """
    lock = int.from_bytes(key[:8], "big", signed=True)
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": lock}))


def waits_until(
    session: Session, name_key: bytes, address_key: bytes, *, now: datetime
) -> datetime | None:
    """Until when tries are refused; None when one may be made now."""
    until = [
        last + wait_after(failures, free)
        for key, free in ((name_key, FREE_TRIES), (address_key, FREE_TRIES_BY_ADDRESS))
        for failures, last in [_failures(session, key, now=now)]
        if last is not None
    ]
    latest = max(until, default=now)
    return latest if latest > now else None


def _failures(session: Session, key: bytes, *, now: datetime) -> tuple[int, datetime | None]:
    row = session.execute(
        select(func.count(), func.max(SignInFailure.at)).where(
            SignInFailure.key == key, SignInFailure.at > now - REMEMBERED
        )
    ).one()
    return row[0], row[1]


def note_failure(session: Session, name_key: bytes, address_key: bytes, *, now: datetime) -> int:
    """Count a failure; how many the user name now has."""
    session.execute(delete(SignInFailure).where(SignInFailure.at <= now - REMEMBERED))
    session.add_all([SignInFailure(key=key, at=now) for key in {name_key, address_key}])
    session.flush()
    return _failures(session, name_key, now=now)[0]


def forget(session: Session, name_key: bytes) -> None:
    """Forget the failures of a user name: its owner has come in."""
    session.execute(delete(SignInFailure).where(SignInFailure.key == name_key))
