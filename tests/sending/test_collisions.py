"""Who gets another message within a week: from what was sent, is going, and is scheduled."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer.campaigns import question
from mailer.campaigns.facts import Collisions
from mailer.campaigns.models import Campaign
from mailer.config import Settings
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.segments.models import Segment
from mailer.sending import collisions, plan_rows
from mailer.sending.models import Message
from tests.sending.scene import Scene, make_scene

DAY = timedelta(days=1)


@pytest.fixture
def scene(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Scene:
    return make_scene(
        connected_settings, sessions, redis, now, ses_endpoint_url="http://127.0.0.1:1"
    )


def find(scene: Scene, campaign_id: int, **when: Any) -> Collisions:
    with scene.sessions() as session:
        campaign = session.get_one(Campaign, campaign_id)
        segment = session.get_one(Segment, campaign.segment_id)
        rows = plan_rows.clear(segment.tree, question.ask(session, campaign, now=scene.now))
        return collisions.find(
            session, campaign, rows, **{"starts_at": scene.now, "now": scene.now, **when}
        )


def change(scene: Scene, campaign_id: int, **values: Any) -> None:
    with transaction(scene.sessions) as session:
        campaign = session.get_one(Campaign, campaign_id)
        for name, value in values.items():
            setattr(campaign, name, value)


def test_where_nothing_else_is_sent_nothing_collides(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=3, state="draft")
    assert find(scene, campaign_id) == Collisions()


def test_an_audience_of_nobody_collides_with_nothing(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=0, state="draft")
    assert find(scene, campaign_id) == Collisions()


def test_those_who_got_one_in_the_week_before_are_counted(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=3, state="draft")
    with transaction(scene.sessions) as session:
        first, second, _ = session.scalars(select(Contact).order_by(Contact.id)).all()
        first.last_marketing_at = scene.now - 6 * DAY
        second.last_marketing_at = scene.now - 8 * DAY
    assert find(scene, campaign_id) == Collisions(people=1, companies=1, recent=1)
    # By then it is longer ago.
    later = scene.now + 2 * DAY
    assert find(scene, campaign_id, starts_at=later) == Collisions()


def test_a_campaign_that_is_going_meets_those_it_has_not_reached(scene: Scene) -> None:
    going = scene.make_campaign(people=4)
    scene.launch(going)
    with transaction(scene.sessions) as session:
        session.scalars(select(Message).order_by(Message.id)).first().state = "sent"  # type: ignore[union-attr]
    change(scene, going, name="Joulutarjous")
    campaign_id = scene.make_campaign(people=2, state="draft")
    assert find(scene, campaign_id) == Collisions(3, 1, 0, (("Joulutarjous", 3),))


@pytest.mark.parametrize(
    ("days", "state", "met"),
    [
        (5, "scheduled", 3),
        (-5, "starting", 3),
        (8, "scheduled", 0),
        (5, "draft", 0),
        (5, "stopped", 0),
    ],
)
def test_a_scheduled_campaign_of_the_week_meets_its_whole_audience(
    scene: Scene, days: int, state: str, met: int
) -> None:
    other = scene.make_campaign(people=3, state=state)
    change(scene, other, starts_at=scene.now + days * DAY, name="Kevät")
    campaign_id = scene.make_campaign(people=0, state="draft")
    expected = Collisions(met, 1, 0, (("Kevät", met),)) if met else Collisions()
    assert find(scene, campaign_id) == expected


def test_one_person_met_by_three_is_one_person(scene: Scene) -> None:
    for name in ("Yksi", "Kaksi"):
        other = scene.make_campaign(people=0, state="scheduled")
        change(scene, other, starts_at=scene.now + DAY, name=name)
    campaign_id = scene.make_campaign(people=1, state="draft")
    with transaction(scene.sessions) as session:
        for contact in session.scalars(select(Contact)):
            contact.last_marketing_at = scene.now - DAY
    assert find(scene, campaign_id) == Collisions(1, 1, 1, (("Yksi", 1), ("Kaksi", 1)))


def test_a_scheduled_campaign_with_a_broken_segment_is_passed_over(scene: Scene) -> None:
    other = scene.make_campaign(people=1, state="scheduled")
    with transaction(scene.sessions) as session:
        campaign = session.get_one(Campaign, other)
        session.get_one(Segment, campaign.segment_id).tree = {"field": "nonsense"}
        nobody = scene.campaign(other)
        assert nobody.segment_id
    lost = scene.make_campaign(people=0, state="scheduled")
    change(scene, lost, segment_id=None)
    campaign_id = scene.make_campaign(people=2, state="draft")
    assert find(scene, campaign_id) == Collisions()
