import threading

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job, JobStatus

from mailer.adapters.queue import QUEUES
from mailer.stack.schedule import SCHEDULE, WORKER_KEY, Returning, keep_queueing, queue_due

CALLS: list[str] = []
TICK = Returning("tests.stack.test_schedule.tick", 5)
FAILING = Returning("tests.stack.test_schedule.fail", 5)


def tick() -> None:
    CALLS.append("tick")


def fail() -> None:
    raise ValueError("on purpose")


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


def work_off(redis: Redis) -> None:
    SimpleWorker(["default"], connection=redis).work(burst=True, logging_level="CRITICAL")


def waiting(redis: Redis) -> int:
    return Queue("default", connection=redis).count


def test_jobs_do_not_pile_up_while_no_worker_runs(redis: Redis) -> None:
    last: dict[str, float] = {}
    for moment in range(0, 100, 5):
        queue_due(redis, last, moment, (TICK,))
    assert waiting(redis) == 1


def test_a_job_returns_when_its_seconds_have_passed_and_the_last_one_is_through(
    redis: Redis,
) -> None:
    last: dict[str, float] = {}
    for moment in (0, 4, 5, 9, 10):
        queue_due(redis, last, moment, (TICK,))
        work_off(redis)
    assert CALLS == ["tick"] * 3


def test_a_job_that_failed_returns(redis: Redis) -> None:
    last: dict[str, float] = {}
    queue_due(redis, last, 0, (FAILING,))
    work_off(redis)
    assert queue_due(redis, last, 5, (FAILING,)) == [FAILING.job]


def test_a_returning_job_goes_ahead_of_what_waits(redis: Redis) -> None:
    queue = Queue("default", connection=redis)
    queue.enqueue("tests.stack.test_schedule.fail")
    queue_due(redis, {}, 0, (TICK,))
    assert queue.jobs[0].func_name == TICK.job


def start_job(redis: Redis, worker: str) -> None:
    queue_due(redis, {}, 0, (TICK,))
    job = Queue("default", connection=redis).jobs[0]
    Queue("default", connection=redis).remove(job)
    job.worker_name = worker
    job.set_status(JobStatus.STARTED)
    job.save()


def test_a_running_job_is_not_queued_again_while_its_worker_lives(redis: Redis) -> None:
    start_job(redis, "worker-a")
    redis.set(f"{WORKER_KEY}worker-a", 1, ex=15)
    assert queue_due(redis, {}, 5, (TICK,)) == []


def test_a_job_of_a_killed_worker_is_queued_again(redis: Redis) -> None:
    start_job(redis, "worker-a")
    assert queue_due(redis, {}, 5, (TICK,)) == [TICK.job]
    assert waiting(redis) == 1


def test_a_job_that_says_queued_but_is_in_no_queue_is_queued_again(redis: Redis) -> None:
    queue_due(redis, {}, 0, (TICK,))
    job = Job.fetch(Queue("default", connection=redis).job_ids[0], connection=redis)
    redis.delete("rq:queue:default")
    assert job.get_status() == JobStatus.QUEUED
    assert queue_due(redis, {}, 5, (TICK,)) == [TICK.job]


def test_a_redis_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.stack.schedule.TICK_SECONDS", 0.01)
    rounds = iter([False, False, True])
    with Redis(port=1, retry=None) as nowhere:
        keeping = threading.Thread(target=keep_queueing, args=(nowhere, lambda: next(rounds)))
        keeping.start()
        keeping.join(30)
    assert not keeping.is_alive()
    assert list(rounds) == []


def test_every_returning_job_goes_to_a_queue_that_workers_take_from() -> None:
    assert {returning.queue for returning in SCHEDULE} <= set(QUEUES)
