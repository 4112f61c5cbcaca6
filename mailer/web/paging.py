"""Long lists: pages of fifty, a total, and sorting by links, all of it in the URL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request

SIZE = 50
# Beyond this the count of rows to skip would not fit a 64-bit integer.
LAST_PAGE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Paging:
    """Where a page stands in a list. `number` starts from 1 and may lie past the end."""

    number: int
    total: int
    size: int = SIZE

    @property
    def offset(self) -> int:
        """How many rows come before this page."""
        return (self.number - 1) * self.size

    @property
    def pages(self) -> int:
        """How many pages there are; one even when the list is empty."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """The place of the first row shown, from 1."""
        return self.offset + 1

    @property
    def last(self) -> int:
        """The place of the last row shown."""
        return min(self.offset + self.size, self.total)

    @property
    def previous_page(self) -> int | None:
        """The page before; the last one there is when this lies past the end."""
        return min(self.number - 1, self.pages) or None

    @property
    def next_page(self) -> int | None:
        """The page after."""
        return self.number + 1 if self.number < self.pages else None


@dataclass(frozen=True, slots=True)
class Sorting:
    """By which column a list is sorted."""

    key: str
    descending: bool = False

    def toggled(self, key: str) -> str:
        """The `sort` value that a click on a column's header asks for."""
        return f"-{key}" if key == self.key and not self.descending else key


def page_number(values: Mapping[str, str] | None = None) -> int:
    """`page` from the URL; 1 when it is missing or no number."""
    text = (request.args if values is None else values).get("page", "1")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return 1
    return min(max(int(text), 1), LAST_PAGE)


def sorting(allowed: Mapping[str, Any], default: str) -> Sorting:
    """`sort` from the URL (`name` or `-name`); the default unless it is one of `allowed`."""
    text = request.args.get("sort", default)
    if text.removeprefix("-") not in allowed:
        text = default
    return Sorting(text.removeprefix("-"), text.startswith("-"))


def url_with(**changes: Any) -> str:
    """This page's URL with some query values changed; None drops one."""
    query: dict[str, Any] = {**request.args.to_dict(flat=False), **changes}
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{request.path}?{urlencode(kept, doseq=True)}"
