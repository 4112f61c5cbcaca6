"""Jobs that return: one table, and the loop that queues each when its time has come.

RQ's own scheduler queues a job again whether or not the last one was ever taken, so jobs would
pile up while no worker runs. Here a job has one fixed id and is queued only when the last one is
through.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis, RedisError
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
WAITING = {JobStatus.QUEUED, JobStatus.DEFERRED, JobStatus.SCHEDULED}
WORKER_KEY = "lupaposti:worker:"
WORKER_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Returning:
    """A job without arguments, by its dotted path, that is wanted every so many seconds."""

    job: str
    seconds: float
    queue: str = "default"
    timeout: int = 120


# Also queued by each worker that starts.
REFRESH_QUOTA = Returning("mailer.sending.jobs.refresh_quota", 60)
SCHEDULE = (
    Returning("mailer.events.jobs.apply_waiting", 3, queue="events"),
    Returning("mailer.events.jobs.apply_tracking", 2, queue="events"),
    Returning("mailer.events.mail_jobs.read_mail", 5, queue="events"),
    Returning("mailer.sending.jobs.sweep", 5),
    Returning("mailer.sending.jobs.start_due", 5),
    Returning("mailer.sending.jobs.brake", 5),
    Returning("mailer.sending.jobs.confirm_sign_ups", 3),
    Returning("mailer.sending.jobs.retry_soft_bounced", 600),
    Returning("mailer.contacts.jobs.sweep_imports", 30),
    Returning("mailer.webhooks.jobs.deliver", 3, queue="events"),
    Returning("mailer.webhooks.jobs.forget_old", 3600),
    REFRESH_QUOTA,
    Returning("mailer.sending.jobs.keep_plans", 20, timeout=900),
    Returning("mailer.contacts.jobs.delete_private_persons", 3600),
    Returning("mailer.contacts.jobs.forget_released_dealings", 3600),
    Returning("mailer.contacts.jobs.forget_sign_ups", 3600),
    Returning("mailer.contacts.jobs.keep_time_to_inform", 3600, timeout=900),
    Returning("mailer.segments.jobs.count_segments", 3600, timeout=900),
    Returning("mailer.contacts.suppression_jobs.sync", 3600, timeout=900),
    Returning("mailer.events.jobs.delete_old_raw", 3600),
    Returning("mailer.events.mail_jobs.forget_mail", 3600),
    Returning("mailer.events.jobs.judge_anew", 120),
    Returning("mailer.events.jobs.watch_leavers", 600, timeout=900),
    Returning("mailer.events.jobs.make_months", 3600),
)


def queue_due(
    redis: Redis,
    last_queued: dict[str, float],
    moment: float,
    schedule: tuple[Returning, ...] = SCHEDULE,
) -> list[str]:
    """Queue every job whose time has come and which is not waiting or running; their paths.

    `moment` and the values of `last_queued`, which is updated, are seconds of one clock.
    """
    queued = []
    for returning in schedule:
        last = last_queued.get(returning.job)
        if last is not None and moment - last < returning.seconds:
            continue
        last_queued[returning.job] = moment
        if _is_under_way(redis, returning):
            continue
        # At the front: these are small, and others wait behind them for minutes.
        Queue(returning.queue, connection=redis).enqueue(
            returning.job,
            job_id=_job_id(returning),
            at_front=True,
            job_timeout=returning.timeout,
            result_ttl=0,
            failure_ttl=3600,
        )
        queued.append(returning.job)
    return queued


def _job_id(returning: Returning) -> str:
    return "returning-" + returning.job.replace(".", "-")


def _is_under_way(redis: Redis, returning: Returning) -> bool:
    try:
        job = Job.fetch(_job_id(returning), connection=redis)
    except NoSuchJobError:
        return False
    status = job.get_status(refresh=False)
    if status in WAITING:
        # A job can say "queued" without being in a queue, when Redis died between two commands.
        queue = Queue(returning.queue, connection=redis)
        return queue.get_job_position(job.id) is not None
    if status == JobStatus.STARTED:
        return bool(redis.exists(f"{WORKER_KEY}{job.worker_name}"))
    return False


def keep_queueing(redis: Redis, stop: Callable[[], bool]) -> None:
    """Queue due jobs until `stop` says so. A Redis that is away is waited for."""
    last_queued: dict[str, float] = {}
    while not stop():
        try:
            queue_due(redis, last_queued, time.monotonic())
        except RedisError as error:
            log.warning("queue_unreachable", extra={"error": type(error).__name__})
            last_queued.clear()
        time.sleep(TICK_SECONDS)
