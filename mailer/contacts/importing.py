"""An import up to its run: the file, its source, its mapping and its rules; start or discard.

The run itself is in import_runs, taking it back in import_undo.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from mailer import audit
from mailer.adapters.queue import enqueue_after_commit
from mailer.contacts import columns, csv_file, remembered, workbook
from mailer.contacts.import_refusals import ImportRefusedError
from mailer.contacts.merging import RULES
from mailer.contacts.models import Import, ImportFile, ImportProblem, Source
from mailer.languages import LANGUAGES
from mailer.notice import switches
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import BASES, SOURCE_KINDS

QUEUE = "imports"
RUN_IMPORT = "mailer.contacts.jobs.run_import"
RUNNING = ("checking", "running")
_LOCK = 7_105_002  # any constant no other advisory lock uses


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
    """Store a file as a new import. Raises FileError when it is not a table of contacts.

    A workbook is kept as the CSV of its first sheet.
    """
    file_hash = hashlib.sha256(content).hexdigest()
    if workbook.is_workbook(content):
        content, encoding, delimiter = workbook.to_csv(content), "utf-8", workbook.DELIMITER
    found = csv_file.read(content, encoding=encoding, delimiter=delimiter)
    rows = found.count()
    if not rows:
        raise csv_file.FileError("no_rows")
    made = Import(
        file_name=file_name[-200:],
        file_hash=file_hash,
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
    return csv_file.reopen(content, entry.encoding, entry.delimiter)


def name_source(
    session: Session,
    entry: Import,
    facts: SourceFacts,
    *,
    now: datetime,
    actor_id: int | None = None,
) -> Source:
    """Say where the file came from; what was chosen for its last file is filled in.

    Raises ImportRefusedError for what the notice forbids.
    """
    require_state(entry, "uploaded", "mapped", "checked")
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
    remembered.recall(session, entry, source, open_table(session, entry).header)
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
    require_state(entry, "uploaded", "mapped", "checked")
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
    mapping = dict(columns.suggest(header) if choices.mapping is None else choices.mapping)
    entry.mapping = {str(at): name for at, name in mapping.items()}
    entry.options = {
        "by_hand": choices.mapping is not None,
        "rules": rules,
        "default_country": choices.default_country,
        "default_language": choices.default_language,
        "relationship": choices.relationship,
        "headings": remembered.headings(header, mapping),
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
    require_state(entry, "mapped", "checked")
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


def discard(session: Session, entry: Import, *, now: datetime, actor_id: int | None = None) -> None:
    """Delete an upload of which nothing was imported. Raises ImportRefusedError otherwise."""
    require_state(entry, "uploaded", "mapped", "checked")
    audit.record(session, "import.discarded", "import", entry.id, now=now, actor_id=actor_id)
    source = session.get(Source, entry.source_id) if entry.source_id else None
    session.delete(entry)
    session.flush()
    if source is not None:
        session.delete(source)


def take_turn(session: Session) -> None:
    """Wait until no other import changes the register, and keep others waiting until the end of
    the transaction, so that no two wait for each other's companies."""
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def require_state(entry: Import, *states: str) -> None:
    """Raises ImportRefusedError in any other state."""
    if entry.state not in states:
        raise ImportRefusedError("wrong_state")
