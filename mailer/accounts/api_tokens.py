"""Tokens by which other systems call the API: made by a user, and never worth more than that user.

A token has scopes, and each scope is one permission of the screens. What a call may do is what both
its scope and the roles of its maker permit at that moment: who is demoted, locked out, or has not
accepted the undertaking takes all their tokens along (R70, R72). The secret is 256 random bits, so
its plain hash is kept and there is nothing to guess.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from mailer import audit
from mailer.accounts import permissions, throttle, undertaking
from mailer.accounts.models import ApiToken, User
from mailer.accounts.sign_in import is_open
from mailer.languages import N_

PREFIX = "lupa_"
LONGEST_NAME = 100
SHORTEST_DAYS, LONGEST_DAYS = 1, 366
PRECISION = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token may be used for: one permission of the screens, and the words for it."""

    permission: str
    words: str


SCOPES = {
    "contacts.read": Scope("contacts.view", N_("Read one contact, or find one by address")),
    # Page by page it hands out the register, as an export does.
    "contacts.list": Scope("contacts.export", N_("Read all contacts")),
    "contacts.write": Scope("contacts.edit", N_("Add, change and delete contacts")),
    "companies.read": Scope("contacts.view", N_("Read companies")),
    "suppressions.read": Scope("suppressions.view", N_("Ask whether an address is suppressed")),
    "suppressions.list": Scope("contacts.export", N_("Read the suppression list as hashes")),
    "suppressions.write": Scope("suppressions.edit", N_("Put on the suppression list")),
    "segments.read": Scope("segments.view", N_("Read segments and count their people")),
    "campaigns.read": Scope("campaigns.view", N_("Read campaigns")),
    "campaigns.write": Scope("campaigns.edit", N_("Make drafts of campaigns")),
    "campaigns.send": Scope("campaigns.send", N_("Schedule, pause and stop campaigns")),
    "reports.read": Scope("reports.view", N_("Read reports")),
}

NAME_MISSING = N_("Name the system that will use the token.")
NAME_TOO_LONG = N_("The name can have at most 100 characters.")
SCOPE_MISSING = N_("Choose at least one thing that the token may be used for.")
SCOPE_NOT_YOURS = N_("A token may do only what you may do yourself.")
BAD_DAYS = N_("Choose for how long the token is valid: from one day to a year.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token to make: the system's name, keys of SCOPES, and for how many days."""

    name: str
    scopes: tuple[str, ...]
    days: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a living token and the user whose name it acts in."""

    token: ApiToken
    user: User

    def may(self, scope: str) -> bool:
        """Whether both the token and its maker may, now. Raises KeyError for no scope of ours."""
        permission = SCOPES[scope].permission
        return scope in self.token.scopes and permissions.permits(self.user.roles, permission)


@dataclass(frozen=True, slots=True)
class Refused:
    """No token of ours, or a dead one. `reason` is for the log, never for the caller."""

    reason: str
    token_id: int | None = None


def problems(wanted: Wanted, user: User) -> dict[str, str]:
    """What is wrong with a wanted token, by field, as messages to translate."""
    found: dict[str, str] = {}
    if not wanted.name.strip():
        found["name"] = NAME_MISSING
    elif len(wanted.name) > LONGEST_NAME:
        found["name"] = NAME_TOO_LONG
    if not wanted.scopes or not set(wanted.scopes) <= SCOPES.keys():
        found["scopes"] = SCOPE_MISSING
    elif not set(wanted.scopes) <= set(offered(user)):
        found["scopes"] = SCOPE_NOT_YOURS
    if not SHORTEST_DAYS <= wanted.days <= LONGEST_DAYS:
        found["days"] = BAD_DAYS
    return found


def offered(user: User) -> list[str]:
    """The scopes that a user can give away: those whose permission they have."""
    return [
        key for key, scope in SCOPES.items() if permissions.permits(user.roles, scope.permission)
    ]


def create(
    session: Session, wanted: Wanted, *, user: User, now: datetime, actor_id: int | None
) -> tuple[ApiToken, str]:
    """A checked token in the name of `user`, and its secret, which nobody can read again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        name=" ".join(wanted.name.split()),
        scopes=[key for key in SCOPES if key in wanted.scopes],
        secret_hash=_hash(secret),
        created_by=user.id,
        created_at=now,
        expires_at=now + timedelta(days=wanted.days),
    )
    session.add(token)
    session.flush()
    audit.record(
        session, "api_token.created", "api_token", token.id, now=now, actor_id=actor_id,
        user=user.id, scopes=token.scopes, expires_at=token.expires_at.isoformat(),
    )  # fmt: skip
    return token, secret


def listed(session: Session) -> list[tuple[ApiToken, User]]:
    """Every token with its maker: the living first, newest first."""
    rows = session.execute(
        select(ApiToken, User)
        .join(User, User.id == ApiToken.created_by)
        .order_by(ApiToken.revoked_at.is_not(None), ApiToken.id.desc())
    )
    return [(row[0], row[1]) for row in rows]


def revoke(session: Session, token_id: int, *, now: datetime, actor_id: int | None) -> bool:
    """End a token for good; False when there is none or it had been revoked."""
    done = session.execute(
        update(ApiToken)
        .where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiToken.id)
    ).first()
    if done is None:
        return False
    audit.record(session, "api_token.revoked", "api_token", token_id, now=now, actor_id=actor_id)
    return True


def find(
    session: Session, secret: str, *, undertaking_version: int, now: datetime
) -> Caller | Refused:
    """The caller behind a secret, as far as token and maker are good at this moment."""
    row = session.execute(
        select(ApiToken, User)
        .join(User, User.id == ApiToken.created_by)
        .where(ApiToken.secret_hash == _hash(secret))
    ).one_or_none()
    if row is None:
        return Refused("unknown")
    token, user = row
    reason = why_dead(token, user, undertaking_version=undertaking_version, now=now)
    return Refused(reason, token.id) if reason else Caller(token, user)


def why_dead(token: ApiToken, user: User, *, undertaking_version: int, now: datetime) -> str:
    """A key of DEAD, or nothing for a token that works."""
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at <= now:
        return "expired"
    # What its maker cannot do at a screen, the token cannot either (R70, R72).
    if not is_open(user, now):
        return "user_closed"
    if user.must_change_password or not undertaking.accepted(user, undertaking_version):
        return "user_not_ready"
    return ""


DEAD = {
    "revoked": N_("Revoked"),
    "expired": N_("Expired"),
    "user_closed": N_("The user's account is closed"),
    "user_not_ready": N_("The user has to sign in first"),
}


def touch(session: Session, token: ApiToken, *, now: datetime) -> None:
    """Note that the token is in use."""
    session.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))


def is_touched(token: ApiToken, now: datetime) -> bool:
    """Whether its use has been noted within the hour."""
    return token.last_used_at is not None and now - token.last_used_at <= PRECISION


def waits_until(session: Session, address: str, *, pepper: str, now: datetime) -> datetime | None:
    """Until when bad tokens from a network address are not even counted; None when they are."""
    key = throttle.machine_key(pepper, address)
    return throttle.waits_until(session, key, key, now=now)


def note_failure(
    session: Session, refused: Refused, address: str, *, pepper: str, now: datetime
) -> None:
    """Count a bad token. One audit entry when a burst begins and as it goes on, not for each."""
    key = throttle.machine_key(pepper, address)
    failures = throttle.note_failure(session, key, key, now=now)
    if failures >= throttle.FREE_TRIES and failures % throttle.FREE_TRIES == 0:
        audit.record(
            session, "api_token.failures", "api_token", refused.token_id, now=now,
            failures=failures, reason=refused.reason,
        )  # fmt: skip


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
