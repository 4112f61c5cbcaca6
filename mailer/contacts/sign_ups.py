"""Signing up with double opt-in: what is typed waits until its address is proven (R28, R30).

What the form answers never depends on whether an address is known, suppressed or written to.
Nothing enters the register before the person has pressed the button behind the link that only
their mailbox got, and that act alone takes an earlier opt-out of theirs back.
"""

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from mailer.contacts import entry
from mailer.contacts.checked_rows import Row
from mailer.contacts.models import Contact
from mailer.contacts.sign_up_models import SignUp, SignUpForm, SignUpWording
from mailer.contacts.titles import Titles, is_outside
from mailer.keys import keyed_hash
from mailer.languages import N_
from mailer.notice.schema import Notice

# What is typed is deleted after a week; a link works as long as what it confirms is there.
KEPT = timedelta(days=7)
# Nobody's mailbox gets two confirmations within this time, whoever types their address.
APART = timedelta(minutes=10)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# How many messages somebody else can cause: to a mailbox a day; to a mail domain, from a network
# and by a form an hour.
MOST_TO_ADDRESS = 3
MOST_TO_DOMAIN = 60
MOST_FROM_NETWORK = 20
MOST_BY_FORM = 300
LONGEST_TYPED = 500

PROBLEMS = {
    "missing": N_("Fill this in: without it you cannot be added."),
    "too_long": N_("The text is too long."),
    "outside": N_("The work duties are outside what our messages are about."),
}


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed, read: the row it would be, and what is wrong, by field."""

    values: Mapping[str, str]
    row: Row
    problems: Mapping[str, str]


def read(
    session: Session, form: SignUpForm, values: Mapping[str, str], notice: Notice, language: str
) -> Typed:
    """Check what was typed. Asks nothing about whether anybody is in the register."""
    names = ("email", *(name for name in form.fields if name in notice.fields))
    typed = {name: _tidy(values.get(name, "")) for name in names}
    if "language" in notice.fields:
        typed["language"] = language
    problems = {name: PROBLEMS["too_long"] for name in names if len(typed[name]) > LONGEST_TYPED}
    if problems:
        return Typed(
            {name: value[:LONGEST_TYPED] for name, value in typed.items()}, Row(1), problems
        )
    checked = entry.read(typed, notice)
    problems = {
        field if field in names else "email": entry.PROBLEMS[code]
        for field, code in checked.problems.items()
    }
    for name in names:
        if not typed[name] and (name == "email" or name in form.required):
            problems[name] = PROBLEMS["missing"]
    if not problems and _is_outside(session, checked.row, notice):
        problems["title" if "title" in names else "email"] = PROBLEMS["outside"]
    return Typed(typed, checked.row, problems)


def _tidy(text: str) -> str:
    # PostgreSQL cannot store NUL, and nobody types it.
    return " ".join(text.replace("\0", " ").split())


def _is_outside(session: Session, row: Row, notice: Notice) -> bool:
    titles = Titles()
    titles.learn(session, [row.title], dry_run=True)
    role = titles.role(row.title, row.duties)
    return is_outside(row, role, relationship="prospect", notice=notice)


def network_key(address: str) -> bytes:
    """The key of the network that a request came from: a customer's share, not one address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return keyed_hash("network:")
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    network = ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False)
    return keyed_hash(f"network:{network}")


def is_busy(session: Session, network: bytes, *, now: datetime) -> bool:
    """Whether a network has typed as much as it may for now."""
    return _count(session, SignUp.network_key == network, since=now - HOUR) >= MOST_FROM_NETWORK


def take(
    session: Session,
    form: SignUpForm,
    wording: SignUpWording,
    typed: Typed,
    *,
    language: str,
    network: bytes,
    now: datetime,
) -> bool:
    """Keep what was typed until it is confirmed. False where a limit is reached: nothing is kept.

    The caller answers the same either way.
    """
    row = typed.row
    # In one order for everybody, and until the transaction ends: a hundred at once are counted.
    for key in sorted({row.address_key, row.domain_key, network}):
        _lock(session, key)
    by_form = _count(session, SignUp.form_id == form.id, since=now - HOUR)
    if by_form >= MOST_BY_FORM or is_busy(session, network, now=now):
        return False
    if _is_pestered(session, row, now):
        return False
    # Only the last is confirmed; what waited still for its message is replaced.
    session.execute(
        delete(SignUp).where(SignUp.address_key == row.address_key, SignUp.state == "waiting")
    )
    session.add(
        SignUp(
            form_id=form.id,
            wording_id=wording.id,
            language=language,
            typed=dict(typed.values),
            address_key=row.address_key,
            domain_key=row.domain_key,
            network_key=network,
            created_at=now,
            next_at=now,
        )
    )
    session.execute(
        update(SignUpForm).where(SignUpForm.id == form.id).values(typed=SignUpForm.typed + 1)
    )
    session.flush()
    return True


def _is_pestered(session: Session, row: Row, now: datetime) -> bool:
    to_address = SignUp.address_key == row.address_key
    return (
        _count(session, to_address, since=now - APART) > 0
        or _count(session, to_address, since=now - DAY) >= MOST_TO_ADDRESS
        or _count(session, SignUp.domain_key == row.domain_key, since=now - HOUR) >= MOST_TO_DOMAIN
    )


def _count(session: Session, which: object, *, since: datetime) -> int:
    found = session.scalar(
        select(func.count()).select_from(SignUp).where(which, SignUp.created_at > since)  # type: ignore[arg-type]
    )
    return found or 0


def _lock(session: Session, key: bytes) -> None:
    number = int.from_bytes(key[:8], "big", signed=True)
    session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def forget_old(session: Session, *, now: datetime) -> int:
    """Delete what was typed and not confirmed within a week; how many that was.

    Whence it came is forgotten as soon as the limits need it no more: no notice lets us keep
    addresses of networks (R22).
    """
    session.execute(
        update(SignUp)
        .where(SignUp.created_at < now - HOUR, SignUp.network_key != b"")
        .values(network_key=b"")
    )
    gone = session.execute(
        delete(SignUp)
        .where(SignUp.created_at < now - KEPT, SignUp.confirmed_at.is_(None))
        .returning(SignUp.id)
    )
    return len(gone.all())


def forget_of(session: Session, contact_ids: Collection[int]) -> None:
    """Delete what waits to be confirmed from the addresses of people who are being deleted."""
    keys = select(Contact.address_key).where(Contact.id.in_(contact_ids))
    session.execute(
        delete(SignUp).where(SignUp.address_key.in_(keys), SignUp.confirmed_at.is_(None))
    )


def wording_of(session: Session, sign_up: SignUp) -> tuple[SignUpForm, SignUpWording]:
    """The form that was filled in and the words that were read."""
    form = session.get_one(SignUpForm, sign_up.form_id)
    return form, session.get_one(SignUpWording, sign_up.wording_id)
