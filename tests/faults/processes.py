"""The processes of a campaign: the real worker.py, its scheduler, and the stand-in.

They are forked from one process that has loaded the code, so a worker that was killed is replaced
within milliseconds. What a worker waits for is shortened: minutes of the product are seconds here,
in the same order (wait for an answer < lease < time to settle).
"""

import ctypes
import functools
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from redis import Redis

from mailer.config import ROOT
from mailer.stack import schedule
from tests.faults import clocks

# The stand-in tries to deliver an event until the web server is there again.
EVENT_RETRIES = (0.2,) * 300
READ_TIMEOUT_SECONDS = 1
WORKER_SECONDS = 4
_PR_SET_PDEATHSIG = 1


@functools.cache
def context() -> ForkServerContext:
    """Where processes are forked."""
    found = multiprocessing.get_context("forkserver")
    # A child runs the main module again under another name; pytest is quick when it is loaded.
    found.set_forkserver_preload(
        ["tests.faults.preloaded", *(["pytest"] if "pytest" in sys.modules else [])]
    )
    return found


@dataclass(frozen=True, slots=True)
class Worker:
    """How one worker process is started."""

    environ: Mapping[str, str]
    log: Path
    clocks: Path
    number: int
    call_size: int
    scheduler: bool = False
    in_earnest: bool = False  # waits are the product's own


def start_worker(spec: Worker) -> ForkServerProcess:
    """Start worker.py with the arguments of the product's Procfile."""
    process = context().Process(target=_be_worker, args=(spec,), daemon=True)
    process.start()
    return process


def start_stand_in(
    directory: Path, log: Path, *, webhook_url: str | None, topic_arn: str, rate: float
) -> ForkServerProcess:
    """Start the stand-in; its port comes to `directory`/port."""
    process = context().Process(
        target=_be_stand_in, args=(directory, log, webhook_url, topic_arn, rate), daemon=True
    )
    process.start()
    return process


def _be_worker(spec: Worker) -> None:
    _begin(spec.log)
    os.environ.clear()
    os.environ.update(spec.environ)
    clocks.wear(spec.clocks, spec.number)
    _hurry()
    if not spec.in_earnest:
        _shorten(spec.call_size)
    import worker

    worker.WORKER_SECONDS = WORKER_SECONDS  # type: ignore[attr-defined]
    sys.argv = ["worker.py", *(["--cron"] if spec.scheduler else ["--maintenance-interval", "2"])]
    sys.exit(worker.main())


def _be_stand_in(
    directory: Path, log: Path, webhook_url: str | None, topic_arn: str, rate: float
) -> None:
    _begin(log)
    from mailer.stand_in.server import serve

    serve(
        port=0,
        directory=directory,
        webhook_url=webhook_url,
        topic_arn=topic_arn,
        rate=rate,
        quota=10**9,
        retry_delays=EVENT_RETRIES,
        keep=100_000,
    )


def end_with_parent(number: signal.Signals) -> None:
    """Have the kernel send a signal when the process that forked this one ends, however."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def _begin(log: Path) -> None:
    """Die with the process that forks, and write to the log."""
    end_with_parent(signal.SIGKILL)
    os.chdir(ROOT)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def _hurry() -> None:
    """Let jobs that return come back sooner, so that a campaign of seconds meets them."""
    schedule.TICK_SECONDS = 0.2
    schedule.queue_due = _queue_due_quickly  # type: ignore[assignment]


def _shorten(call_size: int) -> None:
    """Shorten what the product waits for, and the calls, so that a few hundred people are many."""
    _set("READ_TIMEOUT_SECONDS", READ_TIMEOUT_SECONDS)
    _set("CONNECT_TIMEOUT_SECONDS", 1)
    _set("RETRY_AFTER", timedelta(seconds=0.05))
    _set("RETRY_AT_MOST", timedelta(seconds=1))
    _set("REST", timedelta(seconds=1))
    _set("BULK_LIMIT", call_size)


def _set(name: str, value: object) -> None:
    """Set a constant wherever the product has it; it may not be gone."""
    homes = [
        module
        for path, module in sys.modules.items()
        if path.startswith(("mailer.sending.", "mailer.adapters.")) and hasattr(module, name)
    ]
    assert homes, f"the product no longer has {name}"
    for module in homes:
        setattr(module, name, value)


_queue_due = schedule.queue_due
# What a campaign needs. More jobs than slow workers can do would keep them from it.
_SOON = {"apply_waiting": 0.5, "start_due": 1.0, "sweep": 1.0, "brake": 2.0, "refresh_quota": 2.0}
_QUICK = tuple(
    schedule.Returning(
        each.job, _SOON[each.job.rpartition(".")[2]], queue=each.queue, timeout=each.timeout
    )
    for each in schedule.SCHEDULE
    if each.job.rpartition(".")[2] in _SOON
)
assert len(_QUICK) == len(_SOON), "a job that a campaign needs has another name now"


def _queue_due_quickly(redis: Redis, last_queued: dict[str, float], moment: float) -> list[str]:
    return _queue_due(redis, last_queued, moment, _QUICK)
