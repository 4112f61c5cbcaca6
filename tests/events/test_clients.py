"""One request gives away what kind of program made it, and what its headers lack."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events.clients import client_of, sends_fetch_metadata, signals_of
from mailer.events.rules import RULES

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
CHROME = WINDOWS + "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:{}.0) Gecko/20100101 Firefox/{}.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/{} Mobile/15E148 Safari/604.1"
)
USUAL = {
    "user-agent": CHROME,
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "fi",
    "sec-fetch-mode": "navigate",
}


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        ("", "no_client"),
        ("  ", "no_client"),
        ("Mozilla/5.0", "apple_proxy"),
        (CHROME, "browser"),
        ("Mozilla/5.0 (Linux; Android 14; CUBOT X90) Chrome/140.0 Mobile Safari/537", "browser"),
        ("Mozilla/5.0 (Windows NT 5.1) (via ggpht.com GoogleImageProxy)", "image_proxy"),
        ("YahooMailProxy; https://help.yahoo.com", "image_proxy"),
        ("BarracudaCentral", "scanner"),
        ("Mozilla/5.0 (compatible; Mimecast)", "scanner"),
        ("python-requests/2.32", "script"),
        ("curl/8.5", "script"),
        ("Slackbot-LinkExpanding 1.0", "preview"),
        ("Mozilla/5.0 (compatible; somebot/2.1; +https://bot.example)", "preview"),
        (CHROME.replace("Chrome", "HeadlessChrome"), "headless"),
        ("Microsoft Office/16.0 (Microsoft Outlook 16.0)", "mail_app"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605", "browser"),
        ("x" * 100_000, "other"),
    ],
)
def test_a_client_is_known_by_its_coarse_class(agent: str, client: str) -> None:
    assert client_of(agent) == client


def test_a_browser_that_follows_a_link_gives_nothing_away() -> None:
    assert signals_of("GET", USUAL, secure=True) == set()


@pytest.mark.parametrize(
    ("method", "change", "signals"),
    [
        ("HEAD", {}, {"head"}),
        ("GET", {"sec-purpose": "prefetch;prerender"}, {"prefetch"}),
        ("GET", {"purpose": "Prefetch"}, {"prefetch"}),
        ("GET", {"x-purpose": "preview"}, {"prefetch"}),
        ("GET", {"x-moz": "prefetch"}, {"prefetch"}),
        ("GET", {"accept-language": ""}, {"no_language"}),
        ("GET", {"accept": "*/*"}, {"no_page"}),
        ("GET", {"sec-fetch-mode": "no-cors"}, {"not_navigation"}),
    ],
)
def test_a_request_gives_away_what_it_is(
    method: str, change: dict[str, str], signals: set[str]
) -> None:
    assert signals_of(method, USUAL | change, secure=True) == signals


def test_a_new_browser_says_over_https_why_it_fetches() -> None:
    silent = {name: value for name, value in USUAL.items() if name != "sec-fetch-mode"}
    assert signals_of("GET", silent, secure=True) == {"no_fetch_metadata"}
    assert signals_of("GET", silent, secure=False) == set()


@pytest.mark.parametrize(
    ("agent", "sends"),
    [
        (CHROME, True),
        (CHROME.replace("140", "79"), False),
        (FIREFOX.format(128, 128), True),
        (FIREFOX.format(78, 78), False),
        (SAFARI.format("18.0"), True),
        (SAFARI.format("15.6"), False),
        (SAFARI.format("18.0").replace("Version/18.0", "CriOS/140.0"), False),
        ("curl/8.5", False),
        ("", False),
    ],
)
def test_old_browsers_do_not_say_why_they_fetch(agent: str, sends: bool) -> None:
    assert sends_fetch_metadata(agent) == sends


@given(st.text(max_size=30), st.dictionaries(st.sampled_from([*USUAL, "x-moz"]), st.text()))
def test_any_request_is_classed(method: str, headers: dict[str, str]) -> None:
    assert signals_of(method, headers, secure=True) <= RULES.keys()
    client_of(headers.get("user-agent", ""))
