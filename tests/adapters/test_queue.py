"""Jobs are queued by what was committed, and by nothing else."""

from collections.abc import Iterator

import pytest
from redis import Redis
from rq import Queue
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.adapters import queue
from mailer.audit import AuditEntry
from mailer.db import transaction

JOB = "mailer.sending.jobs.send"


@pytest.fixture(autouse=True)
def _connected(redis: Redis) -> Iterator[None]:
    queue.connect(redis)
    yield
    queue._connection.clear()


def queued(redis: Redis) -> list[tuple[object, ...]]:
    return [tuple(job.args) for job in Queue("send", connection=redis).jobs]


def test_a_job_of_a_rolled_back_transaction_is_not_queued(
    sessions: sessionmaker[Session], redis: Redis
) -> None:
    with sessions() as session:
        queue.enqueue_after_commit(session, "send", JOB, 1)
        session.rollback()
        session.commit()
    assert queued(redis) == []


def test_a_job_waits_for_the_commit(sessions: sessionmaker[Session], redis: Redis) -> None:
    with sessions() as session:
        queue.enqueue_after_commit(session, "send", JOB, 1)
        assert queued(redis) == []
        session.commit()
    assert queued(redis) == [(1,)]


def test_a_job_is_queued_once_however_often_the_session_commits(
    sessions: sessionmaker[Session], redis: Redis
) -> None:
    with sessions() as session:
        queue.enqueue_after_commit(session, "send", JOB, 1)
        session.commit()
        session.commit()
    assert queued(redis) == [(1,)]


def test_a_released_savepoint_is_not_a_commit(
    sessions: sessionmaker[Session], redis: Redis
) -> None:
    with sessions() as session:
        with session.begin_nested():
            queue.enqueue_after_commit(session, "send", JOB, 1)
        assert queued(redis) == []
        session.rollback()
    assert queued(redis) == []


def test_a_rolled_back_savepoint_takes_its_own_jobs_and_no_others(
    sessions: sessionmaker[Session], redis: Redis
) -> None:
    with sessions() as session:
        queue.enqueue_after_commit(session, "send", JOB, 1)
        outer = session.begin_nested()
        queue.enqueue_after_commit(session, "send", JOB, 2)
        with session.begin_nested():
            queue.enqueue_after_commit(session, "send", JOB, 3)
        outer.rollback()
        queue.enqueue_after_commit(session, "send", JOB, 4)
        session.commit()
    assert queued(redis) == [(1,), (4,)]


def test_two_sessions_do_not_mix_their_jobs(sessions: sessionmaker[Session], redis: Redis) -> None:
    with sessions() as one, sessions() as other:
        queue.enqueue_after_commit(one, "send", JOB, 1)
        queue.enqueue_after_commit(other, "send", JOB, 2)
        one.rollback()
        other.commit()
    assert queued(redis) == [(2,)]


def test_a_commit_stands_when_redis_is_away(
    sessions: sessionmaker[Session], caplog: pytest.LogCaptureFixture
) -> None:
    gone = queue.make_redis("redis://127.0.0.1:1/0", patient=False)
    queue.connect(gone)
    with transaction(sessions) as session:
        session.add(
            AuditEntry(
                at=clock.now(), action="x", object_kind="y", details={}, hash=b"", object_id=None
            )
        )
        queue.enqueue_after_commit(session, "send", JOB, 1)
    with sessions() as session:
        assert session.query(AuditEntry).count() == 1
    assert [record.message for record in caplog.records] == ["enqueue_failed"]
    assert queue.waiting("send") == 0
    gone.close()


def test_without_any_redis_a_job_is_not_queued_and_nothing_breaks() -> None:
    queue._connection.clear()
    assert queue.enqueue("send", JOB, 1) is False
    assert queue.waiting("send") == 0


def test_jobs_carry_ids_and_keep_no_result(redis: Redis) -> None:
    queue.enqueue("send", JOB, 42)
    [job] = Queue("send", connection=redis).jobs
    assert (job.func_name, list(job.args), job.kwargs) == (JOB, [42], {})
    assert job.result_ttl == 0
    assert queue.waiting("send") == 1
