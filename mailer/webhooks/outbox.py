"""What happened, noted where it happens and written with it: an outbox.

Notes wait in the session and become deliveries just before it commits, one for each webhook that
wants the event and however many records it is about: an event tells ids, so what a rolled-back
transaction did is never told, and what was committed always is.
"""

import json
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session, SessionTransaction

from mailer.db import is_inside
from mailer.languages import N_
from mailer.webhooks.models import Webhook, WebhookDelivery

EVENTS = {
    "contact.created": N_("Contact added, by hand, by a form or through the API"),
    "contact.changed": N_("Contact changed"),
    "contact.opted_out": N_("Contact opted out"),
    "contact.bounced": N_("Contact's address does not work"),
    "contact.complained": N_("Contact reported a message as spam"),
    "contact.erased": N_("Contact deleted"),
    "campaign.launched": N_("Campaign launched"),
    "campaign.finished": N_("Campaign sent or stopped"),
    "import.finished": N_("Import done"),
}
# Sent by hand only, to see whether a receiver listens.
TEST = "test"
MOST_IDS = 1000
TRIED_FOR = timedelta(hours=24)

_WAITING = "webhook_events_waiting"


def note(session: Session, kind: str, ids: Iterable[int], *, now: datetime) -> None:
    """Note an event of EVENTS about records; it is told when the transaction commits."""
    if kind not in EVENTS:
        raise KeyError(kind)
    noted = list(ids)
    if not noted:
        return
    if not session.in_transaction():
        session.begin()
    within = session.get_nested_transaction() or session.get_transaction()
    session.info.setdefault(_WAITING, []).append((within, kind, noted, now))


def wanted(session: Session, kind: str) -> bool:
    """Whether any webhook wants an event: for what would cost something to find out."""
    found = session.scalar(select(Webhook.id).where(Webhook.events.contains([kind])).limit(1))
    return found is not None


def add_test(session: Session, webhook: Webhook, *, now: datetime) -> None:
    """Have a test event told to one webhook."""
    session.execute(insert(WebhookDelivery), [_delivery(webhook.id, _event(TEST, [], now), now)])


def _event(kind: str, ids: list[int], now: datetime) -> dict[str, Any]:
    return {
        "id": f"evt_{secrets.token_hex(16)}",
        "type": kind,
        "at": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ids": ids,
    }


def _delivery(webhook_id: int, told: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "webhook_id": webhook_id,
        "event_id": told["id"],
        "event": told["type"],
        "body": json.dumps(told, separators=(",", ":")),
        "next_at": now,
        "give_up_at": now + TRIED_FOR,
        "created_at": now,
    }


def _merged(
    waiting: list[tuple[Any, str, list[int], datetime]],
) -> Iterator[tuple[str, list[int], datetime]]:
    """One event of each kind, with each record once; more than MOST_IDS are several."""
    by_kind: dict[str, tuple[dict[int, None], datetime]] = {}
    for _, kind, ids, now in waiting:
        known = by_kind.setdefault(kind, ({}, now))[0]
        known.update(dict.fromkeys(ids))
    for kind, (found, now) in by_kind.items():
        ids = list(found)
        for start in range(0, len(ids), MOST_IDS):
            yield kind, ids[start : start + MOST_IDS], now


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    if session.in_nested_transaction():
        return
    waiting = session.info.pop(_WAITING, [])
    if not waiting:
        return
    # Paused ones too: what happens meanwhile is told when they go on.
    webhooks = session.execute(select(Webhook.id, Webhook.events)).all()
    rows = []
    for kind, ids, now in _merged(waiting):
        told = _event(kind, ids, now)
        rows += [_delivery(hook.id, told, now) for hook in webhooks if kind in hook.events]
    if rows:
        session.execute(insert(WebhookDelivery), rows)


@event.listens_for(Session, "after_soft_rollback")
def _drop(session: Session, rolled_back: SessionTransaction) -> None:
    waiting = session.info.pop(_WAITING, [])
    kept = [entry for entry in waiting if not is_inside(entry[0], rolled_back)]
    if kept:
        session.info[_WAITING] = kept
