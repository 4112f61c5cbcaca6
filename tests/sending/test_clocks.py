"""A process whose clock is wrong neither sends nor sweeps."""

from datetime import datetime, timedelta

import pytest
import time_machine
from redis import Redis
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.adapters.ses import Outcome, Result
from mailer.campaigns.models import Campaign
from mailer.config import Settings
from mailer.db import transaction
from mailer.sending import answers, clocks, jobs, launch
from mailer.sending.claims import Claims
from mailer.sending.models import Message
from mailer.stand_in.server import StandIn
from tests.sending.scene import Scene, make_scene


@pytest.fixture
def scene(
    connected_settings: Settings,
    sessions: sessionmaker[Session],
    redis: Redis,
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    monkeypatch.setattr(clocks, "TOLERANCE", timedelta(seconds=60))
    return make_scene(
        connected_settings, sessions, redis, clock.now(), ses_endpoint_url=stand_in.url
    )


@pytest.mark.parametrize("off", [timedelta(minutes=-20), timedelta(minutes=2), timedelta(days=1)])
def test_a_worker_whose_clock_is_wrong_sends_nothing(
    scene: Scene, stand_in: StandIn, off: timedelta
) -> None:
    campaign_id = scene.make_campaign(people=3)
    scene.launch(campaign_id)
    with time_machine.travel(clock.now() + off, tick=True):
        jobs.send(campaign_id)
    assert stand_in.messages() == []
    assert scene.states(campaign_id) == {"queued": 3}
    jobs.send(campaign_id)
    assert scene.states(campaign_id) == {"sent": 3}


def test_a_worker_whose_clock_is_ahead_takes_nobodys_call_for_lost(
    scene: Scene, stand_in: StandIn
) -> None:
    campaign_id = scene.make_campaign(people=3)
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        session.execute(update(Message).values(state="sending", claimed_at=clock.now()))
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=True):
        jobs.sweep()
    assert scene.states(campaign_id) == {"sending": 3}


def test_a_worker_whose_clock_is_ahead_launches_nothing_early(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=3, state="scheduled")
    with transaction(scene.sessions) as session:
        session.execute(update(Campaign).values(starts_at=clock.now() + timedelta(minutes=30)))
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=True):
        jobs.start_due()
    assert scene.campaign(campaign_id).state == "scheduled"


@pytest.mark.parametrize("off", [timedelta(minutes=-20), timedelta(minutes=20)])
def test_what_ses_answered_is_written_at_the_right_moment_all_the_same(
    scene: Scene, off: timedelta
) -> None:
    campaign_id = scene.make_campaign(people=2)
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        campaign = session.get_one(Campaign, campaign_id)
        ask = launch.ask(session, campaign, now=clock.now(), asks_ledger=False)
        taken = Claims(campaign, ask).take(session, limit=50, now=clock.now()).messages
    results = [Result(Outcome.ACCEPTED, message_id="1"), Result(Outcome.NOT_NOW, error="late")]
    with transaction(scene.sessions) as session:
        answers.record(session, list(zip(taken, results, strict=True)), now=clock.now() + off)
    sent, queued = sorted(scene.messages(campaign_id), key=lambda message: message.state != "sent")
    assert sent.sent_at is not None
    assert abs(sent.sent_at - clock.now()) < timedelta(minutes=10)
    assert abs(queued.not_before - clock.now()) < timedelta(minutes=10)


def test_whether_a_clock_agrees_can_be_asked(scene: Scene) -> None:
    with scene.sessions() as session:
        here: datetime = clock.now()
        assert clocks.check(session, now=here)
        assert not clocks.check(session, now=here + timedelta(minutes=3))
        assert not clocks.check(session, now=here - timedelta(minutes=3))
