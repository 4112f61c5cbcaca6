import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job, JobStatus

from mailer import stopping
from mailer.config import ROOT
from worker import Worker

STARTED = "started"


def work_until_asked_to_stop(directory: str) -> None:
    """A long job that looks whether it should end, as senders do."""
    Path(directory, STARTED).touch()
    deadline = time.monotonic() + 120
    while not stopping.asked() and time.monotonic() < deadline:
        time.sleep(0.02)
    Path(directory, "ended early" if stopping.asked() else "ran out of time").touch()


def fail_with_an_address() -> None:
    raise ValueError("Key (address)=(aino@firma.example) already exists.")


def start_worker(redis_url: str, *options: str) -> subprocess.Popen[bytes]:
    environ = {
        **os.environ,
        "REDIS_URL": redis_url,
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [sys.executable, "worker.py", *options], cwd=ROOT, env=environ, stderr=subprocess.PIPE
    )


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_an_exception_says_reaches_neither_the_log_nor_redis(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    job = Queue("default", connection=redis).enqueue(fail_with_an_address)
    Worker(["default"], connection=redis).work(burst=True, logging_level="WARNING")
    assert Job.fetch(job.id, connection=redis).get_status() == JobStatus.FAILED
    assert [record.message for record in caplog.records] == ["job_failed"]
    everything = [key for key in redis.keys("*") if redis.type(key) in {b"hash", b"stream"}]
    kept = [
        redis.hgetall(key) if redis.type(key) == b"hash" else redis.xrange(key)
        for key in everything
    ]
    assert kept
    assert "aino" not in str(kept)


def test_term_ends_a_long_job_early_and_then_the_worker(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    job = Queue("send", connection=redis).enqueue(work_until_asked_to_stop, str(tmp_path))
    with start_worker(redis_url) as worker:
        wait_for(tmp_path / STARTED)
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=60)
    assert (worker.returncode, errors) == (0, b"")
    assert (tmp_path / "ended early").exists()
    assert job.get_status() == JobStatus.FINISHED


def test_a_worker_without_sending_leaves_campaign_batches_to_others(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    Queue("send", connection=redis).enqueue(work_until_asked_to_stop, str(tmp_path))
    (tmp_path / "other").mkdir()
    Queue("imports", connection=redis).enqueue(work_until_asked_to_stop, str(tmp_path / "other"))
    with start_worker(redis_url, "--without-sending") as worker:
        wait_for(tmp_path / "other" / STARTED)
        worker.terminate()
        worker.communicate(timeout=60)
    assert not (tmp_path / STARTED).exists()


def test_cron_queues_the_returning_jobs_and_ends_with_term(redis: Redis, redis_url: str) -> None:
    with start_worker(redis_url, "--cron") as cron:
        deadline = time.monotonic() + 120
        while not Queue("default", connection=redis).count and time.monotonic() < deadline:
            time.sleep(0.05)
        cron.terminate()
        _, errors = cron.communicate(timeout=60)
    assert (cron.returncode, errors) == (0, b"")
    assert "mailer.sending.jobs.sweep" in {
        job.func_name for job in Queue("default", connection=redis).jobs
    }


def test_a_missing_setting_is_one_line_and_exit_code_2() -> None:
    done = subprocess.run(
        [sys.executable, "worker.py"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "LUPAPOSTI_ENV": "production"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "DATABASE_URL is not set.\n")


def test_lines_of_a_failing_worker_are_json(redis: Redis, redis_url: str) -> None:
    Queue("default", connection=redis).enqueue(fail_with_an_address)
    with start_worker(redis_url) as worker:
        assert worker.stderr is not None
        line = json.loads(worker.stderr.readline())
        worker.terminate()
        worker.communicate(timeout=60)
    assert (line["event"], line["error"]) == ("job_failed", "ValueError")


def test_a_poller_without_a_queue_waits_to_be_stopped(redis_url: str) -> None:
    with start_worker(redis_url, "--poll") as poller:
        assert poller.stderr is not None
        assert b"no_queue_to_poll" in poller.stderr.readline()
        poller.terminate()
        assert poller.wait(120) == 0


def test_a_worker_that_starts_asks_for_the_limits_first(redis: Redis, redis_url: str) -> None:
    # Nobody takes from the queue of this job here, so that it can be seen.
    worker = start_worker(redis_url, "--without-sending")
    deadline = time.monotonic() + 120
    path = "mailer.sending.jobs.refresh_quota"
    asked = False
    while not asked and time.monotonic() < deadline:
        asked = redis.exists(f"rq:job:returning-{path.replace('.', '-')}") == 1
        time.sleep(0.01)
    worker.terminate()
    worker.communicate(timeout=120)
    assert asked
