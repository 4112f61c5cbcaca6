"""Notifications from an SQS queue, for installations without a public address.

A message is deleted from the queue only after it was stored and committed; a reader that dies in
between finds it again, and storing it twice is storing it once. What is not ours is kept as
rejected and deleted too, so that nothing goes round for ever. Who may send to the queue is decided
by its policy, so bodies without SNS's signed envelope (raw delivery) are taken where the operator
says so; an envelope is verified in any case, and its topic must be one of ours.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.adapters import sns
from mailer.adapters.queue import enqueue
from mailer.adapters.sqs import Queue, QueueError, Received
from mailer.db import transaction
from mailer.events import intake, mail_jobs, receipts

log = logging.getLogger(__name__)

RING_SECONDS = 1.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A message with what it is: an envelope of ours, or the reason why it is rejected."""

    received: Received
    body: str
    envelope: sns.Envelope | None
    reason: str = ""


class Poller:
    """Moves messages from the queue into the store. One thread."""

    def __init__(
        self,
        queue: Queue,
        verifier: sns.Verifier,
        sessions: sessionmaker[Session],
        *,
        raw_delivery: bool,
    ) -> None:
        """`raw_delivery`: also take bodies without an envelope."""
        self._queue = queue
        self._verifier = verifier
        self._sessions = sessions
        self._raw_delivery = raw_delivery
        self._last_ring = -RING_SECONDS

    def take(self) -> int:
        """One poll: receive, store, commit, delete; how many messages were deleted.

        Raises QueueError or SQLAlchemyError; whatever was not deleted comes again.
        """
        received = self._queue.receive()
        now = clock.now()
        judged = [each for message in received if (each := self._judge(message, now)) is not None]
        if not judged:
            return 0
        if self._store(judged, now):
            self._ring()
            if any(each.envelope and receipts.is_mail(each.envelope.message) for each in judged):
                mail_jobs.ring()
        stayed = self._queue.delete([each.received for each in judged])
        if stayed:
            log.warning("queue_messages_not_deleted", extra={"messages": stayed})
        return len(judged) - stayed

    def _judge(self, message: Received, now: datetime) -> Judged | None:
        """What a message is; None when that cannot be said now and it must come again."""
        try:
            raw = message.body.encode()
            if self._raw_delivery and not _has_envelope(message.body):
                body = _wrap(message, now)
                return Judged(message, body, sns.parse(body))
            envelope = self._verifier.verify_queued(raw)
        except UnicodeEncodeError:
            return Judged(message, message.body, None, "characters")
        except sns.UnavailableError as error:
            log.warning("sns_not_verified", extra={"reason": str(error)})
            return None
        except sns.SnsError as error:
            return Judged(message, message.body, None, str(error))
        if "\0" in message.body:
            return Judged(message, message.body, None, "characters")
        return Judged(message, message.body, envelope)

    def _store(self, judged: Sequence[Judged], now: datetime) -> int:
        """Keep all, committed; how many are new and wait to be applied."""
        try:
            with transaction(self._sessions) as session:
                return sum([_keep(session, each, now) for each in judged])
        except (OperationalError, InterfaceError):
            raise  # the database is away: all of them come again
        except DBAPIError as error:
            log.warning("queue_stored_singly", extra={"error": type(error).__name__})
        return sum([self._store_one(each, now) for each in judged])

    def _store_one(self, judged: Judged, now: datetime) -> int:
        """Keep one; what the database cannot hold as it is, is rejected."""
        try:
            with transaction(self._sessions) as session:
                return _keep(session, judged, now)
        except (OperationalError, InterfaceError):
            raise
        except DBAPIError as error:
            reason = type(error.orig).__name__
        with transaction(self._sessions) as session:
            _reject(session, judged.received, reason, now)
        return 0

    def _ring(self) -> None:
        moment = time.monotonic()
        if moment - self._last_ring >= RING_SECONDS:
            self._last_ring = moment
            enqueue("events", "mailer.events.jobs.apply_waiting")


def keep_polling(poller: Poller, stop: Callable[[], bool]) -> None:
    """Poll until `stop` says so. A queue or a database that is away is waited for."""
    pause = FIRST_PAUSE
    idle = threading.Event()
    while not stop():
        try:
            poller.take()
            pause = FIRST_PAUSE
            continue
        except QueueError as error:
            log.warning("queue_unavailable", extra={"reason": str(error)})
        except SQLAlchemyError as error:
            log.warning("queue_not_stored", extra={"error": type(error).__name__})
        waited = 0.0
        while waited < pause and not stop():
            idle.wait(0.2)
            waited += 0.2
        pause = min(pause * 2, LONGEST_PAUSE)


def _has_envelope(body: str) -> bool:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "TopicArn" in content and "Type" in content


def _wrap(message: Received, now: datetime) -> str:
    """A body without an envelope, in one that says so: `intake` stores and reads only those."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": _key(message),
            "TopicArn": "queue",
            "Message": message.body,
            "Timestamp": now.isoformat(),
            "SignatureVersion": "",
            "Signature": "",
            "SigningCertURL": "",
        }
    )


def _keep(session: Session, judged: Judged, now: datetime) -> int:
    if judged.envelope is None:
        _reject(session, judged.received, judged.reason, now)
        return 0
    return int(intake.store(session, judged.envelope, judged.body, now=now))


def _reject(session: Session, message: Received, reason: str, now: datetime) -> None:
    fresh = intake.reject(session, _key(message), message.body, reason=reason, now=now)
    if fresh:
        log.warning("queue_message_rejected", extra={"reason": reason})


def _key(message: Received) -> str:
    """What stands for a message that has no id of SNS's: SQS keeps its own when it comes again."""
    letters = "".join(c for c in message.id if c.isascii() and (c.isalnum() or c == "-"))
    return f"sqs-{letters[:90]}"
