"""How many people each segment has had, day by day. Numbers only: no trace of who they were."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.orm import Session

from mailer.languages import TIMEZONE
from mailer.notice import switches
from mailer.segments import build
from mailer.segments.models import Segment, SegmentCount
from mailer.segments.rules import SegmentError, parse

log = logging.getLogger(__name__)

# Segments counted in one pass over the register: as many rules as a statement takes well.
AT_ONCE = 20
GRAPH_DAYS = 365
CHANGE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Day:
    """One point of the graph."""

    day: date
    people: int


def uncounted(session: Session, *, now: datetime) -> list[int]:
    """Segments that have no number of this day in Finland yet."""
    today = SegmentCount.day == _day(now)
    counted = select(SegmentCount.segment_id).where(today)
    return list(
        session.scalars(select(Segment.id).where(Segment.id.not_in(counted)).order_by(Segment.id))
    )


def batches(ids: Sequence[int]) -> Iterable[tuple[int, ...]]:
    """Ids in the portions that `count` takes."""
    return (tuple(ids[first : first + AT_ONCE]) for first in range(0, len(ids), AT_ONCE))


def count(session: Session, ids: Sequence[int], *, now: datetime) -> int:
    """Note how many people each of these has today, in one pass over the register; how many noted.

    A segment that cannot be used has no number that day. What is there already stays.
    """
    conditions = _conditions(session, ids, now=now)
    if not conditions:
        return 0
    build.prepare(session)
    columns = [func.count().filter(condition) for condition in conditions.values()]
    numbers = session.execute(build.everybody(*columns)).one()
    rows = [
        {"segment_id": segment_id, "day": _day(now), "people": people}
        for segment_id, people in zip(conditions, numbers, strict=True)
    ]
    # A segment may be deleted while its people are counted.
    there = session.scalars(
        select(Segment.id)
        .where(Segment.id.in_(conditions))
        .order_by(Segment.id)
        .with_for_update(read=True, key_share=True)
    ).all()
    kept = [row for row in rows if row["segment_id"] in there]
    if kept:
        session.execute(insert(SegmentCount).values(kept).on_conflict_do_nothing())
    return len(kept)


def _conditions(
    session: Session, ids: Sequence[int], *, now: datetime
) -> dict[int, ColumnElement[bool]]:
    if switches.in_force(session, now) is None:
        return {}
    found: dict[int, ColumnElement[bool]] = {}
    ask = build.usual_ask(session, frozenset(), now=now)
    segments = select(Segment.id, Segment.tree).where(Segment.id.in_(ids)).order_by(Segment.id)
    for row in session.execute(segments):
        try:
            found[row.id] = build.compiler_for(ask).matches(parse(row.tree))
        except SegmentError as error:
            log.info("segment_not_counted", extra={"segment_id": row.id, "error": error.code})
    return found


def days(session: Session, segment_id: int, *, now: datetime) -> list[Day]:
    """The numbers of the last year, the oldest first."""
    rows = session.execute(
        select(SegmentCount.day, SegmentCount.people)
        .where(
            SegmentCount.segment_id == segment_id,
            SegmentCount.day > _day(now) - timedelta(days=GRAPH_DAYS),
        )
        .order_by(SegmentCount.day)
    )
    return [Day(row.day, row.people) for row in rows]


def changes(session: Session, ids: Iterable[int], *, now: datetime) -> dict[int, int]:
    """By how many the people of each segment have changed since a month ago, if both are known.

    From the number of the first day of the last thirty to the newest.
    """
    since = _day(now) - timedelta(days=CHANGE_DAYS)
    earliest = func.array_agg(aggregate_order_by(SegmentCount.people, SegmentCount.day))
    latest = func.array_agg(aggregate_order_by(SegmentCount.people, SegmentCount.day.desc()))
    rows = session.execute(
        select(SegmentCount.segment_id, latest[1], earliest[1])
        .where(SegmentCount.segment_id.in_(list(ids)), SegmentCount.day >= since)
        .group_by(SegmentCount.segment_id)
        .having(func.count() > 1)
    )
    return {row[0]: row[1] - row[2] for row in rows}


def _day(now: datetime) -> date:
    return now.astimezone(TIMEZONE).date()
