"""An import from upload to undo: the file, its source, its mapping, and the run in steps.

Each step takes some thousand rows through the same checks and, in one transaction, applies them
and notes how far it came. So a run that dies goes on where its last step ended, and no row is
applied twice. A dry run is the same run without the writes.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import column, delete, exists, func, select, table, text, update
from sqlalchemy.orm import Session, sessionmaker

from mailer import audit, clock
from mailer.adapters.queue import enqueue_after_commit
from mailer.contacts import address, columns, csv_file, private_persons, staging
from mailer.contacts.checked_rows import Company, Row, Terms
from mailer.contacts.csv_rows import Checker
from mailer.contacts.merging import RULES
from mailer.contacts.models import Company as CompanyRow
from mailer.contacts.models import ConsentEvent, Contact, Import, ImportFile, ImportProblem, Source
from mailer.contacts.problems import Problem
from mailer.contacts.titles import Titles
from mailer.db import transaction
from mailer.languages import LANGUAGES, N_, gettext
from mailer.notice import switches
from mailer.notice.models import NoticeVersion
from mailer.notice.schema import BASES, SOURCE_KINDS, Notice

STEP_ROWS = 10_000
UNDO_DAYS = 7
QUEUE = "imports"
RUN_IMPORT = "mailer.contacts.jobs.run_import"
_LOCK = 7_105_002  # any constant no other advisory lock uses
_RUNNING = ("checking", "running")
# One thread: rows of one import are checked in order, and Python has one core at a time anyway.
_pool = ThreadPoolExecutor(1, thread_name_prefix="import")
_messages = table("messages", column("contact_id"))

REFUSALS = {
    "no_notice": N_(
        "No privacy notice is in force, so nothing may be imported. Publish the notice first."
    ),
    "source_name_missing": N_("Say where the contacts came from."),
    "source_kind_unknown": N_("Choose what kind of source it is."),
    "source_kind_undeclared": N_("The privacy notice does not declare sources of this kind."),
    "basis_unknown": N_("Choose the legal basis on which the contacts are kept."),
    "dated_in_future": N_("The date of the source is in the future."),
    "url_missing": N_("Data from the public web needs the address of the page."),
    "assurance_undated": N_("Give both the supplier's assurance and its date, or neither."),
    "no_email_column": N_("No column is chosen as the e-mail address."),
    "rule_unknown": N_("There is no such rule for updates."),
    "wrong_state": N_("The import is not in a state in which this can be done."),
    "file_gone": N_("The file was deleted after seven days. Upload it again."),
    "undo_too_late": N_("An import can be undone for seven days."),
    **csv_file.PROBLEMS,
}
FAILURES = {
    "unexpected": N_("Something unexpected happened. Rows done so far are in the register."),
    "gave_up": N_("The import stopped several times. Rows done so far are in the register."),
}


class ImportRefusedError(Exception):
    """What was asked for cannot be done; `code` is a key of REFUSALS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def sentence(self) -> str:
        """Why, in the language in force."""
        return gettext(REFUSALS[self.code])


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Where a file came from (R30-R34)."""

    kind: str
    name: str
    dated: date
    basis: str
    evidence: str = ""
    url: str | None = None
    marketing_allowed: bool = True
    expires: date | None = None
    assurance: str | None = None
    assured_at: date | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """How a file is read and what it may change. `mapping`: column -> field, or None to go by the
    headings. `rules`: field -> key of merging.RULES."""

    mapping: Mapping[int, str] | None = None
    rules: Mapping[str, str] | None = None
    default_country: str | None = "FI"
    default_language: str = "fi"
    relationship: str = "prospect"


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did: contacts removed, contacts kept because messages or consents depend on
    them, contacts that the import had only updated, and companies removed."""

    removed: int
    kept: int
    not_restored: int
    companies: int


def upload(
    session: Session,
    file_name: str,
    content: bytes,
    *,
    now: datetime,
    actor_id: int | None = None,
    encoding: str = "",
    delimiter: str = "",
) -> Import:
    """Store a file as a new import. Raises FileError when it is not a table of contacts."""
    found = csv_file.read(content, encoding=encoding, delimiter=delimiter)
    rows = sum(1 for _ in found.records())
    if not rows:
        raise csv_file.FileError("no_rows")
    made = Import(
        file_name=file_name[-200:],
        file_hash=hashlib.sha256(content).hexdigest(),
        encoding=found.encoding,
        delimiter=found.delimiter,
        mapping={str(at): name for at, name in columns.suggest(found.header).items()},
        rows=rows,
        created_by=actor_id,
        created_at=now,
    )
    session.add(made)
    session.flush()
    session.add(ImportFile(import_id=made.id, content=content, stored_at=now))
    audit.record(
        session, "import.uploaded", "import", made.id, now=now, actor_id=actor_id, rows=rows
    )
    return made


def open_table(session: Session, entry: Import) -> csv_file.Table:
    """The table of an import's file. Raises ImportRefusedError when the file was deleted."""
    content = session.scalar(select(ImportFile.content).where(ImportFile.import_id == entry.id))
    if content is None:
        raise ImportRefusedError("file_gone")
    return csv_file.read(content, encoding=entry.encoding, delimiter=entry.delimiter)


def name_source(
    session: Session,
    entry: Import,
    facts: SourceFacts,
    *,
    now: datetime,
    actor_id: int | None = None,
) -> Source:
    """Say where the file came from. Raises ImportRefusedError for what the notice forbids."""
    _require_state(entry, "uploaded", "mapped", "checked")
    problem = _problem_of_source(facts, switches.in_force(session, now), now)
    if problem is not None:
        raise ImportRefusedError(problem)
    source = session.get(Source, entry.source_id) if entry.source_id else None
    if source is None:
        source = Source(created_at=now, created_by=actor_id)
        session.add(source)
    source.kind, source.name = facts.kind, facts.name.strip()
    source.dated, source.basis = facts.dated, facts.basis
    source.evidence, source.url = facts.evidence.strip(), facts.url or None
    source.marketing_allowed, source.expires = facts.marketing_allowed, facts.expires
    source.assurance, source.assured_at = facts.assurance or None, facts.assured_at
    session.flush()
    entry.source_id = source.id
    return source


def _problem_of_source(facts: SourceFacts, notice: Notice | None, now: datetime) -> str | None:
    if notice is None:
        return "no_notice"
    checks = {
        "source_kind_unknown": facts.kind not in SOURCE_KINDS,
        "source_kind_undeclared": facts.kind not in notice.source_kinds,
        "source_name_missing": not facts.name.strip(),
        "basis_unknown": facts.basis not in BASES,
        "dated_in_future": facts.dated > (now + timedelta(days=1)).date(),
        "url_missing": facts.kind == "public_web" and not facts.url,
        "assurance_undated": bool(facts.assurance) != (facts.assured_at is not None),
    }
    return next((code for code, wrong in checks.items() if wrong), None)


def choose(session: Session, entry: Import, choices: Choices, *, now: datetime) -> columns.Plan:
    """Fix the mapping and the update rules. Raises ImportRefusedError without an e-mail column."""
    _require_state(entry, "uploaded", "mapped", "checked")
    notice = switches.in_force(session, now)
    if notice is None:
        raise ImportRefusedError("no_notice")
    rules = dict(choices.rules or {})
    if not set(rules.values()) <= set(RULES) or choices.default_language not in LANGUAGES:
        raise ImportRefusedError("rule_unknown")
    header = open_table(session, entry).header
    plan = columns.plan(header, notice.fields, choices.mapping)
    if "email" not in plan.fields:
        raise ImportRefusedError("no_email_column")
    if choices.mapping is not None:
        entry.mapping = {str(at): name for at, name in choices.mapping.items()}
    entry.options = {
        "by_hand": choices.mapping is not None,
        "rules": rules,
        "default_country": choices.default_country,
        "default_language": choices.default_language,
        "relationship": choices.relationship,
    }
    if entry.source_id is not None:
        entry.state = "mapped"
    return plan


def start(
    session: Session,
    entry: Import,
    *,
    dry_run: bool,
    now: datetime,
    actor_id: int | None = None,
    by_worker: bool = True,
) -> None:
    """Begin the dry run or the real run; a worker takes its steps, unless the caller does with
    `run_to_end`. Raises ImportRefusedError."""
    _require_state(entry, "mapped", "checked")
    if entry.source_id is None:
        raise ImportRefusedError("source_name_missing")
    if switches.in_force(session, now) is None:
        raise ImportRefusedError("no_notice")
    open_table(session, entry)
    session.execute(delete(ImportProblem).where(ImportProblem.import_id == entry.id))
    entry.state = "checking" if dry_run else "running"
    entry.rows_done, entry.counts, entry.failure = 0, {}, None
    entry.options = {**entry.options, "starts": 1}
    entry.started_at = entry.heartbeat_at = now
    entry.finished_at = None
    audit.record(
        session,
        "import.checked" if dry_run else "import.started",
        "import",
        entry.id,
        now=now,
        actor_id=actor_id,
        source_id=entry.source_id,
    )
    if by_worker:
        enqueue_after_commit(session, QUEUE, RUN_IMPORT, entry.id)


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
            self._plan, Terms(options.get("default_country"), notice.person_kinds)
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
        if entry.state not in _RUNNING or entry.rows_done != self._done:
            return False  # somebody else has taken it on, or it is over
        # Steps of two imports take turns, so that they never wait for each other's companies.
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        rows = self._take(size)
        counts = Counter(entry.counts.get("numbers", {}))
        codes = Counter(entry.counts.get("codes", {}))
        self._apply(session, rows, counts, now=now)
        codes.update(problem.code for row in rows for problem in row.problems)
        staging.copy_problems(session, self._id, _problem_lines(rows))
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
        staging.prepare(session)
        self._titles.learn(
            session, (row.title for row in rows if not row.rejected), dry_run=self._dry_run
        )
        roles = {}
        for row in rows:
            if row.rejected is None:
                roles[row.number] = role = self._titles.role(row.title, row.duties)
                if self._is_outside(row, role):
                    row.reject(self._plan.heading("title"), row.title, "duties_outside_offering")
        accepted = [row for row in rows if row.rejected is None]
        ids = self._find_companies(session, accepted, counts)
        outcome = staging.stage_contacts(
            session,
            (
                (row, ids.get(row.company.identity) if row.company else None, roles[row.number])
                for row in accepted
            ),
            self._origin,
            dry_run=self._dry_run,
        )
        self._refuse(accepted, outcome.refused)
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
            1 for row in accepted if row.title and roles[row.number].evidence < 2
        )

    def _is_outside(self, row: Row, role: staging.RoleFacts) -> bool:
        """Whether a prospect's work is known to be none that the offering concerns (R11)."""
        return (
            self._origin.relationship == "prospect"
            and row.kind != "shared_mailbox"
            and role.confidence >= self._notice.confidence_minimum
            and bool(role.functions)
            and self._notice.offering.isdisjoint(role.functions)
        )

    def _find_companies(
        self, session: Session, rows: Iterable[Row], counts: Counter[str]
    ) -> dict[object, int | None]:
        """The id of every company of the rows, by its identity."""
        wanted: dict[object, Company] = {}
        for row in rows:
            if row.company is not None:
                known = self._companies.get(row.company.identity)
                if known is None or (known[0] != row.company and known[1] != -1):
                    wanted.setdefault(row.company.identity, row.company)
        # A name alone may turn out to be a company with a Business ID, so those come first.
        ordered = sorted(wanted.items(), key=lambda item: item[1].business_id is None)
        ids, created, updated = staging.stage_companies(
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
        return {identity: company_id for identity, (_, company_id) in self._companies.items()}

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
            audit.record(
                session,
                "import.done",
                "import",
                entry.id,
                now=now,
                actor_id=entry.created_by,
                **entry.counts["numbers"],
            )


def _origin(entry: Import, source: Source, version: NoticeVersion, now: datetime) -> staging.Origin:
    options: dict[str, Any] = entry.options
    return staging.Origin(
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


def _problem_lines(rows: list[Row]) -> Iterable[tuple[int, int, str, str, str, bool]]:
    for row in rows:
        for position, problem in enumerate(row.problems):
            yield (row.number, position, *_shown(problem))


def _shown(problem: Problem) -> tuple[str, str, str, bool]:
    return problem.column, problem.value, problem.code, problem.rejects


def run_to_end(sessions: sessionmaker[Session], import_id: int) -> None:
    """Take all steps of an import in this process, each in a transaction of its own."""
    with transaction(sessions) as session:
        run = Run(session, import_id, clock.now())
    more = True
    while more:
        with transaction(sessions) as session:
            more = run.step(session, clock.now())


def fail(session: Session, import_id: int, code: str, *, now: datetime) -> None:
    """Mark a run as failed; `code` is a key of FAILURES. What was applied can be undone."""
    session.execute(
        update(Import)
        .where(Import.id == import_id, Import.state.in_(_RUNNING))
        .values(state="failed", failure=code, finished_at=now)
    )


def discard(session: Session, entry: Import, *, now: datetime, actor_id: int | None = None) -> None:
    """Delete an upload of which nothing was imported. Raises ImportRefusedError otherwise."""
    _require_state(entry, "uploaded", "mapped", "checked")
    audit.record(session, "import.discarded", "import", entry.id, now=now, actor_id=actor_id)
    source = session.get(Source, entry.source_id) if entry.source_id else None
    session.delete(entry)
    session.flush()
    if source is not None:
        session.delete(source)


def undo(session: Session, entry: Import, *, now: datetime, actor_id: int | None = None) -> Undone:
    """Remove the contacts an import created. Raises ImportRefusedError after seven days.

    Whoever has messages or consents stays: those are proof. Values that the import changed in
    other contacts are not put back; the history of each field has them.
    """
    _require_state(entry, "done", "failed")
    if now > (entry.finished_at or now) + timedelta(days=UNDO_DAYS):
        raise ImportRefusedError("undo_too_late")
    depended_on = exists().where(_messages.c.contact_id == Contact.id) | exists().where(
        ConsentEvent.contact_id == Contact.id
    )
    removed = len(
        session.execute(
            delete(Contact).where(Contact.import_id == entry.id, ~depended_on).returning(Contact.id)
        ).all()
    )
    kept = session.scalar(select(func.count()).where(Contact.import_id == entry.id)) or 0
    companies = len(
        session.execute(
            delete(CompanyRow)
            .where(
                CompanyRow.import_id == entry.id,
                ~exists().where(Contact.company_id == CompanyRow.id),
            )
            .returning(CompanyRow.id)
        ).all()
    )
    numbers = entry.counts.get("numbers", {})
    done = Undone(removed, kept, int(numbers.get("updated", 0)), companies)
    entry.state = "undone"
    entry.counts = {
        **entry.counts,
        "undone": {
            "removed": done.removed,
            "kept": done.kept,
            "not_restored": done.not_restored,
            "companies": done.companies,
        },
    }
    audit.record(
        session,
        "import.undone",
        "import",
        entry.id,
        now=now,
        actor_id=actor_id,
        removed=removed,
        kept=kept,
        companies=companies,
    )
    return done


def _require_state(entry: Import, *states: str) -> None:
    if entry.state not in states:
        raise ImportRefusedError("wrong_state")
