"""Probes: when they are wanted, and that their events settle what nothing else could."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from redis import Redis
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.config import Settings
from mailer.db import transaction
from mailer.events import jobs as event_jobs
from mailer.sending import jobs, probes, stops
from mailer.sending.models import Message
from mailer.sending.proof import Margins
from mailer.stand_in.server import Options, StandIn
from tests.sending.arrivals import Webhook, listening
from tests.sending.scene import Scene, make_scene

# The tests move the clock, so that none of them depends on how quick the machine is.
LEASE, SETTLE = 120, 900
MARGINS = Margins.of(lease_seconds=LEASE, settle_seconds=SETTLE)


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
def traveller(now: datetime) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(now, tick=True) as traveller:
        yield traveller


@pytest.fixture
def scene(
    connected_settings: Settings,
    sessions: sessionmaker[Session],
    redis: Redis,
    now: datetime,
    traveller: time_machine.Traveller,
    stand_in: StandIn,
    webhook: Webhook,
) -> Iterator[Scene]:
    webhook.sessions = sessions
    yield make_scene(
        connected_settings,
        sessions,
        redis,
        now,
        ses_endpoint_url=stand_in.url,
        claim_lease_seconds=LEASE,
        settle_seconds=SETTLE,
    )
    webhook.sessions = None


def wanted(scene: Scene) -> probes.Wanted | None:
    with scene.sessions() as session:
        return probes.wanted(session, margins=MARGINS, now=clock.now())


def count(scene: Scene, *conditions: object) -> int:
    with scene.sessions() as session:
        statement = select(func.count()).select_from(Message)
        return session.scalar(statement.where(*conditions)) or 0  # type: ignore[arg-type]


def read_events(scene: Scene, stand_in: StandIn) -> None:
    """Wait until the stand-in has posted what it has to tell, and apply it."""
    end = time.monotonic() + 120
    while stand_in.counts()["events"]["pending"] and time.monotonic() < end:
        time.sleep(0.05)
    event_jobs.apply_waiting()


def lose_the_first_call(scene: Scene, campaign_id: int) -> None:
    """A worker claims everything and dies before it calls."""
    with transaction(scene.sessions) as session:
        session.execute(
            update(Message)
            .where(Message.campaign_id == campaign_id)
            .values(state="sending", claimed_at=clock.now(), attempt=1)
        )


def test_nothing_is_probed_while_nothing_is_sent(scene: Scene, stand_in: StandIn) -> None:
    scene.make_campaign(state="draft")
    scene.make_campaign(state="paused")
    jobs.sweep()
    assert stand_in.counts()["accepted"] == 0


def test_the_hold_is_used_to_prove_that_notifications_arrive(
    scene: Scene, stand_in: StandIn
) -> None:
    campaign_id = scene.make_campaign(state="starting")
    assert wanted(scene) == probes.Wanted(campaign_id, 10)
    jobs.sweep()
    assert wanted(scene) is None
    jobs.sweep()
    assert stand_in.counts()["accepted"] == 10
    read_events(scene, stand_in)
    heard = (Message.kind == "probe", Message.confirmed_at.is_not(None))
    assert count(scene, *heard, Message.state == "delivered") == 10
    for mail in stand_in.messages():
        assert all(each.endswith("@simulator.amazonses.com") for each in mail["to"])


def test_a_campaign_that_waits_for_tomorrow_is_not_probed_for(scene: Scene) -> None:
    campaign_id = scene.make_campaign()
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        session.execute(update(Message).values(not_before=clock.now() + timedelta(hours=9)))
    assert wanted(scene) is None


def test_the_stop_of_all_sending_stops_probes_too(scene: Scene) -> None:
    scene.make_campaign(state="starting")
    with transaction(scene.sessions) as session:
        stops.stop_all(session, reason="user", now=clock.now())
    assert wanted(scene) is None


def test_probes_that_amazon_does_not_take_are_not_hurried(
    scene: Scene, stand_in: StandIn, traveller: time_machine.Traveller
) -> None:
    scene.make_campaign(state="starting")
    stand_in.faults(error_next=1)
    jobs.sweep()
    assert wanted(scene) is None
    assert count(scene, Message.kind == "probe", Message.state == "uncertain") == 10
    traveller.shift(probes.REST + timedelta(seconds=1))
    assert wanted(scene) is not None


def test_a_small_campaign_whose_only_call_was_lost_is_sent_after_all(
    scene: Scene, stand_in: StandIn, traveller: time_machine.Traveller
) -> None:
    campaign_id = scene.make_campaign(people=20, state="starting")
    jobs.sweep()
    read_events(scene, stand_in)
    scene.launch(campaign_id)
    lose_the_first_call(scene, campaign_id)
    traveller.shift(LEASE + 1)
    jobs.sweep()
    assert scene.states(campaign_id) == {"uncertain": 20}
    assert count(scene, Message.kind == "probe") == 60
    read_events(scene, stand_in)
    jobs.sweep()
    assert scene.states(campaign_id) == {"uncertain": 20}
    traveller.shift(SETTLE)
    jobs.sweep()
    assert scene.states(campaign_id) == {"queued": 20}
    jobs.send(campaign_id)
    read_events(scene, stand_in)
    jobs.sweep()
    assert scene.campaign(campaign_id).state == "sent"
    to_people = [mail for mail in stand_in.messages(limit=500) if "probe" not in mail["tags"]]
    assert len(to_people) == len({mail["tags"]["message"] for mail in to_people}) == 20


@pytest.mark.parametrize("loss", [1, 0.3])
def test_when_events_are_lost_the_lost_call_waits_for_a_person(
    scene: Scene, stand_in: StandIn, traveller: time_machine.Traveller, loss: float
) -> None:
    campaign_id = scene.make_campaign(people=20, state="starting")
    jobs.sweep()
    read_events(scene, stand_in)
    scene.launch(campaign_id)
    stand_in.faults(event_loss_rate=loss)
    lose_the_first_call(scene, campaign_id)
    for _ in range(12):
        traveller.shift(LEASE)
        jobs.sweep()
        read_events(scene, stand_in)
    assert scene.states(campaign_id) == {"uncertain": 20}
    assert count(scene, Message.kind == "probe") >= 60


def test_without_probes_before_it_a_lost_call_waits_for_a_person(
    scene: Scene, stand_in: StandIn, traveller: time_machine.Traveller
) -> None:
    campaign_id = scene.make_campaign(people=20)
    scene.launch(campaign_id)
    lose_the_first_call(scene, campaign_id)
    for _ in range(12):
        traveller.shift(LEASE)
        jobs.sweep()
        read_events(scene, stand_in)
    assert scene.states(campaign_id) == {"uncertain": 20}
