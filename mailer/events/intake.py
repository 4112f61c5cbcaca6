"""Notifications from the webhook to their effects: stored first, applied in batches, kept 30 days.

The raw body holds addresses. It is kept for thirty days, so that a fault in applying can be found
and mended, and then deleted (`delete_old`); what remains is in `events`, without addresses.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Row, any_, cast, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mailer.adapters import sns
from mailer.events import applying, receipts, ses_events
from mailer.events.applying import Arrival
from mailer.events.models import RawNotification

log = logging.getLogger(__name__)

BATCH = 1000
# An event may be quicker than our own commit, or its message unknown for good.
LONGEST_WAIT = timedelta(hours=48)
# One that fails is tried at once a few times, for it may have met a deadlock, and then waits too.
QUICK_TRIES = 3
# Each further try comes when the notification is this many times older than at the last one.
PATIENCE = 1.6
KEPT = timedelta(days=30)
SLICE = 10_000
LONGEST_REJECTED = 1_000_000


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A subscription that waits to be confirmed at SNS."""

    raw_id: int
    topic_arn: str
    token: str


@dataclass(slots=True)
class Batch:
    """What became of one batch, as lists of raw ids."""

    applied: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)
    ignored: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)

    @property
    def settled(self) -> int:
        """How many need not be looked at again at once."""
        return len(self.applied) + len(self.unknown) + len(self.ignored) + len(self.failed)


def store(session: Session, envelope: sns.Envelope, body: str, *, now: datetime) -> bool:
    """Keep a verified notification; False when SNS delivered it before."""
    state = "mail" if receipts.is_mail(envelope.message) else "new"
    # What SES says first to a new topic and what SNS says last needs no applying.
    if envelope.kind == "UnsubscribeConfirmation" or envelope.message.startswith(
        ses_events.VALIDATED
    ):
        state = "ignored"
    stored = session.execute(
        insert(RawNotification)
        .values(
            sns_message_id=envelope.message_id,
            topic_arn=envelope.topic_arn,
            body=body,
            received_at=now,
            state=state,
        )
        .on_conflict_do_nothing(index_elements=[RawNotification.sns_message_id])
        .returning(RawNotification.id)
    )
    return stored.first() is not None


def reject(session: Session, key: str, body: str, *, reason: str, now: datetime) -> bool:
    """Keep what came over the queue and is not ours; False when it came before.

    `reason` in a word or two. Whatever `body` holds, it can be kept.
    """
    harmless = body.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    stored = session.execute(
        insert(RawNotification)
        .values(
            sns_message_id=key,
            topic_arn=f"rejected: {reason}",
            body=harmless[:LONGEST_REJECTED],
            received_at=now,
            state="rejected",
        )
        .on_conflict_do_nothing(index_elements=[RawNotification.sns_message_id])
        .returning(RawNotification.id)
    )
    return stored.first() is not None


def apply_batch(session: Session, *, now: datetime, limit: int = BATCH) -> Batch:
    """Apply up to `limit` open notifications, new ones first, and note what became of each.

    Those that other workers hold are skipped. Commit afterwards, then confirm subscriptions.
    """
    raw = _take(session, now=now, limit=limit)
    batch = Batch()
    arrivals = [arrival for each in raw if (arrival := _read(each, batch)) is not None]
    try:
        with session.begin_nested():
            outcomes = applying.apply(session, arrivals, now=now)
    except SQLAlchemyError as error:
        log.warning("events_applied_singly", extra={"error": type(error).__name__})
        outcomes = _apply_singly(session, arrivals, now)
    for raw_id, outcome in outcomes.items():
        getattr(batch, outcome).append(raw_id)
    _note(session, batch, now=now)
    return batch


def settle_confirmation(session: Session, confirmation: Confirmation, *, outcome: str) -> None:
    """Note what SNS said to a confirmation: `applied`, `ignored` or `waiting`."""
    session.execute(
        update(RawNotification)
        .where(RawNotification.id == confirmation.raw_id)
        .values(state=outcome, tries=RawNotification.tries + 1)
    )


def delete_old(session: Session, *, now: datetime, limit: int = SLICE) -> int:
    """Delete the oldest notifications, at most `limit`, that are older than thirty days, whatever
    their state; how many. Zero: none is left."""
    # They come in the order of their ids, so only the first few need to be looked at.
    first = select(RawNotification.id, RawNotification.received_at).order_by(RawNotification.id)
    oldest = first.limit(limit).subquery()
    gone = session.execute(
        delete(RawNotification)
        .where(RawNotification.id.in_(select(oldest.c.id).where(oldest.c.received_at < now - KEPT)))
        .execution_options(synchronize_session=False)
        .returning(RawNotification.id)
    )
    return len(gone.all())


def _take(session: Session, *, now: datetime, limit: int) -> list[Row[Any]]:
    age = func.extract("epoch", now - RawNotification.received_at)
    # power() overflows long after 48 hours are over; least() keeps a hand-edited count harmless.
    due = age >= func.power(PATIENCE, func.least(RawNotification.tries, 100)) - 1
    # Rows, not objects: these are thousands, and nobody changes them through the session.
    columns = (RawNotification.id, RawNotification.body, RawNotification.received_at)
    statement = (
        select(*columns)
        .where(RawNotification.state == "new", or_(RawNotification.tries == 0, due))
        .order_by(RawNotification.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken: list[Row[Any]] = list(session.execute(statement))
    if len(taken) < limit:
        waiting = (
            select(*columns)
            .where(RawNotification.state == "waiting", due)
            .order_by(RawNotification.id)
            .limit(limit - len(taken))
            .with_for_update(skip_locked=True)
        )
        taken += session.execute(waiting)
    return taken


def _read(raw: Row[Any], batch: Batch) -> Arrival | None:
    """What a notification tells; None when there is nothing to apply."""
    try:
        envelope = sns.parse(raw.body)
        if envelope.kind == "SubscriptionConfirmation":
            batch.confirmations.append(Confirmation(raw.id, envelope.topic_arn, envelope.token))
            return None
        happenings = ses_events.parse(envelope.message, received_at=raw.received_at)
    except (sns.MalformedError, ses_events.UnreadableError) as error:
        log.warning("event_unreadable", extra={"raw_id": raw.id, "reason": str(error)})
        happenings = []
    if not happenings:
        batch.ignored.append(raw.id)
        return None
    return Arrival(raw.id, raw.received_at, happenings)


def _apply_singly(session: Session, arrivals: Iterable[Arrival], now: datetime) -> dict[int, str]:
    """Each in a savepoint of its own, so that one that cannot be applied blocks no other."""
    outcomes: dict[int, str] = {}
    for arrival in arrivals:
        try:
            with session.begin_nested():
                outcomes |= applying.apply(session, [arrival], now=now)
        except SQLAlchemyError as error:
            log.warning(
                "event_not_applied",
                extra={"raw_id": arrival.raw_id, "error": type(error).__name__},
            )
            outcomes[arrival.raw_id] = "failed"
    return outcomes


def _note(session: Session, batch: Batch, *, now: datetime) -> None:
    too_old = RawNotification.received_at < now - LONGEST_WAIT
    later = {"tries": RawNotification.tries + 1}
    for ids, state in ((batch.applied, "applied"), (batch.ignored, "ignored")):
        _set(session, ids, {"state": state})
    _set(session, batch.unknown, {"state": "waiting", **later})
    _set(session, batch.failed, later)
    _set(session, [*batch.unknown, *batch.failed], {"state": "ignored"}, too_old)
    tried = RawNotification.tries >= QUICK_TRIES
    _set(session, batch.failed, {"state": "waiting"}, tried, ~too_old)


def _set(session: Session, ids: list[int], values: Mapping[str, object], *where: object) -> None:
    if ids:
        session.execute(
            update(RawNotification)
            .where(RawNotification.id == any_(cast(ids, ARRAY(BigInteger))), *where)  # type: ignore[arg-type]
            .values(values)
            .execution_options(synchronize_session=False)
        )
