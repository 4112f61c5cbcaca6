"""Several worker processes that meet a smaller rate than they were told, and find it together."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.adapters.pace import SHARE, Pace, Quota
from mailer.config import ROOT, Settings
from mailer.sending import jobs
from mailer.stand_in.server import Options, StandIn
from tests.sending import one_worker
from tests.sending.scene import Scene, make_scene

PEOPLE, WORKERS = 150, 3
TOLD, TRUE = 300.0, 60.0


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    with StandIn(Options(directory=tmp_path / "stand-in", rate=TRUE, keep=2_000)) as server:
        yield server


@pytest.fixture
def scene(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, stand_in: StandIn
) -> Scene:
    # The workers have the true time, so this process has it too.
    return make_scene(
        connected_settings, sessions, redis, clock.now(), ses_endpoint_url=stand_in.url
    )


@pytest.fixture
def start_worker(scene: Scene) -> Iterator[Callable[[int], None]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(campaign_id: int) -> None:
        settings = scene.here.settings
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "SECRET_KEY": settings.secret_key,
            "SUPPRESSION_KEY": settings.suppression_key,
            "PUBLIC_URL": settings.public_url,
            "SES_ENDPOINT_URL": str(settings.ses_endpoint_url),
            "SENDER_THREADS": "2",
        }
        command = [sys.executable, str(Path(one_worker.__file__)), str(campaign_id)]
        started.append(subprocess.Popen(command, env=environ))

    yield start
    for worker in started:
        worker.kill()
        worker.wait()


def rate(redis: Redis) -> float:
    return float(redis.hget("lupaposti:pace", "rate") or 0)


def test_workers_that_are_throttled_slow_down_together_lose_nobody_and_recover(
    scene: Scene, stand_in: StandIn, redis: Redis, start_worker: Callable[[int], None]
) -> None:
    Pace(redis, 1).set_limit(Quota(TOLD, -1, 0, clock.now().timestamp()))
    redis.hset("lupaposti:pace", "rate", TOLD * SHARE)
    campaign_id = scene.make_campaign(people=PEOPLE)
    scene.launch(campaign_id)
    for _ in range(WORKERS):
        start_worker(campaign_id)

    began, seen = time.monotonic(), []
    while time.monotonic() - began < 300:
        seen.append(rate(redis))
        jobs.sweep()
        if scene.campaign(campaign_id).state == "sent":
            break
        time.sleep(0.2)
    assert scene.campaign(campaign_id).state == "sent"
    assert scene.states(campaign_id) == {"sent": PEOPLE}
    accepted = Counter(int(mail["tags"]["message"]) for mail in stand_in.messages(limit=PEOPLE * 2))
    assert all(accepted[message.id] == 1 for message in scene.messages(campaign_id))

    lowest = min(seen)
    # Halved at least once; and not once for each answer of each thread of each worker: it was never
    # far below what the account could do.
    assert lowest <= TOLD * SHARE / 2 * 1.5
    assert lowest >= TRUE / 8
    pace, before = Pace(redis, 1), rate(redis)
    end = time.monotonic() + 120
    while rate(redis) <= before * 1.02 and time.monotonic() < end:
        pace.take(1)
        time.sleep(0.1)
    assert before * 1.02 < rate(redis) <= TOLD * SHARE
