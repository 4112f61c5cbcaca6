"""A correction may follow what it corrects at once, and nothing else may."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from redis import Redis
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from mailer.adapters.ses import Outcome, Result
from mailer.campaigns.models import Campaign
from mailer.config import Settings
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.notice import profiles, switches
from mailer.sending import answers, corrections, launch
from mailer.sending.claims import Claims
from mailer.sending.models import Message
from tests.sending.scene import Scene, make_scene

ACCEPTED = Result(Outcome.ACCEPTED, message_id="ses-1")
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
def original(scene: Scene) -> int:
    """A campaign that three people got yesterday, where one message in a week is allowed."""
    campaign_id = scene.make_campaign(people=3)
    content = profiles.load("example")
    targeting = {**content["targeting"], "frequency_cap_days": 7}  # type: ignore[dict-item]
    with transaction(scene.sessions) as session:
        moment = scene.now - timedelta(minutes=1)
        switches.publish(session, {**content, "targeting": targeting}, now=moment)
    scene.launch(campaign_id)
    send(scene, campaign_id, at=scene.now - timedelta(days=1))
    end(scene, campaign_id)
    return campaign_id


def send(
    scene: Scene, campaign_id: int, *, at: datetime | None = None, answer: Result = ACCEPTED
) -> None:
    """Claim everything of a campaign and note the answer, without SES."""
    moment = at or scene.now
    with transaction(scene.sessions) as session:
        campaign = session.get_one(Campaign, campaign_id)
        ask = launch.ask(session, campaign, now=scene.now, asks_ledger=False)
        taken = Claims(campaign, ask).take(session, limit=50, now=scene.now)
    with transaction(scene.sessions) as session:
        answers.record(session, [(message, answer) for message in taken.messages], now=moment)


def end(scene: Scene, campaign_id: int) -> None:
    change(scene, update(Campaign).where(Campaign.id == campaign_id).values(state="sent"))


def change(scene: Scene, statement: object) -> None:
    with transaction(scene.sessions) as session:
        session.execute(statement)  # type: ignore[call-overload]


def begin(scene: Scene, original: int, whom: str, *, with_unknown: bool = False) -> int:
    with transaction(scene.sessions) as session:
        draft = corrections.begin(
            session,
            session.get_one(Campaign, original),
            whom,
            with_unknown=with_unknown,
            now=scene.now,
            actor_id=None,  # type: ignore[arg-type]  # nobody is signed in here
        )
        assert draft is not None
        return draft.id


def verdicts(scene: Scene, draft_id: int) -> Counter[str | None]:
    """What the gate says of everybody when the draft is launched and its messages are claimed."""
    change(scene, update(Campaign).where(Campaign.id == draft_id).values(state="starting"))
    scene.launch(draft_id)
    send(scene, draft_id)
    return Counter(message.verdict for message in scene.messages(draft_id))


def test_without_a_correction_the_cap_holds(scene: Scene, original: int) -> None:
    draft = begin(scene, original, "got")
    change(scene, update(Campaign).where(Campaign.id == draft).values(corrects=None))
    assert verdicts(scene, draft) == {"frequency_cap": 3}


def test_a_correction_follows_at_once_and_is_sent(scene: Scene, original: int) -> None:
    draft = begin(scene, original, "got")
    assert verdicts(scene, draft) == {"clear": 3}
    assert scene.states(draft) == {"sent": 3}


def test_a_correction_does_not_follow_another_message(scene: Scene, original: int) -> None:
    first = scene.messages(original)[0].contact_id
    later = scene.now - timedelta(hours=1)
    change(scene, update(Contact).where(Contact.id == first).values(last_marketing_at=later))
    assert verdicts(scene, begin(scene, original, "got")) == {"clear": 2, "frequency_cap": 1}


def test_a_second_correction_waits(scene: Scene, original: int) -> None:
    verdicts(scene, begin(scene, original, "got"))
    assert verdicts(scene, begin(scene, original, "got")) == {"frequency_cap": 3}


def test_a_correction_of_a_correction_is_a_message_like_any_other(
    scene: Scene, original: int
) -> None:
    correction = begin(scene, original, "got")
    verdicts(scene, correction)
    end(scene, correction)
    again = begin(scene, correction, "got")
    assert scene.campaign(again).corrects is None
    assert verdicts(scene, again) == {"frequency_cap": 3}


def test_the_rest_are_not_spared_the_cap(scene: Scene, original: int) -> None:
    change(scene, update(Message).where(Message.campaign_id == original).values(state="failed"))
    draft = begin(scene, original, "missed")
    assert scene.campaign(draft).corrects is None
    assert verdicts(scene, draft) == {"frequency_cap": 3}


def test_a_message_of_which_nobody_knows_does_not_hold_its_correction(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=3)
    content = profiles.load("example")
    targeting = {**content["targeting"], "frequency_cap_days": 7}  # type: ignore[dict-item]
    with transaction(scene.sessions) as session:
        moment = scene.now - timedelta(minutes=1)
        switches.publish(session, {**content, "targeting": targeting}, now=moment)
    scene.launch(campaign_id)
    send(scene, campaign_id, answer=UNKNOWN)
    end(scene, campaign_id)
    assert scene.states(campaign_id) == {"uncertain": 3}
    draft = begin(scene, campaign_id, "got", with_unknown=True)
    assert verdicts(scene, draft) == {"clear": 3}


def test_who_has_opted_out_meanwhile_gets_no_correction(scene: Scene, original: int) -> None:
    draft = begin(scene, original, "got")
    first = scene.messages(original)[0].contact_id
    change(scene, update(Contact).where(Contact.id == first).values(restricted_at=scene.now))
    assert verdicts(scene, draft) == {"clear": 2, "restricted": 1}
