"""Sending a whole campaign through the real client into the stand-in."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import time_machine
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from mailer.config import Settings
from mailer.contacts import suppression
from mailer.contacts.address import canonical
from mailer.db import transaction
from mailer.sending import jobs
from mailer.stand_in.server import Options, StandIn
from tests.sending.scene import Scene, make_scene


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    server = StandIn(Options(directory=tmp_path / "stand-in"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def scene(
    connected_settings: Settings,
    sessions: sessionmaker[Session],
    redis: Redis,
    now: datetime,
    stand_in: StandIn,
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        yield make_scene(connected_settings, sessions, redis, now, ses_endpoint_url=stand_in.url)


def test_everybody_gets_one_message_and_the_campaign_is_sent(
    scene: Scene, stand_in: StandIn
) -> None:
    campaign_id = scene.make_campaign(people=120)
    scene.launch(campaign_id)
    jobs.send(campaign_id)
    assert scene.states(campaign_id) == {"sent": 120}
    assert scene.campaign(campaign_id).state == "sent"
    sent = stand_in.messages(limit=500)
    assert len(sent) == 120


def test_an_opt_out_after_freezing_blocks_the_claim(scene: Scene, stand_in: StandIn) -> None:
    campaign_id = scene.make_campaign(people=3)
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        suppression.suppress(
            session,
            [suppression.of_address(canonical(scene.addresses()[0]))],
            "optout",
            origin="staff",
            now=scene.now,
        )
    jobs.send(campaign_id)
    assert scene.states(campaign_id) == {"sent": 2, "blocked": 1}
    blocked = next(m for m in scene.messages(campaign_id) if m.state == "blocked")
    assert blocked.verdict == "suppressed_optout"


def test_a_campaign_whose_domain_is_not_verified_is_not_launched(scene: Scene) -> None:
    campaign_id = scene.make_campaign()
    with transaction(scene.sessions) as session:
        from mailer.campaigns.models import SenderDomain

        session.get_one(SenderDomain, "esimerkki.example").verified = False
    jobs.start_due()
    assert scene.campaign(campaign_id).state in ("starting", "failed")
    assert scene.states(campaign_id) == {}
