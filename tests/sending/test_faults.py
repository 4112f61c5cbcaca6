"""Campaigns through trouble: at the end the sink is counted and compared with the ledger."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.adapters.pace import Quota
from mailer.campaigns import lifecycle
from mailer.config import ROOT, Settings
from mailer.db import transaction
from mailer.events import jobs as event_jobs
from mailer.sending import answers, jobs, pacing
from mailer.sending.models import ACCEPTED, Message
from mailer.stand_in.server import Options, StandIn
from tests.sending import one_worker
from tests.sending.arrivals import Webhook, listening
from tests.sending.scene import Scene, make_scene

SETTLE = 3


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with listening() as webhook:
        yield webhook


@pytest.fixture
def stand_in(tmp_path: Path, webhook: Webhook) -> Iterator[StandIn]:
    options = Options(
        directory=tmp_path / "stand-in", webhook_url=webhook.url, rate=100_000, keep=2_000
    )
    with StandIn(options) as server:
        yield server


@pytest.fixture
def scene(
    connected_settings: Settings,
    sessions: sessionmaker[Session],
    redis: Redis,
    now: datetime,
    stand_in: StandIn,
    webhook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Scene]:
    monkeypatch.setattr(answers, "RETRY_AFTER", timedelta(milliseconds=20))
    monkeypatch.setattr(answers, "RETRY_AT_MOST", timedelta(milliseconds=200))
    with time_machine.travel(now, tick=True):
        webhook.sessions = sessions
        yield make_scene(
            connected_settings,
            sessions,
            redis,
            now,
            ses_endpoint_url=stand_in.url,
            claim_lease_seconds=2,
            settle_seconds=SETTLE,
        )
        webhook.sessions = None


def settle(scene: Scene, campaign_id: int, done: Callable[[], bool], seconds: float = 240) -> bool:
    """Do what the workers do, over and over, until it is done."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        jobs.send(campaign_id)
        event_jobs.apply_waiting()
        jobs.sweep()
        if done():
            return True
        time.sleep(0.1)
    return done()


def is_over(scene: Scene, campaign_id: int) -> Callable[[], bool]:
    return lambda: scene.campaign(campaign_id).state == "sent"


def only_uncertain_left(scene: Scene, campaign_id: int) -> Callable[[], bool]:
    """Nothing is to be sent, and what is uncertain has had its time."""

    def left() -> bool:
        with scene.sessions() as session:
            open_ones = session.scalar(
                select(func.count())
                .select_from(Message)
                .where(Message.campaign_id == campaign_id, Message.state.in_(["queued", "sending"]))
            )
            youngest = session.scalar(
                select(func.max(Message.claimed_at)).where(Message.state == "uncertain")
            )
        waited = youngest is None or clock.now() - youngest > timedelta(seconds=SETTLE + 3)
        return not open_ones and waited

    return left


def sink(stand_in: StandIn) -> Counter[int]:
    """How often the stand-in accepted each message of the ledger that is no probe."""
    found: Counter[int] = Counter()
    offset = 0
    while page := stand_in.messages(offset=offset):
        found.update(int(mail["tags"]["message"]) for mail in page if "probe" not in mail["tags"])
        offset += len(page)
    return found


def check_nobody_twice_nobody_missed(scene: Scene, stand_in: StandIn, campaign_id: int) -> None:
    arrived = sink(stand_in)
    assert [message for message, times in arrived.items() if times > 1] == []
    messages = scene.messages(campaign_id)
    for message in messages:
        if message.state in ACCEPTED:
            assert message.id in arrived
        else:
            assert (message.state, message.id in arrived) == ("uncertain", False)


def test_latency_and_throttling_cost_time_only(scene: Scene, stand_in: StandIn) -> None:
    campaign_id = scene.make_campaign(people=120)
    scene.launch(campaign_id)
    stand_in.faults(latency_ms=20, throttle_next=2)
    assert settle(scene, campaign_id, is_over(scene, campaign_id))
    assert sum(scene.states(campaign_id).get(state, 0) for state in ACCEPTED) == 120
    check_nobody_twice_nobody_missed(scene, stand_in, campaign_id)
    assert max(m.attempt for m in scene.messages(campaign_id)) >= 2


def test_entries_that_fail_for_the_moment_are_sent_again(scene: Scene, stand_in: StandIn) -> None:
    campaign_id = scene.make_campaign(people=120)
    scene.launch(campaign_id)
    stand_in.faults(entry_failure_rate=0.3)
    assert settle(scene, campaign_id, is_over(scene, campaign_id))
    check_nobody_twice_nobody_missed(scene, stand_in, campaign_id)
    assert len(sink(stand_in)) == 120


def test_a_connection_cut_after_acceptance_is_settled_by_the_events(
    scene: Scene, stand_in: StandIn
) -> None:
    campaign_id = scene.make_campaign(people=120)
    scene.launch(campaign_id)
    stand_in.faults(drop_next=2, event_delay_ms=500, event_duplicate_rate=0.3)
    jobs.send(campaign_id)
    assert scene.states(campaign_id)["uncertain"] >= 20
    assert scene.campaign(campaign_id).state == "sending"
    assert settle(scene, campaign_id, is_over(scene, campaign_id))
    check_nobody_twice_nobody_missed(scene, stand_in, campaign_id)
    assert {m.attempt for m in scene.messages(campaign_id)} == {1}


def test_an_event_that_was_lost_is_decided_by_a_person_and_not_by_chance(
    scene: Scene, stand_in: StandIn
) -> None:
    campaign_id = scene.make_campaign(people=60)
    scene.launch(campaign_id)
    stand_in.faults(drop_next=1, event_loss_rate=1)
    settle(scene, campaign_id, only_uncertain_left(scene, campaign_id))
    assert max(sink(stand_in).values()) == 1
    assert len(sink(stand_in)) == 60
    assert 1 <= scene.states(campaign_id)["uncertain"] <= 50


@pytest.mark.slow
def test_everything_at_once_and_still_nobody_twice(
    scene: Scene, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody who meets trouble five times running would be waited for for minutes.
    monkeypatch.setattr(answers, "RETRY_AFTER", timedelta(seconds=0.2))
    campaign_id = scene.make_campaign(people=300)
    scene.launch(campaign_id)
    stand_in.faults(
        latency_ms=10,
        throttle_rate=0.1,
        error_rate=0.1,
        drop_rate=0.1,
        lose_rate=0.1,
        entry_failure_rate=0.1,
        event_duplicate_rate=0.2,
    )
    assert settle(scene, campaign_id, only_uncertain_left(scene, campaign_id))
    check_nobody_twice_nobody_missed(scene, stand_in, campaign_id)


def test_a_used_up_quota_waits_and_loses_nobody(scene: Scene, stand_in: StandIn) -> None:
    campaign_id = scene.make_campaign(people=60)
    scene.launch(campaign_id)
    stand_in.behaviours(dict.fromkeys(scene.addresses()[:5], "ACCOUNT_DAILY_QUOTA_EXCEEDED"))
    jobs.send(campaign_id)
    assert scene.campaign(campaign_id).pause_reason == "daily_quota"
    stand_in.behaviours({})
    with transaction(scene.sessions) as session:
        assert lifecycle.resume_paused(session, reason="daily_quota", now=scene.now)
    assert settle(scene, campaign_id, is_over(scene, campaign_id))
    check_nobody_twice_nobody_missed(scene, stand_in, campaign_id)
    assert len(sink(stand_in)) == 60


# A worker that dies


def start_worker(settings: Settings, campaign_id: int) -> subprocess.Popen[str]:
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
        "CLAIM_LEASE_SECONDS": str(settings.claim_lease_seconds),
        "SETTLE_SECONDS": str(settings.settle_seconds),
    }
    return subprocess.Popen(
        [sys.executable, str(Path(one_worker.__file__)), str(campaign_id)],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )


def calls_under_way(scene: Scene) -> int:
    with scene.sessions() as session:
        found: int | None = session.scalar(
            select(func.count(Message.claimed_at.distinct())).where(Message.state == "sending")
        )
        return found or 0


def held_since(scene: Scene, moment: datetime) -> int:
    """Messages that were claimed before a moment and are still held."""
    with scene.sessions() as session:
        found: int | None = session.scalar(
            select(func.count())
            .select_from(Message)
            .where(Message.state == "sending", Message.claimed_at < moment)
        )
        return found or 0


def wait_until(done: Callable[[], Any], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_costs_nobody_a_message_and_doubles_none(
    connected_settings: Settings,
    sessions: sessionmaker[Session],
    redis: Redis,
    stand_in: StandIn,
    webhook: Webhook,
) -> None:
    webhook.sessions = sessions
    scene = make_scene(
        connected_settings,
        sessions,
        redis,
        clock.now(),
        ses_endpoint_url=stand_in.url,
        claim_lease_seconds=3,
        settle_seconds=5,
    )
    campaign_id = scene.make_campaign(people=600)
    scene.launch(campaign_id)
    pacing.pace_of(scene.here).set_limit(
        Quota(rate=150 / 0.9, per_day=-1, used=0, checked_at=clock.now().timestamp())
    )
    redis.hset("lupaposti:pace", "rate", "150")
    stand_in.faults(latency_ms=300)
    workers = [start_worker(scene.here.settings, campaign_id) for _ in range(2)]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        # With two threads each, a third call under way means that the victim has one.
        wait_until(lambda: stand_in.counts()["accepted"] > 100 and calls_under_way(scene) >= 3)
        workers[0].send_signal(signal.SIGKILL)
        wait_until(lambda: workers[0].poll() is not None)
        killed_at = clock.now()
        time.sleep(1)
        left_behind = held_since(scene, killed_at)

        def is_settled() -> bool:
            event_jobs.apply_waiting()
            jobs.sweep()
            return scene.campaign(campaign_id).state == "sent"

        wait_until(is_settled)
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
        webhook.sessions = None
    assert left_behind > 0
    arrived = sink(stand_in)
    assert len(arrived) == 600
    assert set(arrived.values()) == {1}
    assert sum(scene.states(campaign_id)[state] for state in scene.states(campaign_id)) == 600
    assert set(scene.states(campaign_id)) <= set(ACCEPTED)
