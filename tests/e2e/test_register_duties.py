"""Duties to people in a browser: informing, checking, sources, leavers, the suppression list."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import informing, suppression
from mailer.contacts.address import canonical
from mailer.db import transaction
from tests.segments.register import make_company, make_contact, make_source, publish_notice

pytestmark = pytest.mark.browser

Sessions = sessionmaker[Session]
LONG = "Pohjois-Suomen Yritystietojen Toimituspalvelu ja Osoiterekisteri Oy"


def fill(sessions: Sessions) -> int:
    """People of whom each list holds some; the id of one who has left."""
    now = clock.now()
    with transaction(sessions) as session:
        publish_notice(session, now)
        supplier = make_source(session, now, kind="b2b_supplier", name=LONG)
        web = make_source(session, now)
        company = make_company(
            session, web, now, name="Puutyö Oy", business_id="1234567-1", domain="puutyo.example"
        )
        for days, name in ((45, "Aalto"), (28, "Berg"), (1, "Christiansen-Hietaniemi")):
            make_contact(
                session, supplier, now, last_name=name, company_id=company.id,
                created_at=now - timedelta(days=days),
                collected_at=now - timedelta(days=days + 370),
            )  # fmt: skip
        leaver = make_contact(
            session, web, now, first_name="Liisa", last_name="Lähtenyt", company_id=company.id,
            email="liisa.lahtenyt@puutyo.example", left_at=now - timedelta(days=3),
            art14_informed_at=now,
        )  # fmt: skip
        informing.mark_overdue(session, now=now)
        entry = suppression.of_address(canonical(leaver.email))
        suppression.suppress(
            session, [entry], "hard_bounce", origin="ses_event", now=now,
            evidence="hard_bounce NoEmail",
        )  # fmt: skip
        return leaver.id


def test_people_are_informed_and_checked_by_their_source(
    page: Page,
    come_in: Callable[..., None],
    check: Callable[..., None],
    sessions: Sessions,
) -> None:
    fill(sessions)
    come_in(page, roles=["marketer"], language="en")
    page.goto("/")
    check(page, "home-duties")
    page.goto("/contacts")
    page.get_by_role("link", name="Must be informed").click()
    expect(page.get_by_text("Too late").first).to_be_visible()
    check(page, "informing")
    page.get_by_label("Source").select_option(index=1)
    page.get_by_role("link", name="Write down that they were informed").click()
    page.get_by_role("button", name="Write it down").click()
    expect(page.get_by_text("Choose how they were informed.").first).to_be_visible()
    page.get_by_label("By letter").check()
    check(page, "informing-record")
    page.get_by_role("button", name="Write it down").click()
    expect(page.get_by_text("3 people have been informed")).to_be_visible()
    check(page, "informing-none")

    page.goto("/contacts/checking")
    check(page, "checking")
    page.get_by_label("Source").select_option(index=1)
    page.get_by_role("link", name="Write down a check").click()
    page.get_by_label("What the data was compared with").select_option("authority")
    page.get_by_label("Its name").fill("Trade Register")
    check(page, "checking-record")
    page.get_by_role("button", name="Write it down").click()
    expect(page.get_by_text("the data of 3 people has been checked")).to_be_visible()


def test_an_assurance_is_stored_at_its_source(
    page: Page,
    come_in: Callable[..., None],
    check: Callable[..., None],
    sessions: Sessions,
) -> None:
    fill(sessions)
    come_in(page, roles=["marketer"], language="en")
    page.goto("/contacts/sources")
    check(page, "sources")
    page.get_by_role("link", name=LONG).click()
    page.get_by_label("The supplier's assurance").fill("Contract 14/2026")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Write the date of the assurance").first).to_be_visible()
    page.get_by_label("Date of the assurance").fill("2026-06-30")
    check(page, "source")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def test_who_has_left_gets_a_successor(
    page: Page,
    come_in: Callable[..., None],
    check: Callable[..., None],
    sessions: Sessions,
) -> None:
    leaver_id = fill(sessions)
    come_in(page, roles=["marketer"], language="en")
    page.goto(f"/contacts/{leaver_id}")
    check(page, "leaver")
    page.goto("/contacts/leavers")
    check(page, "leavers")
    page.get_by_role("link", name="Add the successor").click()
    expect(page.get_by_label("Company")).to_have_value("Puutyö Oy")
    check(page, "successor")


def test_a_list_comes_in_and_an_entry_comes_off_by_two(
    page: Page,
    come_in: Callable[..., None],
    check: Callable[..., None],
    sessions: Sessions,
    tmp_path: Path,
) -> None:
    fill(sessions)
    come_in(page, roles=["dpo"], language="en")
    page.goto("/suppressions/list")
    check(page, "suppressions-many")
    file = tmp_path / "list.csv"
    file.write_text("E-mail\nanna@x.example\nbroken@\n1234567-1\n", encoding="utf-8")
    page.get_by_label("Or a file").set_input_files(file)
    page.get_by_label("How it came in").fill("The earlier system, exported 24.11.2026")
    page.get_by_role("button", name="Put on the list").click()
    expect(page.get_by_text("b•••••@")).to_be_visible()
    check(page, "suppressions-added")
    page.get_by_role("link", name="Open the suppression list").click()
    expect(page.get_by_text("there is no such mailbox")).to_be_visible()
    check(page, "suppressions-words")
    page.get_by_role("link", name="Take off the list").last.click()
    page.get_by_label("Why it is lifted").fill("Mended by the company, letter of 24.11.")
    page.get_by_role("button", name="Ask a second person").click()
    expect(page.get_by_text("You have asked for it.")).to_be_visible()
    check(page, "suppressions-lift")
