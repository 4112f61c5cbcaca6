"""Trying again after a soft bounce: only where the bounce says so, and through the gate."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, text, update

from mailer.campaigns.models import Campaign
from mailer.contacts import suppression
from mailer.contacts.address import canonical
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.sending import jobs, retries
from mailer.stand_in.server import StandIn
from tests.sending.scene import Scene

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
FULL = {"type": "Transient", "subtype": "MailboxFull", "status": ""}
LATER = {"type": "Transient", "subtype": "General", "status": "4.4.7"}


def sent_campaign(scene: Scene, people: int = 2) -> int:
    campaign_id = scene.make_campaign(people=people)
    scene.launch(campaign_id)
    jobs.send(campaign_id)
    assert scene.states(campaign_id) == {"sent": people}
    return campaign_id


def tell(scene: Scene, message_id: int, kind: str, at: datetime, **details: Any) -> None:
    with transaction(scene.sessions) as session:
        session.execute(
            text(
                "INSERT INTO events (message_id, campaign_id, kind, at, dedupe_key, details)"
                " SELECT id, campaign_id, :kind, :at, :key, CAST(:details AS jsonb)"
                " FROM messages WHERE id = :id"
            ),
            {
                "id": message_id,
                "kind": kind,
                "at": at,
                "key": f"{kind}{message_id}{at}",
                "details": json.dumps(details),
            },
        )


def requeue(scene: Scene, at: datetime) -> int:
    with transaction(scene.sessions) as session:
        return retries.requeue_soft_bounced(session, now=at)


@pytest.mark.parametrize(
    "details",
    [
        {"type": "Transient", "subtype": "General", "status": ""},  # as an automatic reply is
        {"type": "Transient", "subtype": "General", "status": "5.4.4"},
        {"type": "Transient", "subtype": "ContentRejected", "status": ""},
        {"type": "Transient", "subtype": "MessageTooLarge", "status": "5.3.4"},
        {"type": "Undetermined", "subtype": "Undetermined"},
        {},
    ],
)
def test_a_bounce_that_does_not_say_so_is_not_tried_again(
    scene: Scene, details: dict[str, str]
) -> None:
    first = scene.messages(sent_campaign(scene))[0]
    tell(scene, first.id, "soft_bounce", scene.now + MINUTE, **details)
    assert requeue(scene, scene.now + 3 * DAY) == 0


@pytest.mark.parametrize("kind", ["delivery", "hard_bounce", "complaint"])
def test_what_arrived_or_failed_for_good_is_not_tried_again(scene: Scene, kind: str) -> None:
    first = scene.messages(sent_campaign(scene))[0]
    tell(scene, first.id, "soft_bounce", scene.now + MINUTE, **FULL)
    tell(scene, first.id, kind, scene.now)
    assert requeue(scene, scene.now + 3 * DAY) == 0


@pytest.mark.parametrize("details", [FULL, LATER])
def test_a_full_mailbox_is_tried_twice_more_days_apart_and_then_left(
    scene: Scene, stand_in: StandIn, details: dict[str, str]
) -> None:
    campaign_id = sent_campaign(scene)
    first, second = scene.messages(campaign_id)
    at = scene.now + MINUTE
    for wait in (DAY, 2 * DAY):
        tell(scene, first.id, "soft_bounce", at, **details)
        assert requeue(scene, at + wait - MINUTE) == 0
        at += wait + MINUTE
        with time_machine.travel(at, tick=True):
            assert requeue(scene, at) == 1
            assert scene.campaign(campaign_id).state == "sending"
            jobs.send(campaign_id)
            assert scene.campaign(campaign_id).state == "sent"
            # The bounce before this attempt has had its retry.
            assert requeue(scene, at + DAY) == 0
        at += MINUTE
    tell(scene, first.id, "soft_bounce", at, **details)
    assert requeue(scene, at + 2 * DAY) == 0
    to = [mail["tags"]["message"] for mail in stand_in.messages()]
    assert (to.count(str(first.id)), to.count(str(second.id))) == (3, 1)
    assert scene.messages(campaign_id)[0].attempt == 3


def test_the_gate_is_asked_again(scene: Scene, stand_in: StandIn) -> None:
    campaign_id = sent_campaign(scene)
    first = scene.messages(campaign_id)[0]
    tell(scene, first.id, "soft_bounce", scene.now + MINUTE, **FULL)
    with transaction(scene.sessions) as session:
        suppression.suppress(
            session,
            [suppression.of_address(canonical(scene.addresses()[0]))],
            "optout",
            origin="staff",
            now=scene.now,
        )
    assert requeue(scene, scene.now + DAY + MINUTE) == 1
    with time_machine.travel(scene.now + DAY + MINUTE, tick=True):
        jobs.send(campaign_id)
    assert scene.states(campaign_id) == {"sent": 1, "blocked": 1}
    assert scene.messages(campaign_id)[0].verdict == "suppressed_optout"
    assert len(stand_in.messages()) == 2


def test_a_message_that_never_arrived_informed_nobody(scene: Scene) -> None:
    campaign_id = sent_campaign(scene)
    first, _ = scene.messages(campaign_id)
    tell(scene, first.id, "soft_bounce", scene.now + MINUTE, **FULL)
    assert requeue(scene, scene.now + DAY + MINUTE) == 1
    with scene.sessions() as session:
        informed = session.execute(
            select(Contact.art14_informed_at, Contact.last_marketing_at).order_by(Contact.id)
        ).all()
    assert tuple(informed[0]) == (None, None)
    assert None not in tuple(informed[1])


def test_nobody_wants_last_weeks_news_or_a_stopped_campaign(scene: Scene) -> None:
    campaign_id = sent_campaign(scene)
    first, second = scene.messages(campaign_id)
    tell(scene, first.id, "soft_bounce", scene.now + MINUTE, **FULL)
    assert requeue(scene, scene.now + 7 * DAY) == 0
    with transaction(scene.sessions) as session:
        session.execute(update(Campaign).values(state="stopped"))
    assert requeue(scene, scene.now + DAY + MINUTE) == 0
    assert scene.states(campaign_id) == {"sent": 2}
    assert second.state == "sent"
