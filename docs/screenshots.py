"""Takes the pictures of the documentation from the running example: `make screenshots`.

    python docs/screenshots.py [--all] [--into DIRECTORY] [--language fi|sv|en]

Starts the demo in a temporary directory, signs in as its administrator and walks the screens in
Chromium. Without --all only the few that README and docs/ show.
"""

import argparse
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from mailer.cli.demo import OVERRIDES
from mailer.stack import demo
from mailer.stack.supervisor import Stack

HERE = Path(__file__).parent / "images"
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 375, "height": 720}
# name -> path; those that the documentation shows.
SHOWN = {
    "home": "/",
    "segment": "/segments/1",
    "check": "/campaigns/3/review",
    "report": "/reports/1",
    "contact": "/contacts/12",
}
# The pictures that are kept in the repository.
KEPT = frozenset(
    {"home-light", "segment-light", "check-light", "report-light", "contact-dark", "stop-narrow"}
)
ALL = {
    **SHOWN,
    "campaigns": "/campaigns",
    "campaign-sent": "/campaigns/1",
    "campaign-recipients": "/campaigns/3/recipients",
    "campaign-content": "/campaigns/3/content/fi",
    "campaign-test": "/campaigns/3/test",
    "segments": "/segments",
    "segment-new": "/segments/new",
    "contacts": "/contacts",
    "contact-edit": "/contacts/12/edit",
    "companies": "/companies",
    "company": "/companies/1",
    "imports": "/import",
    "import": "/import/1",
    "import-new": "/import/new",
    "titles": "/titles",
    "suppressions": "/suppressions",
    "reports": "/reports",
    "settings": "/settings",
    "notice": "/settings/notice",
    "users": "/settings/users",
    "audit": "/audit",
    "account": "/account",
    "privacy": "/privacy",
    "replies": "/replies",
    "sources": "/contacts/sources",
    "informing": "/contacts/informing",
    "checking": "/contacts/checking",
    "leavers": "/contacts/leavers",
    "dealing-new": "/contacts/12/note",
    "company-facts": "/companies/1/facts",
    "certificate": "/campaigns/1/certificate",
    "sending": "/settings/sending",
    "forms": "/settings/forms",
    "form-new": "/settings/forms/new",
    "webhooks": "/settings/webhooks",
    "api-tokens": "/settings/api-tokens",
    "api": "/settings/api",
}


def sign_in(page: Page, story: demo.Story, language: str) -> None:
    """Sign in as the example's administrator and accept the undertaking."""
    given = story.summary["sign_in"]
    page.goto("/sign-in")
    page.locator("input[name=user_name]").fill(given["user_name"])
    page.locator("input[name=password]").fill(given["password"])
    page.locator("main button[type=submit], main form button").first.click()
    page.wait_for_load_state()
    if "undertaking" in page.url:
        page.locator("input[name=name]").fill("Maija Esimerkki")
        page.locator("input[type=checkbox]").check()
        page.locator("main form button").first.click()
        page.wait_for_load_state()
    del language


def walk(browser: Browser, stack: Stack, story: demo.Story, given: argparse.Namespace) -> None:
    """Take every picture, wide and narrow, light and dark."""
    for scheme, size, label in (
        ("light", WIDE, "light"),
        ("dark", WIDE, "dark"),
        ("light", NARROW, "narrow"),
    ):
        context = browser.new_context(
            base_url=stack.public_url,
            viewport=size,  # type: ignore[arg-type]
            color_scheme=scheme,  # type: ignore[arg-type]
            locale={"fi": "fi-FI", "sv": "sv-FI", "en": "en-GB"}[given.language],
        )
        page = context.new_page()
        sign_in(page, story, given.language)
        for name, path in (ALL if given.all else SHOWN).items():
            answer = page.goto(path)
            page.wait_for_timeout(400)
            status = answer.status if answer else 0
            print(f"{status} {label} {path}")
            take(page, given, f"{name}-{label}")
        letter(page, stack, given, label)
        context.close()


def letter(page: Page, stack: Stack, given: argparse.Namespace, label: str) -> None:
    """The first message in the stand-in's mailbox, and the page behind its opt-out link."""
    page.goto(f"{stack.stand_in_url}/mailbox")
    take(page, given, f"mailbox-{label}")
    page.locator("main a[href*='/mailbox/']").last.click()
    page.wait_for_timeout(500)
    take(page, given, f"letter-{label}")
    page.get_by_role("link", name="Headers").click()
    page.wait_for_load_state()
    link = re.search(rf"{re.escape(stack.public_url)}/u/[\w-]+", page.inner_text("body"))
    if link is not None:
        page.goto(link.group())
        take(page, given, f"stop-{label}")


def take(page: Page, given: argparse.Namespace, name: str) -> None:
    """One picture, if it is wanted."""
    if given.all or name in KEPT:
        page.screenshot(path=given.into / f"{name}.png", full_page=given.all)


def story_told(directory: Path) -> Iterator[tuple[Stack, demo.Story]]:
    """The example, played, in a directory of its own."""
    with Stack({**OVERRIDES, "LUPAPOSTI_VAR": str(directory)}, echo=lambda _: None) as stack:
        yield stack, demo.run(stack, print)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--into", type=Path, default=HERE)
    parser.add_argument("--language", choices=("fi", "sv", "en"), default="en")
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="lupaposti-pictures-"))
    try:
        for stack, story in story_told(directory):
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                walk(browser, stack, story, given)
                browser.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
