"""What reports count of events, kept beside the events and made again from them.

Triggers on `events` (in the migrations) keep `event_counts`, `event_reach` and `reactions` in the
transaction that adds, judges or deletes events. Here is what they must hold, said plainly over
all events of a campaign; a test shows that both agree whatever happens.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from mailer.events.models import DroppedEvents, EventCount

_COUNTS = """
INSERT INTO event_counts (campaign_id, kind, actor, link_id, hour, slot, hits)
SELECT campaign_id, kind, actor, coalesce(link_id, 0), date_trunc('hour', at, 'UTC'), 0, count(*)
FROM events WHERE campaign_id = ANY(CAST(:ids AS bigint[])) GROUP BY 1, 2, 3, 4, 5
"""
# Which events say that a person did something, in one row for each thing done.
_REACTIONS = """
INSERT INTO reactions (message_id, kind, link_id, campaign_id, hits, step)
SELECT message_id, done, link, campaign_id, sum(sign), sum(sign)
FROM (
    SELECT *, kind AS done, 0 AS link, 1 AS sign FROM events
        WHERE actor = 'human' AND kind IN ('open', 'click', 'not_my_work')
    UNION ALL SELECT *, kind, link_id, 1 FROM events
        WHERE actor = 'human' AND kind = 'click' AND link_id IS NOT NULL
    UNION ALL SELECT *, 'opt_out', 0, CASE kind WHEN 'opt_out' THEN 1 ELSE -1 END FROM events
        WHERE kind IN ('opt_out', 'opt_out_undone')
    UNION ALL SELECT *, 'soft_bounce', 0, 1 FROM events WHERE kind IN ('soft_bounce', 'delay')
) AS e
WHERE campaign_id IS NOT NULL AND {of} GROUP BY 1, 2, 3, 4
"""
_REACTIONS_OF_CAMPAIGNS = _REACTIONS.format(of="campaign_id = ANY(CAST(:ids AS bigint[]))")
_REACTIONS_OF_FORGOTTEN = _REACTIONS.format(of="message_id IN (SELECT message_id FROM forgotten)")
_REACH = """
INSERT INTO event_reach (campaign_id, kind, link_id, slot, people)
SELECT campaign_id, kind, link_id, 0, count(*) FROM reactions
WHERE campaign_id = ANY(CAST(:ids AS bigint[])) AND hits > 0 GROUP BY 1, 2, 3
"""


def recount(session: Session, campaign_ids: Collection[int]) -> list[int]:
    """Count the events of campaigns anew; those of which some were dropped are left as they are.

    Returns the campaigns counted. Nobody adds events meanwhile: take a few campaigns at a time,
    and commit.
    """
    session.execute(text("LOCK TABLE events IN SHARE MODE"))
    ids = sorted(set(campaign_ids) - _incomplete(session, campaign_ids))
    for table in ("event_counts", "event_reach", "reactions"):
        session.execute(
            text(f"DELETE FROM {table} WHERE campaign_id = ANY(CAST(:ids AS bigint[]))"),  # noqa: S608 - constants
            {"ids": ids},
        )
    for statement in (_COUNTS, _REACTIONS_OF_CAMPAIGNS, _REACH):
        session.execute(text(statement), {"ids": ids})
    return ids


def _incomplete(session: Session, campaign_ids: Collection[int]) -> set[int]:
    """Campaigns that had events before the last moment before which events were dropped."""
    dropped = select(func.max(DroppedEvents.before)).scalar_subquery()
    return set(
        session.scalars(
            select(EventCount.campaign_id)
            .where(EventCount.campaign_id.in_(campaign_ids), EventCount.hour < dropped)
            .distinct()
        )
    )


@contextmanager
def forgetting(session: Session) -> Iterator[Callable[[str, datetime], None]]:
    """Drop events without losing count of them.

    Gives a function that notes whose events in a table lie before a moment; at the end their
    reactions are those that the events left tell. Counts and reach stay.
    """
    session.execute(text("CREATE TEMPORARY TABLE forgotten (message_id bigint) ON COMMIT DROP"))

    def note(table: str, before: datetime) -> None:
        session.execute(
            text(
                f"INSERT INTO forgotten SELECT DISTINCT message_id FROM {table} WHERE at < :before"  # noqa: S608 - a partition's name
            ),
            {"before": before},
        )

    yield note
    session.execute(
        text("DELETE FROM reactions WHERE message_id IN (SELECT message_id FROM forgotten)")
    )
    session.execute(text(_REACTIONS_OF_FORGOTTEN))
    session.execute(text("DROP TABLE forgotten"))
