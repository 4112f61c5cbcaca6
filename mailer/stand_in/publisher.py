"""Delivers queued SNS messages to the webhook: signed, in order per mail, with SNS's retries."""

import http.client
import logging
import queue
import ssl
import threading
import zlib
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from mailer.stand_in.outbox import Envelope, Outbox
from mailer.stand_in.sealing import Sealer
from mailer.stand_in.subscription import Subscription

log = logging.getLogger(__name__)

TIMEOUT: Final = 15.0
RETRY_DELAYS: Final = (1.0, 5.0, 20.0)
# A product that starts at the same time must not miss the one request to subscribe.
CONFIRMATION_DELAYS: Final = (1.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
BATCH: Final = 200
IDLE: Final = 0.05


class Publisher:
    """Background threads with kept connections; memory is bounded by their short queues."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        subscription: Subscription,
        sealer: Sealer,
        webhook_url: str,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        connections: int = 2,
    ) -> None:
        """Nothing is delivered before start()."""
        self._outbox = outbox
        self._subscription = subscription
        self._sealer = sealer
        self._webhook = urlsplit(webhook_url)
        self._retry_delays = tuple(retry_delays)
        self._stopping = threading.Event()
        self._queues: list[queue.Queue[Envelope | None]] = [
            queue.Queue(BATCH) for _ in range(connections)
        ]
        self._threads = [
            threading.Thread(target=self._feed, name="sns-feeder", daemon=True),
            *(
                threading.Thread(target=self._work, args=(q,), name="sns-poster", daemon=True)
                for q in self._queues
            ),
        ]

    def start(self) -> None:
        """Starts delivering."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stops after the deliveries under way; the rest stays in the file."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(TIMEOUT + 5)

    def _feed(self) -> None:
        while not self._stopping.is_set():
            batch = self._outbox.take(BATCH, notifications=self._subscription.confirmed)
            for position, envelope in enumerate(batch):
                if not self._hand_over(envelope):
                    self._outbox.release(batch[position:])
                    break
            if not batch:
                self._stopping.wait(IDLE)

    def _hand_over(self, envelope: Envelope) -> bool:
        # One mail's events go through one connection, so that Send comes before Delivery.
        target = self._queues[zlib.crc32(envelope.key.encode()) % len(self._queues)]
        while not self._stopping.is_set():
            try:
                target.put(envelope, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def _work(self, waiting: queue.Queue[Envelope | None]) -> None:
        connection = Connection(self._webhook.scheme, self._webhook.netloc)
        done: list[int] = []
        while True:
            try:
                envelope = waiting.get(timeout=IDLE)
            except queue.Empty:
                if self._stopping.is_set():
                    break
                continue
            if envelope is None or self._stopping.is_set():
                if envelope:
                    self._outbox.release([envelope])
                continue
            if self._deliver(connection, envelope):
                done.append(envelope.id)
            if done and (waiting.empty() or len(done) >= 50):
                self._outbox.finish(done)
                done.clear()
        self._outbox.finish(done)
        connection.close()

    def _deliver(self, connection: "Connection", envelope: Envelope) -> bool:
        """Posts once; says whether it was taken. What was not is postponed or discarded."""
        text, headers = self._sealer.seal(envelope)
        target = self._webhook.path or "/"
        if self._webhook.query:
            target += "?" + self._webhook.query
        status = connection.post(target, text.encode(), headers)
        if status is not None and 200 <= status < 300:
            return True
        delays = self._retry_delays if envelope.type == "Notification" else CONFIRMATION_DELAYS
        # As SNS: server errors, throttling and silence are tried again, other answers are final.
        if (status is None or status >= 500 or status == 429) and envelope.attempts < len(delays):
            self._outbox.postpone(envelope, delays[envelope.attempts])
        else:
            log.warning("stand_in_event_discarded", extra={"status": status})
            self._outbox.finish([envelope.id], discarded=True)
        return False


class Connection:
    """One kept HTTP connection to the webhook, opened anew when it was closed meanwhile."""

    def __init__(self, scheme: str, netloc: str) -> None:
        """Nothing is opened before the first post."""
        if scheme == "https":
            self._http: http.client.HTTPConnection = http.client.HTTPSConnection(
                netloc, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        else:
            self._http = http.client.HTTPConnection(netloc, timeout=TIMEOUT)

    def post(self, target: str, body: bytes, headers: dict[str, str]) -> int | None:
        """The answer's status, or None when none came."""
        for reused in (self._http.sock is not None, False):
            try:
                self._http.request("POST", target, body, headers)
                response = self._http.getresponse()
                response.read(1_000_000)
                if not response.isclosed():
                    self._http.close()
            except TimeoutError:
                self._http.close()
                return None
            except (OSError, http.client.HTTPException):
                self._http.close()
                if not reused:
                    return None
            else:
                return response.status
        return None

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()
