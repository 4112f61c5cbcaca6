"""A dealing in a browser: noted from a contact's page, seen, corrected, and held by law."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.db import transaction
from mailer.notice.vocabulary import INTERACTION_KINDS
from tests.contacts.dealings import noted
from tests.segments.register import make_source
from tests.web.register import add_contact, publish

pytestmark = pytest.mark.browser
Check = Callable[[Page, str], None]


def fill(sessions: sessionmaker[Session]) -> tuple[int, int, int]:
    """A person with dealings; the ids of the person, an invoice and an offer document."""
    publish(
        sessions,
        interaction_kinds=sorted(INTERACTION_KINDS),
        source_kinds=["authority", "employer", "system_entry"],
    )
    contact = add_contact(sessions)
    now = clock.now()
    with transaction(sessions) as session:
        source = make_source(session, now, kind="system_entry", name="")
        facts: dict[str, Any] = {"contact_id": contact.id}
        noted(session, source, now, **facts)
        noted(
            session, source, now, **facts, kind="email_thread",
            title="Kysymys palkanlaskennan ohjelmiston vaihtamisesta ja aikataulusta",
            body="Anna kysyi, kuinka kauan vaihto kestää.\n\nVastattu: kaksi kuukautta.",
        )  # fmt: skip
        invoice = noted(
            session, source, now, **facts, kind="invoice", title="Lasku", reference="2026-17",
            amount=Decimal("12345.5"),
            at=datetime(2026, 5, 1, 9, 30, tzinfo=UTC),
        )  # fmt: skip
        document = noted(session, source, now, **facts, kind="offer_document", title="Tarjous 7")
    return contact.id, invoice.id, document.id


def test_a_call_is_noted_found_and_corrected(
    page: Page, come_in: Callable[..., Any], check: Check, sessions: sessionmaker[Session]
) -> None:
    contact_id, _invoice, _document = fill(sessions)
    come_in(page, roles=["marketer"], language="fi")
    page.goto(f"/contacts/{contact_id}")
    check(page, "contact-with-dealings")
    page.locator("#timeline a.btn").click()
    check(page, "dealing-new")
    page.locator("button.btn-primary").click()
    expect(page.get_by_role("alert")).to_be_visible()
    check(page, "dealing-new-wrong")
    page.locator("#f-kind").select_option("call")
    page.locator("#f-title").fill("Soitti takaisin")
    page.locator("#f-body").fill("Haluaa tarjouksen.")
    page.locator("button.btn-primary").click()
    expect(page.locator("#timeline")).to_contain_text("Soitti takaisin")
    page.locator("#f-kind").select_option("call")
    expect(page.locator("#timeline")).not_to_contain_text("Tarjous 7")
    expect(page.locator("#timeline")).to_contain_text("Soitti takaisin")
    page.locator("#timeline a", has_text="Soitti takaisin").click()
    page.locator(".pagehead a.btn-primary").click()
    check(page, "dealing-edit")
    page.locator("#f-title").fill("Soitti uudelleen")
    page.locator("button.btn-primary").click()
    expect(page.locator("h1")).to_have_text("Soitti uudelleen")
    page.locator(".pagehead a", has=page.locator("use[href$='trash-2']")).click()
    check(page, "dealing-delete")
    page.locator("button.btn-danger").click()
    expect(page.locator("#timeline")).not_to_contain_text("Soitti uudelleen")


def test_the_screens_of_dealings_are_in_order(
    page: Page, come_in: Callable[..., Any], check: Check, sessions: sessionmaker[Session]
) -> None:
    _contact, invoice, document = fill(sessions)
    come_in(page, roles=["admin"], language="en")
    page.goto(f"/dealings/{invoice}")
    check(page, "dealing-held")
    page.emulate_media(color_scheme="dark")
    check(page, "dealing-held-dark")
    page.goto(f"/dealings/{invoice}/edit")
    check(page, "dealing-edit-dark")
    page.emulate_media(color_scheme="light")
    page.goto(f"/dealings/{document}")
    page.locator("#f-event").select_option("viewed")
    page.locator("#f-page").fill("2")
    page.locator("#f-seconds").fill("40")
    page.get_by_role("button", name="Note the event").click()
    expect(page.locator("table")).to_contain_text("Viewed")
    check(page, "dealing-document")
    page.locator("dl.facts a[href^='/companies/']").click()
    check(page, "company-with-dealings")
    company = page.url
    page.goto(company + "/dealings")
    check(page, "company-dealings")
    page.goto(company + "/facts")
    page.locator("#f-headcount").fill("120")
    page.locator("button.btn-primary").click()
    expect(page.get_by_role("alert")).to_be_visible()
    check(page, "company-facts-wrong")
    page.locator("#f-headcount_year").fill("2025")
    page.locator("#f-source_kind").select_option("authority")
    page.locator("#f-source_name").fill("Kaupparekisteri")
    page.locator("button.btn-primary").click()
    expect(page.locator("dl.facts")).to_contain_text("120 (2025)")
    check(page, "company-with-figures")
