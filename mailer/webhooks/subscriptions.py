"""Webhooks as administrators make them: who is told of what, paused, resumed, told again."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from mailer import audit
from mailer.adapters import outgoing
from mailer.adapters.outgoing import Network
from mailer.config import Settings
from mailer.languages import N_
from mailer.webhooks import signing
from mailer.webhooks.models import Webhook, WebhookDelivery
from mailer.webhooks.outbox import EVENTS, TRIED_FOR

LONGEST_NAME = 100
# Each event is written once for every webhook, within the transaction of what it tells of.
MOST = 20
PROBLEMS = {
    "name": N_("Write which system listens, at most 100 characters."),
    "events": N_("Choose at least one event."),
    "too_many": N_("There are 20 webhooks, which is the most there may be. Delete one first."),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A webhook as somebody filled it in."""

    name: str
    url: str
    events: Collection[str]


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many tellings of a webhook wait, have failed for good, and arrived."""

    waiting: int = 0
    failed: int = 0
    delivered: int = 0


def reachable(settings: Settings) -> tuple[Network, ...]:
    """The networks that webhooks may reach besides the open internet."""
    return settings.webhook_networks + (() if settings.production else outgoing.LOOPBACK)


def problems(
    session: Session, wanted: Wanted, settings: Settings, *, new: bool = True
) -> dict[str, str]:
    """What is wrong with a webhook, by field. Empty when it may be stored."""
    found = {}
    if not 0 < len(wanted.name.strip()) <= LONGEST_NAME:
        found["name"] = PROBLEMS["name"]
    wrong = outgoing.problem(wanted.url, allowed=reachable(settings), plain=not settings.production)
    if wrong is not None:
        found["url"] = outgoing.PROBLEMS[wrong]
    if not wanted.events or not set(wanted.events) <= EVENTS.keys():
        found["events"] = PROBLEMS["events"]
    if new and not found and len(listed(session)) >= MOST:
        found[""] = PROBLEMS["too_many"]
    return found


def create(session: Session, wanted: Wanted, *, now: datetime, actor_id: int) -> Webhook:
    """Add a webhook that has no problems. It is told of what happens from now on."""
    webhook = Webhook(
        nonce=secrets.token_bytes(signing.NONCE_BYTES), created_by=actor_id, created_at=now
    )
    _fill(webhook, wanted)
    session.add(webhook)
    session.flush()
    _record(session, "webhook.created", webhook, now=now, actor_id=actor_id)
    return webhook


def change(
    session: Session, webhook: Webhook, wanted: Wanted, *, now: datetime, actor_id: int
) -> None:
    """Set a webhook to what has no problems."""
    _fill(webhook, wanted)
    _record(session, "webhook.changed", webhook, now=now, actor_id=actor_id)


def renew_secret(session: Session, webhook: Webhook, *, now: datetime, actor_id: int) -> None:
    """Give a webhook another secret; the old one signs nothing from now on."""
    webhook.nonce = secrets.token_bytes(signing.NONCE_BYTES)
    _record(session, "webhook.secret_renewed", webhook, now=now, actor_id=actor_id)


def delete(session: Session, webhook: Webhook, *, now: datetime, actor_id: int) -> None:
    """Delete a webhook with its log; what waits is not told."""
    _record(session, "webhook.deleted", webhook, now=now, actor_id=actor_id)
    # What is written at this very moment is never told, and goes with the log.
    session.execute(sql_delete(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id))
    session.delete(webhook)
    session.flush()


def pause(
    session: Session, webhook: Webhook, *, reason: str, now: datetime, actor_id: int | None
) -> None:
    """Try nothing any more; what happens meanwhile is kept. `reason`: user or failures."""
    if webhook.paused_at is not None:
        return
    webhook.paused_at, webhook.pause_reason = now, reason
    _record(session, "webhook.paused", webhook, now=now, actor_id=actor_id)


def resume(session: Session, webhook: Webhook, *, now: datetime, actor_id: int) -> None:
    """Tell what has waited, and go on. Each telling has its whole time again."""
    if webhook.paused_at is None:
        return
    webhook.paused_at, webhook.pause_reason, webhook.failures = None, None, 0
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook.id, WebhookDelivery.state == "waiting")
        .values(next_at=now, give_up_at=now + TRIED_FOR)
    )
    _record(session, "webhook.resumed", webhook, now=now, actor_id=actor_id)


def replay(
    session: Session,
    webhook: Webhook,
    *,
    now: datetime,
    actor_id: int,
    delivery_id: int | None = None,
) -> int:
    """Tell one again, or without its id all that have failed; how many. The event keeps its id."""
    which = (
        WebhookDelivery.state == "failed"
        if delivery_id is None
        else WebhookDelivery.id == delivery_id
    )
    told = session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook.id, which)
        .values(
            state="waiting", next_at=now, give_up_at=now + TRIED_FOR, attempts=0, delivered_at=None
        )
        .returning(WebhookDelivery.id)
    ).all()
    if told:
        _record(session, "webhook.replayed", webhook, now=now, actor_id=actor_id, number=len(told))
    return len(told)


def secret_of(webhook: Webhook, settings: Settings) -> str:
    """The secret, to be shown once."""
    return signing.secret(settings.secret_key, webhook.nonce)


def listed(session: Session) -> list[Webhook]:
    """Every webhook, by name."""
    return list(session.scalars(select(Webhook).order_by(func.lower(Webhook.name), Webhook.id)))


def numbers(session: Session) -> dict[int, Numbers]:
    """How the tellings of each webhook stand, as far as the log goes back."""
    rows = session.execute(
        select(
            WebhookDelivery.webhook_id,
            func.count().filter(WebhookDelivery.state == "waiting"),
            func.count().filter(WebhookDelivery.state == "failed"),
            func.count().filter(WebhookDelivery.state == "delivered"),
        ).group_by(WebhookDelivery.webhook_id)
    )
    return {row[0]: Numbers(*row[1:]) for row in rows}


def _fill(webhook: Webhook, wanted: Wanted) -> None:
    webhook.name, webhook.url = " ".join(wanted.name.split()), wanted.url.strip()
    webhook.events = [event for event in EVENTS if event in wanted.events]


def _record(
    session: Session,
    action: str,
    webhook: Webhook,
    *,
    now: datetime,
    actor_id: int | None,
    **details: int,
) -> None:
    audit.record(session, action, "webhook", webhook.id, now=now, actor_id=actor_id, **details)
