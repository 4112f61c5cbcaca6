"""Workbooks as they come: what a person sees in a cell, and what only looks like a workbook."""

import contextlib
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.contacts import csv_file, workbook
from mailer.contacts.csv_file import PROBLEMS, FileError
from mailer.contacts.models import Contact
from tests.contacts.files import HEADER, PLAIN, import_file, numbers, publish
from tests.contacts.workbooks import (
    MAIN,
    letters,
    make_workbook,
    number_cell,
    sheet_of,
    text_cell,
)


def lines_of(content: bytes) -> list[str]:
    return workbook.to_csv(content).decode().split("\n")[:-1]


def shown(number: object, form: str, properties: str = "") -> str:
    row = f'<row r="1">{number_cell("A1", number, 1)}</row>'
    lines = lines_of(make_workbook(row, formats=(form,), properties=properties))
    return lines[0] if lines else ""


def refusal(content: bytes) -> str:
    with pytest.raises(FileError) as caught:
        workbook.to_csv(content)
    assert caught.value.code in PROBLEMS
    return caught.value.code


@pytest.mark.parametrize(
    ("number", "form", "text"),
    [
        (100, "00000", "00100"),
        (-7, "000", "-007"),
        (12, "General", "12"),
        ("12.0", "General", "12"),
        ("1234567.5", '#,##0.00\\ "€"', "1234567.50"),
        ("1234567.5", "#,##0", "1234568"),
        (358401234567, "General", "358401234567"),
        ("0.25", "0%", "25 %"),
        (46350, "d.m.yyyy", "2026-11-24"),
        ("46350.375", "d.m.yyyy h:mm", "2026-11-24 09:00"),
        ("0.375", "h:mm", "09:00"),
        (44888, "yyyy-mm-dd;@", "2022-11-23"),
        (5, '[Red]0" kpl"', "5"),
        ("1e300", "d.m.yyyy", ""),
    ],
)
def test_a_number_is_what_a_person_sees(number: object, form: str, text: str) -> None:
    assert shown(number, form) == text


def test_days_may_be_counted_from_1904() -> None:
    assert shown(44888, "d.m.yyyy", '<workbookPr date1904="1"/>') == "2026-11-24"


def test_texts_come_from_every_place_a_text_can_be_in() -> None:
    strings = (
        "<si><t>Yhteinen</t></si>"
        '<si><r><t>Aino </t></r><r><t xml:space="preserve">Maria</t></r><rPh><t>X</t></rPh></si>'
    )
    cells = (
        '<c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c>'
        + text_cell("C1", "Rivi\nvaihtuu_x000D_")
        + '<c r="D1" t="str"><f>A1</f><v>kaava; "x"</v></c><c r="E1" t="b"><v>1</v></c>'
        '<c r="F1" t="e"><v>#DIV/0!</v></c><c t="inlineStr"><is><t>ilman paikkaa</t></is></c>'
    )
    content = make_workbook(f'<row r="1">{cells}</row>', strings=strings)
    assert lines_of(content) == [
        'Yhteinen;Aino Maria;Rivi vaihtuu;"kaava; ""x""";TRUE;;ilman paikkaa'
    ]


def test_rows_and_columns_keep_their_places() -> None:
    content = make_workbook(
        f'<row r="3">{text_cell("B3", "b")}</row><row r="5"><c r="A5" s="0"/></row>'
        f'<row r="6">{text_cell("AA6", "aa")}</row>'
    )
    assert lines_of(content) == ["", "", ";b", "", "", ";" * 26 + "aa"]


def test_hidden_sheets_are_not_read() -> None:
    content = make_workbook(
        sheet_of(("salainen",)),
        sheets='<sheet name="A" state="hidden" r:id="rId1"/><sheet name="B" r:id="rId2"/>',
        **{
            "xl/worksheets/sheet2.xml": f"<worksheet {MAIN}><sheetData>"
            f"{sheet_of(('näkyvä',))}</sheetData></worksheet>"
        },
    )
    assert lines_of(content) == ["näkyvä"]


def test_a_million_empty_rows_are_no_rows() -> None:
    empty = "".join(f'<row r="{n}"><c r="A{n}" s="0"/></row>' for n in range(3, 30_000))
    last = '<row r="1048576"><c r="XFD1048576" s="0"/></row>'
    content = make_workbook(sheet_of(("E-mail", "Company"), ("a@b.example", "B")) + empty + last)
    assert lines_of(content) == ["E-mail;Company", "a@b.example;B"]


def test_a_value_on_the_last_row_makes_too_many_rows() -> None:
    content = make_workbook(
        sheet_of(("E-mail",)) + f'<row r="1048576">{text_cell("A1048576", "x")}</row>'
    )
    with pytest.raises(FileError, match="too_many_rows"):
        csv_file.read(workbook.to_csv(content))


def test_ten_thousand_columns_are_refused() -> None:
    assert refusal(make_workbook(sheet_of(tuple(map(str, range(10_000)))))) == "too_many_columns"


def test_a_bomb_of_nothing_is_refused_before_it_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_MOST_OF_SHEET", 1_000_000)
    bomb = make_workbook(sheet_of(("a",)) + " " * 5_000_000)
    assert len(bomb) < 10_000
    assert refusal(bomb) == "unpacks_too_large"


def test_one_endless_element_is_refused_before_it_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_MOST_AT_ONCE", 100_000)
    many = "<r><t>x</t></r>" * 50_000
    assert refusal(make_workbook(sheet_of(("a",)), strings=f"<si>{many}</si>")) == (
        "unpacks_too_large"
    )


def test_entities_are_not_expanded() -> None:
    lol = '<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    body = '<row r="1"><c r="A1" t="inlineStr"><is><t>&b;ok</t></is></c></row>'
    sheet = f"{lol}<worksheet {MAIN}><sheetData>{body}</sheetData></worksheet>"
    made = make_workbook("", **{"xl/worksheets/sheet1.xml": sheet})
    assert "lol" not in workbook.to_csv(made).decode()


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"]
)
def test_a_damaged_part_is_told(part: str) -> None:
    assert refusal(make_workbook(sheet_of(("a",)), **{part: "<broken"})) == "damaged_workbook"


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="1"><c r="A1" t="s"><v>7</v></c></row>',
        '<row r="1"><c r="A1"><v>not a number</v></c></row>',
        '<row r="1"><c r="A1" s="9"><v>1</v></c></row>',
        f'<row r="0">{text_cell("A0", "a")}</row>',
        f'<row r="2">{text_cell("A2", "a")}</row><row r="2">{text_cell("A2", "a")}</row>',
        f'<row r="9999999">{text_cell("A9999999", "a")}</row>',
        f'<row r="1">{text_cell("ZZZ1", "a")}</row>',
    ],
)
def test_what_no_spreadsheet_writes_is_told(rows: str) -> None:
    assert refusal(make_workbook(rows)) == "damaged_workbook"


@given(st.data())
def test_no_change_of_bytes_raises_anything_but_a_file_error(data: st.DataObject) -> None:
    content = bytearray(make_workbook(sheet_of(("E-mail",), ("a@b.example",))))
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[at] = data.draw(st.integers(0, 255))
    if workbook.is_workbook(bytes(content)):
        with contextlib.suppress(FileError):
            workbook.to_csv(bytes(content))


def test_other_archives_are_no_workbooks() -> None:
    assert not workbook.is_workbook(b"PK\x03\x04 broken")
    assert not workbook.is_workbook(b"E-mail;Company\n")
    assert letters(27) == "AB"


def test_a_workbook_is_imported_as_its_first_sheet(session: Session, now: datetime) -> None:
    publish(session, now)
    made = import_file(session, make_workbook(sheet_of(HEADER, PLAIN)), now=now)
    assert numbers(made)["created"] == 1
    contact = session.scalars(select(Contact)).one()
    assert (contact.first_name, contact.title) == (PLAIN[0], PLAIN[2])
