"""Stopping all sending, and letting it go on."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("language", ["en", "fi"])
def test_all_sending_is_stopped_and_let_go_on_with_two_clicks_each(
    page: Page, come_in: Callable[..., Any], check: Callable[[Page, str], None], language: str
) -> None:
    come_in(page, roles=["marketer"], language=language)
    page.goto("/campaigns")
    page.locator('a[href="/sending/stop"]').click()
    check(page, f"stop-all-{language}")
    page.locator("main .btn-danger").click()
    expect(page.locator(".note-bad")).to_be_visible()
    check(page, f"stopped-{language}")
    page.locator('a[href="/sending/go-on"]').click()
    check(page, f"go-on-{language}")
    page.locator("main .btn-primary").click()
    expect(page.locator(".note-bad")).to_have_count(0)
