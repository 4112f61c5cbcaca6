"""The example, from an empty directory to its end, and once more with a worker that dies."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from mailer import installation
from mailer.cli.demo import OVERRIDES
from mailer.config import ROOT
from mailer.sending.models import ACCEPTED, Message
from mailer.stack import demo
from mailer.stack.process import any_free_port
from mailer.stack.supervisor import Stack
from mailer.stand_in.client import Client

pytestmark = pytest.mark.slow

MAILER = (sys.executable, "-c", "from mailer.cli import main; main()")
ELSEWHERE = ("DATABASE_URL", "REDIS_URL", "SES_ENDPOINT_URL", "PUBLIC_URL", "LUPAPOSTI_ENV")


@pytest.fixture
def var() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="lp-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_the_demo_ends_well_and_says_so(var: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    played = subprocess.run(
        [*MAILER, "demo", "--exit", "--port", str(any_free_port())],
        env={**environ, "LUPAPOSTI_VAR": str(var)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=480,
        check=False,
    )
    assert played.returncode == 0, played.stdout[-3000:] + played.stderr[-3000:]
    summary = json.loads(played.stdout.strip().splitlines()[-1])
    assert summary["as_expected"] is True
    assert summary["failures"] == []
    assert summary["ledger_accepted"] == summary["sink_accepted"] > 0


def test_the_demo_ends_well_although_its_worker_is_killed(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    killed: list[int] = []
    told: list[str] = []

    def interfere(campaign_id: int) -> None:
        Client(stack.stand_in_url).faults(latency_ms=1500)
        threading.Thread(target=kill_in_the_middle, args=(campaign_id,), daemon=True).start()

    def kill_in_the_middle(campaign_id: int) -> None:
        here = installation.current()
        # Some are sent, some are in the worker's hands: before that there would be no message near
        # by whose events could prove anything, and a person would have to decide.
        states = select(Message.state).where(Message.campaign_id == campaign_id).distinct()
        end = time.monotonic() + 180
        while time.monotonic() < end:
            with here.sessions() as session:
                if {"sending"} < set(session.scalars(states)) & {"sending", *ACCEPTED}:
                    killed.append(stack.kill("worker"))
                    break
            time.sleep(0.05)
        Client(stack.stand_in_url).faults(latency_ms=0)

    with Stack(
        {**OVERRIDES, "LUPAPOSTI_VAR": str(var), "SENDER_THREADS": "1"},
        port=any_free_port(),
        stand_in_port=any_free_port(),
        echo=lambda _: None,
    ) as stack:
        try:
            story = demo.run(stack, told.append, interfere=interfere)
            counts = Client(stack.stand_in_url).counts()
            with installation.current().sessions() as session:
                accepted = session.scalar(select(func.count()).where(Message.state.in_(ACCEPTED)))
        finally:
            installation.current().engine.dispose()
    assert story.failures == [], told
    assert len(killed) == 1
    assert counts["accepted"] == accepted
    assert counts["tags"]["message"]["repeated"] == 0
