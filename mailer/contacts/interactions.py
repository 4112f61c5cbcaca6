"""What is noted about dealings with people and companies: recorded, corrected, deleted (R23, R24).

What is said twice under one source and external id is there once. A commercial row is held by law:
nobody deletes it before its day, and it outlives its person without anything about them (R104).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts.interaction_entry import Entry, Refused, check, held_until, tidied
from mailer.contacts.interaction_holds import is_held
from mailer.contacts.interaction_models import Interaction
from mailer.contacts.interaction_repeats import Recorded, store
from mailer.contacts.models import Company, Contact, Source
from mailer.notice import switches

_CORRECTED = ("kind", "at", "title", "body", "amount", "currency", "reference")
# What makes two tellings the same. The company may be another by now: people change employers.
_TOLD = ("contact_id", *_CORRECTED)


@dataclass(frozen=True, slots=True)
class Corrected:
    """It is as the entry says; `changed` names the columns that were not before."""

    changed: tuple[str, ...]


def record(
    session: Session, entry: Entry, source: Source, *, now: datetime, actor_id: int | None
) -> Recorded | Refused:
    """Note what happened, with a line in the audit log."""
    [outcome] = record_many(session, [entry], source, now=now, actor_id=actor_id)
    if isinstance(outcome, Recorded) and outcome.new:
        audit.record(
            session, "interaction.noted", "interaction", outcome.id, now=now, actor_id=actor_id,
            kind=entry.kind, contact_id=entry.contact_id, company_id=entry.company_id,
        )  # fmt: skip
    return outcome


def record_many(
    session: Session,
    entries: Sequence[Entry],
    source: Source,
    *,
    now: datetime,
    actor_id: int | None,
) -> list[Recorded | Refused]:
    """Note what happened, a batch with few statements; outcomes in the order of the entries.

    At most some thousand entries at once. The caller writes the audit log.
    """
    tidy = [tidied(entry) for entry in entries]
    notice = switches.in_force(session, now)
    refused: dict[int, Refused] = {}
    for at, entry in enumerate(tidy):
        if (problem := check(entry, notice, now=now)) is not None:
            refused[at] = problem
    tidy, gone = _with_parties(session, tidy, skip=refused)
    refused |= gone
    rows = [
        _values(entry, source, now=now, actor_id=actor_id)
        for at, entry in enumerate(tidy)
        if at not in refused
    ]
    recorded = iter(
        store(session, Interaction, source.id, rows, told=_TOLD, otherwise="known_otherwise")
    )
    return [refused[at] if at in refused else next(recorded) for at in range(len(tidy))]


def correct(
    session: Session,
    interaction_id: int,
    entry: Entry,
    *,
    version: int,
    now: datetime,
    actor_id: int,
) -> Corrected | Refused:
    """Set an interaction to what the entry says, of whoever it is about (R85).

    A correction never shortens a hold and never ends one.
    """
    row = _locked(session, interaction_id)
    if row is None:
        return Refused("", "gone")
    if row.version != version:
        return Refused("", "changed_meanwhile")
    if _is_restricted(session, row):
        return Refused("", "contact_restricted")
    entry = tidied(replace(entry, contact_id=row.contact_id, company_id=row.company_id))
    notice = switches.in_force(session, now)
    if (problem := check(entry, notice, now=now, had=row.kind)) is not None:
        return problem
    until = held_until(entry)
    if is_held(row, now):
        if until is None:
            return Refused("kind", "held_kind")
        until = max(until, row.held_until or until)
    values = {**_facts(entry), "held_until": until}
    changed = tuple(name for name, value in values.items() if getattr(row, name) != value)
    if changed:
        for name in changed:
            setattr(row, name, values[name])
        row.version += 1
        row.updated_at = now
        session.flush()
        audit.record(
            session, "interaction.corrected", "interaction", row.id, now=now, actor_id=actor_id,
            fields=sorted(changed), contact_id=row.contact_id, company_id=row.company_id,
        )  # fmt: skip
    return Corrected(changed)


def remove(
    session: Session, interaction_id: int, *, now: datetime, actor_id: int
) -> Refused | None:
    """Delete an interaction, unless the law holds it."""
    row = _locked(session, interaction_id)
    if row is None:
        return Refused("", "gone")
    if is_held(row, now):
        return Refused("", "held")
    if _is_restricted(session, row):
        return Refused("", "contact_restricted")
    facts = {"kind": row.kind, "contact_id": row.contact_id, "company_id": row.company_id}
    session.delete(row)
    session.flush()
    audit.record(
        session, "interaction.deleted", "interaction", interaction_id, now=now, actor_id=actor_id,
        **facts,
    )  # fmt: skip
    return None


def _with_parties(
    session: Session, entries: Sequence[Entry], *, skip: Mapping[int, Refused]
) -> tuple[list[Entry], dict[int, Refused]]:
    """The entries, each with the company of its person; and those that nobody is there for."""
    wanted = [entry for at, entry in enumerate(entries) if at not in skip]
    people = _people(session, {e.contact_id for e in wanted if e.contact_id is not None})
    companies = _companies(session, {e.company_id for e in wanted if e.company_id is not None})
    found, refused = list(entries), {}
    for at, entry in enumerate(entries):
        if at in skip:
            continue
        person = people.get(entry.contact_id) if entry.contact_id is not None else None
        code = _problem_of_party(entry, person, companies)
        if code is not None:
            refused[at] = Refused("", code)
        elif person is not None and entry.company_id is None:
            found[at] = replace(entry, company_id=person.company_id)
    return found, refused


def _people(session: Session, ids: Collection[int]) -> dict[int, Any]:
    # Nobody deletes them before this is committed.
    rows = session.execute(
        select(Contact.id, Contact.company_id, Contact.restricted_at, Contact.erased_at)
        .where(Contact.id.in_(ids))
        .order_by(Contact.id)
        .with_for_update(read=True, key_share=True)
    )
    return {row.id: row for row in rows}


def _companies(session: Session, ids: Collection[int]) -> frozenset[int]:
    return frozenset(
        session.scalars(
            select(Company.id)
            .where(Company.id.in_(ids))
            .order_by(Company.id)
            .with_for_update(read=True, key_share=True)
        )
    )


def _problem_of_party(entry: Entry, person: Any, companies: frozenset[int]) -> str | None:
    if entry.contact_id is not None and (person is None or person.erased_at is not None):
        return "contact_gone"
    if person is not None and person.restricted_at is not None:
        return "contact_restricted"
    if entry.company_id is not None and entry.company_id not in companies:
        return "company_gone"
    return None


def _facts(entry: Entry) -> dict[str, Any]:
    facts = {name: getattr(entry, name) for name in _CORRECTED}
    facts["currency"] = entry.currency if entry.amount is not None else None
    return facts


def _values(entry: Entry, source: Source, *, now: datetime, actor_id: int | None) -> dict[str, Any]:
    return {
        **_facts(entry),
        "contact_id": entry.contact_id,
        "company_id": entry.company_id,
        "held_until": held_until(entry),
        "source_id": source.id,
        "external_id": entry.external_id,
        "created_by": actor_id,
        "created_at": now,
        "updated_at": now,
    }


def _locked(session: Session, interaction_id: int) -> Interaction | None:
    """The row for changing it. One that has outlived its person is not changed any more."""
    return session.scalar(
        select(Interaction)
        .where(Interaction.id == interaction_id, Interaction.detached_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _is_restricted(session: Session, row: Interaction) -> bool:
    if row.contact_id is None:
        return False
    return (
        session.scalar(
            select(Contact.restricted_at.is_not(None)).where(Contact.id == row.contact_id)
        )
        is True
    )
