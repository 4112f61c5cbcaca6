"""Adding events: many at once, each once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to add. One with a `dedupe_key` that is there already is not added again."""

    message_id: int
    campaign_id: int | None
    kind: str
    at: datetime
    dedupe_key: str
    actor: str = "ses"
    link_id: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    # False: the moment is ours and not the event's own, so a repetition comes with another one.
    moment_is_its_own: bool = True


# Arrays instead of a thousand rows of parameters: several times quicker to send.
_ADD = text(
    """
    INSERT INTO events (message_id, campaign_id, kind, at, dedupe_key, actor, link_id, details)
    SELECT message_id, campaign_id, kind, at, dedupe_key, actor, link_id, CAST(details AS jsonb)
    FROM unnest(
        CAST(:message_ids AS bigint[]), CAST(:campaign_ids AS bigint[]), CAST(:kinds AS text[]),
        CAST(:moments AS timestamptz[]), CAST(:keys AS text[]), CAST(:actors AS text[]),
        CAST(:link_ids AS bigint[]), CAST(:details AS text[]), CAST(:own AS boolean[])
    ) AS n(message_id, campaign_id, kind, at, dedupe_key, actor, link_id, details, own)
    WHERE n.own OR NOT EXISTS (
        SELECT 1 FROM events AS e
        WHERE e.message_id = n.message_id AND e.dedupe_key = n.dedupe_key
    )
    ON CONFLICT (dedupe_key, at) DO NOTHING
    RETURNING dedupe_key
    """
)


def add(session: Session, events: Sequence[NewEvent]) -> set[str]:
    """Add events of messages that exist; the keys of those that were not there before.

    Two transactions that add the same event with moments of their own must not run at once: hold
    the message, or `lock` the key.
    """
    # Of a key with two moments the first one counts.
    first: dict[str, NewEvent] = {}
    for event in events:
        first.setdefault(event.dedupe_key, event)
    once = list(first.values())
    if not once:
        return set()
    added = session.scalars(
        _ADD,
        {
            "message_ids": [event.message_id for event in once],
            "campaign_ids": [event.campaign_id for event in once],
            "kinds": [event.kind for event in once],
            "moments": [event.at for event in once],
            "keys": [event.dedupe_key for event in once],
            "actors": [event.actor for event in once],
            "link_ids": [event.link_id for event in once],
            "details": [json.dumps(dict(event.details)) for event in once],
            "own": [event.moment_is_its_own for event in once],
        },
    )
    return set(added)


def lock(session: Session, key: str) -> None:
    """Let nobody else add events under this key until the end of the transaction."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"event:{key}"}
    )
