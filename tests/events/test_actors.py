"""People are told from machines by what they do together, in whatever order it is seen."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events.actors import REASONS, Hit, client_of, judge, signals_of

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36"
)


def click(seconds: float, *, link: int = 1, **values: Any) -> Hit:
    key = f"c{seconds}-{link}"
    return Hit(key, "click", AT + timedelta(seconds=seconds), link, **values)


def opened(seconds: float, **values: Any) -> Hit:
    return Hit(f"o{seconds}", "open", AT + timedelta(seconds=seconds), **values)


def actor(hit: Hit, *others: Hit, links: int = 5, delivered_at: datetime | None = AT) -> str:
    return judge([hit, *others], delivered_at=delivered_at, links=links)[hit.key].actor


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        ("", "no_client"),
        ("  ", "no_client"),
        ("Mozilla/5.0", "apple_proxy"),
        (CHROME, "browser"),
        ("Mozilla/5.0 (Windows NT 5.1) (via ggpht.com GoogleImageProxy)", "image_proxy"),
        ("YahooMailProxy; https://help.yahoo.com", "image_proxy"),
        ("BarracudaCentral", "scanner"),
        ("python-requests/2.32", "script"),
        ("curl/8.5", "script"),
        ("Slackbot-LinkExpanding 1.0", "preview"),
        (CHROME.replace("Chrome", "HeadlessChrome"), "headless"),
        ("Microsoft Office/16.0 (Microsoft Outlook 16.0)", "mail_app"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605", "browser"),
        ("x" * 100_000, "other"),
    ],
)
def test_a_client_is_known_by_its_coarse_class(agent: str, client: str) -> None:
    assert client_of(agent) == client


def test_a_request_gives_away_what_it_is() -> None:
    usual = {"user-agent": CHROME, "accept-language": "fi", "sec-fetch-mode": "navigate"}
    assert signals_of("GET", usual, secure=True) == set()
    assert signals_of("HEAD", usual, secure=True) == {"head"}
    assert signals_of("GET", usual | {"sec-purpose": "prefetch;prerender"}, secure=True) == {
        "prefetch"
    }
    assert signals_of("GET", {"user-agent": CHROME}, secure=True) == {
        "no_language",
        "no_fetch_metadata",
    }
    # Browsers send fetch metadata over HTTPS only.
    assert signals_of("GET", {"user-agent": CHROME, "accept-language": "fi"}, secure=False) == set()


def test_a_click_after_a_while_is_a_persons() -> None:
    assert actor(click(60)) == "human"
    assert actor(click(60), delivered_at=None) == "human"


def test_an_open_through_gmail_is_a_persons_and_through_apple_is_not() -> None:
    assert actor(opened(60, client="image_proxy")) == "human"
    assert actor(opened(60, client="apple_proxy")) == "machine"


@pytest.mark.parametrize("client", ["scanner", "script", "preview", "headless", "no_client"])
def test_programs_are_machines(client: str) -> None:
    assert actor(click(60, client=client)) == "machine"


@pytest.mark.parametrize("signal", ["head", "prefetch"])
def test_what_only_looks_ahead_is_a_machine(signal: str) -> None:
    assert actor(click(60, signals=frozenset({signal}))) == "machine"


@pytest.mark.parametrize("seconds", [-5, 0, 1, 2])
def test_a_click_at_delivery_is_a_machines(seconds: float) -> None:
    assert actor(click(seconds)) == "machine"


def test_a_click_soon_after_delivery_alone_proves_nothing() -> None:
    assert actor(click(5)) == "unknown"
    assert actor(click(5, signals=frozenset({"no_language"}))) == "machine"


def test_an_open_at_delivery_alone_proves_nothing() -> None:
    assert actor(opened(1)) == "unknown"


def test_three_links_within_ten_seconds_are_a_gateways() -> None:
    burst = [click(60, link=1), click(61, link=2), click(70, link=3)]
    verdicts = judge(burst, delivered_at=AT, links=20)
    assert {verdict.actor for verdict in verdicts.values()} == {"machine"}
    # A person who comes back later is still a person.
    assert actor(click(3600, link=1), *burst) == "human"


def test_three_links_in_half_a_minute_are_a_persons() -> None:
    hits = [click(60, link=1), click(70.1, link=2), click(80.2, link=3)]
    verdicts = judge(hits, delivered_at=AT, links=20)
    assert {verdict.actor for verdict in verdicts.values()} == {"human"}


def test_the_same_link_twice_is_no_burst() -> None:
    assert actor(click(60), click(60.2), click(61), links=20) == "human"


def test_both_links_of_a_short_message_prove_nothing_alone() -> None:
    hits = [click(60, link=1), click(63, link=2)]
    assert actor(*hits, links=2) == "unknown"
    assert actor(*hits, links=3) == "human"


_HITS = st.lists(
    st.builds(
        Hit,
        key=st.integers(0, 10**9).map(lambda number: f"hit:{number}"),
        kind=st.sampled_from(["open", "click"]),
        at=st.integers(-20, 200).map(lambda seconds: AT + timedelta(seconds=seconds / 4)),
        link_id=st.integers(1, 4),
        client=st.sampled_from(["browser", "script", "image_proxy"]),
        signals=st.sets(st.sampled_from(["head", "no_language"])).map(frozenset),
    ),
    max_size=8,
    unique_by=lambda hit: hit.key,
)


@given(_HITS, st.data())
def test_the_order_in_which_hits_are_seen_does_not_matter(
    hits: list[Hit], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(hits))
    verdicts = judge(hits, delivered_at=AT, links=4)
    assert judge(shuffled, delivered_at=AT, links=4) == verdicts
    assert verdicts.keys() == {hit.key for hit in hits}
    for verdict in verdicts.values():
        assert set(verdict.reasons) <= REASONS.keys()
