"""The RQ worker: `worker.py` takes jobs, `worker.py --cron` queues those that return, and
`worker.py --poll` reads events from an SQS queue where they are not posted to the webhook."""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from redis import Redis, RedisError
from rq import SimpleWorker
from rq.job import Job

from mailer import installation, logs, models, stopping  # noqa: F401 - jobs know all tables
from mailer.adapters import sns, sqs
from mailer.adapters.queue import QUEUES
from mailer.config import SettingsError
from mailer.events.polling import Poller, keep_polling
from mailer.stack.faults import EXPECTED
from mailer.stack.schedule import (
    REFRESH_QUOTA,
    WORKER_KEY,
    WORKER_SECONDS,
    keep_queueing,
    queue_due,
)

log = logging.getLogger("worker")


class Worker(SimpleWorker):
    """Runs jobs in its own process, keeping connections, and lets long jobs end early.

    What an exception says may name a person: it goes neither to the log nor to Redis.
    """

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Finish the job at hand, then end."""
        stopping.ask()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log a failed job by its type of error and the places in the code."""
        log.error("job_failed", exc_info=exc_info, extra={"job": job.func_name, "job_id": job.id})

    def handle_job_failure(self, *args: Any, **named: Any) -> None:
        """Keep in Redis only that the job failed."""
        named["exc_string"] = "The log of the worker has the details."
        super().handle_job_failure(*args, **named)


def work(redis: Redis, queues: list[str], maintenance_interval: int) -> None:
    """Take jobs until TERM. A job whose worker was killed is put back by the maintenance."""
    worker = Worker(queues, connection=redis, maintenance_interval=maintenance_interval)
    threading.Thread(target=_say_alive, args=(redis, worker.name), daemon=True).start()
    # Whoever begins to send knows the limits as they are now: once, however many workers start.
    queue_due(redis, {}, time.monotonic(), (REFRESH_QUOTA,))
    worker.work(logging_level="WARNING")


def _say_alive(redis: Redis, name: str) -> None:
    """Keep a key that ends soon after the process: RQ itself notices a death minutes later."""
    pause = threading.Event()
    while True:
        try:
            redis.set(f"{WORKER_KEY}{name}", os.getpid(), ex=WORKER_SECONDS)
        except RedisError as error:
            log.warning("heartbeat_failed", extra={"error": type(error).__name__})
        pause.wait(WORKER_SECONDS / 3)


def poll(installed: installation.Installation) -> None:
    """Read the queue until TERM. Without one there is nothing to do, which is no failure: the
    process may be started everywhere."""
    if installed.settings.events_queue_url is None:
        log.info("no_queue_to_poll")
        while not stopping.asked():
            time.sleep(0.2)
        return
    queue = sqs.SqsQueue(installed.settings)
    poller = Poller(
        queue,
        sns.verifier(installed.settings),
        installed.sessions,
        raw_delivery=installed.settings.events_queue_raw,
    )
    keep_polling(poller, stopping.asked)
    queue.close()


def main() -> int:
    """Run the worker or one of the loops until TERM or Ctrl-C; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cron", action="store_true", help="queue the jobs that return")
    parser.add_argument("--poll", action="store_true", help="read events from the SQS queue")
    parser.add_argument("--without-sending", action="store_true", help="take no campaign batches")
    parser.add_argument("--maintenance-interval", type=int, default=15, metavar="SECONDS")
    options = parser.parse_args()
    logs.configure()
    try:
        installed = installation.current()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EXPECTED
    if options.cron or options.poll:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.ask())
    if options.cron:
        keep_queueing(installed.redis, stopping.asked)
    elif options.poll:
        poll(installed)
    else:
        queues = [name for name in QUEUES if name != "send" or not options.without_sending]
        work(installed.redis, queues, options.maintenance_interval)
    return 0


if __name__ == "__main__":
    sys.exit(main())
