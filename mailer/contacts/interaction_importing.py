"""A file of dealings -> the register: each row recorded, known already, or refused by name.

Nobody is made by it: who is not in the register yet comes by the import of contacts. The same file
a second time changes nothing, also where its rows have no ids of their own.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts import csv_file, interactions, web_visits, workbook
from mailer.contacts.columns import Dropped
from mailer.contacts.importing import take_turn
from mailer.contacts.interaction_columns import MISSING, Plan, kind_names, plan
from mailer.contacts.interaction_entry import Entry, Refused
from mailer.contacts.interaction_rows import Problem, Row, read
from mailer.contacts.models import Company, Contact, Import, Source
from mailer.languages import N_, TIMEZONE, gettext
from mailer.notice import switches
from mailer.notice.vocabulary import THIRD_PARTY_SOURCES

CHUNK = 1_000
LONGEST_NAME = 200
# Dealings with people are our own or come from who does our work: not from lists or the web.
UNFIT_SOURCES = THIRD_PARTY_SOURCES | {"public_web", "social_media", "email_tracking"}
REFUSALS = {
    "no_notice": N_(
        "No privacy notice is in force, so nothing may be imported. Publish the notice first."
    ),
    "source_name_missing": N_("Say where the dealings came from, in at most 200 characters."),
    "source_kind_undeclared": N_("The privacy notice does not declare sources of this kind."),
    "source_kind_unfit": N_("Dealings with people do not come from sources of this kind."),
    **MISSING,
    **csv_file.PROBLEMS,
}


class RefusedError(Exception):
    """The file as a whole is not imported; `code` is a key of REFUSALS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def sentence(self) -> str:
        """Why, in the language in force."""
        return gettext(REFUSALS[self.code])


@dataclass(slots=True)
class Result:
    """What became of the rows of a file."""

    rows: int = 0
    new: int = 0
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)
    dropped: Sequence[Dropped] = ()

    @property
    def codes(self) -> dict[str, int]:
        """How many rows were refused for which reason."""
        return dict(Counter(problem.code for problem in self.problems))


def run(
    session: Session,
    content: bytes,
    *,
    source_name: str,
    source_kind: str,
    basis: str,
    now: datetime,
    actor_id: int | None = None,
) -> Result:
    """Import a file. Raises RefusedError; then nothing is changed.

    For a dry run the caller rolls back what this did.
    """
    _check_source(session, source_name.strip(), source_kind, now)
    table = _open(content)
    columns = plan(table.header)
    if columns.missing is not None:
        raise RefusedError(columns.missing)
    # Two imports at once would make two sources of the same name.
    take_turn(session)
    source = _source(session, source_name.strip(), source_kind, basis, now=now, actor_id=actor_id)
    reading = _Reading(session, source, columns, now, actor_id)
    records = table.records()
    while chunk := list(islice(records, CHUNK)):
        reading.take(chunk)
    result = reading.result
    result.problems.sort(key=lambda problem: problem.row)
    audit.record(
        session, "interactions.imported", "source", source.id, now=now, actor_id=actor_id,
        rows=result.rows, new=result.new, unchanged=result.unchanged,
        refused=len(result.problems), codes=result.codes,
    )  # fmt: skip
    return result


def _check_source(session: Session, name: str, kind: str, now: datetime) -> None:
    notice = switches.in_force(session, now)
    if notice is None:
        raise RefusedError("no_notice")
    if not name or len(name) > LONGEST_NAME:
        raise RefusedError("source_name_missing")
    if kind in UNFIT_SOURCES:
        raise RefusedError("source_kind_unfit")
    if kind not in notice.source_kinds:
        raise RefusedError("source_kind_undeclared")


def _open(content: bytes) -> csv_file.Table:
    try:
        if workbook.is_workbook(content):
            return csv_file.read(
                workbook.to_csv(content), encoding="utf-8", delimiter=workbook.DELIMITER
            )
        return csv_file.read(content)
    except csv_file.FileError as error:
        raise RefusedError(error.code) from error


def _source(
    session: Session, name: str, kind: str, basis: str, *, now: datetime, actor_id: int | None
) -> Source:
    """The source of that name and kind, the same every day: its ids must be met again.

    One that an import of contacts has is not shared: it may be changed and thrown away with it.
    """
    known = session.scalar(
        select(Source)
        .where(
            Source.kind == kind,
            Source.name == name,
            ~exists().where(Import.source_id == Source.id),
        )
        .order_by(Source.id)
        .limit(1)
    )
    if known is not None:
        return known
    source = Source(
        kind=kind,
        name=name,
        dated=now.astimezone(TIMEZONE).date(),
        basis=basis,
        created_at=now,
        created_by=actor_id,
    )
    session.add(source)
    session.flush()
    return source


@dataclass(slots=True)
class _Reading:
    session: Session
    source: Source
    plan: Plan
    now: datetime
    actor_id: int | None
    result: Result = field(init=False)
    _kinds: dict[str, str] = field(init=False, default_factory=kind_names)
    _seen: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.result = Result(dropped=self.plan.dropped)

    def take(self, records: Sequence[csv_file.Record]) -> None:
        """Read and store some rows."""
        self.result.rows += len(records)
        rows = []
        for record in records:
            row = read(record, self.plan, self._kinds)
            if isinstance(row, Problem):
                self.result.problems.append(row)
            else:
                rows.append(row)
        dealings: list[tuple[Row, Entry]] = []
        visits: list[tuple[Row, web_visits.Visit]] = []
        for row, person, company in self._with_parties(rows):
            if row.kind != web_visits.KIND:
                entry = _entry(row, person, company)
                if self._is_first(row, entry.external_id):
                    dealings.append((row, entry))
            elif person is None:
                self._refuse(row, "email", "visit_of_nobody")
            else:
                visit = _visit(row, person)
                if self._is_first(row, visit.external_id):
                    visits.append((row, visit))
        self._record(dealings)
        self._record_visits(visits)

    def _with_parties(self, rows: Sequence[Row]) -> Iterator[tuple[Row, int | None, int | None]]:
        """The rows whose person and company are in the register, with their ids."""
        people = self._ids(Contact.email, {row.email for row in rows if row.email})
        companies = self._ids(
            Company.business_id, {row.business_id for row in rows if row.business_id}
        )
        for row in rows:
            if row.email and row.email not in people:
                self._refuse(row, "email", "unknown_person")
            elif row.business_id and row.business_id not in companies:
                self._refuse(row, "business_id", "unknown_company")
            else:
                yield (
                    row,
                    people[row.email] if row.email else None,
                    companies[row.business_id] if row.business_id else None,
                )

    def _ids(self, column: Any, values: set[str]) -> dict[str, int]:
        rows = self.session.execute(
            select(column.label("value"), column.class_.id.label("id")).where(column.in_(values))
        )
        return {row.value: row.id for row in rows}

    def _is_first(self, row: Row, external_id: str | None) -> bool:
        if external_id in self._seen:
            self._refuse(row, "external_id", "duplicate_in_file")
            return False
        self._seen.add(str(external_id))
        return True

    def _record(self, dealings: Sequence[tuple[Row, Entry]]) -> None:
        outcomes = interactions.record_many(
            self.session,
            [entry for _, entry in dealings],
            self.source,
            now=self.now,
            actor_id=self.actor_id,
        )
        for (row, _), outcome in zip(dealings, outcomes, strict=True):
            self._count(row, outcome if isinstance(outcome, Refused) else outcome.new)

    def _record_visits(self, visits: Sequence[tuple[Row, web_visits.Visit]]) -> None:
        outcomes = web_visits.record_many(
            self.session, [visit for _, visit in visits], self.source, now=self.now
        )
        for (row, _), outcome in zip(visits, outcomes, strict=True):
            self._count(row, outcome)

    def _count(self, row: Row, outcome: bool | Refused) -> None:
        if isinstance(outcome, Refused):
            self._refuse(row, _COLUMN_OF.get(outcome.field, outcome.field), outcome.code)
        elif outcome:
            self.result.new += 1
        else:
            self.result.unchanged += 1

    def _refuse(self, row: Row, name: str, code: str) -> None:
        self.result.problems.append(Problem(row.number, self.plan.heading(name), code))


_COLUMN_OF = {"path": "page"}


def _entry(row: Row, person: int | None, company: int | None) -> Entry:
    entry = Entry(
        kind=row.kind,
        at=row.at,
        title=row.title,
        body=row.body,
        amount=row.amount,
        currency=row.currency,
        reference=row.reference,
        contact_id=person,
        company_id=company,
        external_id=row.external_id,
        financial_year=row.financial_year,
    )
    if entry.external_id is not None:
        return entry
    return replace(entry, external_id=_content_id(row, person, company))


def _visit(row: Row, person: int) -> web_visits.Visit:
    external_id = row.external_id or _content_id(row, person, None)
    return web_visits.Visit(person, row.at, row.page, row.seconds, external_id)


def _content_id(row: Row, person: int | None, company: int | None) -> str:
    """The id of a row that brings none: what it says. So the same row is known again."""
    told = [
        person, company, row.kind, row.at.timestamp(), row.title, row.body, str(row.amount),
        row.currency, row.reference, row.financial_year, row.page, row.seconds,
    ]  # fmt: skip
    return "content:" + hashlib.sha256(json.dumps(told).encode()).hexdigest()[:40]
