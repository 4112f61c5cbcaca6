"""The months of the event table: made ahead, and dropped when they are too old.

An event of a month that has no table lies in `events_default`, so none is ever refused; it moves
when its month is made.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from mailer.events import rollups
from mailer.events.models import DroppedEvents

MONTHS_AHEAD = 3
# Who comes too late tries again within the hour; nobody else waits behind it for longer than this.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '4s'"


class Partition(NamedTuple):
    """A table that holds the events of [begins, ends); `begins` None: everything before."""

    name: str
    begins: datetime | None
    ends: datetime


def present(session: Session) -> list[Partition]:
    """The partitions with bounds, oldest first; the default one is not among them."""
    rows = session.execute(
        text(
            r"""
            SELECT name,
                CAST(substring(bound FROM $$FROM \('([^']+)'\)$$) AS timestamptz) AS begins,
                CAST(substring(bound FROM $$TO \('([^']+)'\)$$) AS timestamptz) AS ends
            FROM (
                SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
                FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
                WHERE i.inhparent = CAST('events' AS regclass)
            ) AS partitions
            WHERE bound <> 'DEFAULT'
            ORDER BY ends
            """
        )
    )
    return [Partition(*row) for row in rows]


def make_ahead(session: Session, *, now: datetime, months: int = MONTHS_AHEAD) -> list[str]:
    """Make the partitions of this month and the next `months` that are missing; their names."""
    known = present(session)
    made = []
    for begins, ends in _months(now, months + 1):
        if any(p.ends > begins and (p.begins is None or p.begins < ends) for p in known):
            continue
        name = f"events_{begins:%Y_%m}"
        _make(session, name, begins, ends)
        made.append(name)
    return made


def drop_before(session: Session, *, before: datetime, now: datetime) -> list[str]:
    """Drop the partitions whose every event is older than `before`; their names.

    Older events in the default partition go with them. What reports count stays counted
    (mailer.events.rollups); that somebody did it is forgotten.
    """
    session.execute(text(LOCK_TIMEOUT))
    session.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
    dropped = [partition for partition in present(session) if partition.ends <= before]
    stray = session.scalar(text("SELECT min(at) < :b FROM events_default"), {"b": before})
    if not dropped and not stray:
        return []
    with rollups.forgetting(session) as forget:
        for name, _begins, _ends in dropped:
            forget(name, before)
            session.execute(text(f"ALTER TABLE events DETACH PARTITION {name}"))
            session.execute(text(f"DROP TABLE {name}"))
        forget("events_default", before)
        session.execute(text("DELETE FROM events_default WHERE at < :b"), {"b": before})
    lost = before if stray else max(partition.ends for partition in dropped)
    session.merge(DroppedEvents(before=lost, dropped_at=now))
    session.flush()
    return [partition.name for partition in dropped]


def _months(now: datetime, number: int) -> Iterator[tuple[datetime, datetime]]:
    begins = datetime(now.astimezone(UTC).year, now.astimezone(UTC).month, 1, tzinfo=UTC)
    for _ in range(number):
        year, month = divmod(begins.year * 12 + begins.month, 12)
        ends = datetime(year, month + 1, 1, tzinfo=UTC)
        yield begins, ends
        begins = ends


def _make(session: Session, name: str, begins: datetime, ends: datetime) -> None:
    # Attached rather than made in place: that would lock all events, and a default partition that
    # holds some of this month would refuse it.
    bounds = {"begins": begins, "ends": ends}
    session.execute(text(LOCK_TIMEOUT))
    session.execute(text("LOCK TABLE events_default IN ACCESS EXCLUSIVE MODE"))
    session.execute(
        text(f"CREATE TABLE {name} (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    )
    session.execute(
        text(
            f"INSERT INTO {name} SELECT * FROM events_default"  # noqa: S608 - made of numbers
            " WHERE at >= :begins AND at < :ends"
        ),
        bounds,
    )
    session.execute(text("DELETE FROM events_default WHERE at >= :begins AND at < :ends"), bounds)
    session.execute(
        text(
            f"ALTER TABLE events ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{begins.isoformat()}') TO ('{ends.isoformat()}')"
        )
    )
