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


# Arrays instead of a thousand rows of parameters: several times quicker to send.
_ADD = text(
    """
    INSERT INTO events (message_id, campaign_id, kind, at, dedupe_key, actor, link_id, details)
    SELECT message_id, campaign_id, kind, at, dedupe_key, actor, link_id, CAST(details AS jsonb)
    FROM unnest(
        CAST(:message_ids AS bigint[]), CAST(:campaign_ids AS bigint[]), CAST(:kinds AS text[]),
        CAST(:moments AS timestamptz[]), CAST(:keys AS text[]), CAST(:actors AS text[]),
        CAST(:link_ids AS bigint[]), CAST(:details AS text[])
    ) AS n(message_id, campaign_id, kind, at, dedupe_key, actor, link_id, details)
    ON CONFLICT (dedupe_key) DO NOTHING
    RETURNING dedupe_key
    """
)


def add(session: Session, events: Sequence[NewEvent]) -> set[str]:
    """Add events of messages that exist; the keys of those that were not there before."""
    if not events:
        return set()
    added = session.scalars(
        _ADD,
        {
            "message_ids": [event.message_id for event in events],
            "campaign_ids": [event.campaign_id for event in events],
            "kinds": [event.kind for event in events],
            "moments": [event.at for event in events],
            "keys": [event.dedupe_key for event in events],
            "actors": [event.actor for event in events],
            "link_ids": [event.link_id for event in events],
            "details": [json.dumps(dict(event.details)) for event in events],
        },
    )
    return set(added)
