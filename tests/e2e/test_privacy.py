"""The public notice and its staff page in a real browser."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.notice import switches
from tests.notice.companies import complete

pytestmark = pytest.mark.browser


def publish(sessions: sessionmaker[Session], *names: str) -> None:
    for age, name in enumerate(reversed(names), 1):
        with sessions.begin() as session:
            moment = clock.now() - timedelta(days=len(names) + 1 - age)
            switches.publish(session, complete(name), now=moment)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_public_notice_can_be_read_by_anybody(
    page: Page, sessions: sessionmaker[Session], check: Callable[..., None], scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    publish(sessions, "ideafix", "enexus")
    page.goto("/privacy?lang=en")
    expect(page.get_by_role("heading", name="Your rights")).to_be_visible()
    check(page, f"privacy-{scheme}")
    assert page.context.cookies() == []
    page.get_by_role("link", name="Version 1").click()
    expect(page.get_by_role("link", name="Show the notice in force")).to_be_visible()
    page.get_by_role("link", name="Svenska").click()
    expect(page.locator("html")).to_have_attribute("lang", "sv")
    assert "/privacy/1" in page.url
    check(page, f"privacy-earlier-{scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_staff_read_how_interests_were_weighed(
    page: Page,
    sessions: sessionmaker[Session],
    come_in: Callable[..., Any],
    check: Callable[..., None],
    scheme: Any,
) -> None:
    page.emulate_media(color_scheme=scheme)
    publish(sessions, "quux")
    come_in(page, roles=["dpo"], language="en")
    page.goto("/settings/notice")
    expect(page.get_by_role("heading", name="Balancing tests")).to_be_visible()
    check(page, f"settings-notice-{scheme}")
