"""Lists page by page: the cursor is the id of the last one seen, so nothing is skipped or shown
twice while others add and delete."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from mailer.web.api.problems import Fault, Problem
from mailer.web.api.schemas import CURSOR, LARGEST_ID, LIMIT, USUAL_PER_PAGE, Schema, record

Row = TypeVar("Row")

QUERY: dict[str, Schema] = {"limit": LIMIT, "cursor": CURSOR}


def page_of(schema: Schema) -> Schema:
    """The schema of a page."""
    return record(
        {
            "items": {"type": "array", "items": schema},
            "next": {
                "type": ["string", "null"],
                "description": "The cursor of the next page; null on the last.",
            },
        }
    )


def asked(query: Mapping[str, Any]) -> tuple[int, int]:
    """After which id to begin (0: at the first), and how many to show. Raises Problem."""
    after = int(query.get("cursor", "0"))
    if after > LARGEST_ID:
        raise Problem("bad_query", faults=[Fault("cursor", "wrong_form")])
    return after, int(query.get("limit", USUAL_PER_PAGE))


def page(
    rows: Sequence[Row], limit: int, *, number: Callable[[Row], int], show: Callable[[Row], Any]
) -> dict[str, Any]:
    """The page of rows that were read with one more than `limit`."""
    shown = rows[:limit]
    more = len(rows) > limit
    return {
        "items": [show(row) for row in shown],
        "next": str(number(shown[-1])) if more else None,
    }
