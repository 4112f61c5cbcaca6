"""Finding lost work again: what is proven, and what waits for a person."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from redis import Redis
from rq import Queue
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session, sessionmaker

from mailer.campaigns.models import Campaign
from mailer.config import Settings
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.events import effects
from mailer.sending import jobs, sweep
from mailer.sending.models import STATES, TRANSITIONS, Message
from tests.segments.register import make_contact, make_source

SETTLE = 900


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


def make_uncertain(session: Session, campaign_id: int, now: datetime, **facts: Any) -> Message:
    """A message whose answer was lost half an hour ago."""
    facts = {"state": "uncertain", "claimed_at": ago(now, 1800), **facts}
    return make_message(session, campaign_id, now, **facts)


def make_neighbour(session: Session, campaign_id: int, now: datetime, **facts: Any) -> Message:
    """A message accepted a minute after it, with its own Send event."""
    facts = {
        "state": "delivered",
        "claimed_at": ago(now, 1741),
        "sent_at": ago(now, 1740),
        "confirmed_at": ago(now, 1738),
        "ses_message_id": "0110",
        **facts,
    }
    return make_message(session, campaign_id, now, **facts)


def make_raw(session: Session, received_at: datetime, state: str = "new") -> None:
    session.execute(
        text(
            "INSERT INTO raw_notifications (sns_message_id, topic_arn, body, received_at, state)"
            " VALUES (:id, 'arn', '{}', :at, :state)"
        ),
        {"id": str(received_at), "at": received_at, "state": state},
    )


def requeue(session: Session, now: datetime) -> int:
    found = sweep.requeue_unaccepted(session, settle_seconds=SETTLE, now=now)
    session.expire_all()
    return found


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


# The proof


def test_the_whole_proof_puts_a_message_back_in_the_queue(
    session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_uncertain(session, campaign_id, now)
    make_neighbour(session, campaign_id, now)
    assert requeue(session, now) == 1
    assert (message.state, message.not_before, message.error) == ("queued", now, "not_accepted")


def test_without_a_neighbour_after_it_a_message_stays_uncertain(
    session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_uncertain(session, campaign_id, now)
    make_neighbour(session, campaign_id, now, sent_at=ago(now, 1801))
    make_neighbour(session, campaign_id, now, sent_at=ago(now, 1800 - SETTLE - 1))
    assert requeue(session, now) == 0
    assert message.state == "uncertain"


@pytest.mark.parametrize("seconds", [1800 + SETTLE, 1801, 1799, 1800 - SETTLE])
def test_one_neighbour_without_its_event_is_enough_to_doubt(
    seconds: int, session: Session, campaign_id: int, now: datetime
) -> None:
    make_uncertain(session, campaign_id, now)
    make_neighbour(session, campaign_id, now)
    make_neighbour(
        session, campaign_id, now, state="sent", sent_at=ago(now, seconds), confirmed_at=None
    )
    assert requeue(session, now) == 0


def test_a_message_without_its_event_at_another_time_proves_nothing(
    session: Session, campaign_id: int, now: datetime
) -> None:
    make_uncertain(session, campaign_id, now)
    make_neighbour(session, campaign_id, now)
    for seconds in (1800 + SETTLE + 1, 1800 - SETTLE - 1):
        make_neighbour(
            session, campaign_id, now, state="sent", sent_at=ago(now, seconds), confirmed_at=None
        )
    assert requeue(session, now) == 1


@pytest.mark.parametrize(
    ("seconds", "state", "doubt"),
    [
        (1800, "new", True),
        (1800 - SETTLE, "new", True),
        (1800 - SETTLE - 1, "new", False),
        (1800, "applied", False),
        (1800, "ignored", False),
        (1800, "waiting", False),
    ],
)
def test_a_notification_not_yet_applied_is_enough_to_doubt(
    seconds: int, state: str, doubt: bool, session: Session, campaign_id: int, now: datetime
) -> None:
    make_uncertain(session, campaign_id, now)
    make_neighbour(session, campaign_id, now)
    make_raw(session, ago(now, seconds), state)
    assert requeue(session, now) == (0 if doubt else 1)


def test_a_message_with_its_own_event_never_goes_back(
    session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_uncertain(session, campaign_id, now, confirmed_at=ago(now, 1700))
    make_neighbour(session, campaign_id, now)
    assert requeue(session, now) == 0
    assert message.state == "uncertain"


def test_a_message_that_is_too_young_waits(
    session: Session, campaign_id: int, now: datetime
) -> None:
    make_uncertain(session, campaign_id, now, claimed_at=ago(now, SETTLE))
    make_neighbour(session, campaign_id, now, sent_at=ago(now, SETTLE - 60))
    assert requeue(session, now) == 0
    assert requeue(session, now + timedelta(seconds=1)) == 1


@pytest.mark.parametrize("state", sorted(set(STATES) - {"uncertain"}))
def test_nothing_but_the_uncertain_goes_back(
    state: str, session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_uncertain(
        session, campaign_id, now, state=state, sent_at=None, ses_message_id=None
    )
    make_neighbour(session, campaign_id, now)
    assert requeue(session, now) == 0
    assert message.state == state


def test_a_colleagues_test_copy_is_never_sent_again(session: Session, now: datetime) -> None:
    message = make_message(
        session, None, now, kind="test", state="uncertain", claimed_at=ago(now, 1800)
    )
    make_neighbour(session, _campaign(session, now), now)
    assert requeue(session, now) == 0
    assert message.state == "uncertain"


def _campaign(session: Session, now: datetime) -> int:
    campaign = Campaign(name="x", state="sending", entity="e", created_at=now, updated_at=now)
    session.add(campaign)
    session.flush()
    return campaign.id


def test_an_answer_known_to_another_campaign_proves_it_too(
    session: Session, campaign_id: int, now: datetime
) -> None:
    make_uncertain(session, campaign_id, now)
    make_neighbour(session, _campaign(session, now), now)
    assert requeue(session, now) == 1


def test_each_call_is_judged_by_its_own_time(
    session: Session, campaign_id: int, now: datetime
) -> None:
    early = make_uncertain(session, campaign_id, now, claimed_at=ago(now, 7200))
    late = make_uncertain(session, campaign_id, now)
    make_neighbour(session, campaign_id, now)
    assert requeue(session, now) == 1
    assert (early.state, late.state) == ("uncertain", "queued")


def test_an_acceptance_that_only_an_event_told_is_a_neighbour_too(
    session: Session, campaign_id: int, now: datetime
) -> None:
    make_uncertain(session, campaign_id, now)
    make_neighbour(session, campaign_id, now, ses_message_id=None)
    assert requeue(session, now) == 0


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
def test_no_state_returns_to_the_queue_but_those_that_may_not_have_been_accepted(
    state: str,
) -> None:
    assert ("queued" in TRANSITIONS[state]) == (state in {"sending", "uncertain"})


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
