"""RQ queues, and jobs that are queued only when the transaction commits.

Redis is a bell, never the truth: if it is away when a transaction has committed, the loss is
logged and the sweeps find the work again from PostgreSQL. Jobs carry ids, no personal data.
"""

import logging
from typing import Any

from redis import BusyLoadingError, ConnectionError, Redis, RedisError, TimeoutError  # noqa: A004
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from rq import Queue
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from mailer.db import is_inside

log = logging.getLogger(__name__)

# In the order workers take from them. The small jobs that return (sweep, brake, quota, events) come
# first: behind a long send they would wait for its end, while a send only waits for seconds.
QUEUES = ("default", "events", "send", "imports")
JOB_TIMEOUT_SECONDS = 120

_WAITING = "jobs_waiting_for_commit"
_connection: dict[str, Redis] = {}


def make_redis(url: str, *, patient: bool = True) -> Redis:
    """A client. A patient one rides out a restart of the server (for workers); an impatient one
    fails at once (for web requests, where the sweep is the second chance)."""
    retries = 60 if patient else 1
    return Redis.from_url(
        url,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), retries),
        retry_on_error=[ConnectionError, TimeoutError, BusyLoadingError],
        health_check_interval=15,
        socket_connect_timeout=2,
    )


def connect(redis: Redis) -> None:
    """Say which Redis this process rings."""
    _connection["redis"] = redis


def enqueue(queue: str, job: str, *args: int | str) -> bool:
    """Queue a job by its dotted path at once. False, and a log line, if Redis is away."""
    redis = _connection.get("redis")
    if redis is None:
        return False
    try:
        Queue(queue, connection=redis).enqueue(
            job, *args, job_timeout=JOB_TIMEOUT_SECONDS, result_ttl=0, failure_ttl=86_400
        )
    except RedisError as error:
        log.warning("enqueue_failed", extra={"job": job, "error": type(error).__name__})
        return False
    return True


def waiting(queue: str) -> int:
    """How many jobs wait in a queue; 0 when Redis is away."""
    redis = _connection.get("redis")
    try:
        return Queue(queue, connection=redis).count if redis is not None else 0
    except RedisError:
        return 0


def enqueue_after_commit(session: Session, queue: str, job: str, *args: int | str) -> None:
    """Queue a job once the transaction now open in `session` has committed.

    One asked for inside a savepoint that is rolled back is dropped.
    """
    if not session.in_transaction():
        session.begin()
    within = session.get_nested_transaction() or session.get_transaction()
    session.info.setdefault(_WAITING, []).append((within, queue, job, args))


@event.listens_for(Session, "after_commit")
def _ring(session: Session) -> None:
    if session.in_nested_transaction():  # a savepoint released is not a commit
        return
    for _, queue, job, args in session.info.pop(_WAITING, ()):
        enqueue(queue, job, *args)


@event.listens_for(Session, "after_soft_rollback")
def _drop(session: Session, rolled_back: SessionTransaction) -> None:
    waiting: list[Any] = session.info.pop(_WAITING, [])
    kept = [entry for entry in waiting if not is_inside(entry[0], rolled_back)]
    if kept:
        session.info[_WAITING] = kept
