"""Starts and stops the stand-in: as a process of its own, or inside a test."""

import fcntl
import ipaddress
import logging
import os
import re
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from mailer.stand_in.account import Account, Pace, Quota
from mailer.stand_in.application import Application
from mailer.stand_in.behaviours import Behaviours
from mailer.stand_in.client import Client
from mailer.stand_in.control import Control
from mailer.stand_in.counting import CountingStore
from mailer.stand_in.database import Database
from mailer.stand_in.errors import StandInError
from mailer.stand_in.faults import Faults
from mailer.stand_in.listener import Listener
from mailer.stand_in.mailbox import Mailbox
from mailer.stand_in.messages import Keeper, MessageStore
from mailer.stand_in.notifications import Sender
from mailer.stand_in.operations import Operations
from mailer.stand_in.outbox import Outbox
from mailer.stand_in.protocol import load_operations
from mailer.stand_in.publisher import RETRY_DELAYS, Publisher
from mailer.stand_in.queue import Queue
from mailer.stand_in.queueing import Queueing
from mailer.stand_in.sealing import Sealer
from mailer.stand_in.sending import Sending
from mailer.stand_in.signature import Signer
from mailer.stand_in.sqs import Sqs
from mailer.stand_in.subscription import Subscription
from mailer.stand_in.tally import Tally

log = logging.getLogger(__name__)

TOPIC_ARN = "arn:aws:sns:eu-north-1:123456789012:lupaposti-ses-events"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the stand-in runs."""

    directory: Path
    host: str = "127.0.0.1"
    port: int = 0
    webhook_url: str | None = None
    queue: str | None = None  # name of the queue that gets the events instead of a webhook
    raw_delivery: bool = False
    topic_arn: str = TOPIC_ARN
    rate: float = 1000.0
    quota: int = 1_000_000
    verified_domains: Sequence[str] = ("example",)
    configuration_sets: Sequence[str] | None = None
    count_only: bool = False
    keep: int = 20_000
    dialect: Literal["event", "identity"] = "event"
    subscribe: bool = False
    labels: bool = True
    behaviours: Mapping[str, str] | None = None
    retry_delays: Sequence[float] = RETRY_DELAYS


def serve(
    *,
    host: str = "127.0.0.1",
    port: int,
    directory: Path,
    webhook_url: str | None,
    topic_arn: str,
    rate: float = 1000.0,
    quota: int = 1_000_000,
    verified_domains: Sequence[str] = ("example",),
    count_only: bool = False,
    dialect: Literal["event", "identity"] = "event",
    subscribe: bool = False,
    **more: Any,
) -> None:
    """Serves until SIGTERM or SIGINT. Raises StandInError when it cannot start.

    Writes the port to `directory`/port and prints the URL. `more` are further fields of Options.
    """
    stand_in = StandIn(
        Options(
            host=host,
            port=port,
            directory=directory,
            webhook_url=webhook_url,
            topic_arn=topic_arn,
            rate=rate,
            quota=quota,
            verified_domains=verified_domains,
            count_only=count_only,
            dialect=dialect,
            subscribe=subscribe,
            **more,
        )
    )
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with stand_in:
        print(f"SES stand-in at {stand_in.url}, mailbox at {stand_in.url}/mailbox", flush=True)  # noqa: T201
        stopped.wait()


class StandIn(Client):
    """A running stand-in, and a client for what tests ask of it."""

    def __init__(self, options: Options) -> None:
        """Nothing is opened before start()."""
        _check(options)
        super().__init__("")
        self.options = options
        self._lock_file: int | None = None
        self._listener: Listener | None = None
        self._publisher: Publisher | Queueing | None = None
        self._queue: Queue | None = None
        self._thread: threading.Thread | None = None
        self._database: Database | None = None
        self._quota: Quota | None = None

    def __enter__(self) -> Self:
        """Starts."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops."""
        self.stop()

    def start(self) -> None:
        """Opens files and socket and serves in a thread. Raises StandInError."""
        load_operations()  # a botocore that lacks one should fail here, not at the first request
        self.options.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock_file = _lock(self.options.directory)
        try:
            self._open()
        except BaseException:
            self.stop()
            raise

    def _open(self) -> None:
        options = self.options
        try:
            listener = self._listener = Listener(options.host, options.port)
        except OSError as error:
            raise StandInError(
                f"Port {options.port} cannot be used: {error.strerror or 'refused'}."
            ) from None
        self.url = listener.url
        self._assemble(listener)
        port_file = options.directory / "port"
        port_file.write_text(str(listener.server_address[1]), encoding="ascii")
        self._thread = threading.Thread(
            target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        if self._publisher:
            self._publisher.start()

    def _assemble(self, listener: Listener) -> None:
        options = self.options
        database = self._database = Database(options.directory / "stand-in.sqlite3")
        signer = Signer(options.directory)
        faults, behaviours = Faults(), Behaviours(options.behaviours, labels=options.labels)
        keeper: Keeper = (
            CountingStore() if options.count_only else MessageStore(database, options.keep)
        )
        account = Account(
            database,
            verified_domains=options.verified_domains,
            configuration_sets=options.configuration_sets,
        )
        pace = Pace(options.rate)
        quota = self._quota = Quota(options.quota, database)
        outbox, subscription = self._open_events(database, signer, faults)
        sending = Sending(
            account=account,
            pace=pace,
            quota=quota,
            faults=faults,
            behaviours=behaviours,
            keeper=keeper,
            outbox=outbox,
            sender=Sender(
                options.topic_arn.split(":")[4], options.topic_arn.split(":")[3], options.dialect
            ),
        )
        listener.application = Application(
            operations=Operations(
                account=account,
                pace=pace,
                quota=quota,
                faults=faults,
                sending=sending,
                topic_arn=options.topic_arn,
            ),
            control=Control(
                keeper=keeper,
                faults=faults,
                behaviours=behaviours,
                account=account,
                quota=quota,
                outbox=outbox,
                queue=self._queue,
                region=options.topic_arn.split(":")[3],
            ),
            mailbox=Mailbox(keeper, database, counting=options.count_only),
            faults=faults,
            sqs=Sqs(self._queue),
            subscription=subscription,
            certificate=signer.certificate,
            tally=Tally(
                keeper,
                account=account,
                pace=pace,
                quota=quota,
                faults=faults,
                behaviours=behaviours,
            )
            if isinstance(keeper, CountingStore) and outbox is None
            else None,
        )

    def _open_events(
        self, database: Database, signer: Signer, faults: Faults
    ) -> tuple[Outbox | None, Subscription | None]:
        options = self.options
        if options.queue is not None:
            account_id = options.topic_arn.split(":")[4]
            self._queue = Queue(database, faults, account_id=account_id, name=options.queue)
        endpoint = self.queue_url or options.webhook_url
        if endpoint is None:
            return None, None
        outbox = Outbox(database)
        subscription = Subscription(
            database,
            outbox=outbox,
            topic_arn=options.topic_arn,
            webhook_url=endpoint,
            # Amazon asks no queue of the same account.
            ask=options.subscribe and self._queue is None,
        )
        subscription.start()
        sealer = Sealer(subscription, signer, self.url)
        if self._queue is not None:
            self._publisher = Queueing(
                outbox=outbox, sealer=sealer, queue=self._queue, raw_delivery=options.raw_delivery
            )
        else:
            self._publisher = Publisher(
                outbox=outbox,
                subscription=subscription,
                sealer=sealer,
                webhook_url=endpoint,
                retry_delays=options.retry_delays,
            )
        return outbox, subscription

    @property
    def queue_url(self) -> str | None:
        """Where the queue is; None when events go to a webhook or nowhere."""
        return f"{self.url}{self._queue.path}" if self._queue else None

    def stop(self) -> None:
        """Answers what is under way, writes everything down and closes."""
        if self._queue:
            self._queue.close()
        if self._thread and self._listener:
            self._listener.finish()
            self._thread.join()
            if self._publisher:
                self._publisher.stop()
        elif self._listener:
            self._listener.server_close()
        if self._quota:
            self._quota.save()
        if self._database:
            self._database.close()
        if self._lock_file is not None:
            os.close(self._lock_file)
        self._listener = self._publisher = self._quota = self._database = None
        self._queue = self._thread = self._lock_file = None


@contextmanager
def running(directory: Path, **options: Any) -> Iterator[StandIn]:
    """A stand-in on a free port for as long as the block lasts."""
    with StandIn(Options(directory=directory, **options)) as stand_in:
        yield stand_in


def _check(options: Options) -> None:
    try:
        loopback = ipaddress.ip_address(options.host).is_loopback
    except ValueError:
        loopback = options.host == "localhost"
    if not loopback:
        raise StandInError("The stand-in listens on loopback only; give it a loopback address.")
    if len(options.topic_arn.split(":")) != 6:
        raise StandInError("The topic must be an ARN like arn:aws:sns:REGION:ACCOUNT:NAME.")
    if options.rate <= 0:
        raise StandInError("The rate must be above zero.")
    if options.keep < 1:
        raise StandInError("At least one message must be kept.")
    if options.queue is not None and not re.fullmatch("[A-Za-z0-9_-]{1,80}", options.queue):
        raise StandInError("The queue's name must be letters, digits, - and _ only.")
    if options.queue is not None and options.webhook_url is not None:
        raise StandInError("Events go to a webhook or to a queue, not to both.")
    if options.webhook_url is not None:
        parts = urlsplit(options.webhook_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise StandInError("The webhook must be an http or https URL.")


def _lock(directory: Path) -> int:
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StandInError("Another stand-in already uses this directory.") from None
    return descriptor
