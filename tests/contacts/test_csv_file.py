"""Files as they come: encodings, delimiters, quotes, and what is no file of contacts at all."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.contacts import csv_file
from mailer.contacts.csv_file import BROKEN_QUOTING, PROBLEMS, FileError, read

HEADER = "Etunimi;Sukunimi;Sähköposti;Yritys"
ROW = "Päivi;Öhman;paivi@yritys.example;Åkeri Oy"
TEXT = f"{HEADER}\n{ROW}\n"


def rows(content: bytes) -> list[list[str]]:
    return [cells for _, cells, _ in read(content).records()]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-32"), "utf-32"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.encode("mac_roman"), "mac_roman"),
        (TEXT.encode("cp850"), "cp850"),
    ],
)
def test_the_letters_survive_every_common_encoding(content: bytes, encoding: str) -> None:
    table = read(content)
    assert table.encoding == encoding
    assert table.header[2] == "Sähköposti"
    assert rows(content) == [ROW.split(";")]


def test_an_encoding_that_a_person_names_is_used() -> None:
    assert read(TEXT.encode("cp1252"), encoding="latin-1").header[2] == "Sähköposti"
    with pytest.raises(FileError) as caught:
        read(TEXT.encode(), encoding="klingon")
    assert caught.value.code == "unknown_encoding"


def test_one_broken_byte_does_not_make_mojibake_of_the_other_rows() -> None:
    good = "\n".join([HEADER, *[ROW] * 30]).encode()
    broken = good + b"\nP" + b"\xe4" + b"ivi;X;x@yritys.example;Y Oy\n"
    table = read(broken)
    assert table.encoding == "utf-8"
    assert table.damaged
    found = rows(broken)
    assert found[0] == ROW.split(";")
    assert found[-1][0] == "P\ufffdivi"


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_every_common_delimiter_is_found(delimiter: str) -> None:
    content = TEXT.replace(";", delimiter).encode()
    assert read(content).delimiter == delimiter
    assert rows(content) == [ROW.split(";")]


def test_commas_in_addresses_do_not_hide_the_semicolons() -> None:
    text = "Nimi;Osoite;S-posti\n" + "A B;Katu 1, 2, 3, 00100, Helsinki;a@b.example\n" * 5
    assert read(text.encode()).delimiter == ";"


def test_the_line_for_spreadsheets_names_the_delimiter() -> None:
    table = read(f"sep=|\n{TEXT.replace(';', '|')}".encode())
    assert table.delimiter == "|"
    assert [number for number, _, _ in table.records()] == [3]


def test_row_numbers_are_those_a_spreadsheet_shows() -> None:
    text = f'{HEADER}\n\n{ROW}\n"Kaksi\nriviä";B;c@d.example;E\n\n{ROW}\n'
    found = [(number, cells[0]) for number, cells, _ in read(text.encode()).records()]
    assert found == [(3, "Päivi"), (4, "Kaksi\nriviä"), (6, "Päivi")]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_one(newline: str) -> None:
    assert rows(TEXT.replace("\n", newline).encode()) == [ROW.split(";")]


def test_quotes_hold_delimiters_newlines_and_quotes() -> None:
    text = f'{HEADER}\nA;"B; ""C""\nD";e@f.example;G\n{ROW}\n'
    assert rows(text.encode()) == [["A", 'B; "C"\nD', "e@f.example", "G"], ROW.split(";")]


def test_a_quote_that_never_closes_takes_its_own_row_only() -> None:
    text = f'{HEADER}\n"Avoin;B;c@d.example;E\n{ROW}\n{ROW}\n'
    found = list(read(text.encode()).records())
    assert [flaw for _, _, flaw in found] == [BROKEN_QUOTING, None, None]
    assert [number for number, _, _ in found] == [2, 3, 4]
    assert found[1][1] == ROW.split(";")


def test_a_quote_closed_by_a_later_row_swallows_nothing() -> None:
    text = f'{HEADER}\n"Avoin;B;c@d.example;E\n{ROW}\nX;"Y";z@y.example;Q\n{ROW}\n'
    found = list(read(text.encode()).records())
    assert [cells[0] for _, cells, flaw in found if flaw is None] == ["Päivi", "X", "Päivi"]


def test_quotes_inside_a_cell_are_letters() -> None:
    text = f'{HEADER}\nA;5" putki "Oy";c@d.example;E\n'
    assert rows(text.encode()) == [["A", '5" putki "Oy"', "c@d.example", "E"]]


def test_nul_bytes_and_ragged_rows_are_survived() -> None:
    text = f"{HEADER}\nA\x00ino;B\nC;D;e@f.example;G;liikaa\n"
    assert rows(text.encode()) == [["Aino", "B"], ["C", "D", "e@f.example", "G", "liikaa"]]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf\r\n \n", "empty_file"),
        (b";;;\n;;\n", "empty_file"),
        (b"PK\x03\x04 xlsx", "spreadsheet_file"),
        (b"\xd0\xcf\x11\xe0 xls", "spreadsheet_file"),
        (b"%PDF-1.7", "spreadsheet_file"),
        (bytes(range(1, 32)) * 40, "not_text"),
        (b"Aino;Virtanen;aino@yritys.example\n", "no_header"),
        ((";".join(f"c{n}" for n in range(201)) + "\n").encode(), "too_many_columns"),
    ],
)
def test_what_is_no_table_is_refused_with_a_code(content: bytes, code: str) -> None:
    with pytest.raises(FileError) as caught:
        read(content)
    assert caught.value.code == code
    assert code in PROBLEMS


def test_a_file_too_large_or_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_BYTES", len(TEXT.encode()) - 1)
    with pytest.raises(FileError, match="too_large"):
        read(TEXT.encode())
    monkeypatch.undo()
    monkeypatch.setattr(csv_file, "MAX_ROWS", 1)
    with pytest.raises(FileError, match="too_many_rows"):
        read(TEXT.encode())


def test_headings_may_stand_below_empty_rows() -> None:
    table = read(f";;;\n\n{TEXT}".encode())
    assert table.header == HEADER.split(";")
    assert [number for number, _, _ in table.records()] == [4]


def read_all(content: bytes) -> None:
    table = None
    with contextlib.suppress(FileError):
        table = read(content)
    if table is None:
        return
    assert table.header
    assert table.count() == sum(1 for _ in table.records())
    for number, cells, flaw in table.records():
        assert number > table.skipped
        assert all(isinstance(cell, str) and "\x00" not in cell for cell in cells)
        assert flaw in (None, BROKEN_QUOTING)


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_a_file_error(content: bytes) -> None:
    read_all(content)


@given(
    st.text(alphabet='ab@.;,\t|"\n\r\x00\x85\u2028äé=', max_size=300),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
)
def test_no_arrangement_of_quotes_and_delimiters_raises(text: str, encoding: str) -> None:
    read_all(f"{HEADER}\n{text}".encode(encoding))


@given(st.lists(st.lists(st.sampled_from(["a", 'b"', '"c', "", '""']), max_size=5), max_size=12))
def test_a_good_row_is_never_lost_to_a_broken_one(broken: list[list[str]]) -> None:
    text = "\n".join([HEADER, *(";".join(cells) for cells in broken), ROW])
    last = list(read(text.encode(), delimiter=";").records())[-1]
    assert last[1] == ROW.split(";")
