"""Rows of a file of dealings -> the register, a batch at a time, and what became of each."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.contacts import csv_file, interactions, offer_documents, web_visits
from mailer.contacts.columns import Dropped
from mailer.contacts.interaction_columns import Plan
from mailer.contacts.interaction_entry import Entry, Refused
from mailer.contacts.interaction_rows import Names, Problem, Row, read
from mailer.contacts.models import Company, Contact, Source
from mailer.contacts.offer_documents import Happening


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


@dataclass(slots=True)
class Reading:
    """Takes the rows of one file; `result` tells what became of them."""

    session: Session
    source: Source
    plan: Plan
    now: datetime
    actor_id: int | None
    result: Result = field(init=False)
    _names: Names = field(init=False, default_factory=Names)
    _seen: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.result = Result(dropped=self.plan.dropped)

    def take(self, records: Sequence[csv_file.Record]) -> None:
        """Read and store some rows."""
        self.result.rows += len(records)
        rows = []
        for record in records:
            row = read(record, self.plan, self._names)
            if isinstance(row, Problem):
                self.result.problems.append(row)
            else:
                rows.append(row)
        dealings: list[tuple[Row, Entry]] = []
        visits: list[tuple[Row, web_visits.Visit]] = []
        events: list[Row] = []
        for row, person, company in self._with_parties(rows):
            if row.event is not None:
                events.append(row)
            elif row.kind != web_visits.KIND:
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
        # After the dealings: a document may be on a row above.
        self._record_events(events)

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

    def _record_events(self, rows: Sequence[Row]) -> None:
        documents = offer_documents.find(
            self.session, self.source.id, {row.external_id for row in rows if row.external_id}
        )
        told: list[tuple[Row, int, Happening]] = []
        for row in rows:
            if row.kind != offer_documents.KIND or row.external_id is None:
                self._refuse(row, "event", "event_of_no_document")
            elif row.external_id not in documents:
                self._refuse(row, "external_id", "no_document")
            elif row.page and not (row.page.isascii() and row.page.isdigit() and len(row.page) < 9):
                self._refuse(row, "page", "page_unfit")
            else:
                document = documents[row.external_id]
                happening = _happening(row, document)
                if self._is_first(row, happening.external_id):
                    told.append((row, document, happening))
        outcomes = offer_documents.record_many(
            self.session,
            [(document, happening) for _, document, happening in told],
            self.source,
            now=self.now,
        )
        for (row, _, _), outcome in zip(told, outcomes, strict=True):
            self._count(row, outcome if isinstance(outcome, Refused) else outcome.new)

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


def _happening(row: Row, document: int) -> Happening:
    """An event has no id of its own: it is known by what it says."""
    page = int(row.page) if row.page else None
    told = f"{document} {row.event} {row.at.timestamp()} {page} {row.seconds}"
    return Happening(str(row.event), row.at, page, row.seconds, f"content:{told}")


def _content_id(row: Row, person: int | None, company: int | None) -> str:
    """The id of a row that brings none: what it says. So the same row is known again."""
    told = [
        person, company, row.kind, row.at.timestamp(), row.title, row.body, str(row.amount),
        row.currency, row.reference, row.financial_year, row.page, row.seconds,
    ]  # fmt: skip
    return "content:" + hashlib.sha256(json.dumps(told).encode()).hexdigest()[:40]
