"""Data that is too old to be used unchecked, and writing down that it has been checked (R44).

How old is too old is the notice's `revalidate_months`. A check says that the data is right; it
changes nothing of it, and no period of retention begins anew by it (R100).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from dateutil.relativedelta import relativedelta
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts.models import Company, Contact, Import, Source
from mailer.contacts.provenance import Origin, add_source
from mailer.languages import TIMEZONE
from mailer.notice.schema import Notice

SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Which:
    """Whose data is too old: all, of one source, of one import, or one contact's, old or not.

    `soon`: also whose data will be too old within SOON.
    """

    source_id: int | None = None
    import_id: int | None = None
    contact_id: int | None = None
    soon: bool = False

    @property
    def narrowed(self) -> bool:
        """Whether it is about something in particular."""
        return (self.source_id, self.import_id, self.contact_id) != (None, None, None)


@dataclass(frozen=True, slots=True)
class Stale:
    """Somebody whose data needs a check. `checked`: when it was right last."""

    id: int
    name: str
    email: str
    title: str
    company: str | None
    source: Source
    checked: datetime
    blocked: bool


def last_right() -> ColumnElement[datetime]:
    """SQL: when a contact's data was known to be right last."""
    return func.coalesce(Contact.verified_at, Contact.collected_at)


def stale_before(months: int, now: datetime) -> datetime:
    """The moment before which data is too old to be used."""
    return now - relativedelta(months=months)


def page(
    session: Session,
    which: Which,
    notice: Notice,
    *,
    now: datetime,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Stale], int]:
    """Some of those whose data needs a check, the oldest first, and how many there are."""
    wanted, limit_at = _wanted(which, notice, now), stale_before(notice.revalidate_months, now)
    total = session.scalar(select(func.count(Contact.id)).where(*wanted)) or 0
    rows = session.execute(
        select(Contact, Source, Company.name)
        .join(Source, Source.id == Contact.source_id)
        .outerjoin(Company, Company.id == Contact.company_id)
        .where(*wanted)
        .order_by(last_right(), Contact.id)
        .limit(limit)
        .offset(offset)
    )
    return [_stale(*row, limit_at=limit_at) for row in rows], total


def sources(session: Session, notice: Notice, *, now: datetime) -> list[tuple[Source, int]]:
    """The sources of people whose data needs a check, and how many of each; the most first."""
    rows = session.execute(
        select(Source, func.count())
        .join(Contact, Contact.source_id == Source.id)
        .where(*_wanted(Which(soon=True), notice, now))
        .group_by(Source.id)
        .order_by(func.count().desc(), Source.id)
    )
    return [(source, number) for source, number in rows]


def imports(session: Session, notice: Notice, *, now: datetime) -> list[tuple[Import, int]]:
    """The imports that brought people whose data needs a check, and how many; the newest first."""
    rows = session.execute(
        select(Import, func.count())
        .join(Contact, Contact.import_id == Import.id)
        .where(*_wanted(Which(soon=True), notice, now))
        .group_by(Import.id)
        .order_by(Import.id.desc())
    )
    return [(entry, number) for entry, number in rows]


def record(
    session: Session,
    which: Which,
    origin: Origin,
    notice: Notice,
    *,
    now: datetime,
    actor_id: int,
) -> int:
    """Write down that data was found right by comparing it with a source; of how many people.

    Raises ValueError for everybody at once, or a day that has not come yet.
    """
    if not which.narrowed:
        raise ValueError("a check is written down for one source, one import or one contact")
    if origin.dated > now.astimezone(TIMEZONE).date():
        raise ValueError("a check is written down when it has been made")
    moment = min(datetime.combine(origin.dated, time(12), TIMEZONE).astimezone(UTC), now)
    source = add_source(session, origin, now=now, actor_id=actor_id)
    checked = session.execute(
        update(Contact)
        .where(
            *_wanted(which, notice, now),
            # What is known to have been right later is not made older.
            last_right() < moment,
        )
        .values(verified_at=moment, verified_source_id=source.id, updated_at=now)
        .returning(Contact.id)
    ).all()
    if checked:
        audit.record(
            session, "contacts.checked", "source", source.id, now=now, actor_id=actor_id,
            people=len(checked), on=origin.dated.isoformat(), **_named(which),
        )  # fmt: skip
    return len(checked)


def checked_against(session: Session, contact: Contact) -> Source | None:
    """What a contact's data was compared with last; None where the data itself came later."""
    if contact.verified_source_id is None or contact.verified_at is None:
        return None
    source = session.get(Source, contact.verified_source_id)
    day = contact.verified_at.astimezone(TIMEZONE).date()
    return source if source is not None and source.dated == day else None


def _named(which: Which) -> Mapping[str, int]:
    named = {
        "of_source": which.source_id,
        "of_import": which.import_id,
        "of_contact": which.contact_id,
    }
    return {key: value for key, value in named.items() if value is not None}


def _wanted(which: Which, notice: Notice, now: datetime) -> list[ColumnElement[bool]]:
    # Whose processing is restricted is only stored (R91).
    wanted: list[ColumnElement[bool]] = [
        Contact.erased_at.is_(None),
        Contact.restricted_at.is_(None),
    ]
    if which.source_id is not None:
        wanted.append(Contact.source_id == which.source_id)
    if which.import_id is not None:
        wanted.append(Contact.import_id == which.import_id)
    if which.contact_id is not None:
        return [*wanted, Contact.id == which.contact_id]
    limit = stale_before(notice.revalidate_months, now + SOON if which.soon else now)
    return [*wanted, last_right() < limit]


def _stale(contact: Contact, source: Source, company: str | None, *, limit_at: datetime) -> Stale:
    checked = contact.verified_at or contact.collected_at
    return Stale(
        contact.id,
        f"{contact.first_name} {contact.last_name}".strip(),
        contact.email,
        contact.title,
        company,
        source,
        checked,
        checked < limit_at,
    )
