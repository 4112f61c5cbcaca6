"""Workers on several machines, one PostgreSQL and one Redis: nobody is missed, nobody twice."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from bench import namespaces
from bench.namespaces import Machine
from mailer import clock
from mailer.config import ROOT, Settings
from mailer.events import jobs as event_jobs
from mailer.sending import jobs
from mailer.sending.models import ACCEPTED
from mailer.stand_in.server import Options, StandIn
from tests.sending.arrivals import listening
from tests.sending.scene import Scene, make_scene

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not namespaces.possible(), reason="network namespaces cannot be made here"),
]

PEOPLE = 500
PATIENCE = 180


@pytest.fixture
def stand_in(tmp_path: Path, sessions: sessionmaker[Session]) -> Iterator[StandIn]:
    with listening() as webhook:
        webhook.sessions = sessions
        options = Options(
            directory=tmp_path / "stand-in", webhook_url=webhook.url, rate=100_000, keep=2_000
        )
        with StandIn(options) as server:
            yield server
        webhook.sessions = None


@pytest.fixture
def scene(
    connected_settings: Settings,
    sessions: sessionmaker[Session],
    redis: Redis,
    stand_in: StandIn,
) -> Scene:
    return make_scene(
        connected_settings,
        sessions,
        redis,
        clock.now(),
        ses_endpoint_url=stand_in.url,
        claim_lease_seconds=3,
        settle_seconds=6,
    )


class Fleet:
    """A worker on each of several machines, all reaching the servers of this one."""

    def __init__(self, scene: Scene, number: int) -> None:
        self._stack = ExitStack()
        self._scene = scene
        here, self.machines = self._stack.enter_context(namespaces.machines(number))
        self._environ = self._environment(here)
        self.workers = [self._start(machine) for machine in self.machines]

    def _environment(self, here: str) -> dict[str, str]:
        settings = self._scene.here.settings
        servers = {
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "SES_ENDPOINT_URL": str(settings.ses_endpoint_url),
        }
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **namespaces.reach(self._stack, here, servers),
            "SECRET_KEY": settings.secret_key,
            "SUPPRESSION_KEY": settings.suppression_key,
            "PUBLIC_URL": settings.public_url,
            "SENDER_THREADS": "2",
            "CLAIM_LEASE_SECONDS": str(settings.claim_lease_seconds),
            "SETTLE_SECONDS": str(settings.settle_seconds),
        }

    def _start(self, machine: Machine) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*machine.run, sys.executable, str(ROOT / "worker.py")], env=self._environ
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self._stack.close()


def follow(scene: Scene, campaign_id: int, until: str) -> None:
    """Apply events and sweep, as the returning jobs do, until the campaign is in a state."""
    end = time.monotonic() + PATIENCE
    while scene.campaign(campaign_id).state != until:
        assert time.monotonic() < end, scene.states(campaign_id)
        event_jobs.apply_waiting()
        jobs.sweep()
        time.sleep(0.1)


def wait_for(stand_in: StandIn, accepted: int) -> None:
    end = time.monotonic() + PATIENCE
    while stand_in.counts()["accepted"] < accepted:
        assert time.monotonic() < end
        time.sleep(0.02)


def check_everybody_got_one(scene: Scene, stand_in: StandIn, campaign_id: int) -> None:
    found: Counter[int] = Counter()
    while page := stand_in.messages(offset=found.total()):
        found.update(int(mail["tags"]["message"]) for mail in page)
    ours = {message.id for message in scene.messages(campaign_id)}
    assert len(ours) == PEOPLE
    assert {message: times for message, times in found.items() if message in ours} == (
        dict.fromkeys(ours, 1)
    )
    assert set(scene.states(campaign_id)) <= set(ACCEPTED)


def test_three_machines_share_a_campaign_and_nobody_gets_it_twice(
    scene: Scene, stand_in: StandIn
) -> None:
    campaign_id = scene.make_campaign(people=PEOPLE)
    stand_in.faults(latency_ms=150)
    with Fleet(scene, 3):
        scene.launch(campaign_id)
        follow(scene, campaign_id, "sent")
    check_everybody_got_one(scene, stand_in, campaign_id)


def test_a_machine_that_is_cut_off_in_the_middle_costs_nobody_a_message(
    scene: Scene, stand_in: StandIn
) -> None:
    campaign_id = scene.make_campaign(people=PEOPLE)
    stand_in.faults(latency_ms=300)
    with Fleet(scene, 2) as fleet:
        scene.launch(campaign_id)
        wait_for(stand_in, 50)
        fleet.machines[0].cut()
        time.sleep(5)  # longer than the lease
        fleet.machines[0].mend()
        follow(scene, campaign_id, "sent")
    check_everybody_got_one(scene, stand_in, campaign_id)
