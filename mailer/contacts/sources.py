"""The sources of the register: who came from where, and what a supplier has assured (R30-R36)."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts.models import Company, Contact, Source
from mailer.notice.vocabulary import THIRD_PARTY_SOURCES


@dataclass(frozen=True, slots=True)
class Listed:
    """A source and how many people and companies of the register it brought."""

    source: Source
    people: int
    companies: int


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms data of a source may be used."""

    assurance: str
    assured_at: date | None
    expires: date | None
    marketing_allowed: bool


def needs_assurance(source: Source) -> bool:
    """Whether somebody else must have ensured that the data is lawful (R34)."""
    return source.kind in THIRD_PARTY_SOURCES


def is_unassured(source: Source) -> bool:
    """Whether the assurance that the source needs is missing, so that its people are blocked."""
    return needs_assurance(source) and not (source.assurance and source.assured_at)


def page(
    session: Session, *, unassured: bool = False, limit: int = 50, offset: int = 0
) -> tuple[list[Listed], int]:
    """Some of the sources, newest first, and how many there are. Corrections by staff, which have
    no name, are not among them."""
    wanted = _wanted(unassured=unassured)
    total = session.scalar(select(func.count(Source.id)).where(*wanted)) or 0
    found = session.scalars(
        select(Source).where(*wanted).order_by(Source.id.desc()).limit(limit).offset(offset)
    ).all()
    people = _counts(session, Contact, [source.id for source in found])
    companies = _counts(session, Company, [source.id for source in found])
    listed = [Listed(each, people.get(each.id, 0), companies.get(each.id, 0)) for each in found]
    return listed, total


def look(session: Session, source: Source) -> Listed:
    """One source with its numbers."""
    people = _counts(session, Contact, [source.id])
    companies = _counts(session, Company, [source.id])
    return Listed(source, people.get(source.id, 0), companies.get(source.id, 0))


def unassured(session: Session) -> int:
    """How many sources that brought people lack the assurance they need."""
    brought = exists().where(Contact.source_id == Source.id, Contact.erased_at.is_(None))
    wanted = select(func.count(Source.id)).where(*_wanted(unassured=True), brought)
    return session.scalar(wanted) or 0


def set_terms(
    session: Session, source: Source, terms: Terms, *, now: datetime, actor_id: int
) -> bool:
    """Store a source's assurance and what it allows; whether anything changed. The gate reads it
    from the next question on, for this source's people only.

    Raises ValueError for an assurance without its date, a date without one, or one to come.
    """
    if bool(terms.assurance) != (terms.assured_at is not None):
        raise ValueError("an assurance is dated")
    if terms.assured_at is not None and terms.assured_at > now.date():
        raise ValueError("an assurance has been given")
    session.refresh(source, with_for_update=True)
    old = Terms(source.assurance or "", source.assured_at, source.expires, source.marketing_allowed)
    if old == terms:
        return False
    source.assurance, source.assured_at = terms.assurance or None, terms.assured_at
    source.expires, source.marketing_allowed = terms.expires, terms.marketing_allowed
    audit.record(
        session, "source.terms_changed", "source", source.id, now=now, actor_id=actor_id,
        assured=bool(terms.assurance), assured_at=_iso(terms.assured_at),
        assured_before=bool(old.assurance), expires=_iso(terms.expires),
        expires_before=_iso(old.expires), marketing_allowed=terms.marketing_allowed,
    )  # fmt: skip
    return True


def _wanted(*, unassured: bool) -> list[ColumnElement[bool]]:
    wanted = [Source.name != ""]
    if unassured:
        wanted += [
            Source.kind.in_(sorted(THIRD_PARTY_SOURCES)),
            (Source.assurance.is_(None)) | (Source.assured_at.is_(None)),
        ]
    return wanted


def _counts(
    session: Session, table: type[Contact] | type[Company], ids: list[int]
) -> dict[int, int]:
    wanted = [table.source_id.in_(ids)]
    if table is Contact:
        wanted.append(Contact.erased_at.is_(None))
    rows = session.execute(
        select(table.source_id, func.count()).where(*wanted).group_by(table.source_id)
    )
    return {row[0]: row[1] for row in rows}


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None
