"""CSV files that go out: contacts, and the rows of an import that need mending.

Cells that a spreadsheet would run as a formula get an apostrophe before them. Restricted, erased
and quarantined people are in no export (R12, R91).
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from mailer.contacts import columns, detectors, importing
from mailer.contacts.cells import neutralise
from mailer.contacts.models import Company, Contact, Import, ImportProblem
from mailer.contacts.problems import QUARANTINES, reason
from mailer.languages import N_, gettext
from mailer.notice.vocabulary import FIELDS

_CHUNK = 500
# What the error file has beside the columns of the original.
ADDED_HEADINGS = (N_("Error code"), N_("Reason"))
_EXPORTED: dict[str, object] = {
    "first_name": Contact.first_name,
    "last_name": Contact.last_name,
    "email": Contact.email,
    "phone": Contact.phone,
    "title": Contact.title,
    "duties": Contact.duties,
    "language": Contact.language,
    "note": Contact.note,
    "tags": Contact.tags,
    "company_name": Company.name,
    "business_id": Company.business_id,
    "industry_code": Company.industry_code,
    "industry_name": Company.industry_name,
    "headcount": Company.headcount,
    "turnover_eur": Company.turnover_eur,
    "result_eur": Company.result_eur,
    "street": Company.street,
    "postal_code": Company.postal_code,
    "city": Company.city,
    "country": Company.country,
}


@dataclass(frozen=True, slots=True)
class ErrorFile:
    """The rows of an import that were left out or put aside, in the format of the original."""

    name: str
    content: bytes
    encoding: str


def contacts_csv(
    session: Session, declared: frozenset[str], which: Select[tuple[int]] | None = None
) -> Iterator[bytes]:
    """The contacts with the ids that `which` selects (all without it), piece by piece.

    UTF-8 with a mark and semicolons, which Nordic spreadsheets open without asking. Only fields
    that the notice declares.
    """
    fields = [name for name in _EXPORTED if name in declared]
    statement = (
        select(*(_EXPORTED[name] for name in fields))  # type: ignore[call-overload] # columns
        .select_from(Contact)
        .outerjoin(Company, Company.id == Contact.company_id)
        .where(
            Contact.restricted_at.is_(None),
            Contact.erased_at.is_(None),
            Contact.quarantined_at.is_(None),
        )
        .order_by(Contact.id)
    )
    if which is not None:
        statement = statement.where(Contact.id.in_(which))
    heading = [gettext(FIELDS[name]) for name in fields]
    yield b"\xef\xbb\xbf" + _encode([heading], ";", "utf-8")
    found = session.execute(statement.execution_options(yield_per=_CHUNK))
    for part in found.partitions(_CHUNK):
        yield _encode((map(_cell, row) for row in part), ";", "utf-8")


def error_file(session: Session, entry: Import) -> ErrorFile:
    """The rejected and quarantined rows of an import, each with its code and reason, as a file to
    mend and upload again. Raises ImportRefusedError when the original was deleted."""
    problems = session.execute(
        select(ImportProblem.row, ImportProblem.code)
        .where(ImportProblem.import_id == entry.id)
        .where(ImportProblem.rejects | ImportProblem.code.in_(list(QUARANTINES)))
        .order_by(ImportProblem.row, ImportProblem.position)
    ).all()
    codes: dict[int, list[str]] = {}
    for row in problems:
        codes.setdefault(row.row, []).append(row.code)
    table = importing.open_table(session, entry)
    hidden = [at for at, heading in enumerate(table.header) if columns.forbidden(heading)]
    width = len(table.header)
    rows = [[*table.header, *(gettext(heading) for heading in ADDED_HEADINGS)]]
    for number, cells, _ in table.records():
        if number in codes:
            told = codes[number]
            padded = [*cells, *([""] * (width - len(cells)))]
            kept = ["" if at in hidden else _mask(text) for at, text in enumerate(padded)]
            rows.append([*kept, ", ".join(told), " ".join(reason(code) for code in told)])
    stem = entry.file_name.rpartition(".")[0] or entry.file_name
    encoding = entry.encoding
    content = _encode(rows, table.delimiter, encoding)
    return ErrorFile(f"{stem}-{gettext('errors')}.csv", content, encoding)


def _mask(text: str) -> str:
    return neutralise(detectors.mask_identity_codes(text))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return neutralise(", ".join(str(part) for part in value))
    return neutralise(str(value))


def _encode(rows: Iterable[Iterable[str]], delimiter: str, encoding: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows(rows)
    try:
        return text.getvalue().encode(encoding, "replace")
    except LookupError:
        return text.getvalue().encode("utf-8")
