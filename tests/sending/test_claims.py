"""Two campaigns that reach for the same person in the same moment."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session, sessionmaker

from mailer import gate
from mailer.adapters.ses import Outcome, Result
from mailer.campaigns.models import Campaign
from mailer.config import Settings
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.notice import profiles, switches
from mailer.sending import answers, launch
from mailer.sending.claims import WAIT_FOR_ANOTHER, Claim, Claims, array_text
from mailer.sending.models import Message
from tests.sending.scene import Scene, make_scene

ACCEPTED = Result(Outcome.ACCEPTED, message_id="0110")
REFUSED = Result(Outcome.REFUSED, error="MESSAGE_REJECTED")
NOT_NOW = Result(Outcome.NOT_NOW, error="ACCOUNT_THROTTLED")
UNKNOWN = Result(Outcome.UNKNOWN, error="ReadTimeoutError")


@pytest.fixture
def scene(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        yield make_scene(
            connected_settings, sessions, redis, now, ses_endpoint_url="http://127.0.0.1:1"
        )


@pytest.fixture
def two(scene: Scene) -> tuple[int, int]:
    """Two launched campaigns to the same six people, who may get one message in a week."""
    return make_two(scene, people=3)


def make_two(scene: Scene, *, people: int, days: int = 7) -> tuple[int, int]:
    one, other = scene.make_campaign(people=people), scene.make_campaign(people=people)
    content = profiles.load("example")
    targeting = {**content["targeting"], "frequency_cap_days": days}  # type: ignore[dict-item]
    with transaction(scene.sessions) as session:
        # Published versions are kept by their number and moment, also from test to test.
        moment = scene.now - timedelta(minutes=days)
        switches.publish(session, {**content, "targeting": targeting}, now=moment)
    scene.launch(one)
    scene.launch(other)
    return one, other


def take(
    session: Session, scene: Scene, campaign_id: int, *, limit: int = 50, later: float = 0
) -> Claim:
    campaign = session.get_one(Campaign, campaign_id)
    ask = launch.ask(session, campaign, now=scene.now, asks_ledger=False)
    return Claims(campaign, ask).take(
        session, limit=limit, now=scene.now + timedelta(seconds=later)
    )


def claim(scene: Scene, campaign_id: int, *, limit: int = 50, later: float = 0) -> Claim:
    with transaction(scene.sessions) as session:
        return take(session, scene, campaign_id, limit=limit, later=later)


def answer(scene: Scene, taken: Claim, result: Result, *, later: float = 0) -> None:
    with transaction(scene.sessions) as session:
        answers.record(
            session,
            [(message, result) for message in taken.messages],
            now=scene.now + timedelta(seconds=later),
        )


def test_of_two_claims_at_once_one_gets_the_person(scene: Scene, two: tuple[int, int]) -> None:
    with scene.sessions() as one, scene.sessions() as other:
        first = take(one, scene, two[0])
        second = take(other, scene, two[1])
        one.commit()
        other.commit()
    assert (len(first.messages), len(second.messages)) == (6, 0)
    assert scene.states(two[1]) == {"queued": 6}


def test_whoever_waits_while_the_other_is_handed_over_is_blocked_once_it_has_left(
    scene: Scene, two: tuple[int, int]
) -> None:
    first = claim(scene, two[0])
    assert not claim(scene, two[1], later=1).messages
    assert scene.states(two[1]) == {"queued": 6}
    moments = {message.not_before for message in scene.messages(two[1])}
    assert moments == {scene.now + timedelta(seconds=1) + WAIT_FOR_ANOTHER}
    answer(scene, first, ACCEPTED, later=2)
    assert not claim(scene, two[1], later=10).messages
    assert scene.states(two[1]) == {"blocked": 6}
    assert {message.verdict for message in scene.messages(two[1])} == {"frequency_cap"}


def test_nobody_is_capped_by_a_message_that_never_left(scene: Scene, two: tuple[int, int]) -> None:
    answer(scene, claim(scene, two[0]), REFUSED)
    assert len(claim(scene, two[1], later=1).messages) == 6


def test_a_message_does_not_block_itself_when_it_is_tried_again(
    scene: Scene, two: tuple[int, int]
) -> None:
    answer(scene, claim(scene, two[0]), NOT_NOW)
    assert len(claim(scene, two[0], later=60).messages) == 6


def test_a_message_that_may_have_left_counts_as_one(scene: Scene, two: tuple[int, int]) -> None:
    answer(scene, claim(scene, two[0]), UNKNOWN)
    assert not claim(scene, two[1], later=1).messages
    assert scene.states(two[1]) == {"blocked": 6}


def test_without_a_cap_campaigns_do_not_wait_for_each_other(scene: Scene) -> None:
    one, other = make_two(scene, people=3, days=0)
    assert len(claim(scene, one).messages) == len(claim(scene, other).messages) == 6


def test_a_person_who_is_gone_is_still_blocked_under_a_cap(
    scene: Scene, two: tuple[int, int]
) -> None:
    with transaction(scene.sessions) as session:
        session.execute(
            update(Message).where(Message.campaign_id == two[0]).values(contact_id=None)
        )
    assert claim(scene, two[0]).blocked == 6
    assert {message.verdict for message in scene.messages(two[0])} == {"erased"}


def test_campaigns_that_run_side_by_side_reach_nobody_twice(scene: Scene) -> None:
    campaigns = make_two(scene, people=60)
    reached: list[int | None] = []

    def work(campaign_id: int) -> None:
        for turn in range(400):
            taken = claim(scene, campaign_id, limit=7, later=turn * 6)
            reached.extend(message.person.contact_id for message in taken.messages)
            answer(scene, taken, ACCEPTED, later=turn * 6)
            if "queued" not in scene.states(campaign_id):
                return

    threads = [threading.Thread(target=work, args=(campaigns[n % 2],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reached) == len(set(reached)) == 120
    states = [scene.states(campaign_id) for campaign_id in campaigns]
    assert sum(found.get("sent", 0) for found in states) == 120
    assert sum(found.get("blocked", 0) for found in states) == 120


def test_the_gate_counts_a_message_under_way_and_not_one_long_settled(
    scene: Scene, two: tuple[int, int]
) -> None:
    claim(scene, two[0])
    with scene.sessions() as session:
        ask = launch.ask(
            session, session.get_one(Campaign, two[1]), now=scene.now, asks_ledger=True
        )
        verdicts = gate.scope(select(gate.verdict(ask)).select_from(Contact))
        assert session.scalars(verdicts).all() == ["frequency_cap"] * 6
        session.execute(update(Message).values(claimed_at=scene.now - timedelta(days=8)))
        assert session.scalars(verdicts).all() == ["clear"] * 6


@given(
    st.lists(st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_array_written_as_text_is_read_as_it_was(
    session: Session, values: list[str | None]
) -> None:
    read = session.scalar(text("SELECT CAST(:v AS text[])"), {"v": array_text(values)})
    assert read == values
