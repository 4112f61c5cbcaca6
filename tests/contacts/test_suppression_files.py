"""Lists that travel: anybody's list comes in, ours goes out as codes, nothing comes off."""

import io
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.contacts import suppression, suppression_files
from mailer.contacts.address import canonical
from mailer.contacts.models import Suppression
from mailer.contacts.suppression import of_address, of_company, of_domain
from mailer.contacts.suppression_files import ListError
from mailer.keys import use_suppression_key
from tests.contacts.workbooks import make_workbook, sheet_of

ANNA = ("address", "anna@x.example")


def entry(what: tuple[str, str]) -> suppression.Entry:
    scope, value = what
    if scope == "address":
        return of_address(canonical(value))
    return of_domain(value) if scope == "domain" else of_company(value)


def add(session: Session, text: str, now: datetime, kind: str = "manual") -> int:
    listed = suppression_files.read_text(text)
    return suppression_files.add(session, listed, kind, evidence="A list", now=now, actor_id=None)


def lines(session: Session) -> list[Suppression]:
    return list(session.scalars(select(Suppression).order_by(Suppression.id)))


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("anna@x.example", [ANNA]),
        ('"Anna@X.example",Anna', [ANNA]),
        ("<anna@x.example>\n\n\tanna@x.example;1", [ANNA]),
        ("Sähköposti\nanna@x.example", [ANNA]),
        ("Yritys;Y-tunnus;Sähköposti\nA Oy;1234567-1;anna@x.example", [ANNA]),
        ("Yritys;Y-tunnus\nA Oy;1234567-1", [("company", "1234567-1")]),
        ("12345671", [("company", "1234567-1")]),
        ("FI12345671", [("company", "1234567-1")]),
        ("x.example", [("domain", "x.example")]),
        ("@x.example", [("domain", "x.example")]),
        ("yhtiö.example", [("domain", "xn--yhti-8qa.example")]),
        ("", []),
    ],
)
def test_a_line_is_an_address_a_company_or_a_domain(
    text: str, entries: list[tuple[str, str]]
) -> None:
    listed = suppression_files.read_text(text)
    assert list(listed.entries) == [entry(what) for what in entries]
    assert listed.passed_over == 0


@pytest.mark.parametrize(
    ("line", "shown", "code"),
    [
        ("broken@", "b•••••@", "bad_address"),
        ("anna@@x.example", "a•••••@x.example", "bad_address"),
        # A broken address must not become a ban of the domain or the company beside it.
        ("äiti@x.example;x.example;1234567-1", "ä•••••@x.example", "non_ascii_local"),
        ("Anna Lehtonen;Puutyö", "An•••••", "nothing_known"),
        ("Anna.Lehtonen;kielto", "An•••••", "nothing_known"),
        ("A Oy;12345671", "A •••••", "nothing_known"),
        ("A Oy;1234567-8", "A •••••", "business_id_check_digit"),
    ],
)
def test_what_says_nothing_is_passed_over_and_shown_covered(
    line: str, shown: str, code: str
) -> None:
    listed = suppression_files.read_text(f"anna@x.example\n{line}")
    assert list(listed.entries) == [entry(ANNA)]
    (problem,) = listed.problems
    assert (problem.line, problem.shown, problem.code) == (2, shown, code)
    assert "Lehtonen" not in problem.shown
    assert code in suppression_files.PROBLEMS


@given(st.one_of(st.text(max_size=300).map(str.encode), st.binary(max_size=300)))
def test_any_file_is_a_list_or_is_refused(content: bytes) -> None:
    try:
        listed = suppression_files.read(content)
    except ListError as error:
        refused = error.code
    else:
        refused = ""
        assert len(listed.entries) + listed.passed_over <= listed.lines
    assert refused in ("", *suppression_files.PROBLEMS)


def test_a_workbook_and_every_encoding_are_read() -> None:
    book = make_workbook(sheet_of(("Sähköposti", "Nimi"), ("anna@x.example", "Anna")))
    assert list(suppression_files.read(book).entries) == [entry(ANNA)]
    for encoding in ("cp1252", "utf-16", "utf-8-sig"):
        content = "Sähköposti;Nimi\nanna@x.example;Åsa Öhman".encode(encoding)
        assert list(suppression_files.read(content).entries) == [entry(ANNA)]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"%PDF-1.7 anna@x.example", "spreadsheet_file"),
        (b"PK\x03\x04 not a workbook", "spreadsheet_file"),
        (b"a@x.example\n" * (suppression_files.MOST_LINES + 1), "too_many_lines"),
    ],
)
def test_what_is_no_list_is_refused_whole(content: bytes, code: str) -> None:
    with pytest.raises(ListError, match=code):
        suppression_files.read(content)


def test_a_list_is_added_once_and_takes_nothing_off(session: Session, now: datetime) -> None:
    text = "anna@x.example\n1234567-1\nx.example"
    assert add(session, text, now, "optout") == 3
    assert add(session, text, now, "optout") == 0
    kinds = {line.scope: line.kind for line in lines(session)}
    assert kinds == {"address": "optout", "company": "company_ban", "domain": "domain_ban"}
    assert {line.origin for line in lines(session)} == {"import"}
    suppression.lift(session, lines(session)[0].id, by="x", reason="y", now=now)
    assert add(session, "other@y.example", now) == 1
    assert sum(line.lifted_at is not None for line in lines(session)) == 1


def test_codes_go_to_another_installation_with_the_same_key(
    session: Session, now: datetime
) -> None:
    add(session, "anna@x.example\n1234567-1\nx.example", now, "complaint")
    exported = "".join(suppression_files.export(session))
    assert "anna" not in exported
    before = {(line.scope, line.key, line.kind) for line in lines(session)}
    for line in lines(session):
        session.delete(line)
    session.flush()
    listed = suppression_files.read(exported.encode())
    assert listed.problems == []
    # The reason that is given for addresses does not change the codes' own.
    assert suppression_files.add(
        session, listed, "manual", evidence="Sister company", now=now, actor_id=None
    ) == 3  # fmt: skip
    assert {(line.scope, line.key, line.kind) for line in lines(session)} == before
    assert lines(session)[0].evidence == f"Sister company ({now.date().isoformat()})"
    assert suppression.find(session, canonical("anna@x.example"))


def test_codes_of_another_key_are_refused_whole(session: Session, now: datetime) -> None:
    add(session, "anna@x.example", now)
    exported = "".join(suppression_files.export(session))
    use_suppression_key("another key of another installation altogether")
    with pytest.raises(ListError, match="other_key"):
        suppression_files.read_text(exported)


@pytest.mark.parametrize(
    "change",
    [("address", "planet"), ("manual", "nonsense"), (",2026", ",x2026"), (",import,", ",")],
)
def test_a_damaged_line_of_codes_is_passed_over(
    session: Session, now: datetime, change: tuple[str, str]
) -> None:
    add(session, "anna@x.example", now)
    exported = "".join(suppression_files.export(session))
    header, row = exported.splitlines()
    listed = suppression_files.read_text(f"{header}\n{row.replace(*change)}\n{row}")
    assert len(listed.entries) == 1
    assert [problem.code for problem in listed.problems] == ["bad_code"]


def test_the_mark_of_the_key_changes_with_the_key_only() -> None:
    first = suppression_files.key_id()
    assert first == suppression_files.key_id()
    use_suppression_key("another key of another installation altogether")
    assert suppression_files.key_id() != first


def test_the_export_streams_line_by_line(session: Session, now: datetime) -> None:
    add(session, "a@x.example\nb@x.example", now)
    assert io.StringIO("".join(suppression_files.export(session))).readline() == (
        "scope,key,kind,since,origin,key_id\r\n"
    )
