"""People are told from machines by what they do together, in whatever order it is seen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events.actors import REASONS, Hit, judge

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
DESK = {"network": "office", "agent": "chrome"}
GATEWAY = {"network": "cloud", "agent": "chrome too"}


def click(seconds: float, *, link: int | None = 1, **values: Any) -> Hit:
    key = f"c{seconds}-{link}-{values.get('network', '')}-{values.pop('number', '')}"
    return Hit(key, "click", AT + timedelta(seconds=seconds), link, **values)


def opened(seconds: float, **values: Any) -> Hit:
    key = f"o{seconds}-{values.get('network', '')}"
    return Hit(key, "open", AT + timedelta(seconds=seconds), **values)


def actors(*hits: Hit, links: int = 5, delivered_at: datetime | None = AT) -> list[str]:
    verdicts = judge(hits, delivered_at=delivered_at, links=links)
    return [verdicts[hit.key].actor for hit in hits]


def actor(hit: Hit, *others: Hit, links: int = 5, delivered_at: datetime | None = AT) -> str:
    return actors(hit, *others, links=links, delivered_at=delivered_at)[0]


def reasons(hit: Hit, *others: Hit, links: int = 5) -> tuple[str, ...]:
    return judge([hit, *others], delivered_at=AT, links=links)[hit.key].reasons


def sweep(seconds: float, *, links: int = 5, **values: Any) -> list[Hit]:
    """Every link within 0.9 seconds."""
    return [click(seconds + n * 0.9 / links, link=n, **values) for n in range(1, links + 1)]


def test_no_hits_have_no_verdicts() -> None:
    assert judge([], delivered_at=AT, links=3) == {}


def test_a_link_that_was_followed_in_a_message_without_links_is_judged_too() -> None:
    assert actor(click(500), links=0) == "human"


def test_a_click_after_a_while_is_a_persons() -> None:
    assert actor(click(90)) == "human"
    assert actor(click(90), delivered_at=None) == "human"


def test_an_open_through_gmail_is_a_persons_and_through_apple_is_not() -> None:
    assert actor(opened(60, client="image_proxy")) == "human"
    assert reasons(opened(60, client="image_proxy")) == ("image_proxy",)
    assert actor(opened(60, client="apple_proxy")) == "machine"


@pytest.mark.parametrize("client", ["scanner", "script", "preview", "headless", "no_client"])
def test_programs_are_machines(client: str) -> None:
    assert actor(click(600, client=client)) == "machine"
    assert reasons(click(600, client=client)) == (client,)


@pytest.mark.parametrize("client", ["mail_app", "other"])
def test_what_is_no_browser_does_not_follow_links_by_itself(client: str) -> None:
    assert actor(click(600, client=client)) == "unknown"
    assert actor(opened(600, client=client)) == "human"


@pytest.mark.parametrize("signal", ["head", "prefetch"])
def test_what_only_looks_ahead_is_a_machine(signal: str) -> None:
    assert actor(click(600, signals=frozenset({signal}))) == "machine"


def test_one_missing_header_proves_nothing_and_two_do() -> None:
    assert actor(click(600, signals=frozenset({"no_page"}))) == "human"
    assert actor(click(600, signals=frozenset({"no_language"}))) == "unknown"
    assert actor(click(600, signals=frozenset({"no_language", "no_page"}))) == "machine"
    bare = frozenset({"no_language", "no_page", "no_fetch_metadata"})
    assert actor(opened(600, signals=bare)) == "human"  # pictures are fetched without them


def test_a_signal_of_other_rules_is_not_counted() -> None:
    assert actor(click(600, signals=frozenset({"from_the_future"}))) == "human"


@pytest.mark.parametrize("seconds", [-500, -5, 0, 1, 2])
def test_a_click_at_delivery_is_a_machines(seconds: float) -> None:
    assert actor(click(seconds)) == "machine"


def test_clocks_that_disagree_by_hours_prove_nothing() -> None:
    assert actor(click(-3600)) == "human"


def test_a_click_soon_after_delivery_alone_proves_nothing() -> None:
    assert actor(click(5)) == "unknown"
    assert actor(click(5, signals=frozenset({"no_page"}))) == "machine"
    assert actor(click(30)) == "human"


def test_an_open_at_delivery_alone_proves_nothing() -> None:
    assert actor(opened(1)) == "unknown"


def test_a_sweep_of_all_links_within_a_second_is_a_gateways_however_late() -> None:
    for seconds in (43, 3600, 86_400):
        assert set(actors(*sweep(seconds, links=9), links=9)) == {"machine"}
    assert "sweep" in reasons(*sweep(43))


def test_a_person_who_comes_after_the_gateway_is_a_person() -> None:
    burst = sweep(43)
    assert actor(click(60), *burst) == "human"
    assert actor(click(47, **DESK), *sweep(43, **GATEWAY)) in ("human", "unknown")
    assert actor(click(65, **DESK), *sweep(43, **GATEWAY)) == "human"


def test_who_comes_from_where_the_gateway_came_from_is_the_gateway() -> None:
    assert actor(click(65, link=1, **GATEWAY), *sweep(43, **GATEWAY)) == "machine"
    assert "same_client" in reasons(click(65, link=1, **GATEWAY), *sweep(43, **GATEWAY))
    # Long after, it proves nothing: many may share an office's network and browser.
    assert actor(click(600, **GATEWAY), *sweep(43, **GATEWAY)) == "human"


def test_the_open_before_a_sweep_belongs_to_it() -> None:
    assert actor(opened(34, **GATEWAY), *sweep(43, **GATEWAY)) == "machine"
    assert actor(opened(34), *sweep(43)) == "unknown"
    assert actor(opened(34, **DESK), *sweep(43, **GATEWAY)) == "human"
    assert actor(opened(34, client="image_proxy"), *sweep(43)) == "human"
    assert actor(opened(12), *sweep(43)) == "human"
    assert actor(opened(50), *sweep(43)) == "human"


def test_three_links_within_ten_seconds_cannot_be_told_unless_they_are_all() -> None:
    burst = [click(90, link=1), click(92, link=2), click(96, link=3)]
    assert set(actors(*burst, links=20)) == {"unknown"}
    assert set(actors(*burst, links=3)) == {"machine"}


def test_three_links_in_half_a_minute_are_a_persons() -> None:
    hits = [click(90, link=1), click(99.1, link=2), click(110.2, link=3)]
    assert set(actors(*hits, links=20)) == {"human"}


def test_clicks_from_many_networks_at_once_cannot_be_told() -> None:
    fleet = [click(90 + 20 * n, link=n, network=f"cloud {n}", agent="chrome") for n in (1, 2, 3)]
    assert set(actors(*fleet, links=8)) == {"unknown"}
    assert set(actors(*fleet[:2], links=8)) == {"human"}
    assert actor(click(400, **DESK), *fleet, links=8) == "human"
    # Where no network is known there are not many.
    assert actor(*(replace(hit, network="") for hit in fleet), links=8) == "human"


def test_the_same_link_twice_is_no_burst() -> None:
    twice = [click(90, number=n) for n in range(3)]
    assert set(actors(*twice, links=1)) == {"human"}


def test_one_link_ten_times_at_once_is_a_machines() -> None:
    assert set(actors(*(click(90 + n / 4, number=n) for n in range(12)))) == {"machine"}


def test_both_links_of_a_short_message_prove_nothing_alone() -> None:
    hits = [click(90, link=1), click(93, link=2)]
    assert actor(*hits, links=2) == "unknown"
    assert actor(*hits, links=3) == "human"
    assert actor(click(90, link=1), click(90.4, link=2), links=2) == "machine"


def test_a_slow_scanner_shows_by_its_even_pace() -> None:
    even = [click(120 + 7 * n, link=n) for n in range(1, 6)]
    assert set(actors(*even, links=8)) == {"machine"}
    assert "even_pace" in reasons(*even, links=8)


def test_every_link_in_the_order_of_the_page_cannot_be_told() -> None:
    hits = [click(at, link=n) for n, at in enumerate([120, 135, 171, 183, 260], start=1)]
    assert set(actors(*hits, links=5)) == {"unknown"}
    assert set(actors(*hits, links=9)) == {"human"}


def test_the_link_that_nobody_sees_gives_its_visit_away() -> None:
    trap = click(200, link=None, **GATEWAY)
    assert actor(trap) == "machine"
    assert reasons(trap) == ("trap",)
    assert actor(click(140, **GATEWAY), trap) == "machine"
    assert "with_trap" in reasons(click(140, **GATEWAY), trap)
    assert actor(opened(140, **GATEWAY), trap) == "machine"
    assert actor(click(140, **DESK), trap) == "human"
    assert actor(click(205, **DESK), trap) == "unknown"


def test_the_trap_takes_along_what_is_near_where_origins_are_not_known() -> None:
    trap = click(200, link=None)
    assert actor(click(195), trap) == "machine"
    assert actor(click(230), trap) == "human"


def test_a_thousand_hits_are_judged() -> None:
    hits = [click(60 + n / 10, link=n % 7, number=n) for n in range(1000)]
    assert set(actors(*hits, links=7)) == {"machine"}


ORIGINS = st.sampled_from([{}, DESK, GATEWAY])
LINKS = st.sampled_from([None, 1, 2, 3, 4])


@st.composite
def hit(draw: st.DrawFn) -> Hit:
    signals = st.sets(st.sampled_from(["head", "no_language", "crowd", "?"]))
    kind = draw(st.sampled_from(["open", "click"]))
    seconds = draw(st.integers(-20, 800)) / 4
    return Hit(
        key=f"hit:{draw(st.integers(0, 10**9))}",
        kind=kind,
        at=AT + timedelta(seconds=seconds),
        link_id=draw(LINKS) if kind == "click" else None,
        client=draw(st.sampled_from(["browser", "script", "image_proxy", "mail_app", "?"])),
        signals=frozenset(draw(signals)),
        **draw(ORIGINS),
    )


HITS = st.lists(hit(), max_size=10, unique_by=lambda each: each.key)


@given(HITS, st.data())
def test_the_order_in_which_hits_are_seen_does_not_matter(
    hits: list[Hit], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(hits))
    verdicts = judge(hits, delivered_at=AT, links=4)
    assert judge(shuffled, delivered_at=AT, links=4) == verdicts
    assert verdicts.keys() == {hit.key for hit in hits}
    for verdict in verdicts.values():
        assert set(verdict.reasons) <= REASONS.keys()


def test_of_hits_at_the_same_moment_the_order_does_not_matter_either() -> None:
    hits = [click(90, link=n, number=n) for n in (1, 2, 3)] + [opened(90)]
    first = judge(hits, delivered_at=AT, links=4)
    assert all(judge(order, delivered_at=AT, links=4) == first for order in permutations(hits))


@given(HITS, st.integers(0, 100), st.booleans())
def test_a_machine_elsewhere_or_at_another_time_makes_no_person_a_machine(
    hits: list[Hit], seconds: int, known: bool
) -> None:
    people = [replace(each, **DESK) if known else replace(each, network="") for each in hits]
    before = judge(people, delivered_at=AT, links=4)
    # At some other time when origins are not known; within the people's own minutes when they are.
    begins = seconds if known else 1000 + seconds
    burst = [*sweep(begins, links=4, **GATEWAY), click(begins + 1, link=None, **GATEWAY)]
    after = judge([*people, *burst], delivered_at=AT, links=4)
    for each in people:
        near = any(abs(each.at - other.at) <= timedelta(seconds=1) for other in burst)
        if before[each.key].actor == "human" and not near:
            assert after[each.key].actor in ("human", "unknown")
        if before[each.key].actor == "machine":
            assert after[each.key].actor == "machine"


@given(HITS)
def test_a_sweep_is_always_a_machines(hits: list[Hit]) -> None:
    burst = sweep(43, **GATEWAY)
    after = judge([*hits, *burst], delivered_at=AT, links=5)
    assert {after[each.key].actor for each in burst} == {"machine"}
