"""Suppression lists that travel: any list of somebody else's comes in, our own goes out as codes.

A list is a workbook, a CSV or plain lines, and holds addresses, mail domains, Business IDs, or the
codes that another installation of ours has handed out. Codes mean something only under the key
that made them, so each line says which key that was. Nothing is refused because nobody knows it,
and nothing is ever taken off.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import audit, business_id
from mailer.contacts import csv_file, workbook
from mailer.contacts.address import PROBLEMS as ADDRESS_PROBLEMS
from mailer.contacts.address import AddressError, canonical, masked
from mailer.contacts.csv_file import FileError
from mailer.contacts.encodings import find_encoding
from mailer.contacts.models import Suppression
from mailer.contacts.suppression import (
    KINDS,
    SCOPES,
    Entry,
    Finding,
    of_address,
    of_company,
    of_domain,
    suppress_all,
)
from mailer.keys import keyed_hash
from mailer.languages import N_

MOST_LINES = 200_000
MOST_BYTES = 50 * 2**20
EXPORT_HEADER = ("scope", "key", "kind", "since", "origin", "key_id")
PROBLEMS = {
    **ADDRESS_PROBLEMS,
    "nothing_known": N_("Holds no address, mail domain or Business ID."),
    "business_id_check_digit": N_("The check digit of the Business ID is wrong."),
    "bad_code": N_("Is not a line of a list of codes."),
    "other_key": N_("The codes were made with another key, so they mean nothing here."),
    "too_many_lines": N_("The list has too many lines. Divide it."),
    "too_large": csv_file.PROBLEMS["too_large"],
    "damaged_workbook": csv_file.PROBLEMS["damaged_workbook"],
    "unpacks_too_large": csv_file.PROBLEMS["unpacks_too_large"],
    "spreadsheet_file": csv_file.PROBLEMS["spreadsheet_file"],
}
_MOST_SHOWN = 50
_CHUNK = 5000
_DELIMITERS = re.compile(r"[;,\t|]")
_OTHER_FILES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b")
# Beside other cells a number must look like a Business ID: customers have numbers too.
_BUSINESS_ID = re.compile(r"FI ?[0-9]{7}-?[0-9]|[0-9]{6,7}[-–−][0-9]", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{7,8}")


class ListError(ValueError):
    """The file cannot be read as a list; `code` is a key of PROBLEMS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was passed over: its number from 1, what it holds, covered, and why."""

    line: int
    shown: str
    code: str


@dataclass(frozen=True, slots=True)
class Line:
    """What one line puts on the list. `kind` is "" where whoever brings the list says why."""

    entry: Entry
    kind: str = ""
    since: str = ""


@dataclass(slots=True)
class Listed:
    """A list as read. `problems` are the first ones only, `passed_over` counts all."""

    lines: int = 0
    entries: dict[Entry, Line] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    passed_over: int = 0

    def numbers(self) -> dict[str, int]:
        """How many different ones there are of each scope."""
        scopes = [entry.scope for entry in self.entries]
        return {scope: scopes.count(scope) for scope in SCOPES if scope in scopes}


def key_id() -> str:
    """Which key this installation's codes are made with; tells nothing about the key."""
    return keyed_hash("which key is this").hex()[:16]


def read(content: bytes) -> Listed:
    """A list in a file. Raises ListError."""
    if len(content) > MOST_BYTES:
        raise ListError("too_large")
    if workbook.is_workbook(content):
        try:
            return read_text(workbook.to_csv(content).decode("utf-8", "replace"))
        except FileError as error:
            code = error.code if error.code in PROBLEMS else "damaged_workbook"
            raise ListError(code) from None
    if content.startswith(_OTHER_FILES):
        raise ListError("spreadsheet_file")
    return read_text(content.decode(find_encoding(content), "replace"))


def read_text(text: str) -> Listed:
    """A list in text, one line for each. Raises ListError.

    A first line that says nothing is the headings. An address decides over all else on its line,
    so a broken one never becomes a ban of its whole domain.
    """
    lines = text.removeprefix("\ufeff").replace("\0", "").splitlines()
    if len(lines) > MOST_LINES:
        raise ListError("too_many_lines")
    listed = Listed(lines=len(lines))
    coded = bool(lines) and tuple(_cells(lines[0])[:3]) == EXPORT_HEADER[:3]
    for number, line in enumerate(lines, start=1):
        cells = _cells(line)
        if not cells or (coded and number == 1):
            continue
        try:
            found = _coded(line) if coded else _plain(cells)
        except (AddressError, ListError) as error:
            if error.code == "other_key":
                raise ListError("other_key") from None
            if not (number == 1 and error.code == "nothing_known"):
                _pass_over(listed, number, cells, error.code)
        else:
            listed.entries.setdefault(found.entry, found)
    return listed


def add(
    session: Session,
    listed: Listed,
    kind: str,
    *,
    evidence: str,
    now: datetime,
    actor_id: int | None,
) -> int:
    """Suppress all that a list holds, known or not; how many were not on the list for it before.

    `kind` says why for addresses; domains and companies are bans, and codes bring their own.
    """
    added = 0
    for chunk in _chunks(listed.entries.values()):
        added += suppress_all(
            session,
            [
                Finding(line.entry, line.kind or kind, _evidence(evidence, line.since))
                for line in chunk
            ],
            origin="import",
            now=now,
            actor_id=actor_id,
        )
    audit.record(
        session, "suppressions.list_added", "suppression", None, now=now, actor_id=actor_id,
        kind=kind, added=added, **listed.numbers(),
    )  # fmt: skip
    return added


def export(session: Session) -> Iterator[str]:
    """The list in force as CSV: codes, kinds and dates, nothing that names anybody."""
    yield _csv_line(EXPORT_HEADER)
    rows = session.execute(
        select(
            Suppression.scope,
            Suppression.key,
            Suppression.kind,
            Suppression.at,
            Suppression.origin,
        )
        .where(Suppression.lifted_at.is_(None))
        .order_by(Suppression.id)
        .execution_options(yield_per=2000)
    )
    which = key_id()
    for scope, key, kind, at, origin in rows:
        yield _csv_line((scope, key.hex(), kind, at.date().isoformat(), origin, which))


def _cells(line: str) -> list[str]:
    cells = [cell.strip().strip("\"'<>").strip() for cell in _DELIMITERS.split(line)]
    return [cell for cell in cells if cell]


def _plain(cells: list[str]) -> Line:
    """What a line of somebody else's list stands for. Raises AddressError or ListError."""
    mail = [cell for cell in cells if "@" in cell.removeprefix("@")]
    if mail:
        return Line(of_address(canonical(mail[0])))
    alone = len(cells) == 1
    for cell in cells:
        if _BUSINESS_ID.fullmatch(cell) or (alone and _DIGITS.fullmatch(cell)):
            return Line(_company(cell), "company_ban")
    # A word beside others is no domain: names and abbreviations have dots too.
    if alone and (domain := _domain(cells[0])) is not None:
        return Line(domain, "domain_ban")
    raise ListError("nothing_known")


def _company(cell: str) -> Entry:
    try:
        return of_company(business_id.canonical(cell))
    except business_id.BusinessIdError:
        raise ListError("business_id_check_digit") from None


def _domain(cell: str) -> Entry | None:
    try:
        return of_domain(canonical(f"x@{cell.removeprefix('@')}").domain)
    except AddressError:
        return None


def _coded(line: str) -> Line:
    """A line of our own export. Raises ListError."""
    cells = next(csv.reader([line]), [])
    if len(cells) != len(EXPORT_HEADER):
        raise ListError("bad_code")
    scope, code, kind, since, _origin, which = cells
    if which != key_id():
        raise ListError("other_key")
    if scope not in SCOPES or kind not in KINDS or not re.fullmatch("[0-9a-f]{32}", code):
        raise ListError("bad_code")
    try:
        date.fromisoformat(since)
    except ValueError:
        raise ListError("bad_code") from None
    return Line(Entry(scope, bytes.fromhex(code)), kind, since)


def _evidence(evidence: str, since: str) -> str:
    return f"{evidence} ({since})" if since else evidence


def _pass_over(listed: Listed, number: int, cells: list[str], code: str) -> None:
    listed.passed_over += 1
    if len(listed.problems) < _MOST_SHOWN:
        listed.problems.append(Problem(number, _covered(cells), code))


def _covered(cells: list[str]) -> str:
    """Enough of a line to find it in one's own file, and no more."""
    cell = next((cell for cell in cells if "@" in cell), cells[0])
    return masked(cell)[:60] if "@" in cell else f"{cell[:2]}•••••"


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    waiting = list(lines)
    for start in range(0, len(waiting), _CHUNK):
        yield waiting[start : start + _CHUNK]


def _csv_line(values: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue()
