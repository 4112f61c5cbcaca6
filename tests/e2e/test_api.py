"""The pages about the API in a browser: making a token, ending it, reading the reference."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Check = Callable[..., None]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_token_is_made_shown_once_and_revoked(
    page: Page, come_in: Callable[..., Any], check: Check, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    come_in(page, language="en")
    page.goto("/settings/api-tokens")
    expect(page.get_by_text("No tokens yet")).to_be_visible()
    page.get_by_role("link", name="Make a token").click()
    page.get_by_role("button", name="Make the token").click()
    check(page, f"api-token-wrong-{scheme}")
    page.get_by_label("System").fill("CRM")
    page.get_by_label("Read one contact").check()
    page.get_by_role("button", name="Make the token").click()
    secret = page.locator("#secret").inner_text()
    assert secret.startswith("lupa_")
    check(page, f"api-token-once-{scheme}")
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_text("In force")).to_be_visible()
    assert secret not in page.content()
    check(page, f"api-tokens-{scheme}")
    page.get_by_role("link", name="Revoke CRM").click()
    check(page, f"api-token-revoke-{scheme}")
    page.get_by_role("button", name="Revoke the token").click()
    expect(page.get_by_role("cell", name="Revoked")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_reference_is_read_and_its_links_lead_to_the_problems(
    page: Page, come_in: Callable[..., Any], check: Check, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    come_in(page, language="en")
    page.goto("/settings/api")
    page.locator("#add_contact summary").click()
    page.locator("#add_contact").get_by_role("link", name="no_notice").click()
    expect(page.locator("#p-no_notice")).to_be_in_viewport()
    check(page, f"api-reference-{scheme}")
