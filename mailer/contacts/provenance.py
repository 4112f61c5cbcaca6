"""Where each value of a contact came from, and what was there before (R30, R85)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.contacts.models import Contact, FieldChange, Source
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import BASES, THIRD_PARTY_SOURCES

LONGEST_NAME = 200
LONGEST_URL = 2000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: a kind of the notice's sources, its name and its date."""

    kind: str
    name: str
    dated: date
    basis: str = "legitimate_interest"
    url: str | None = None


def source_kinds(notice: Notice) -> list[str]:
    """Kinds of source that a contact entered by hand may have.

    A list supplier's data comes by import, with the assurance that it needs (R34).
    """
    return sorted(notice.source_kinds - THIRD_PARTY_SOURCES - {"cookies", "email_tracking"})


def read_origin(
    values: Mapping[str, str], notice: Notice, *, now: datetime
) -> tuple[Origin | None, list[str]]:
    """The origin that somebody states, or which of source_kind, source_name, url, dated and basis
    cannot be used (R30, R33)."""
    kind, name = values.get("source_kind", ""), values.get("source_name", "").strip()
    url, basis = values.get("url", "").strip(), values.get("basis", "")
    dated = _day(values.get("dated", ""))
    wrong = {
        "source_kind": kind not in source_kinds(notice),
        "source_name": not name or len(name) > LONGEST_NAME,
        "url": len(url) > LONGEST_URL or (kind == "public_web" and not url.startswith("http")),
        "dated": dated is None or dated > now.date(),
        "basis": basis not in BASES,
    }
    if dated is None or any(wrong.values()):
        return None, [field for field, is_wrong in wrong.items() if is_wrong]
    return Origin(kind, name, dated, basis, url or None), []


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if 1900 < day.year < 2900 else None


def add_source(session: Session, origin: Origin, *, now: datetime, actor_id: int | None) -> Source:
    """The source of what is entered today under the same name; made at first use."""
    facts: dict[str, Any] = {
        "kind": origin.kind,
        "name": origin.name,
        "dated": origin.dated,
        "basis": origin.basis,
        "url": origin.url,
    }
    known = session.scalar(select(Source).filter_by(**facts).order_by(Source.id).limit(1))
    if known is not None:
        return known
    source = Source(**facts, created_at=now, created_by=actor_id)
    session.add(source)
    session.flush()
    return source


def history(session: Session, contact_id: int) -> list[FieldChange]:
    """What was in the fields before, newest first."""
    return list(
        session.scalars(
            select(FieldChange)
            .where(FieldChange.contact_id == contact_id)
            .order_by(FieldChange.id.desc())
        )
    )


def sources_of(session: Session, contact: Contact) -> dict[str, tuple[Source, date]]:
    """Where each field came from and when, "" for what is not noted otherwise (R30)."""
    noted = contact.field_sources or {}
    ids = {int(entry["source"]) for entry in noted.values()} | {contact.source_id}
    known = {s.id: s for s in session.scalars(select(Source).where(Source.id.in_(ids)))}
    origin = known[contact.source_id]
    found = {"": (origin, origin.dated)}
    for field, entry in noted.items():
        source = known.get(int(entry["source"]))
        if source is not None:
            found[field] = (source, date.fromisoformat(entry["at"]))
    return found


def staff_source(
    session: Session, contact: Contact, kind: str, *, now: datetime, actor_id: int | None
) -> Source:
    """The nameless source that corrections of one kind and day share."""
    basis = contact.basis or "legitimate_interest"
    origin = Origin(kind, "", now.date(), basis)
    return add_source(session, origin, now=now, actor_id=actor_id)


def write_history(
    session: Session,
    contact: Contact,
    changed: tuple[str, ...],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    source: Source,
    *,
    now: datetime,
    actor_id: int | None,
) -> None:
    session.add_all(
        FieldChange(
            contact_id=contact.id,
            field=name,
            old_value=as_text(old[name]),
            new_value=as_text(new[name]),
            source_id=source.id,
            actor_id=actor_id,
            at=now,
        )
        for name in changed
    )


def mark_sources(
    contact: Contact, changed: tuple[str, ...], source: Source, now: datetime, *, locked: bool
) -> None:
    mark: dict[str, Any] = {"source": source.id, "import": None, "at": now.date().isoformat()}
    if locked:
        mark["locked"] = True
    contact.field_sources = {**contact.field_sources, **dict.fromkeys(changed, mark)}


def as_text(value: Any) -> str | None:
    """A value as the history keeps it."""
    return ", ".join(value) if isinstance(value, list) else value
