"""The run of an import, dry or real, in steps.

Each step takes some thousand rows through the same checks and, in one transaction, applies them
and notes how far it came. So a run that dies goes on where its last step ended, and no row is
applied twice. A dry run is the same run without the writes.
"""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from mailer import audit, clock
from mailer.contacts import address, columns, copying, private_persons
from mailer.contacts.checked_rows import Company, Row, Terms
from mailer.contacts.csv_rows import Checker
from mailer.contacts.import_refusals import ImportRefusedError
from mailer.contacts.importing import RUNNING, open_table, take_turn
from mailer.contacts.models import Import, Source
from mailer.contacts.origins import Origin
from mailer.contacts.staged_companies import stage_companies
from mailer.contacts.staged_contacts import stage_contacts
from mailer.contacts.titles import TITLE_AND_RULE, RoleFacts, Titles, is_outside
from mailer.db import transaction
from mailer.notice import switches
from mailer.notice.models import NoticeVersion
from mailer.webhooks import outbox

STEP_ROWS = 20_000
# One thread: rows of one import are checked in order, and Python has one core at a time anyway.
_pool = ThreadPoolExecutor(1, thread_name_prefix="import")


class Run:
    """One import under way in this process: what has been seen, and the next step."""

    def __init__(self, session: Session, import_id: int, now: datetime) -> None:
        """Read the file and catch up with what is done. Raises ImportRefusedError."""
        entry = session.get_one(Import, import_id)
        source = session.get(Source, entry.source_id)
        version = switches.version_in_force(session, now)
        notice = switches.in_force(session, now)
        if notice is None or version is None or source is None:
            raise ImportRefusedError("no_notice")
        found = open_table(session, entry)
        mapping = {int(at): name for at, name in entry.mapping.items()}
        options = entry.options
        self._id = import_id
        self._notice = notice
        self._plan = columns.plan(
            found.header, notice.fields, mapping if options.get("by_hand") else None
        )
        self._checker = Checker(
            self._plan, Terms(options.get("default_country"), notice.person_kinds, now.year)
        )
        self._origin = _origin(entry, source, version, now)
        self._dry_run = entry.state == "checking"
        self._titles = Titles()
        self._companies: dict[object, tuple[Company, int | None]] = {}
        self._named: set[tuple[str, str]] = set()
        self._records = found.records()
        self._ahead: Future[list[Row]] | None = None
        self._done = 0
        while self._done < entry.rows_done and (record := next(self._records, None)):
            self._checker.check(record)
            self._done += 1

    def step(self, session: Session, now: datetime, *, size: int = STEP_ROWS) -> bool:
        """Take the next rows, in the transaction of `session`; whether there are more.

        After an exception the run is of no use: make another one.
        """
        entry = session.get_one(Import, self._id, with_for_update=True, populate_existing=True)
        if entry.state not in RUNNING or entry.rows_done != self._done:
            return False  # somebody else has taken it on, or it is over
        take_turn(session)
        rows = self._take(size)
        counts = Counter(entry.counts.get("numbers", {}))
        codes = Counter(entry.counts.get("codes", {}))
        self._apply(session, rows, counts, now=now)
        codes.update(problem.code for row in rows for problem in row.problems)
        _copy_problems(session, self._id, rows)
        self._done += len(rows)
        entry.rows_done = self._done
        entry.counts = {
            "numbers": dict(counts),
            "codes": dict(codes),
            "dropped": [[drop.heading, drop.reason] for drop in self._plan.dropped],
        }
        entry.heartbeat_at = now
        if len(rows) == size:
            return True
        self._finish(session, entry, now)
        return False

    def _take(self, size: int) -> list[Row]:
        """The next checked rows; those after them are checked while the database works."""
        rows = self._ahead.result() if self._ahead is not None else self._check(size)
        self._ahead = _pool.submit(self._check, size) if len(rows) == size else None
        return rows

    def _check(self, size: int) -> list[Row]:
        return [self._checker.check(record) for record in islice(self._records, size)]

    def _apply(
        self, session: Session, rows: list[Row], counts: Counter[str], *, now: datetime
    ) -> None:
        self._titles.learn(
            session, (row.title for row in rows if not row.rejected), dry_run=self._dry_run
        )
        accepted = list(self._judge_roles(rows))
        self._find_companies(session, (row for row, _ in accepted), counts)
        outcome = stage_contacts(
            session,
            ((row, self._company_id(row), role) for row, role in accepted),
            self._origin,
            dry_run=self._dry_run,
        )
        self._refuse([row for row, _ in accepted], outcome.refused)
        private = {row.private for row in rows if row.private is not None}
        if not self._dry_run:
            counts["private_deleted"] += self._ban(session, rows, now)
        counts.update(
            created=outcome.created,
            updated=outcome.updated,
            unchanged=outcome.unchanged,
            quarantined=outcome.quarantined,
            rejected=len(rows) - len(accepted) + len(outcome.refused),
            opted_out_earlier=outcome.opted_out_earlier,
            do_not_import=len(private),
            rows=len(rows),
        )
        counts["titles_created"] = self._titles.added
        counts["uncertain_titles"] += sum(
            1 for row, role in accepted if row.title and role.evidence < TITLE_AND_RULE
        )

    def _judge_roles(self, rows: list[Row]) -> Iterator[tuple[Row, RoleFacts]]:
        """Rows that stay, with their roles; work that the offering does not concern is refused."""
        for row in rows:
            if row.rejected is None:
                role = self._titles.role(row.title, row.duties)
                if is_outside(
                    row, role, relationship=self._origin.relationship, notice=self._notice
                ):
                    row.reject(self._plan.heading("title"), row.title, "duties_outside_offering")
                else:
                    yield row, role

    def _find_companies(self, session: Session, rows: Iterable[Row], counts: Counter[str]) -> None:
        """Make the ids of all companies of the rows known."""
        wanted: dict[object, Company] = {}
        for row in rows:
            if row.company is not None:
                known = self._companies.get(row.company.identity)
                if known is None or (known[0] != row.company and known[1] != -1):
                    wanted.setdefault(row.company.identity, row.company)
        # A name alone may turn out to be a company with a Business ID, so those come first.
        ordered = sorted(wanted.items(), key=lambda item: item[1].business_id is None)
        ids, created, updated = stage_companies(
            session, [company for _, company in ordered], self._origin, dry_run=self._dry_run
        )
        for (identity, company), company_id in zip(ordered, ids, strict=True):
            known_as = (company.name_key, company.domain)
            if company_id is None and company.business_id is None and known_as in self._named:
                created -= 1  # a real run finds the one with the Business ID, made just before
            self._named.add(known_as)
            # None is of a dry run; no company there is has the number that stands for it.
            self._companies[identity] = (company, -1 if company_id is None else company_id)
        counts.update(companies_created=created, companies_updated=updated)

    def _company_id(self, row: Row) -> int | None:
        return self._companies[row.company.identity][1] if row.company is not None else None

    def _refuse(self, accepted: list[Row], refused: Mapping[int, str]) -> None:
        for row in accepted:
            code = refused.get(row.number)
            if code is not None:
                row.problems = ()
                row.reject(self._plan.heading("email"), address.masked(row.email), code)

    def _ban(self, session: Session, rows: list[Row], now: datetime) -> int:
        by_rule: dict[str, set[bytes]] = {}
        for row in rows:
            if row.private is not None and row.rejected is not None:
                by_rule.setdefault(row.rejected, set()).add(row.private)
        return sum(
            private_persons.ban(session, keys, rule=rule, now=now) for rule, keys in by_rule.items()
        )

    def _finish(self, session: Session, entry: Import, now: datetime) -> None:
        entry.state = "checked" if self._dry_run else "done"
        entry.finished_at = now
        if not self._dry_run:
            outbox.note(session, "import.finished", [entry.id], now=now)
            audit.record(
                session,
                "import.done",
                "import",
                entry.id,
                now=now,
                actor_id=entry.created_by,
                **entry.counts["numbers"],
            )


def _origin(entry: Import, source: Source, version: NoticeVersion, now: datetime) -> Origin:
    options: dict[str, Any] = entry.options
    return Origin(
        import_id=entry.id,
        source_id=source.id,
        source_kind=source.kind,
        dated=source.dated,
        basis=source.basis,
        relationship=options.get("relationship", "prospect"),
        notice_version_id=version.id,
        default_language=options.get("default_language", "fi"),
        rules=options.get("rules", {}),
        now=now,
    )


def _copy_problems(session: Session, import_id: int, rows: list[Row]) -> None:
    lines = [
        copying.line([import_id, row.number, position, *problem])
        for row in rows
        for position, problem in enumerate(row.problems)
    ]
    names = 'import_id, "row", position, "column", value, code, rejects'
    copying.copy(copying.connection(session), "import_problems", names, lines)


def take_steps(
    sessions: sessionmaker[Session], import_id: int, *, go_on: Callable[[], bool] = lambda: True
) -> bool:
    """Take the steps of an import, each in a transaction of its own, while `go_on` says so;
    whether it has come to its end. Raises ImportRefusedError."""
    with transaction(sessions) as session:
        run = Run(session, import_id, clock.now())
    with _collecting_seldom():
        while True:
            with transaction(sessions) as session:
                more = run.step(session, clock.now())
            if not more:
                return True
            if not go_on():
                return False


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Rows come and go by the ten thousand and hold no cycles: to look for some after every 700
    new objects, as Python does, takes a quarter of the time of the checks."""
    usual = gc.get_threshold()
    gc.set_threshold(200_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def fail(session: Session, import_id: int, code: str, *, now: datetime) -> None:
    """Mark a run as failed; `code` is a key of FAILURES. What was applied can be undone."""
    session.execute(
        update(Import)
        .where(Import.id == import_id, Import.state.in_(RUNNING))
        .values(state="failed", failure=code, finished_at=now)
    )
