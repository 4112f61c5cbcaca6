"""A real browser over the application with real commits, and what every page must satisfy.

| fixture       | what it gives                                                                  |
|---------------|--------------------------------------------------------------------------------|
| `live_server` | the application on a loopback port; `live_server.url`                           |
| `page`        | a Playwright page at that address; the test fails when anything below happened  |
| `come_in`     | signs the page in: `user = come_in(page, roles=["marketer"], language="fi")`    |
| `check`       | `check(page, "name")`: accessibility, 320 px, and a picture when SHOTS is set   |

Fails the test by itself: a CSP violation, a console error, a fault in a script, a request to
another host, an answer of 500 or more, a missing static file, a document without lang, title or
h1, an attribute style= or on…=. Mark browser tests with `pytest.mark.browser`.
"""

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.serving import WSGIRequestHandler, make_server

from mailer import clock, installation
from mailer.accounts import signed_in
from mailer.accounts.models import User
from mailer.adapters import queue, workers
from mailer.app import create_app
from mailer.config import Settings
from mailer.db import transaction
from tests.e2e.watch import watched
from tests.sending.scene import Scene, make_scene
from tests.web.people import make_user

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
NARROW = 320
WAIT = 30_000
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error("CSP: " + event.violatedDirective + " " + event.blockedURI + " " + event.sample));
"""


@dataclass(slots=True)
class LiveServer:
    """The application on a port, and what was wrong with the documents it gave out."""

    url: str = ""
    problems: list[str] = field(default_factory=list)


class _Quiet(WSGIRequestHandler):
    def log(self, *_args: Any) -> None:  # type: ignore[override]
        """Say nothing: pytest shows what failed."""


@pytest.fixture
def live_server(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis
) -> Iterator[LiveServer]:
    installation.use(
        installation.Installation(connected_settings, sessions.kw["bind"], sessions, redis)
    )
    live = LiveServer()
    server = make_server(
        "127.0.0.1",
        0,
        watched(create_app(), live.problems.extend),
        threaded=True,
        request_handler=_Quiet,
    )
    server.daemon_threads = True
    live.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield live
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from tests.conftest import find_chromium

    expect.set_options(timeout=WAIT)  # machines that run tests are slow now and then
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=CHROMIUM_ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 1280, "height": 800}, locale="en-GB"
    )
    context.set_default_timeout(WAIT)
    context.add_init_script(REPORT_VIOLATIONS)
    page = context.new_page()
    watch_page(page, live_server.problems, [live_server.url])
    yield page
    context.close()
    assert live_server.problems == []


@pytest.fixture
def scene(
    page: Page, connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis
) -> Scene:
    """A register to send to, a worker that seems alive, and no SES that would answer."""
    queue.connect(redis)
    redis.sadd("rq:workers:send", "rq:worker:one")
    redis.set(f"{workers.ALIVE}one", "1", ex=300)
    return make_scene(
        connected_settings, sessions, redis, clock.now(), ses_endpoint_url="http://127.0.0.1:1"
    )


def watch_page(page: Page, problems: list[str], hosts: Iterable[str]) -> None:
    """Note what a page does that it may not; `hosts` are the addresses it may ask."""
    own_hosts = {urlsplit(host).netloc for host in hosts}

    def on_console(message: ConsoleMessage) -> None:
        # The browser notes every 4xx; which of them are wrong is decided in on_response.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            problems.append(f"console: {message.text}")

    def on_response(response: Response) -> None:
        kind = response.request.resource_type
        if response.status >= 400 and kind not in ("document", "xhr", "fetch"):
            problems.append(f"{kind} {response.url}: {response.status}")

    def on_request(url: str) -> None:
        if urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc not in own_hosts:
            problems.append(f"request to another host: {url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    page.on("response", on_response)
    page.on("request", lambda request: on_request(request.url))


@pytest.fixture
def come_in() -> Callable[..., User]:
    """Signs a page in without the form: as a new user (options of make_user)."""

    def come_in(page: Page, **options: Any) -> User:
        user = make_user(**options)
        with transaction(installation.current().sessions) as session:
            secret = signed_in.begin(session, user, now=clock.now())
        page.goto("/healthz")
        page.context.add_cookies([{"name": "signed_in", "value": secret, "url": page.url}])
        return user

    return come_in


@pytest.fixture
def check() -> Callable[..., None]:
    """Looks at the page as it stands: accessible, and not wider than a narrow telephone."""

    def check(page: Page, name: str | None = None) -> None:
        _evaluate(page, SETTLED)
        take_picture(page, name)
        violations = _axe(page)
        assert violations == [], f"{page.url}: {json.dumps(violations, indent=1)}"
        size = page.viewport_size
        page.set_viewport_size({"width": NARROW, "height": 800})
        try:
            take_picture(page, f"{name}-{NARROW}" if name else None)
            width = _evaluate(page, "document.documentElement.scrollWidth")
            wide = _evaluate(page, WIDEST) if width > NARROW else ""
            assert width <= NARROW, f"{page.url}: {width} px wide at {NARROW}: {wide}"
        finally:
            if size is not None:
                page.set_viewport_size(size)

    return check


# Colours on their way from one theme to the other have a contrast of their own.
SETTLED = """
Promise.allSettled(document.getAnimations()
  .filter((each) => each.effect.getComputedTiming().endTime !== Infinity)
  .map((each) => each.finished)).then(() => 0)
"""
WIDEST = """
[...document.body.querySelectorAll("*")]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
  .map((e) => e.tagName + "." + e.className).slice(0, 5).join(" ")
"""


def take_picture(page: Page, name: str | None) -> None:
    folder = os.environ.get("SHOTS")
    if folder and name:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def _axe(page: Page) -> list[dict[str, Any]]:
    _evaluate(page, AXE.read_text(encoding="utf-8") + ";0")
    options = {"runOnly": {"type": "tag", "values": AXE_TAGS}, "resultTypes": ["violations"]}
    found = _evaluate(page, f"axe.run({json.dumps(options)}).then((r) => r.violations)")
    return [
        {
            "rule": violation["id"],
            "help": violation["help"],
            "at": [node["html"][:200] for node in violation["nodes"]],
            "why": violation["nodes"][0]["failureSummary"],
        }
        for violation in found
    ]


def _evaluate(page: Page, expression: str) -> Any:
    # Past the page's CSP, which stays on for the page itself.
    devtools = page.context.new_cdp_session(page)
    try:
        answer = devtools.send(
            "Runtime.evaluate",
            {
                "expression": expression,
                "awaitPromise": True,
                "returnByValue": True,
                "allowUnsafeEvalBlockedByCSP": True,
            },
        )
    finally:
        with suppress(Exception):
            devtools.detach()
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"].get("value")
