"""Statistics that tell nothing about one person: cells under five people are not shown (R112).

Pure. Groups of fewer than five become one line; a count from one to four is hidden, and when only
one count of a column is hidden, the next smallest is hidden too, because the total would give the
first one away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

FEWEST = 5
OTHERS = ""


@dataclass(frozen=True, slots=True)
class Group:
    """People who have something in common, and how many of them did what. None is hidden."""

    name: str
    people: int
    counts: tuple[int | None, ...]


def protect(groups: Iterable[Group]) -> list[Group]:
    """The groups as they may be shown, largest first; what was joined is named OTHERS.

    Nothing is shown when all people together are fewer than five.
    """
    by_size = sorted(groups, key=lambda group: (-group.people, group.name))
    shown = [group for group in by_size if group.people >= FEWEST]
    joined = [group for group in by_size if group.people < FEWEST]
    # A single small group left out could be told from the total, so another goes with it.
    while joined and sum(group.people for group in joined) < FEWEST and shown:
        joined.append(shown.pop())
    if joined and sum(group.people for group in joined) >= FEWEST:
        shown.append(_join(joined))
    return _hide_counts(shown)


def _join(groups: Sequence[Group]) -> Group:
    columns = zip(*(group.counts for group in groups), strict=True)
    return Group(
        OTHERS,
        sum(group.people for group in groups),
        tuple(sum(count or 0 for count in column) for column in columns),
    )


def _hide_counts(groups: list[Group]) -> list[Group]:
    columns = [
        _hide(list(column)) for column in zip(*(group.counts for group in groups), strict=True)
    ]
    rows = list(zip(*columns, strict=True)) or [()] * len(groups)
    return [replace(group, counts=row) for group, row in zip(groups, rows, strict=True)]


def _hide(column: list[int | None]) -> list[int | None]:
    hidden = {i for i, count in enumerate(column) if count is not None and 0 < count < FEWEST}
    if len(hidden) == 1:
        # A zero would not do: who sees two hidden cells must not know that one of them is empty.
        others = [i for i, count in enumerate(column) if i not in hidden and count]
        hidden |= set(sorted(others, key=lambda i: column[i] or 0)[:1])
    return [None if i in hidden else count for i, count in enumerate(column)]
