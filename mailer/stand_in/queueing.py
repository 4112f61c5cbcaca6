"""Delivers SNS messages to the queue instead of a webhook."""

import threading
from typing import Final

from mailer.stand_in.outbox import Outbox
from mailer.stand_in.queue import Queue
from mailer.stand_in.sealing import Sealer

BATCH: Final = 200
IDLE: Final = 0.05


class Queueing:
    """A background thread between the outbox and the queue."""

    def __init__(
        self, *, outbox: Outbox, sealer: Sealer, queue: Queue, raw_delivery: bool = False
    ) -> None:
        """`raw_delivery` puts the bare message in, without its signed envelope."""
        self._outbox = outbox
        self._sealer = sealer
        self._queue = queue
        self._raw = raw_delivery
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sns-queueing", daemon=True)

    def start(self) -> None:
        """Starts delivering."""
        self._thread.start()

    def stop(self) -> None:
        """Stops after the batch under way; the rest stays in the file."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            batch = self._outbox.take(BATCH, notifications=True)
            if not batch:
                self._stopping.wait(IDLE)
                continue
            # A process killed between these two delivers them again, as SNS may too.
            self._queue.put([e.message if self._raw else self._sealer.seal(e)[0] for e in batch])
            self._outbox.finish([envelope.id for envelope in batch])
