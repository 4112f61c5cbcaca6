"""Moving messages in the ledger as the events about them tell, many at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from mailer.events.effects import EFFECTS, settle
from mailer.events.ses_events import Happening
from mailer.sending.models import ACCEPTED


class Target(NamedTuple):
    """The message an event is about, as it was when it was locked."""

    id: int
    kind: str
    state: str
    campaign_id: int | None
    contact_id: int | None
    sent_at: datetime | None


class Known(NamedTuple):
    """A happening with its message, and when its notification came."""

    target: Target
    happening: Happening
    received_at: datetime


class _Told:
    """What the events of one message say about it, together."""

    def __init__(self, message: Target) -> None:
        self.message = message
        self.states: set[str] = set()
        self.accepted_at: datetime | None = None
        self.ses_message_id: str | None = None
        self.confirmed_at: datetime | None = None
        self.delivered_at: datetime | None = None
        self.reason: str | None = None

    def add(self, happening: Happening, received_at: datetime) -> None:
        effect = EFFECTS[happening.kind]
        if effect.state is not None:
            self.states.add(effect.state)
        if effect.state in ("failed", "bounced", "complained"):
            self.reason = happening.kind
        if effect.state in ACCEPTED:
            self.accepted_at = happening.accepted_at
            self.ses_message_id = happening.ses_message_id or None
        if happening.kind == "send":
            self.confirmed_at = _earlier(self.confirmed_at, received_at)
        if happening.kind == "delivery":
            self.delivered_at = _earlier(self.delivered_at, happening.at)


def _earlier(known: datetime | None, other: datetime) -> datetime:
    return other if known is None else min(known, other)


_MOVE = text(
    """
    UPDATE messages AS m SET
        state = t.state,
        error = CASE WHEN t.state = m.state THEN m.error ELSE t.reason END,
        sent_at = coalesce(m.sent_at, t.accepted_at),
        ses_message_id = coalesce(m.ses_message_id, t.ses_message_id),
        confirmed_at = least(m.confirmed_at, t.confirmed_at),
        delivered_at = least(m.delivered_at, t.delivered_at)
    FROM json_to_recordset(CAST(:moves AS json)) AS t(
        id bigint, was text, state text, reason text, accepted_at timestamptz, ses_message_id text,
        confirmed_at timestamptz, delivered_at timestamptz
    )
    WHERE m.id = t.id AND m.state = t.was
    """
)


def move(session: Session, known: Sequence[Known]) -> None:
    """Raise each message to the state its events tell, and note when it was accepted and
    delivered. The messages must be locked."""
    told: dict[int, _Told] = {}
    for message, happening, received_at in known:
        told.setdefault(message.id, _Told(message)).add(happening, received_at)
    moves = list(told.values())
    rows = [
        {
            "id": each.message.id,
            "was": each.message.state,
            "state": settle(each.message.state, each.states),
            "reason": each.reason,
            "accepted_at": each.accepted_at,
            "ses_message_id": each.ses_message_id,
            "confirmed_at": each.confirmed_at,
            "delivered_at": each.delivered_at,
        }
        for each in moves
    ]
    session.execute(_MOVE, {"moves": orjson.dumps(rows).decode()})
    _note_contacted(
        session,
        [
            (each.message.contact_id, each.accepted_at)
            for each in moves
            if each.message.sent_at is None
            and each.accepted_at is not None
            and each.message.contact_id is not None
        ],
    )


def _note_contacted(session: Session, contacted: list[tuple[int, datetime]]) -> None:
    """What the sender notes when SES answers, for messages whose acceptance an event tells."""
    if not contacted:
        return
    session.execute(
        text(
            """
            UPDATE contacts AS c SET
                last_marketing_at = greatest(c.last_marketing_at, t.at),
                art14_informed_at = coalesce(c.art14_informed_at, t.at)
            FROM (SELECT id, max(at) AS at FROM unnest(
                CAST(:ids AS bigint[]), CAST(:moments AS timestamptz[])
            ) AS u(id, at) GROUP BY id) AS t
            WHERE c.id = t.id
            """
        ),
        {"ids": [i for i, _ in contacted], "moments": [at for _, at in contacted]},
    )
