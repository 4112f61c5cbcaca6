"""A file of dealings -> the register: each row recorded, known already, or refused by name.

Nobody is made by it: who is not in the register yet comes by the import of contacts. The same file
a second time changes nothing, also where its rows have no ids of their own.
"""

from datetime import datetime
from itertools import islice

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts import csv_file, workbook
from mailer.contacts.importing import take_turn
from mailer.contacts.interaction_columns import MISSING, plan
from mailer.contacts.interaction_reading import Reading, Result
from mailer.contacts.models import Import, Source
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
    reading = Reading(session, source, columns, now, actor_id)
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
