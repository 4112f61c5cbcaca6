"""Finding lost work again: what is proven, and what waits for a person."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from redis import Redis
from rq import Queue
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from mailer.campaigns.models import Campaign
from mailer.config import Settings
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.events import effects
from mailer.sending import jobs, sweep
from mailer.sending.models import STATES, TRANSITIONS, Message
from tests.segments.register import make_contact, make_source


def ago(now: datetime, seconds: float) -> datetime:
    return now - timedelta(seconds=seconds)


@pytest.fixture
def campaign_id(session: Session, now: datetime) -> int:
    campaign = Campaign(
        name="Uutiskirje", state="sending", entity="esimerkki", created_at=now, updated_at=now
    )
    session.add(campaign)
    session.flush()
    return campaign.id


def make_message(session: Session, campaign_id: int | None, now: datetime, **facts: Any) -> Message:
    source = make_source(session, now)
    message = Message(
        **{
            "campaign_id": campaign_id,
            "contact_id": make_contact(session, source, now).id,
            "created_at": now,
            "attempt": 1,
            **facts,
        }
    )
    session.add(message)
    session.flush()
    return message


# Claims of the dead


@pytest.mark.parametrize(
    ("state", "age", "becomes"),
    [
        ("sending", 121, "uncertain"),
        ("sending", 120, "sending"),
        ("queued", 9999, "queued"),
        ("sent", 9999, "sent"),
        ("uncertain", 9999, "uncertain"),
        ("blocked", 9999, "blocked"),
    ],
)
def test_a_claim_that_outlives_its_lease_is_uncertain_and_never_queued(
    state: str, age: int, becomes: str, session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_message(session, campaign_id, now, state=state, claimed_at=ago(now, age))
    found = sweep.expire_claims(session, lease_seconds=120, now=now)
    session.refresh(message)
    assert (message.state, found) == (becomes, int(state != becomes))


# What stays when a campaign is stopped


@pytest.mark.parametrize(("state", "left"), [("stopped", "cancelled"), ("sending", "queued")])
def test_what_comes_back_after_a_stop_is_cancelled(
    state: str, left: str, session: Session, campaign_id: int, now: datetime
) -> None:
    session.get_one(Campaign, campaign_id).state = state
    queued = make_message(session, campaign_id, now, state="queued")
    sent = make_message(session, campaign_id, now, state="sent", sent_at=now)
    sweep.cancel_left_over(session)
    session.expire_all()
    assert (queued.state, sent.state) == (left, "sent")


# Events and states


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("told", ["sent", "delivered", "bounced", "complained", "failed"])
def test_an_event_moves_a_message_along_the_transitions_or_not_at_all(
    state: str, told: str
) -> None:
    after = effects.settle(state, [told])
    assert after in {state, told}
    assert (after == told) == (told in TRANSITIONS[state] or state == told)


@pytest.mark.parametrize("state", STATES)
def test_no_state_returns_to_the_queue_but_those_that_may_not_have_arrived(
    state: str,
) -> None:
    # From `sent` only after a soft bounce that says that it may work later.
    assert ("queued" in TRANSITIONS[state]) == (state in {"sending", "uncertain", "sent"})


@pytest.mark.parametrize(
    ("told", "after"),
    [
        (["complained", "sent"], "complained"),
        (["sent", "delivered"], "delivered"),
        (["bounced", "delivered"], "bounced"),
        (["delivered", "bounced", "complained", "sent"], "complained"),
        (["failed", "sent"], "failed"),
    ],
)
@pytest.mark.parametrize("state", ["queued", "sending", "uncertain", "sent"])
def test_the_order_of_events_does_not_matter(state: str, told: list[str], after: str) -> None:
    assert effects.settle(state, told) == effects.settle(state, told[::-1]) == after


# The job


@pytest.fixture
def scene(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Any]:
    from tests.sending.scene import make_scene

    with time_machine.travel(now, tick=True):
        yield make_scene(
            connected_settings, sessions, redis, now, ses_endpoint_url="http://127.0.0.1:1"
        )


def test_a_flushed_redis_loses_no_campaign(scene: Any, redis: Redis) -> None:
    campaign_id = scene.make_campaign()
    scene.launch(campaign_id)
    redis.flushall()
    jobs.sweep()
    assert [job.args[0] for job in Queue("send", connection=redis).jobs] == [campaign_id]


def test_the_sweep_rings_for_nothing_that_must_wait(scene: Any, redis: Redis) -> None:
    campaign_id = scene.make_campaign()
    scene.launch(campaign_id)
    redis.flushall()
    with transaction(scene.sessions) as session:
        session.execute(update(Message).values(not_before=scene.now + timedelta(hours=1)))
    jobs.sweep()
    assert Queue("send", connection=redis).count == 0
    assert scene.campaign(campaign_id).state == "sending"


def test_the_sweep_ends_a_campaign_whose_last_message_an_event_settled(scene: Any) -> None:
    campaign_id = scene.make_campaign()
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        session.execute(update(Message).values(state="delivered"))
    jobs.sweep()
    assert scene.campaign(campaign_id).state == "sent"


def test_the_sweep_works_with_an_empty_register(scene: Any) -> None:
    jobs.sweep()
    jobs.start_due()
    jobs.send(12345)
    with scene.sessions() as session:
        assert session.scalars(select(Contact.id)).all() == []
