"""The graph of how many people a segment has had, as points of a line."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailer.segments.history import Day

WIDTH = 640
HEIGHT = 120
MARGIN = 4


@dataclass(frozen=True, slots=True)
class Graph:
    """`points`: x,y pairs of SVG, one a day; `days`: the numbers, the newest first."""

    points: str
    days: list[Day]
    highest: int


def graph(days: Sequence[Day]) -> Graph | None:
    """A line from the first day to the last over a floor of zero; None before the second day."""
    if len(days) < 2:
        return None
    first, last = days[0].day, days[-1].day
    highest = max(each.people for each in days) or 1
    across = (WIDTH - 2 * MARGIN) / (last - first).days
    up = (HEIGHT - 2 * MARGIN) / highest
    points = (
        f"{MARGIN + (each.day - first).days * across:.1f},{HEIGHT - MARGIN - each.people * up:.1f}"
        for each in days
    )
    return Graph(" ".join(points), list(reversed(days)), highest)
