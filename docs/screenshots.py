"""Takes the pictures of the documentation from the running example: `make screenshots`.

    python docs/screenshots.py [--all] [--into DIRECTORY] [--language fi|sv|en]

Starts the demo in a temporary directory, signs in as its administrator and walks the screens in
Chromium. Without --all only the few that README and docs/ show.
"""

import argparse
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
    "report": "/reports/1",
    "contacts": "/contacts",
}
ALL = {
    **SHOWN,
    "campaigns": "/campaigns",
    "campaign-1": "/campaigns/1",
    "segments": "/segments",
    "segment-new": "/segments/new",
    "contact": "/contacts/1",
    "companies": "/companies",
    "company": "/companies/1",
    "imports": "/imports",
    "import": "/imports/1",
    "import-new": "/imports/new",
    "titles": "/titles",
    "suppressions": "/suppressions",
    "reports": "/reports",
    "settings": "/settings",
    "notice": "/settings/notice",
    "users": "/settings/users",
    "audit": "/audit",
    "account": "/account",
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
            page.screenshot(path=given.into / f"{name}-{label}.png", full_page=given.all)
        context.close()


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
