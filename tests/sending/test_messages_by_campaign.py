"""The ledger kept by campaigns, as docs/operations.md says: nothing of what it promises changes."""

from collections.abc import Iterator
from datetime import datetime

import psycopg
import pytest
import time_machine
from redis import Redis
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session, sessionmaker

from mailer.campaigns.models import Campaign
from mailer.config import ROOT, Settings
from mailer.db import transaction
from mailer.events import journal
from mailer.events.applying import Arrival, apply
from mailer.events.journal import NewEvent
from mailer.events.models import Event
from mailer.events.ses_events import parse
from mailer.sending import launch
from mailer.sending.claims import Claims
from mailer.sending.models import Message
from tests.events.register import ses_event
from tests.sending.scene import Scene, make_scene


@pytest.fixture
def scene(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        yield make_scene(
            connected_settings, sessions, redis, now, ses_endpoint_url="http://127.0.0.1:1"
        )


def divide(scene: Scene) -> None:
    """Run the file as psql would: in one transaction."""
    url = scene.here.settings.database_url.replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        connection.execute((ROOT / "docs/messages-by-campaign.sql").read_bytes())


def parts(session: Session) -> dict[str, int]:
    rows = session.execute(
        text("SELECT CAST(tableoid AS regclass)::text, count(*) FROM messages GROUP BY 1")
    )
    return {row[0]: row[1] for row in rows}


def test_messages_of_before_and_after_are_in_their_parts_and_nobody_is_twice(scene: Scene) -> None:
    before = scene.make_campaign(people=3)
    scene.launch(before)
    with transaction(scene.sessions) as session:
        session.add(Message(kind="test", test_of=before, state="sent", created_at=scene.now))
    divide(scene)
    with transaction(scene.sessions) as session:
        session.execute(text("SELECT setval('campaigns_id_seq', 999)"))
    after = scene.make_campaign(people=2)
    assert after == 1000
    scene.launch(after)
    with scene.sessions() as session:
        found = parts(session)
        assert found.pop("messages_1000") == found.pop("messages_begin") + 2
        assert found == {"messages_default": 1}
    with transaction(scene.sessions) as session:
        again = text(
            "INSERT INTO messages (campaign_id, contact_id, created_at)"
            " SELECT campaign_id, contact_id, created_at FROM messages"
            " WHERE campaign_id IS NOT NULL ON CONFLICT (campaign_id, contact_id) DO NOTHING"
        )
        assert session.execute(again).rowcount == 0


def test_events_find_their_messages_and_go_with_them(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=2)
    divide(scene)
    scene.launch(campaign_id)
    first, second = scene.messages(campaign_id)
    with transaction(scene.sessions) as session:
        told = ses_event("Delivery", first.id, scene.now)
        arrival = Arrival(1, scene.now, parse(told, received_at=scene.now))
        assert apply(session, [arrival], now=scene.now) == {1: "applied"}
        event = NewEvent(second.id, campaign_id, "click", scene.now, "k", actor="human")
        assert journal.add(session, [event]) == {"k"}
    assert scene.states(campaign_id) == {"delivered": 1, "queued": 1}
    with transaction(scene.sessions) as session:
        session.execute(delete(Message).where(Message.id == second.id))
    with scene.sessions() as session:
        assert session.scalars(select(Event.message_id)).all() == [first.id]


def test_a_campaign_reads_its_own_part_only(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=2)
    divide(scene)
    scene.launch(campaign_id)
    with scene.sessions() as session:
        plan = session.scalars(
            text(
                "EXPLAIN SELECT id FROM messages WHERE campaign_id = :id AND state = 'queued'"
                " ORDER BY not_before, id LIMIT 50 FOR UPDATE SKIP LOCKED"
            ),
            {"id": campaign_id},
        ).all()
    assert any("messages_begin" in line for line in plan)
    assert not any("messages_1000" in line or "messages_default" in line for line in plan)


def test_a_campaign_that_was_frozen_before_is_claimed_once(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=2)
    scene.launch(campaign_id)
    divide(scene)
    taken = []
    for _ in range(2):
        with transaction(scene.sessions) as session:
            campaign = session.get_one(Campaign, campaign_id)
            ask = launch.ask(session, campaign, now=scene.now, asks_ledger=False)
            claims = Claims(campaign, ask)
            taken += claims.take(session, limit=50, now=scene.now).messages
    assert len(taken) == len({each.person for each in taken}) == 2
    assert scene.states(campaign_id) == {"sending": 2}
