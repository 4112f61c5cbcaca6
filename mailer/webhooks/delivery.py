"""Telling webhooks what the outbox holds: at least once, in no promised order.

A claim is committed before the receiver is called and another transaction records the answer, so a
worker that dies in between leaves an event that is told again: receivers know it by its id.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from mailer.adapters import outgoing
from mailer.adapters.outgoing import Answer
from mailer.config import Settings
from mailer.webhooks import signing, subscriptions
from mailer.webhooks.models import Webhook, WebhookDelivery

# Longer than all calls of one claim can take, looking names up included.
LEASE = timedelta(minutes=15)
EACH = 20
WAITS = tuple(timedelta(seconds=s) for s in (10, 30, 60, 300, 900, 1800, 3600, 7200, 14400))
PAUSE_AFTER = 50
LOG_KEPT = timedelta(days=30)

_CLAIM = text("""
UPDATE webhook_deliveries d
SET next_at = :until, attempts = d.attempts + 1
FROM webhooks w CROSS JOIN LATERAL (
  SELECT id FROM webhook_deliveries
  WHERE webhook_id = w.id AND state = 'waiting' AND next_at <= :now
  ORDER BY next_at, id LIMIT :each FOR UPDATE SKIP LOCKED
) due
WHERE d.id = due.id AND w.paused_at IS NULL
RETURNING d.id, d.webhook_id, d.event_id, d.event, d.body, w.url, w.nonce
""")


@dataclass(frozen=True, slots=True)
class Telling:
    """An event that this process alone tells now."""

    id: int
    webhook_id: int
    event_id: str
    event: str
    body: str
    url: str
    nonce: bytes


def claim(session: Session, *, now: datetime, each: int = EACH) -> list[list[Telling]]:
    """Take what is due, up to `each` for every webhook. Commit before telling it."""
    rows = session.execute(_CLAIM, {"now": now, "until": now + LEASE, "each": each}).all()
    by_webhook: dict[int, list[Telling]] = {}
    for row in sorted(rows, key=lambda row: int(row.id)):
        by_webhook.setdefault(row.webhook_id, []).append(Telling(*row))
    return list(by_webhook.values())


def tell(telling: Telling, settings: Settings, *, now: datetime) -> Answer:
    """Call the receiver once. Never raises for what it may do."""
    body = telling.body.encode()
    keys = (settings.secret_key, *settings.retired_secret_keys)
    secrets = [signing.secret(key, telling.nonce) for key in keys]
    return outgoing.post(
        telling.url,
        body,
        {
            "Content-Type": "application/json",
            "User-Agent": "Lupaposti-Webhooks/1",
            "Lupaposti-Event": telling.event,
            "Lupaposti-Event-Id": telling.event_id,
            signing.HEADER: signing.header(secrets, body, at=now),
        },
        allowed=subscriptions.reachable(settings),
    )


def record(session: Session, telling: Telling, answer: Answer, *, now: datetime) -> bool:
    """Write down what became of a telling; whether it arrived."""
    entry = session.get(WebhookDelivery, telling.id, with_for_update=True)
    webhook = session.get(Webhook, telling.webhook_id, with_for_update=True)
    if entry is None or webhook is None or entry.state != "waiting":
        return answer.error is None
    entry.status, entry.error = answer.status, answer.error
    if answer.error is None:
        entry.state, entry.delivered_at, entry.next_at = "delivered", now, None
        webhook.failures = 0
        return True
    wait = WAITS[min(entry.attempts, len(WAITS)) - 1]
    if now + wait > entry.give_up_at:
        entry.state, entry.next_at = "failed", None
    else:
        entry.next_at = now + wait
    webhook.failures += 1
    if webhook.failures >= PAUSE_AFTER:
        subscriptions.pause(session, webhook, reason="failures", now=now, actor_id=None)
    return False


def hand_back(session: Session, tellings: list[Telling], *, at: datetime) -> None:
    """Give up claims without having tried: the receiver is tried again `at` a moment."""
    session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.id.in_([telling.id for telling in tellings]),
            WebhookDelivery.state == "waiting",
        )
        .values(next_at=at, attempts=WebhookDelivery.attempts - 1)
    )


def forget_old(session: Session, *, now: datetime) -> int:
    """Delete what the log need not hold any more; how many lines. Old ones that wait go too."""
    gone = session.execute(
        delete(WebhookDelivery)
        .where(WebhookDelivery.created_at < now - LOG_KEPT)
        .returning(WebhookDelivery.id)
    )
    return len(gone.all())
