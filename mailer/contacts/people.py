"""One contact at a time: entered by hand, corrected, restricted, released, deleted.

Every value keeps where it came from and every change what was there before (R30, R85). Two people
who edit the same contact are told of each other instead of the last one winning.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts import entry
from mailer.contacts.checked_rows import Company as Employer
from mailer.contacts.checked_rows import Row
from mailer.contacts.models import Company, Contact, FieldChange, Source, Suppression
from mailer.contacts.origins import Origin as ImportOrigin
from mailer.contacts.provenance import (
    Origin,
    add_source,
    mark_sources,
    staff_source,
    write_history,
)
from mailer.contacts.staged_companies import stage_companies
from mailer.contacts.suppression import Entry, suppress
from mailer.contacts.titles import RoleFacts, Titles, is_outside
from mailer.languages import N_
from mailer.notice import switches
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import OWN_SOURCES
from mailer.webhooks import outbox

# Who confirms data by telling it.
_WHO_KNOW = OWN_SOURCES | {"employer"}
EDITED = ("first_name", "last_name", "email", "phone", "title", "duties", "language", "note")
REFUSALS = {
    "known_address": N_("There is a contact with this address already."),
    "private_person_earlier": N_(
        "The address is on the do-not-import list: it was found to be a private person's."
    ),
    "erased_earlier": N_("The person has been erased at their own request and may not come back."),
    "duties_outside_offering": N_(
        "The work duties are outside what the notice says the offering concerns."
    ),
}


@dataclass(frozen=True, slots=True)
class Saved:
    """A contact is as the form says; `changed` names the fields that were not before."""

    contact: Contact
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The register itself says no: `code` is a key of REFUSALS, about `field`."""

    field: str
    code: str
    contact_id: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that somebody else has changed meanwhile: as it is, and as it would be."""

    field: str
    theirs: str
    mine: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody saved the contact after the form was opened. Nothing was changed."""

    version: int
    by: int | None
    at: datetime | None
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """What contacts that come together share, looked up once for all of them."""

    source: Source
    version_id: int | None
    titles: Titles
    companies: Mapping[Employer, int | None]


def share(
    session: Session,
    rows: Sequence[Row],
    origin: Origin,
    *,
    notice: Notice,
    now: datetime,
    actor_id: int | None,
    relationship: str = "prospect",
) -> Shared:
    """What checked rows of one origin share. Companies are made of those rows only that `create`
    would take."""
    titles = _titles(session, rows)
    taken = [
        row.company
        for row in rows
        if row.company is not None
        and not is_outside(
            row, titles.role(row.title, row.duties), relationship=relationship, notice=notice
        )
        and refusal(session, row, None) is None
    ]
    source = add_source(session, origin, now=now, actor_id=actor_id)
    employers = list(dict.fromkeys(taken))
    version = switches.version_in_force(session, now)
    return Shared(
        source,
        version.id if version else None,
        titles,
        dict(zip(employers, _companies(session, employers, source, now), strict=True)),
    )


def create(
    session: Session,
    row: Row,
    origin: Origin,
    *,
    notice: Notice,
    now: datetime,
    actor_id: int | None,
    relationship: str = "prospect",
    shared: Shared | None = None,
) -> Saved | Refused:
    """Add a contact from a checked form (mailer.contacts.entry). `shared`: of many at once."""
    if (problem := refusal(session, row, None)) is not None:
        return problem
    titles = shared.titles if shared else _titles(session, [row])
    role = titles.role(row.title, row.duties)
    if is_outside(row, role, relationship=relationship, notice=notice):
        return Refused("title", "duties_outside_offering")
    if shared is None:
        shared = share(
            session, [row], origin, notice=notice, now=now, actor_id=actor_id,
            relationship=relationship,
        )  # fmt: skip
    source = shared.source
    contact = Contact(
        company_id=_employer(session, row, shared, now),
        kind=row.kind,
        **{name: getattr(row, name) for name in EDITED},
        tags=list(row.tags),
        countries=list(row.countries),
        address_key=row.address_key,
        person_key=row.person_key,
        domain_key=row.domain_key,
        **_role_columns(role),
        basis=origin.basis,
        relationship_kind=relationship,
        source_id=source.id,
        notice_version_id=shared.version_id,
        collected_at=min(datetime.combine(origin.dated, time(), UTC), now),
        quarantined_at=now if row.quarantine else None,
        quarantine_reason=row.quarantine,
        created_at=now,
        updated_at=now,
    )
    contact.language = row.language or "fi"
    contact.phone = row.phone or None
    try:
        with session.begin_nested():
            session.add(contact)
    except IntegrityError:  # somebody else added the address this very moment
        return Refused("email", "known_address")
    outbox.note(session, "contact.created", [contact.id], now=now)
    audit.record(
        session, "contact.created", "contact", contact.id, now=now, actor_id=actor_id,
        source_id=source.id,
    )  # fmt: skip
    return Saved(contact, ())


def edit(
    session: Session,
    contact: Contact,
    row: Row,
    *,
    version: int,
    source_kind: str,
    fields: Collection[str],
    now: datetime,
    actor_id: int | None,
    origin: Origin | None = None,
) -> Saved | Refused | Conflict:
    """Set the `fields` of a contact to what a checked form says.

    What the person has told themselves is locked against later imports (R85). `origin` names where
    the values came from; without one they share a nameless source of their kind and day.
    """
    session.refresh(contact, with_for_update=True)
    if contact.version != version:
        return _conflict(session, contact, row, fields)
    new = _new_values(contact, row, fields)
    if (problem := refusal(session, row, contact.id)) is not None:
        return problem
    old = {name: getattr(contact, name) for name in new}
    changed = tuple(name for name in new if old[name] != new[name])
    if _changes_company(contact, row, fields, session):
        changed += ("company",)
    if not changed:
        return Saved(contact, ())
    source = (
        add_source(session, origin, now=now, actor_id=actor_id)
        if origin is not None
        else staff_source(session, contact, source_kind, now=now, actor_id=actor_id)
    )
    try:
        with session.begin_nested():
            _apply(session, contact, row, _Change(changed, old, new, source, now, actor_id))
    except IntegrityError:  # somebody else took the address this very moment
        return Refused("email", "known_address")
    outbox.note(session, "contact.changed", [contact.id], now=now)
    audit.record(
        session, "contact.edited", "contact", contact.id, now=now, actor_id=actor_id,
        fields=sorted(changed), source_id=source.id,
    )  # fmt: skip
    return Saved(contact, changed)


def has_role_by_hand(contact: Contact) -> bool:
    """Whether a person, and not the title, says what the duties are."""
    return contact.title_id is None and contact.role_set_at is not None


def refusal(session: Session, row: Row, contact_id: int | None) -> Refused | None:
    """Why the register does not take this address, if so."""
    known = session.scalar(select(Contact.id).where(Contact.email == row.email))
    if known is not None and known != contact_id:
        return Refused("email", "known_address", known)
    if known is not None:
        return None
    kinds = session.execute(
        select(Suppression.kind, Suppression.evidence).where(
            Suppression.key == row.address_key, Suppression.lifted_at.is_(None)
        )
    ).all()
    if any(kind == "private_person" for kind, _ in kinds):
        return Refused("email", "private_person_earlier")
    if any(evidence == "erasure" for _, evidence in kinds):
        return Refused("email", "erased_earlier")
    return None


@dataclass(frozen=True, slots=True)
class _Change:
    fields: tuple[str, ...]
    old: dict[str, Any]
    new: dict[str, Any]
    source: Source
    now: datetime
    actor_id: int | None


def _apply(session: Session, contact: Contact, row: Row, change: _Change) -> None:
    changed, source, now = change.fields, change.source, change.now
    old, new = change.old, change.new
    if "company" in changed:
        old["company"] = _company_name(session, contact.company_id)
        new["company"] = row.company.name if row.company else ""
        contact.company_id = _company(session, row, source, now)
    write_history(session, contact, changed, old, new, source, now=now, actor_id=change.actor_id)
    locked = source.kind in OWN_SOURCES
    mark_sources(contact, changed, source, now, locked=locked)
    for name in changed:
        if name != "company":
            setattr(contact, name, new[name])
    _set_keys(session, contact, row, changed, now)
    _set_role_of_title(session, contact, row, changed)
    if source.kind in _WHO_KNOW:
        contact.verified_at = now
    contact.version += 1
    contact.updated_at = now


def _new_values(contact: Contact, row: Row, fields: Collection[str]) -> dict[str, Any]:
    new: dict[str, Any] = {name: getattr(row, name) for name in EDITED if name in fields}
    if "phone" in new:
        new["phone"] = new["phone"] or None
    if "language" in new:
        new["language"] = new["language"] or contact.language
    if "tags" in fields:
        new["tags"] = list(row.tags)
    return new


def _changes_company(contact: Contact, row: Row, fields: Collection[str], session: Session) -> bool:
    if "company_name" not in fields or row.company is None:
        return False
    company = session.get(Company, contact.company_id) if contact.company_id else None
    if company is None:
        return True
    if row.company.business_id and company.business_id:
        return row.company.business_id != company.business_id
    return row.company.name_key != company.name_key or bool(row.company.business_id)


def _set_role_of_title(
    session: Session, contact: Contact, row: Row, changed: Collection[str]
) -> None:
    if not {"title", "duties"} & set(changed) or has_role_by_hand(contact):
        return
    contact.role_set_at = None
    role = _titles(session, [row]).role(row.title, row.duties)
    for name, value in _role_columns(role).items():
        setattr(contact, name, value)


def _set_keys(
    session: Session, contact: Contact, row: Row, changed: Collection[str], now: datetime
) -> None:
    """What follows from name, address and employer."""
    if {"first_name", "last_name", "email", "company"} & set(changed):
        contact.person_key = row.person_key
    if not {"email", "company"} & set(changed):
        return
    if contact.address_key != row.address_key:
        _carry_refusals(session, contact.address_key, row.address_key, now)
    contact.address_key, contact.domain_key = row.address_key, row.domain_key
    contact.kind, contact.countries = row.kind, list(row.countries)
    if row.quarantine and contact.quarantined_at is None:
        contact.quarantined_at, contact.quarantine_reason = now, row.quarantine


def _carry_refusals(session: Session, old: bytes, new: bytes, now: datetime) -> None:
    """Whoever said no has said it at their new address too (R49)."""
    said = session.scalars(
        select(Suppression.kind).where(
            Suppression.key == old,
            Suppression.lifted_at.is_(None),
            Suppression.kind.in_(["optout", "complaint", "manual"]),
        )
    )
    for kind in said.all():
        suppress(
            session, [Entry("address", new)], kind, origin="staff", now=now,
            evidence="the same person's earlier address",
        )  # fmt: skip


def _conflict(session: Session, contact: Contact, row: Row, fields: Collection[str]) -> Conflict:
    last = session.scalar(
        select(FieldChange)
        .where(FieldChange.contact_id == contact.id)
        .order_by(FieldChange.id.desc())
        .limit(1)
    )
    company = session.get(Company, contact.company_id) if contact.company_id else None
    theirs, mine = entry.values_of(contact, company), entry.values_of(row, row.company)
    differences = tuple(
        Difference(name, theirs[name], mine[name]) for name in fields if theirs[name] != mine[name]
    )
    return Conflict(
        contact.version,
        last.actor_id if last else None,
        last.at if last else contact.updated_at,
        differences,
    )


def _employer(session: Session, row: Row, shared: Shared, now: datetime) -> int | None:
    if row.company is None or row.company in shared.companies:
        return shared.companies[row.company] if row.company else None
    # What was in its way a moment ago is gone.
    return _company(session, row, shared.source, now)


def _company(session: Session, row: Row, source: Source, now: datetime) -> int | None:
    """The company that a row names, found or made."""
    return _companies(session, [row.company], source, now)[0] if row.company else None


def _companies(
    session: Session, employers: Sequence[Employer], source: Source, now: datetime
) -> list[int | None]:
    """The companies, found or made, in their order."""
    origin = ImportOrigin(
        import_id=None,  # type: ignore[arg-type] # typed by hand: no file
        source_id=source.id,
        source_kind=source.kind,
        dated=source.dated,
        basis=source.basis,
        relationship="",
        notice_version_id=0,
        default_language="",
        rules={},
        now=now,
    )
    return stage_companies(session, employers, origin, dry_run=False)[0]


def _company_name(session: Session, company_id: int | None) -> str:
    company = session.get(Company, company_id) if company_id else None
    return company.name if company else ""


def _titles(session: Session, rows: Sequence[Row]) -> Titles:
    titles = Titles()
    titles.learn(session, [row.title for row in rows], dry_run=False)
    return titles


def _role_columns(role: RoleFacts) -> dict[str, Any]:
    return {
        "title_id": role.title_id,
        "functions": list(role.functions),
        "level": role.level,
        "role_confidence": role.confidence,
        "role_evidence": role.evidence,
    }
