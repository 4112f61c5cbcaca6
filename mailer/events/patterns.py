"""What hits look like together: the rules that need more than one request to be seen.

Pure: each function takes hits and gives keys of hits with codes of mailer.events.rules. Hits that
came in another order, or late, give the same. A client is a network and a program; hits of which
that is not known are taken together only where they are close.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean, pstdev
from typing import Any

from mailer.events import rules

Found = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Hit:
    """One request. `signals` are codes of mailer.events.rules seen in it; `client` is a coarse
    class. A click on no link (None) is one on the link that nobody sees."""

    key: str
    kind: str  # open | click
    at: datetime
    link_id: int | None = None
    client: str = "browser"
    signals: frozenset[str] = frozenset()
    network: str = ""
    agent: str = ""

    @property
    def origin(self) -> tuple[str, str] | None:
        """Who asked, comparable within a day; None when the network is not known."""
        return (self.network, self.agent) if self.network else None

    @property
    def is_trap(self) -> bool:
        """Whether it is on the link that nobody sees."""
        return self.kind == "click" and self.link_id is None


@dataclass(frozen=True, slots=True)
class Mark:
    """A hit as it is compared between messages: `mark` is one client's at one company."""

    mark: bytes
    at: datetime
    message_id: int
    key: str


def together(hits: Iterable[Hit], *, links: int) -> Found:
    """Every code that hits of one message earn by what came with them. `links`: how many it has."""
    ordered = sorted(hits, key=lambda hit: (hit.at, hit.key))
    yield from _near_traps(ordered)
    clicks = [hit for hit in ordered if hit.kind == "click"]
    if len(clicks) < 2:
        return  # most messages
    yield from _sweeps(clicks)
    yield from _different(clicks, rules.BURST, rules.BURST_LINKS, "shared_burst")
    for window in _windows(clicks, rules.VISIT):
        if len({hit.network for hit in window} - {""}) >= rules.MANY_PLACES:
            yield from ((hit.key, "many_places") for hit in window)
    for group in _by_origin(clicks).values():
        yield from _bursts(group, links)
        yield from _rounds(group, links)
        yield from _hammering(group)


def crowds(marks: Iterable[Mark]) -> set[str]:
    """Keys of hits that one client made for many messages of one company at a time."""
    found: set[str] = set()
    groups: dict[bytes, list[Mark]] = defaultdict(list)
    for mark in set(marks):
        groups[mark.mark].append(mark)
    for group in groups.values():
        group.sort(key=lambda mark: (mark.at, mark.key))
        for window in _windows(group, rules.CROWD):
            if len({mark.message_id for mark in window}) >= rules.CROWD_MESSAGES:
                found.update(mark.key for mark in window)
    return found


def visits(hits: Iterable[Hit]) -> Iterator[list[Hit]]:
    """Runs of hits of one client without a long pause; nameless ones are near one another."""
    for origin, group in _by_origin(sorted(hits, key=lambda hit: (hit.at, hit.key))).items():
        pause = rules.NAMELESS_VISIT if origin is None else rules.VISIT
        run = group[:1]
        for before, hit in pairwise(group):
            if hit.at - before.at > pause:
                yield run
                run = []
            run.append(hit)
        yield run


def _by_origin(hits: Iterable[Hit]) -> Mapping[tuple[str, str] | None, list[Hit]]:
    groups: dict[tuple[str, str] | None, list[Hit]] = defaultdict(list)
    for hit in hits:
        groups[hit.origin].append(hit)
    return groups


def _windows(ordered: Sequence[Any], length: timedelta) -> Iterator[Sequence[Any]]:
    """Every longest run of what lies within one length of time."""
    start = 0
    for end, last in enumerate(ordered):
        while last.at - ordered[start].at > length:
            start += 1
        if end + 1 == len(ordered) or ordered[end + 1].at - ordered[start].at > length:
            yield ordered[start : end + 1]


def _links(hits: Iterable[Hit]) -> set[int | None]:
    return {hit.link_id for hit in hits}


def _different(clicks: Sequence[Hit], length: timedelta, least: int, code: str) -> Found:
    for window in _windows(clicks, length):
        if len(_links(window)) >= least:
            yield from ((hit.key, code) for hit in window)


def _sweeps(clicks: Sequence[Hit]) -> Found:
    yield from _different(clicks, rules.SWEEP, rules.BURST_LINKS, "sweep")
    yield from _different(clicks, rules.SWEEP, 2, "pair")


def _bursts(clicks: Sequence[Hit], links: int) -> Found:
    yield from _different(clicks, rules.BURST, rules.BURST_LINKS, "burst")
    least = max(2, -int(-rules.MOST_LINKS * links // 1))
    yield from _different(clicks, rules.BURST, least, "most_links")


def _rounds(clicks: Sequence[Hit], links: int) -> Found:
    """Slow scanners: one link after the other, in order, at an even pace, until all are done."""
    for window in _windows(clicks, rules.ROUND):
        if len(_links(window)) < rules.ROUND_LINKS:
            continue
        first = _first_of_each_link(window)
        numbers = [hit.link_id for hit in first if hit.link_id is not None]
        codes = []
        if len(numbers) >= links:
            codes.append("every_link")
        if numbers == sorted(numbers) or numbers == sorted(numbers, reverse=True):
            codes.append("page_order")
        if _even(first):
            codes.append("even_pace")
        # A link that is followed once more later is not part of the round.
        yield from ((hit.key, code) for hit in first for code in codes)


def _first_of_each_link(window: Sequence[Hit]) -> list[Hit]:
    first: dict[int | None, Hit] = {}
    for hit in window:
        first.setdefault(hit.link_id, hit)
    return list(first.values())


def _even(hits: Sequence[Hit]) -> bool:
    pauses = [(after.at - before.at).total_seconds() for before, after in pairwise(hits)]
    mean = fmean(pauses)
    # Within a sweep every pause is nothing; that is the sweep's rule.
    return mean >= rules.SWEEP.total_seconds() and pstdev(pauses) <= rules.EVEN_SPREAD * mean


def _hammering(clicks: Sequence[Hit]) -> Found:
    groups: dict[int | None, list[Hit]] = defaultdict(list)
    for hit in clicks:
        groups[hit.link_id].append(hit)
    for group in groups.values():
        for window in _windows(group, rules.BURST):
            if len(window) >= rules.HAMMERING:
                yield from ((hit.key, "hammering") for hit in window)


def _near_traps(ordered: Sequence[Hit]) -> Found:
    for trap in ordered:
        if not trap.is_trap:
            continue
        yield trap.key, "trap"
        for hit in ordered:
            if abs(hit.at - trap.at) <= rules.NEAR_TRAP and not hit.is_trap:
                yield hit.key, "near_trap"
