"""Signing up by a form, and telling other systems, in a browser."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock, installation
from mailer.contacts.sign_up_models import SignUp, SignUpForm
from mailer.db import transaction
from mailer.notice import profiles, switches
from mailer.tokens import Purpose, Recipient, Signer
from mailer.webhooks import jobs, outbox
from tests.webhooks.receiver import listening

pytestmark = pytest.mark.browser
READER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36"
Sessions = sessionmaker[Session]
Check = Callable[[Page, str], None]


@pytest.fixture
def notice(sessions: Sessions) -> None:
    now = clock.now()
    with transaction(sessions) as session:
        switches.publish(session, profiles.load("example"), now=now - timedelta(days=30))


def link(sessions: Sessions) -> str:
    with transaction(sessions) as session:
        sign_up = session.query(SignUp).one()
    signer = Signer(installation.current().settings.secret_key)
    return f"/confirm/{signer.make(Purpose.CONFIRM, Recipient(sign_up.id, sign_up.address_key))}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_form_is_made_filled_in_and_confirmed(
    page: Page, sessions: Sessions, notice: None, come_in: Callable[..., Any], check: Check,
    scheme: Any,
) -> None:  # fmt: skip
    page.emulate_media(color_scheme=scheme)
    come_in(page, language="en")
    page.goto("/settings/forms")
    check(page, f"forms-empty-{scheme}")
    page.locator("main .btn-primary").click()
    check(page, f"forms-new-{scheme}")
    page.get_by_role("button", name="Save the form").click()
    expect(page.locator("#errors")).to_be_visible()
    check(page, f"forms-errors-{scheme}")
    page.locator("#f-name").fill("Newsletter form on our web site")
    page.locator("#f-purpose").select_option("e_marketing")
    page.locator("#f-sender_address").fill("uutiset@esimerkki.example")
    page.locator("#f-title_en").fill("Our newsletter")
    page.locator("#f-consent_en").fill("I want the newsletter of Esimerkki Oy by e-mail.")
    page.locator("#f-embedded").check()
    page.get_by_role("button", name="Save the form").click()
    expect(page.locator("textarea[readonly]")).to_be_visible()
    check(page, f"forms-show-{scheme}")
    page.goto("/settings/forms")
    check(page, f"forms-list-{scheme}")
    with transaction(sessions) as session:
        key = session.query(SignUpForm).one().key
    page.set_extra_http_headers({"User-Agent": READER})
    page.goto(f"/join/{key}")
    check(page, f"join-{scheme}")
    page.locator("#join-email").fill("anna.lehtonen@puutyo.example")
    page.locator("#join-first_name").fill("Anna")
    page.locator("#join-company_name").fill("Puutyö Oy")
    page.locator("#join-title").fill("131052-308T")
    page.wait_for_timeout(2500)
    page.locator("main button").click()
    expect(page.locator("main [role=alert]")).to_be_visible()
    check(page, f"join-errors-{scheme}")
    page.locator("#join-title").fill("Talousjohtaja")
    page.wait_for_timeout(2500)
    page.locator("main button").click()
    expect(page.locator("main [role=status]")).to_be_visible()
    check(page, f"join-sent-{scheme}")
    address = link(sessions)
    page.goto(address)
    check(page, f"confirm-{scheme}")
    page.wait_for_timeout(2500)
    page.locator("main button").click()
    expect(page.locator("main [role=status]")).to_be_visible()
    check(page, f"confirmed-{scheme}")
    with transaction(sessions) as session:
        assert session.execute(text("SELECT count(*) FROM contacts")).scalar() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_webhook_is_made_fails_and_tells_again(
    page: Page, sessions: Sessions, notice: None, come_in: Callable[..., Any], check: Check,
    scheme: Any,
) -> None:  # fmt: skip
    page.emulate_media(color_scheme=scheme)
    come_in(page, language="en")
    page.goto("/settings/webhooks")
    check(page, f"webhooks-empty-{scheme}")
    page.locator("main .btn-primary").click()
    with listening() as receiver:
        page.locator("#f-name").fill("CRM")
        page.locator("#f-url").fill(receiver.url)
        page.locator("input[value='contact.opted_out']").check()
        page.locator("input[value='contact.changed']").check()
        check(page, f"webhooks-new-{scheme}")
        page.get_by_role("button", name="Save the webhook").click()
        expect(page.locator("#secret")).to_be_visible()
        check(page, f"webhooks-secret-{scheme}")
        page.locator("main .btn-primary").click()
        for number in range(3):
            with transaction(sessions) as session:
                outbox.note(session, "contact.changed", [number], now=clock.now())
        jobs.deliver()
        receiver.status = 500
        page.get_by_role("button", name="Send a test event").click()
        jobs.deliver()
        with transaction(sessions) as session:
            outbox.note(session, "contact.opted_out", [9], now=clock.now())
        with transaction(sessions) as session:
            session.execute(
                text("UPDATE webhook_deliveries SET state = 'failed', next_at = NULL"
                     " WHERE event = 'contact.opted_out'")
            )  # fmt: skip
            session.execute(
                text("UPDATE webhooks SET paused_at = now(), pause_reason = 'failures'")
            )
        page.reload()
        check(page, f"webhooks-log-{scheme}")
        page.get_by_role("button", name="Let it go on").click()
        expect(page.locator("main .note-bad")).to_have_count(0)
        page.get_by_role("button", name="Tell all again that were given up").click()
        receiver.status = 204
        jobs.deliver()
        page.reload()
        expect(page.locator("tbody .pill-ok")).to_have_count(5)
    page.goto("/settings/webhooks")
    check(page, f"webhooks-list-{scheme}")
    page.goto("/settings")
    check(page, f"webhooks-settings-{scheme}")
