"""Adding events: many at once, each once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
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


# One JSON text: several times quicker to send than arrays or a thousand rows of parameters.
_ADD = text(
    """
    INSERT INTO events (message_id, campaign_id, kind, at, dedupe_key, actor, link_id, details)
    SELECT message_id, campaign_id, kind, at, dedupe_key, actor, link_id, details
    FROM json_to_recordset(CAST(:events AS json)) AS n(
        message_id bigint, campaign_id bigint, kind text, at timestamptz, dedupe_key text,
        actor text, link_id bigint, details jsonb, own boolean
    )
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
    rows = [
        {
            "message_id": event.message_id,
            "campaign_id": event.campaign_id,
            "kind": event.kind,
            "at": event.at,
            "dedupe_key": event.dedupe_key,
            "actor": event.actor,
            "link_id": event.link_id,
            "details": event.details,
            "own": event.moment_is_its_own,
        }
        for event in once
    ]
    added = session.scalars(_ADD, {"events": orjson.dumps(rows).decode()})
    return set(added)


def lock(session: Session, key: str) -> None:
    """Let nobody else add events under this key until the end of the transaction."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"event:{key}"}
    )
