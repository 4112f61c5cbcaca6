"""Who must be told where their data came from, until which day, and what follows if nobody does.

GDPR 14(3)(a): within one month of obtaining the data, and with the first message at the latest;
messages carry the information by themselves (R48). Here is the clock for those whom no message
reaches in time. It runs from when the data came into this register, by whole calendar months, and
its last day is the same day of the next month or that month's last.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVarTuple

from dateutil.relativedelta import relativedelta
from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts import removal
from mailer.contacts.models import Company, Contact, Source
from mailer.languages import N_, TIMEZONE
from mailer.notice.vocabulary import OWN_SOURCES

# How somebody was informed otherwise than by a message of ours.
WAYS = {
    "letter": N_("By letter"),
    "email": N_("By e-mail"),
    "phone": N_("By phone"),
    "in_person": N_("Face to face"),
    "has_it": N_("They have the information already, for example as a customer"),
}
# Blocked people who are nobody's customer are kept this long, so that an oversight can be mended.
KEPT_BLOCKED = timedelta(days=14)
SOON = 7
BATCH = 1000
Columns = TypeVarTuple("Columns")


@dataclass(frozen=True, slots=True)
class Which:
    """Those who wait: all, or one source's, or only those whose time is over, or one contact."""

    source_id: int | None = None
    overdue: bool = False
    contact_id: int | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who has not been informed yet. `days_left` is below zero when it is too late."""

    id: int
    name: str
    email: str
    company: str | None
    source: Source
    until: date
    days_left: int
    blocked: bool


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many wait; of them, how many within SOON days, and how many are too late."""

    waiting: int
    soon: int
    overdue: int
    blocked: int


def deadline(obtained: date) -> date:
    """The last day on which somebody whose data was obtained that day is informed in time.

    >>> deadline(date(2027, 1, 31))
    datetime.date(2027, 2, 28)
    """
    return obtained + relativedelta(months=1)


def first_in_time(today: date) -> date:
    """The first day of obtaining data whose deadline has not passed by `today`."""
    day = today - relativedelta(months=1)
    while deadline(day) < today:
        day += timedelta(days=1)
    while deadline(day - timedelta(days=1)) >= today:
        day -= timedelta(days=1)
    return day


def page(
    session: Session, which: Which, *, now: datetime, limit: int = 50, offset: int = 0
) -> tuple[list[Waiting], int]:
    """Some of those who wait, whose time ends first before the others, and how many there are."""
    wanted = _wanted(which, now)
    total = session.scalar(_joined(select(func.count(Contact.id))).where(*wanted)) or 0
    rows = session.execute(
        _joined(select(Contact, Source, Company.name))
        .outerjoin(Company, Company.id == Contact.company_id)
        .where(*wanted)
        .order_by(Contact.created_at, Contact.id)
        .limit(limit)
        .offset(offset)
    )
    today = _day(now)
    return [_waiting(*row, today=today) for row in rows], total


def numbers(session: Session, *, now: datetime) -> Numbers:
    """How many wait and how urgent it is."""
    today = _day(now)
    late, soon = _start(first_in_time(today)), _start(first_in_time(today + timedelta(days=SOON)))
    row = session.execute(
        _joined(
            select(
                func.count(),
                func.count().filter(Contact.created_at >= late, Contact.created_at < soon),
                func.count().filter(Contact.created_at < late),
                func.count().filter(Contact.art14_overdue_at.is_not(None)),
            ).select_from(Contact)
        ).where(*_wanted(Which(), now))
    ).one()
    return Numbers(*row)


def blocked(session: Session) -> int:
    """How many get no messages because their month is over; quick, whatever the register holds."""
    statement = _joined(select(func.count(Contact.id)))
    return (
        session.scalar(
            statement.where(
                Contact.art14_overdue_at.is_not(None),
                Contact.art14_informed_at.is_(None),
                Contact.erased_at.is_(None),
                Contact.restricted_at.is_(None),
                Source.kind.not_in(sorted(OWN_SOURCES)),
            )
        )
        or 0
    )


def sources(session: Session, *, now: datetime) -> list[tuple[Source, int]]:
    """The sources whose people wait, and how many of each do; the most first."""
    rows = session.execute(
        _joined(select(Source, func.count()).select_from(Contact))
        .where(*_wanted(Which(), now))
        .group_by(Source.id)
        .order_by(func.count().desc(), Source.id)
    )
    return [(source, number) for source, number in rows]


def record(
    session: Session, which: Which, *, way: str, on: date, now: datetime, actor_id: int | None
) -> int:
    """Write down that people were informed by a way of WAYS on a day; how many they were.

    Raises ValueError for a way that is not one, a day that has not come yet, or everybody at once.
    """
    if way not in WAYS or on > _day(now):
        raise ValueError("informing needs a known way and a day that has come")
    if which.source_id is None and which.contact_id is None:
        raise ValueError("informing is written down for one source or one contact")
    moment = min(datetime.combine(on, time(12), TIMEZONE).astimezone(UTC), now)
    informed = session.execute(
        update(Contact)
        .where(Contact.id.in_(_joined(select(Contact.id)).where(*_wanted(which, now))))
        .values(art14_informed_at=moment, art14_way=way, updated_at=now)
        .returning(Contact.id)
    ).all()
    if informed:
        audit.record(
            session,
            "contacts.informed",
            "contact" if which.contact_id is not None else "source",
            which.contact_id or which.source_id,
            now=now, actor_id=actor_id, way=way, on=on.isoformat(), overdue_only=which.overdue,
            people=len(informed),
        )  # fmt: skip
    return len(informed)


def mark_overdue(session: Session, *, now: datetime) -> int:
    """Mark those whose month is over, so that the gate blocks them; how many are marked now.

    At most BATCH at a time: whoever sends waits for the rows.
    """
    late = (
        _joined(select(Contact.id))
        .where(*_wanted(Which(overdue=True), now), Contact.art14_overdue_at.is_(None))
        .order_by(Contact.id)
        .limit(BATCH)
    )
    marked = session.execute(
        update(Contact)
        .where(Contact.id.in_(late))
        .values(art14_overdue_at=now)
        .returning(Contact.id)
    ).all()
    if marked:
        audit.record(
            session, "contacts.not_informed_in_time", "contact", None, now=now, people=len(marked)
        )
    return len(marked)


def delete_uninformed(session: Session, *, now: datetime) -> int:
    """Delete those who have been blocked for KEPT_BLOCKED and still know nothing; how many, and
    at most BATCH at a time.

    Whoever is or was a customer stays blocked: they know us, and invoices may hang on them.
    """
    ids = session.scalars(
        _joined(select(Contact.id))
        .where(
            *_wanted(Which(overdue=True), now),
            Contact.art14_overdue_at < now - KEPT_BLOCKED,
            Contact.relationship_kind == "prospect",
        )
        .order_by(Contact.id)
        .limit(BATCH)
    ).all()
    if ids:
        removal.remove_all(session, ids, now=now)
        audit.record(
            session, "contacts.uninformed_deleted", "contact", None, now=now, people=len(ids),
            ids=list(ids),
        )  # fmt: skip
    return len(ids)


def _joined(statement: Select[*Columns]) -> Select[*Columns]:
    return statement.join(Source, Source.id == Contact.source_id)


def _wanted(which: Which, now: datetime) -> list[ColumnElement[bool]]:
    wanted = [
        Contact.art14_informed_at.is_(None),
        Contact.erased_at.is_(None),
        # Whose processing is restricted is only stored (R91); a mailbox is nobody's own data.
        Contact.restricted_at.is_(None),
        Contact.kind != "shared_mailbox",
        Source.kind.not_in(sorted(OWN_SOURCES)),
    ]
    if which.source_id is not None:
        wanted.append(Contact.source_id == which.source_id)
    if which.contact_id is not None:
        wanted.append(Contact.id == which.contact_id)
    if which.overdue:
        wanted.append(Contact.created_at < _start(first_in_time(_day(now))))
    return wanted


def _waiting(contact: Contact, source: Source, company: str | None, *, today: date) -> Waiting:
    until = deadline(_day(contact.created_at))
    return Waiting(
        contact.id,
        f"{contact.first_name} {contact.last_name}".strip(),
        contact.email,
        company,
        source,
        until,
        (until - today).days,
        contact.art14_overdue_at is not None,
    )


def _day(moment: datetime) -> date:
    """The calendar day where the controller is."""
    return moment.astimezone(TIMEZONE).date()


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), TIMEZONE).astimezone(UTC)
