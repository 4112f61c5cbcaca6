"""Messages refer to what is there, as if foreign keys kept it."""

from collections.abc import Iterator
from datetime import datetime

import pytest
import time_machine
from redis import Redis
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from mailer.campaigns.models import Campaign, CampaignContent
from mailer.config import Settings
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.sending import launch
from mailer.sending.claims import Claims
from mailer.sending.models import Message
from tests.sending.scene import Scene, make_scene


@pytest.fixture
def scene(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        yield make_scene(
            connected_settings, sessions, redis, now, ses_endpoint_url="http://127.0.0.1:1"
        )


@pytest.fixture
def frozen(scene: Scene) -> int:
    campaign_id = scene.make_campaign(people=3)
    scene.launch(campaign_id)
    return campaign_id


@pytest.mark.parametrize("column", ["campaign_id", "test_of", "to_user"])
def test_a_message_refers_only_to_what_is_there(scene: Scene, frozen: int, column: str) -> None:
    with scene.sessions() as session:
        fine = {"created_at": scene.now, "not_before": scene.now, "campaign_id": frozen}
        session.execute(insert(Message), [fine])
        with pytest.raises(IntegrityError, match=f"messages.{column} refers to what is not in"):
            session.execute(insert(Message), [{**fine, column: 99_999}])
    with scene.sessions() as session:
        changed = update(Message).values({column: 99_999})
        with pytest.raises(IntegrityError, match=f"messages.{column} refers to what is not in"):
            session.execute(changed)


def test_a_campaign_with_messages_is_not_deleted(scene: Scene, frozen: int) -> None:
    with scene.sessions() as session:
        session.execute(delete(CampaignContent).where(CampaignContent.campaign_id == frozen))
        with pytest.raises(IntegrityError, match="still refers"):
            session.execute(delete(Campaign).where(Campaign.id == frozen))


def test_a_deleted_person_is_forgotten_by_their_messages_and_by_no_others(
    scene: Scene, frozen: int
) -> None:
    first, *others = (message.contact_id for message in scene.messages(frozen))
    with transaction(scene.sessions) as session:
        session.execute(delete(Contact).where(Contact.id == first))
    assert [message.contact_id for message in scene.messages(frozen)] == [None, *others]


def test_who_was_deleted_while_the_audience_was_frozen_gets_nothing(
    scene: Scene, frozen: int
) -> None:
    with transaction(scene.sessions) as session:
        session.execute(update(Message).values(contact_id=Message.contact_id + 90_000))
        campaign = session.get_one(Campaign, frozen)
        ask = launch.ask(session, campaign, now=scene.now, asks_ledger=False)
        taken = Claims(campaign, ask).take(session, limit=50, now=scene.now)
    assert (len(taken.messages), taken.blocked) == (0, 3)
    with scene.sessions() as session:
        verdicts = select(Message.verdict, func.count()).group_by(Message.verdict)
        assert session.execute(verdicts).all() == [("erased", 3)]
