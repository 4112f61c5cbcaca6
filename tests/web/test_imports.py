"""The import wizard, from the empty list to undo."""

import io
import re
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import jobs
from mailer.contacts.models import Contact, Import, Source
from mailer.db import transaction
from tests.contacts.files import HEADER, PLAIN, make_file, make_row, publish
from tests.contacts.workbooks import make_workbook, sheet_of
from tests.web.people import Browser, sign_in

HETU = "131052-308T"
FILE = make_file(
    make_row(),
    make_row(**{"Sähköposti": "eero.leino@toinen.example", "Yritys": "Toinen Oy", "Y-tunnus": ""}),
    make_row(Sähköposti="ei tiedossa"),
    make_row(Sähköposti="liisa@kolmas.example", Yritys="=1+1", Titteli=f"CFO {HETU}"),
    encoding="cp1252",
)
SOURCE = {
    "kind": "update_service",
    "name": "Rekisteri",
    "dated": "2026-01-15",
    "basis": "legitimate_interest",
    "marketing": "1",
}


@pytest.fixture
def marketer(client: Browser, sessions: sessionmaker[Session]) -> Browser:
    with transaction(sessions) as session:
        publish(session, clock.now())
    sign_in(client, roles=["marketer"])
    return client


def upload(client: Browser, content: bytes = FILE) -> Any:
    client.get("/import/new")
    return client.post("/import/new", data={"file": (io.BytesIO(content), "yhteydet.csv")})


def columns_of(page: str) -> dict[str, str]:
    """What the form on the page would send."""
    data = {}
    for name, body in re.findall(
        r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL
    ):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        data[name] = chosen.group(1) if chosen else ""
    return data | {"relationship": "prospect"}


def check(client: Browser, import_id: int = 1, **changes: str) -> Any:
    client.post(f"/import/{import_id}/source", data=SOURCE)
    page = client.get(f"/import/{import_id}/columns").text
    data = {**columns_of(page), **changes}
    return client.post(f"/import/{import_id}/columns", data=data)


def run(client: Browser, import_id: int = 1) -> str:
    jobs.run_import(import_id)
    return client.get(f"/import/{import_id}").text


def test_a_role_without_the_permission_sees_nothing(client: Browser) -> None:
    sign_in(client, roles=["auditor"])
    for path in ("/import", "/import/new", "/import/1", "/import/1/errors.csv"):
        assert client.get(path).status_code == 403


def test_without_a_notice_in_force_no_file_is_taken(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    sign_in(client, roles=["marketer"])
    assert "No privacy notice is in force" in client.get("/import/new").text
    answer = upload(client)
    assert answer.status_code == 422
    assert "No privacy notice is in force" in answer.text
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Import)) == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04 an archive", "Save it as XLSX or CSV"),
        ("\n".join([";".join(HEADER)]).encode(), "no rows below them"),
        (b"matti@yritys.example;Yritys\n", "Add a row of headings"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    marketer: Browser, content: bytes, sentence: str
) -> None:
    answer = upload(marketer, content)
    assert answer.status_code == 422
    assert sentence in answer.text


def test_a_workbook_goes_the_same_way_as_a_file(
    marketer: Browser, sessions: sessionmaker[Session]
) -> None:
    answer = upload(marketer, make_workbook(sheet_of(HEADER, PLAIN)))
    assert answer.location == "/import/1/source"
    check(marketer)
    assert "New contacts" in run(marketer)
    with sessions() as session:
        assert session.scalars(select(Import.rows)).one() == 1


def test_rows_can_be_pasted_from_a_spreadsheet(
    marketer: Browser, sessions: sessionmaker[Session]
) -> None:
    marketer.get("/import/new")
    text = "\r\n".join("\t".join(row) for row in (HEADER, make_row(Yritys="Aho; Poika Oy")))
    answer = marketer.post("/import/new", data={"text": text})
    assert answer.location == "/import/1/source"
    check(marketer)
    assert "New contacts" in run(marketer)
    with sessions() as session:
        entry = session.get_one(Import, 1)
        assert (entry.rows, entry.delimiter) == (1, "\t")


def test_pasted_text_that_is_no_table_is_kept_for_mending(marketer: Browser) -> None:
    marketer.get("/import/new")
    answer = marketer.post("/import/new", data={"text": "matti@yritys.example\tYritys <b>"})
    assert answer.status_code == 422
    assert "Add a row of headings" in answer.text
    assert "matti@yritys.example\tYritys &lt;b&gt;" in answer.text
    assert marketer.post("/import/new", data={"text": " \n"}).status_code == 422


def test_the_list_says_what_to_do_when_it_is_empty(marketer: Browser) -> None:
    page = marketer.get("/import").text
    assert "Nothing has been imported yet" in page
    assert 'href="/import/new"' in page


def test_the_source_is_required_and_must_be_declared(
    marketer: Browser, sessions: sessionmaker[Session]
) -> None:
    assert upload(marketer).location == "/import/1/source"
    page = marketer.get("/import/1/source").text
    assert "cookies" not in page, "the notice does not declare that kind"
    for changes in (
        {"name": ""},
        {"kind": "cookies"},
        {"kind": "nothing"},
        {"dated": "15.1.2026"},
        {"dated": "2999-01-01"},
        {"basis": ""},
        {"kind": "public_web"},
        {"kind": "b2b_supplier", "assurance": "We promise."},
    ):
        answer = marketer.post("/import/1/source", data={**SOURCE, **changes})
        assert answer.status_code == 422, changes
        assert "needs your attention" in answer.text
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Source)) == 0


def test_columns_show_samples_and_two_may_not_fill_one_field(marketer: Browser) -> None:
    upload(marketer)
    marketer.post("/import/1/source", data=SOURCE)
    page = marketer.get("/import/1/columns").text
    assert "aino.virtanen@yritys.example" in page
    assert columns_of(page)["column-3"] == "email"
    answer = check(marketer, **{"column-0": "email"})
    assert answer.status_code == 422
    assert "Two columns are chosen for the same field" in answer.text
    answer = check(marketer, **{"column-3": ""})
    assert answer.status_code == 422
    assert "No column is chosen as the e-mail address" in answer.text


def test_the_next_file_of_the_source_is_filled_in_and_says_so(marketer: Browser) -> None:
    upload(marketer)
    check(marketer, **{"column-2": "note", "rule-phone": "always"})
    upload(marketer)
    marketer.post("/import/2/source", data=SOURCE)
    page = marketer.get("/import/2/columns").text
    assert "Filled in as for the last file of the same source, yhteydet.csv." in page
    filled = columns_of(page)
    assert (filled["column-2"], filled["column-3"], filled["rule-phone"]) == (
        "note",
        "email",
        "always",
    )


def test_the_whole_way_from_file_to_undo(
    marketer: Browser, sessions: sessionmaker[Session]
) -> None:
    upload(marketer)
    assert check(marketer).location == "/import/1"
    waiting = marketer.get("/import/1").text
    assert "<progress" in waiting
    assert 'hx-trigger="every 1s"' in waiting
    fragment = marketer.get("/import/1", headers={"HX-Request": "true"})
    assert "<html" not in fragment.text

    page = run(marketer)
    assert "Nothing has been changed yet" in page
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 0
    over = marketer.get("/import/1", headers={"HX-Request": "true"})
    assert over.headers["HX-Redirect"] == "/import/1"

    marketer.post("/import/1/start")
    page = run(marketer)
    with sessions() as session:
        people = session.scalars(select(Contact).order_by(Contact.email)).all()
        assert [person.email for person in people] == [
            "aino.virtanen@yritys.example",
            "eero.leino@toinen.example",
        ]
        assert people[0].collected_at.date() == date(2026, 1, 15)
    assert "Download the error file" in page

    found = marketer.get("/import/1/problems?code=identity_code").text
    assert HETU not in found
    assert HETU not in marketer.get("/import/1/problems").text
    errors = marketer.get("/import/1/errors.csv")
    lines = errors.data.decode("cp1252").splitlines()
    assert len(lines) == 3
    assert HETU not in errors.data.decode("cp1252")
    assert "'=1+1" in lines[2]
    assert lines[1].split(";")[-2] == "bad_address"

    asked = marketer.get("/import/1/undo").text
    assert "Undo the import of yhteydet.csv?" in asked
    marketer.post("/import/1/undo")
    assert "2 contacts were removed" in marketer.get("/import/1").text
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 0
    assert "Undone" in marketer.get("/import").text


def test_an_upload_can_be_deleted_until_it_is_imported(
    marketer: Browser, sessions: sessionmaker[Session]
) -> None:
    upload(marketer)
    check(marketer)
    run(marketer)
    assert marketer.post("/import/1/discard").status_code == 303
    assert marketer.get("/import/1").status_code == 404
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Source)) == 0


def test_an_import_cannot_be_started_twice(marketer: Browser) -> None:
    upload(marketer)
    check(marketer)
    run(marketer)
    marketer.post("/import/1/start")
    run(marketer)
    answer = marketer.post("/import/1/start", follow_redirects=True)
    assert "not in a state in which this can be done" in answer.text
