"""Home, notice, audit log and users with something in them, in a browser."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.campaigns.models import Campaign, SenderDomain
from mailer.db import transaction
from mailer.notice import profiles, switches
from mailer.sending.models import Message

pytestmark = pytest.mark.browser


def fill(sessions: sessionmaker[Session]) -> None:
    now = clock.now()
    with transaction(sessions) as session:
        switches.publish(session, profiles.load("example"), now=now - timedelta(days=30))
        session.add(SenderDomain(domain="posti.example"))
        for name, state, start, end in (
            ("Palkanlaskennan muutokset 2027: syyswebinaari", "scheduled", 2, None),
            ("Rakennusalan tietopäivä", "sending", 0, None),
            ("Tilinpäätöskoulutus", "paused", 0, None),
            ("Kevään uutiskirje", "sent", -9, -9),
        ):
            campaign = Campaign(
                name=name,
                state=state,
                starts_at=now + timedelta(days=start),
                finished_at=now + timedelta(days=end) if end else None,
                created_at=now,
                updated_at=now,
            )
            session.add(campaign)
            session.flush()
            session.add_all(
                Message(
                    campaign_id=campaign.id, state="delivered", created_at=now, delivered_at=now
                )
                for _ in range(20)
            )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_with_something_in_them_are_accessible(
    page: Page,
    sessions: sessionmaker[Session],
    come_in: Callable[..., Any],
    check: Callable[..., None],
    scheme: Any,
) -> None:
    page.emulate_media(color_scheme=scheme)
    come_in(page, language="en")
    fill(sessions)
    page.goto("/")
    expect(page.get_by_role("heading", name="Needs you")).to_be_visible()
    check(page, f"home-full-{scheme}")
    page.goto("/settings/notice")
    check(page, f"notice-{scheme}")


def test_an_administrator_invites_a_person_and_reads_it_in_the_log(
    page: Page, come_in: Callable[..., Any], check: Callable[..., None]
) -> None:
    come_in(page, language="en")
    page.goto("/settings/users/new")
    page.get_by_role("button", name="Add the user").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("link", name="Choose at least one role.").click()
    expect(page.get_by_label("Marketer")).to_be_focused()
    check(page, "user-new-errors")
    page.get_by_label("First and last name").fill("Kalle Salo")
    page.get_by_label("User name").fill("kalle.salo")
    page.get_by_label("E-mail").fill("kalle.salo@yritys.example")
    page.get_by_label("Marketer").check()
    page.get_by_label("Reason").fill("Runs the autumn campaigns")
    page.get_by_role("button", name="Add the user").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The user has been added")
    check(page, "password-once")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status").get_by_text("The password has been copied.")).to_be_visible()

    page.goto("/audit")
    page.get_by_role("button", name="Check the chain").click()
    expect(page.get_by_text("The chain is whole")).to_be_visible()
    expect(page.get_by_role("cell", name="User added")).to_be_visible()
    check(page, "audit-full")
    page.goto("/settings/users")
    check(page, "users-full")
