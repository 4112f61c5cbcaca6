"""Users: invited by a named administrator with roles, a reason and an end date (R70)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer import audit
from mailer.accounts import names, passwords, permissions, signed_in
from mailer.accounts.models import SignedIn, User
from mailer.languages import N_

LONGEST_NAME = 200
NAME_MISSING = N_("Write the person's first and last name.")
NAME_TAKEN = N_("Another user has this user name.")
ROLE_MISSING = N_("Choose at least one role.")
REASON_MISSING = N_("Write why this person needs access; it is kept in the audit log.")
END_PASSED = N_("The end date has passed. Choose a later one or leave it empty.")
LAST_ADMINISTRATOR = N_("This is the last administrator. Make somebody else one first.")


@dataclass(frozen=True, slots=True)
class Person:
    """Who a user is. Texts as typed; `normal()` is what is kept."""

    name: str
    user_name: str
    email: str

    def normal(self) -> "Person":
        """Without stray spaces; the user name folded."""
        return Person(
            " ".join(self.name.split()),
            names.normal_user_name(self.user_name),
            self.email.strip(),
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user may do, why, and until when."""

    roles: tuple[str, ...]
    reason: str
    ends_at: datetime | None = None


def person_problems(
    session: Session, person: Person, *, user_id: int | None = None
) -> dict[str, str]:
    """What is wrong with a normalised person, by field, as messages to translate."""
    problems: dict[str, str] = {}
    # One word is a team or a nickname; a person has two.
    if not 0 < len(person.name) <= LONGEST_NAME or " " not in person.name:
        problems["name"] = NAME_MISSING
    problem = names.user_name_problem(person.user_name) or _taken(session, person, user_id)
    if problem:
        problems["user_name"] = problem
    problem = names.email_problem(person.email)
    if problem:
        problems["email"] = problem
    return problems


def _taken(session: Session, person: Person, user_id: int | None) -> str | None:
    owner = session.scalar(select(User.id).where(User.user_name == person.user_name))
    return NAME_TAKEN if owner is not None and owner != user_id else None


def grant_problems(grant: Grant, *, now: datetime) -> dict[str, str]:
    """What is wrong with a grant, by field, as messages to translate."""
    problems: dict[str, str] = {}
    if not grant.roles or any(role not in permissions.ROLES for role in grant.roles):
        problems["roles"] = ROLE_MISSING
    if not grant.reason.strip():
        problems["reason"] = REASON_MISSING
    if grant.ends_at is not None and grant.ends_at <= now:
        problems["ends_at"] = END_PASSED
    return problems


def add(
    session: Session,
    person: Person,
    password: str,
    *,
    roles: Iterable[str],
    now: datetime,
    reason: str = "",
    ends_at: datetime | None = None,
    actor_id: int | None = None,
    must_change_password: bool = True,
) -> User:
    """Make a user. The person, the password and the roles have been checked."""
    user = User(
        user_name=person.user_name,
        name=person.name,
        email=person.email,
        password_hash=passwords.hashed(password),
        roles=list(roles),
        reason=reason.strip(),
        created_at=now,
        created_by=actor_id,
        ends_at=ends_at,
        must_change_password=must_change_password,
    )
    session.add(user)
    session.flush()
    audit.record(
        session,
        "user.added",
        "user",
        user.id,
        now=now,
        actor_id=actor_id if actor_id is not None else user.id,
        roles=user.roles,
        reason=user.reason,
        ends_at=ends_at.isoformat() if ends_at else None,
    )
    return user


def is_last_administrator(session: Session, user: User, *, now: datetime) -> bool:
    """Whether nobody else could manage users. Locks the administrators until the transaction ends,
    so that two cannot remove one another at the same time."""
    open_ids = session.scalars(
        select(User.id)
        .where(
            User.roles.contains(["admin"]),
            User.disabled_at.is_(None),
            User.ends_at.is_(None) | (User.ends_at > now),
        )
        .order_by(User.id)
        .with_for_update()
    ).all()
    return list(open_ids) == [user.id]


def change_grant(
    session: Session, user: User, grant: Grant, *, actor_id: int, now: datetime
) -> str | None:
    """Change roles, reason and end; a message to translate when it would leave no administrator."""
    loses_admin = "admin" not in grant.roles or grant.ends_at is not None
    if loses_admin and is_last_administrator(session, user, now=now):
        return LAST_ADMINISTRATOR
    before = {"roles": user.roles, "ends_at": user.ends_at.isoformat() if user.ends_at else None}
    user.roles = list(grant.roles)
    user.reason = grant.reason.strip()
    user.ends_at = grant.ends_at
    audit.record(
        session,
        "user.grant_changed",
        "user",
        user.id,
        now=now,
        actor_id=actor_id,
        before=before,
        roles=user.roles,
        reason=user.reason,
        ends_at=grant.ends_at.isoformat() if grant.ends_at else None,
    )
    return None


def disable(session: Session, user: User, *, actor_id: int, now: datetime) -> str | None:
    """Close an account and end its sign-ins; a message when it is the last administrator's."""
    if is_last_administrator(session, user, now=now):
        return LAST_ADMINISTRATOR
    user.disabled_at = now
    signed_in.end_all(session, user.id)
    audit.record(session, "user.disabled", "user", user.id, now=now, actor_id=actor_id)
    return None


def enable(session: Session, user: User, *, actor_id: int, now: datetime) -> None:
    """Open a closed account again."""
    user.disabled_at = None
    audit.record(session, "user.enabled", "user", user.id, now=now, actor_id=actor_id)


def reset_password(session: Session, user: User, *, actor_id: int, now: datetime) -> str:
    """A new temporary password, shown once; every browser of the user is signed out."""
    password = passwords.temporary()
    user.password_hash = passwords.hashed(password)
    user.must_change_password = True
    signed_in.end_all(session, user.id)
    audit.record(session, "user.password_reset", "user", user.id, now=now, actor_id=actor_id)
    return password


def change_password(
    session: Session, user: User, password: str, *, keep: str | None, now: datetime
) -> None:
    """Set one's own checked password; other browsers are signed out, `keep` stays."""
    user.password_hash = passwords.hashed(password)
    user.must_change_password = False
    signed_in.end_all(session, user.id, but=keep)
    audit.record(session, "user.password_changed", "user", user.id, now=now, actor_id=user.id)


def last_seen(session: Session, user_ids: Collection[int]) -> dict[int, datetime]:
    """When each of the users was last here: in a signed-in browser, else at their last sign-in."""
    browsers = select(SignedIn.user_id, SignedIn.seen_at).where(SignedIn.user_id.in_(user_ids))
    entries = select(audit.AuditEntry.actor_id, audit.AuditEntry.at).where(
        audit.AuditEntry.actor_id.in_(user_ids), audit.AuditEntry.action == "user.signed_in"
    )
    seen = browsers.union_all(entries).subquery()
    rows = session.execute(
        select(seen.c.user_id, func.max(seen.c.seen_at)).group_by(seen.c.user_id)
    )
    return {row[0]: row[1] for row in rows}
