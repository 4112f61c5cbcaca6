"""An XLSX workbook -> the table of its first sheet, as text that a person sees in a spreadsheet.

Pure. A workbook is a ZIP of XML, and both can be made to unpack to far more than they weigh, so
parts are read as streams with a limit for each. libxml2 takes in no entities and no network. (The
readers there are lay the whole sheet out in memory, empty cells too, or leave out the number
formats that make 100 the postal code 00100.)

Rows keep their numbers: an empty one stays as an empty line, and a line break inside a cell
becomes a space.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any

from lxml import etree

from mailer.contacts.csv_file import MAX_BYTES, MAX_CELL, MAX_COLUMNS, FileError

DELIMITER = ";"
_ZIP = b"PK\x03\x04"
_MOST_PARTS = 5_000
# Unpacked bytes. XML of a sheet is about ten times as long as its text.
_MOST_OF_SHEET = 1 << 30
_MOST_OF_STRINGS = 256 << 20
_MOST_OF_OTHERS = 16 << 20
# Between two elements that are wanted; an element is held in memory at ten times its size.
_MOST_AT_ONCE = 32 << 20
_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384
_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_BUILT_IN = {1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%"}
# What in a number format is no format: texts, escapes, colours, conditions, fill and space.
_LITERALS = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|[_*].')
# What a part that is broken, encrypted or packed in an unknown way ends with.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    etree.XMLSyntaxError,
    LookupError,
    ValueError,
    OverflowError,
    TypeError,
    OSError,
    EOFError,
    RuntimeError,
)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


def is_workbook(content: bytes) -> bool:
    """Whether a file is a ZIP with a workbook's main part in it."""
    if not content.startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            return "xl/workbook.xml" in parts.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


def to_csv(content: bytes) -> bytes:
    """The first visible sheet as CSV in UTF-8. Raises FileError."""
    if len(content) > MAX_BYTES:
        raise FileError("too_large")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            return _Workbook(parts).to_csv()
    except FileError:
        raise
    except _DAMAGES as error:
        raise FileError("damaged_workbook") from error


@dataclass(frozen=True, slots=True)
class _Format:
    """How a number is shown: as a date, or with so many digits before and after the point."""

    is_date: bool = False
    digits: int = 1
    decimals: int | None = None
    percent: bool = False


class _Workbook:
    """The parts of one workbook that say what its cells show."""

    def __init__(self, parts: zipfile.ZipFile) -> None:
        self._parts = parts
        self._names = set(parts.namelist())
        if len(self._names) > _MOST_PARTS:
            raise FileError("unpacks_too_large")
        book = self._tree("xl/workbook.xml")
        properties = book.find("{*}workbookPr")
        counts_from_1904 = properties is not None and properties.get("date1904") in ("1", "true")
        self._day_zero = datetime(1904, 1, 1) if counts_from_1904 else datetime(1899, 12, 30)  # noqa: DTZ001
        self._sheet = self._first_sheet(book)
        self._formats = self._read_formats()
        self._strings = list(self._read_strings())

    def to_csv(self) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=DELIMITER, lineterminator="\n")
        written = 0
        for number, cells in self._rows():
            if not written < number <= _LAST_ROW:
                raise FileError("damaged_workbook")
            text.write("\n" * (number - written - 1))
            writer.writerow(cells)
            written = number
            if text.tell() > MAX_BYTES:
                raise FileError("too_large")
        return text.getvalue().encode("utf-8", "replace")

    # Parts

    def _tree(self, name: str) -> Any:
        with self._parts.open(name) as part:
            parser = etree.XMLParser(resolve_entities=False, no_network=True)
            return etree.parse(_Limited(part, _MOST_OF_OTHERS), parser).getroot()

    def _elements(self, name: str, tags: tuple[str, ...], most: int) -> Iterator[Any]:
        """Elements of a part as they are read; each is forgotten after its turn."""
        with self._parts.open(name) as part:
            limited = _Limited(part, most)
            for _, element in etree.iterparse(
                limited, tag=[f"{{*}}{tag}" for tag in tags], resolve_entities=False
            ):
                yield element
                limited.at_once = 0
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]

    def _first_sheet(self, book: Any) -> str:
        targets = {
            relation.get("Id"): relation.get("Target")
            for relation in self._tree("xl/_rels/workbook.xml.rels")
        }
        for sheet in book.iterfind("{*}sheets/{*}sheet"):
            target = targets.get(sheet.get(_RELATION) or sheet.get(_STRICT_RELATION))
            if sheet.get("state", "visible") == "visible" and target and "chart" not in target:
                return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        raise FileError("no_rows")

    def _read_strings(self) -> Iterator[str]:
        if "xl/sharedStrings.xml" in self._names:
            for entry in self._elements("xl/sharedStrings.xml", ("si",), _MOST_OF_STRINGS):
                yield _text(entry)

    def _read_formats(self) -> list[_Format]:
        if "xl/styles.xml" not in self._names:
            return []
        styles = self._tree("xl/styles.xml")
        codes = dict(_BUILT_IN)
        for entry in styles.iterfind("{*}numFmts/{*}numFmt"):
            codes[int(entry.get("numFmtId"))] = entry.get("formatCode", "")
        used = [int(xf.get("numFmtId", "0")) for xf in styles.iterfind("{*}cellXfs/{*}xf")]
        return [_format(number, codes.get(number, "")) for number in used]

    # Cells

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Number and cells of every row in which something is shown."""
        number, position = 0, -1
        cells: list[str] = []
        for element in self._elements(self._sheet, ("c", "row"), _MOST_OF_SHEET):
            if element.tag.endswith("}row"):
                number = int(element.get("r", number + 1))
                if cells:
                    yield number, cells
                cells, position = [], -1
                continue
            place = _REFERENCE.fullmatch(element.get("r", ""))
            position = _column(place.group(1)) if place else position + 1
            shown = self._show(element)
            if shown and position >= MAX_COLUMNS:
                raise FileError("too_many_columns")
            if shown:
                cells += [""] * (position + 1 - len(cells))
                cells[position] = shown

    def _show(self, cell: Any) -> str:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            return _text(cell)
        value = cell.findtext("{*}v", "")
        # The error of a formula is no value.
        if not value or kind == "e":
            return ""
        if kind == "s":
            return self._strings[int(value)]
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "n":
            style = int(cell.get("s", "0"))
            return self._show_number(value, self._formats[style] if self._formats else _Format())
        return _plain(value)

    def _show_number(self, value: str, form: _Format) -> str:
        number = float(value)
        if form.is_date:
            return self._show_date(number)
        if form.percent:
            return f"{number * 100:.{form.decimals or 0}f} %"
        if form.decimals is not None:
            shown = f"{number:.{form.decimals}f}"
        else:
            shown = f"{number:.10f}".rstrip("0").rstrip(".")
        whole, point, fraction = shown.partition(".")
        return whole.zfill(form.digits + whole.startswith("-")) + point + fraction

    def _show_date(self, serial: float) -> str:
        try:
            moment = self._day_zero + timedelta(seconds=round(serial * 86_400))
        except OverflowError:
            return ""
        if 0 <= serial < 1:
            return f"{moment:%H:%M}"
        return moment.date().isoformat() if serial == int(serial) else f"{moment:%Y-%m-%d %H:%M}"


class _Limited:
    """A part that ends with FileError when it gives more than it may, in all or at once."""

    def __init__(self, part: IO[bytes], most: int) -> None:
        self._part = part
        self._left = most
        self.at_once = 0

    def read(self, size: int = -1) -> bytes:
        block = self._part.read(size)
        self._left -= len(block)
        self.at_once += len(block)
        if self._left < 0 or self.at_once > _MOST_AT_ONCE:
            raise FileError("unpacks_too_large")
        return block


def _text(element: Any) -> str:
    """All text of a string; how it is read aloud (rPh) is none of it."""
    return _plain(
        "".join(
            part.text or ""
            for part in element.iter("{*}t")
            if not part.getparent().tag.endswith("}rPh")
        )
    )


def _plain(text: str) -> str:
    if "_x" in text:
        text = _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text)
    return " ".join(text[: MAX_CELL + 1].split())


def _column(letters: str) -> int:
    """0 for A, 27 for AB."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    if number > _LAST_COLUMN:
        raise FileError("damaged_workbook")
    return number - 1


def _format(number: int, code: str) -> _Format:
    if number in _DATES:
        return _Format(is_date=True)
    code = _LITERALS.sub("", code.partition(";")[0])
    if not code or code.casefold() in ("general", "@"):
        return _Format()
    if re.search(r"[dmyhs]", code, re.IGNORECASE):
        return _Format(is_date=True)
    whole, _, fraction = code.partition(".")
    digits = max(1, sum(sign == "0" for sign in whole))
    return _Format(False, digits, sum(sign in "0#?" for sign in fraction), "%" in code)
