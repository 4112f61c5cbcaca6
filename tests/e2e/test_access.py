"""From the set-up link to the home page, in a browser."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.accounts import setup
from mailer.db import transaction
from tests.web.people import PASSWORD

pytestmark = pytest.mark.browser

Check = Callable[..., None]


def setup_link(sessions: sessionmaker[Session]) -> str:
    with transaction(sessions) as session:
        return f"/setup/{setup.issue_token(session, now=clock.now())}"


def test_from_the_set_up_link_to_the_home_page(
    page: Page, sessions: sessionmaker[Session], check: Check
) -> None:
    page.goto(setup_link(sessions))
    check(page, "setup")
    page.get_by_role("button", name="Make the administrator").click()
    expect(page.get_by_role("alert")).to_be_focused()
    check(page, "setup-errors")

    page.get_by_label("First and last name").fill("Maija Virtanen")
    page.get_by_label("User name").fill("maija.virtanen")
    page.get_by_label("E-mail").fill("maija.virtanen@yritys.example")
    page.get_by_label("Password (required)").fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make the administrator").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Confidentiality undertaking")
    check(page, "undertaking")
    page.get_by_label("Your name").fill("Maija Virtanen")
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Accept the undertaking").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    check(page, "home-empty")

    page.get_by_text("Maija Virtanen").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("User name").fill("maija.virtanen")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    check(page, "sign-in-error")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")


@pytest.mark.parametrize("language", ["en", "fi"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_first_screen_is_accessible_in_both_themes_and_languages(
    page: Page, come_in: Callable[..., Any], check: Check, scheme: Any, language: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    user = come_in(page, language=language)
    paths = {
        "home": "/",
        "account": "/account",
        "password": "/password",
        "undertaking-done": "/undertaking",
        "settings": "/settings",
        "no-notice": "/settings/notice",
        "users": "/settings/users",
        "user-new": "/settings/users/new",
        "user": f"/settings/users/{user.id}",
        "user-close": f"/settings/users/{user.id}/disable",
        "audit": "/audit",
        "not-found": "/no/such/page",
    }
    for name, path in paths.items():
        page.goto(path)
        check(page, f"{name}-{scheme}-{language}")
        assert page.locator("html").get_attribute("data-bs-theme") == scheme
        assert page.locator("html").get_attribute("lang") == language


def test_the_theme_switches_in_place_and_is_kept(
    page: Page, come_in: Callable[..., Any], check: Check
) -> None:
    come_in(page, language="en")
    page.goto("/settings/users/new")
    page.get_by_label("First and last name").fill("Kalle Salo")
    page.locator("details.user summary").click()
    check(page, "user-menu")
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.get_by_label("First and last name")).to_have_value("Kalle Salo")
    page.once("dialog", lambda dialog: dialog.accept())
    page.goto("/account")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_language_switches_and_the_page_stays(page: Page, come_in: Callable[..., Any]) -> None:
    come_in(page, language="en")
    page.goto("/settings")
    page.locator("details.user summary").click()
    page.get_by_role("button", name="Svenska").click()
    expect(page.locator("html")).to_have_attribute("lang", "sv")
    assert page.url.endswith("/settings")


def test_the_keyboard_reaches_the_content_first_and_closes_the_menu(
    page: Page, come_in: Callable[..., Any]
) -> None:
    come_in(page, language="en")
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.locator("details.user summary").press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()


def test_unsaved_changes_are_not_lost_without_asking(
    page: Page, come_in: Callable[..., Any]
) -> None:
    come_in(page, language="en")
    page.goto("/settings/users/new")
    page.get_by_label("First and last name").fill("Kalle Salo")
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("link", name="Home").click()
    page.wait_for_timeout(200)
    assert asked == ["beforeunload"]
    expect(page.get_by_label("First and last name")).to_have_value("Kalle Salo")
    page.remove_listener("dialog", stay)
    page.once("dialog", lambda dialog: dialog.accept())


def test_everything_works_without_javascript(
    browser: Any, live_server: Any, sessions: sessionmaker[Session]
) -> None:
    context = browser.new_context(
        base_url=live_server.url, java_script_enabled=False, locale="en-GB"
    )
    page = context.new_page()
    page.goto(setup_link(sessions))
    for label, value in {
        "First and last name": "Maija Virtanen",
        "User name": "maija.virtanen",
        "E-mail": "maija.virtanen@yritys.example",
        "Password (required)": PASSWORD,
        "Password again": PASSWORD,
    }.items():
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Make the administrator").click()
    page.get_by_label("Your name").fill("Maija Virtanen")
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Accept the undertaking").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    page.locator("details.user summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    context.close()
    assert live_server.problems == []
