"""Bytes of a contact file -> encoding, delimiter, headings and rows.

Pure. Reads what spreadsheets in the Nordic countries write, and much of what they break: a row
whose quotes do not close is given back as a flawed row of its own and never swallows the rows
after it. Row numbers are those a spreadsheet shows: the headings are row 1 when nothing is above.
The bytes are decoded a block at a time, so that a large file is never in memory as text.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from mailer.contacts.encodings import find_encoding
from mailer.languages import N_

MAX_BYTES = 50 * 1024 * 1024
MAX_COLUMNS = 200
MAX_ROWS = 1_000_000
MAX_CELL = 10_000
DELIMITERS = (";", ",", "\t", "|")
BROKEN_QUOTING = "broken_quoting"

PROBLEMS = {
    "empty_file": N_("The file is empty."),
    "no_rows": N_("The file has headings but no rows below them."),
    "too_large": N_("The file is larger than 50 MB. Split it into parts."),
    "too_many_rows": N_("The file has more than a million rows. Split it into parts."),
    "too_many_columns": N_("The file has more than 200 columns."),
    "spreadsheet_file": N_(
        "This is a file of another kind. Save it as XLSX or CSV and choose that."
    ),
    "damaged_workbook": N_(
        "The workbook cannot be read: it is damaged or has a password. Save it again, or as CSV."
    ),
    "unpacks_too_large": N_("The workbook unpacks to far more than a table of contacts holds."),
    "not_text": N_("This is not a text file. Save the contacts as CSV and choose that file."),
    "no_header": N_(
        "The first row holds data. Add a row of headings above it, such as E-mail and Company."
    ),
    "unknown_encoding": N_("The character set that was named is not one this program knows."),
}

# A quoted cell may span lines, but a quote that never closes must not run far.
_MOST_LINES = 100
_MOST_BROKEN = 1_000
_SAMPLE_ROWS = 50
_SAMPLE_LINES = 200
_BLOCK = 1 << 18
_ENCODINGS = frozenset(
    {
        "utf-8",
        "utf-8-sig",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "cp1252",
        "latin-1",
        "mac_roman",
        "cp850",
    }
)
_FOREIGN = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff")
_CONTROLS = bytes(set(range(32)) - {0, 9, 10, 12, 13, 26})
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=([;,\t|])"?$', re.MULTILINE)
_LOOKS_LIKE_DATA = re.compile(r"@|^\+?\d{5,}[-\d ]*$")

Record = tuple[int, list[str], str | None]


class FileError(ValueError):
    """The file cannot be read as a table of contacts; `code` is a key of PROBLEMS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Table:
    """A readable file."""

    encoding: str
    delimiter: str
    header: list[str]
    skipped: int
    content: bytes

    @property
    def damaged(self) -> bool:
        """Whether some bytes were not of the encoding and show as U+FFFD. Reads the whole file."""
        return any(
            "\ufffd" in line for lines in _blocks(self.content, self.encoding) for line in lines
        )

    def records(self) -> Iterator[Record]:
        """Row number, cells and flaw of every row below the headings that is not blank."""
        width, skipped = len(self.header), self.skipped
        for record in _records(_blocks(self.content, self.encoding), self.delimiter, width):
            if record[0] > skipped and any(record[1]):
                yield record

    def count(self) -> int:
        """How many records there are. Where nothing is quoted, a line is a record."""
        if b'"' in self.content:
            return sum(1 for _ in self.records())
        lines = chain.from_iterable(_blocks(self.content, self.encoding))
        below = islice(lines, self.skipped, None)
        return sum(1 for line in below if line.strip(self.delimiter) and not line.isspace())

    def sample(self, size: int = 3) -> list[list[str]]:
        """The first rows, for showing what a column holds."""
        return [cells for _, cells, _ in islice(self.records(), size)]


def read(content: bytes, *, encoding: str = "", delimiter: str = "") -> Table:
    """The table in a file; what is not given is found out. Raises FileError."""
    _refuse_foreign(content)
    encoding = encoding or find_encoding(content)
    _refuse_what_is_no_text(content, encoding)
    lines = content.rstrip(b"\x00 \r\n")
    if max(lines.count(b"\n"), lines.count(b"\r")) >= MAX_ROWS:
        raise FileError("too_many_rows")
    delimiter = delimiter or _named_delimiter(content, encoding)
    delimiter = delimiter or _find_delimiter(_first_lines(content, encoding))
    return reopen(content, encoding, delimiter)


def reopen(content: bytes, encoding: str, delimiter: str) -> Table:
    """The table in a file that `read` has read before."""
    skipped, header = _header(_blocks(content, encoding), delimiter)
    return Table(encoding, delimiter, header, skipped, content)


def _refuse_foreign(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise FileError("too_large")
    if content.startswith(_FOREIGN):
        raise FileError("spreadsheet_file")
    if not content.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise FileError("empty_file")


def _refuse_what_is_no_text(content: bytes, encoding: str) -> None:
    if encoding in _ENCODINGS and not encoding.startswith(("utf-16", "utf-32")):
        strange = len(content) - len(content.translate(None, _CONTROLS))
        if strange * 20 > len(content):
            raise FileError("not_text")


def _open(content: bytes, encoding: str) -> io.TextIOWrapper:
    try:
        # Every kind of line end becomes \n.
        return io.TextIOWrapper(io.BytesIO(content), encoding, errors="replace", newline=None)
    except LookupError:
        raise FileError("unknown_encoding") from None


def _blocks(content: bytes, encoding: str) -> Iterator[list[str]]:
    """The lines of a file, some at a time."""
    text = _open(content, encoding)
    pending: list[str] = []
    at_start = True
    while block := text.read(_BLOCK):
        # Spreadsheets and databases alike refuse NUL; nothing is lost with it.
        pending.append(block.replace("\x00", ""))
        if "\n" not in block:
            continue
        lines = "".join(pending).split("\n")
        pending = [lines.pop()]
        if at_start:
            lines[0] = lines[0].removeprefix("\ufeff")
            # Written by spreadsheets for spreadsheets; kept as an empty row so that numbers match.
            lines[0] = "" if _SEPARATOR_LINE.fullmatch(lines[0]) else lines[0]
            at_start = False
        yield lines
    last = "".join(pending)
    yield [last.removeprefix("\ufeff") if at_start else last]


def _named_delimiter(content: bytes, encoding: str) -> str:
    named = _SEPARATOR_LINE.match(_open(content, encoding).read(10).replace("\x00", ""))
    return named.group(1) if named else ""


def _first_lines(content: bytes, encoding: str) -> list[str]:
    lines = (line for block in _blocks(content, encoding) for line in block)
    return list(islice(filter(str.strip, lines), _SAMPLE_LINES))


def _find_delimiter(lines: list[str]) -> str:
    def score(delimiter: str) -> tuple[float, int]:
        rows = [
            cells
            for _, cells, _ in islice(_records(iter([lines]), delimiter, 0), _SAMPLE_ROWS)
            if any(cells)
        ]
        width = len(rows[0]) if rows else 0
        if width < 2:
            return 0.0, 0
        alike = sum(len(cells) == width for cells in rows) / len(rows)
        return round(alike, 1), width

    return max(DELIMITERS, key=score)


def _header(blocks: Iterator[list[str]], delimiter: str) -> tuple[int, list[str]]:
    """The row number of the headings, and the headings."""
    tidied = ((number, _tidy(cells)) for number, cells, _ in _records(blocks, delimiter, 0))
    number, header = next(((n, cells) for n, cells in tidied if cells), (0, []))
    if not header:
        raise FileError("empty_file")
    if len(header) > MAX_COLUMNS:
        raise FileError("too_many_columns")
    if any(_LOOKS_LIKE_DATA.search(cell) for cell in header):
        raise FileError("no_header")
    return number, header


def _tidy(cells: list[str]) -> list[str]:
    """Cells with single spaces, without the empty ones at the end."""
    tidied = [" ".join(cell.split()) for cell in cells]
    while tidied and not tidied[-1]:
        tidied.pop()
    return tidied


def _records(blocks: Iterator[list[str]], delimiter: str, width: int) -> Iterator[Record]:
    """Every record of the lines. A width of 0 says that the right number of cells is not known."""
    lines: list[str] = []
    at, number, broken = 0, 0, 0
    while True:
        if at == len(lines):
            lines, at = next(blocks, []), 0
            if not lines:
                return
        line = lines[at]
        number += 1
        if '"' not in line:
            at += 1
            if not line.isspace():
                yield number, line.split(delimiter), None
            continue
        most = _MOST_LINES if broken < _MOST_BROKEN else 1
        while len(lines) - at < most and (more := next(blocks, [])):
            lines, at = lines[at:] + more, 0
        cells, taken, flaw = _quoted(lines, at, delimiter=delimiter, width=width, most=most)
        broken += flaw is not None
        at += taken
        yield number, cells, flaw


def _quoted(
    lines: list[str], at: int, *, delimiter: str, width: int, most: int
) -> tuple[list[str], int, str | None]:
    """The record that begins on a line with quotes: its cells, its lines, and what is wrong."""
    reader = csv.reader(
        (f"{line}\n" for line in islice(lines, at, at + most)), delimiter=delimiter, strict=True
    )
    try:
        cells = next(reader)
    except (csv.Error, StopIteration):
        return _one_line(lines[at], delimiter)
    taken = reader.line_num
    if taken > 1 and ((width and len(cells) != width) or max(map(len, cells)) > MAX_CELL):
        return _one_line(lines[at], delimiter)
    return cells, taken, None


def _one_line(line: str, delimiter: str) -> tuple[list[str], int, str | None]:
    if line.count('"') % 2 == 0 and len(line) < csv.field_size_limit():
        # Quotes inside a cell that were not doubled: 5" and "Foo" Oy.
        return next(csv.reader([line], delimiter=delimiter)), 1, None
    return line.split(delimiter), 1, BROKEN_QUOTING
