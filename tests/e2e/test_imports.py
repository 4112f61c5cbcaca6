"""The import wizard in a browser: every page is accessible, fits a phone, and goes on by itself."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import jobs
from mailer.db import transaction
from tests.contacts.files import HEADER, make_file, make_row, publish

pytestmark = pytest.mark.browser

FILE = make_file(
    (*make_row(), "N", "Hyvä asiakas"),
    (*make_row(Sähköposti="eero@gmail.com", Etunimi="Eero"), "M", ""),
    (*make_row(Sähköposti="ei tiedossa", Etunimi="Liisa"), "N", ""),
    (
        *make_row(**{"Sähköposti": "p@yritys.example", "Y-tunnus": "2796282-5"}),
        "",
        "sairauslomalla",
    ),
    header=(*HEADER, "Sukupuoli", "Huom"),
    encoding="cp1252",
)


def test_a_file_is_imported_checked_and_undone(
    page: Page,
    come_in: Callable[..., Any],
    check: Callable[..., None],
    sessions: sessionmaker[Session],
) -> None:
    with transaction(sessions) as session:
        publish(session, clock.now())
    come_in(page, roles=["marketer"], language="en")
    page.goto("/import")
    check(page, "import-empty")
    page.get_by_role("link", name="Import contacts").click()
    check(page, "import-upload")
    page.get_by_label("CSV or XLSX file").set_input_files(
        {"name": "yhteydet.csv", "mimeType": "text/csv", "buffer": FILE}
    )
    page.get_by_role("button", name="Upload the file").click()

    check(page, "import-source")
    page.get_by_role("button", name="Go on to the columns").click()
    expect(page.get_by_role("alert")).to_contain_text("needs your attention")
    page.get_by_label("Kind of source").select_option("update_service")
    page.get_by_label("Name of the source").fill("Rekisteri")
    page.get_by_role("button", name="Go on to the columns").click()

    expect(page.get_by_text("Never imported")).to_be_visible()
    check(page, "import-columns")
    page.get_by_text("When a contact is already in the register").click()
    page.get_by_role("button", name="Check the file").click()

    expect(page.get_by_role("progressbar")).to_be_visible()
    check(page, "import-progress")
    jobs.run_import(1)
    expect(page.get_by_role("heading", name="What would happen")).to_be_visible()
    check(page, "import-checked")
    page.get_by_role("button", name="Import the contacts").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    jobs.run_import(1)
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    check(page, "import-done")

    page.get_by_role("row", name="This is not an e-mail address").get_by_role("link").click()
    expect(page.get_by_role("cell", name="ei tiedossa")).to_be_visible()
    check(page, "import-problems")
    page.go_back()
    page.get_by_role("link", name="Undo the import").click()
    page.get_by_role("button", name="Undo the import").click()
    expect(page.get_by_text("3 contacts were removed").first).to_be_visible()
    check(page, "import-undone")
    page.goto("/import")
    check(page, "import-list")
