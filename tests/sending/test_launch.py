"""Freezing an audience into the ledger, stopping and finishing."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from redis import Redis
from rq import Queue
from sqlalchemy import event, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from mailer.audit import AuditEntry
from mailer.campaigns.models import Campaign, CampaignContent, Link, SenderDomain
from mailer.config import Settings
from mailer.contacts import suppression
from mailer.contacts.address import canonical
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.segments.models import Segment
from mailer.sending import jobs, launch
from mailer.sending.launch import Frozen, LaunchError
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


def change(scene: Scene, statement: Any) -> None:
    with transaction(scene.sessions) as session:
        session.execute(statement)


def test_everybody_may_go_from_the_moment_of_freezing(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=2)
    scene.launch(campaign_id)
    assert [message.not_before for message in scene.messages(campaign_id)] == [scene.now] * 2


def test_everybody_goes_into_the_ledger_once_with_the_reason_of_those_left_out(
    scene: Scene,
) -> None:
    campaign_id = scene.make_campaign(people=5)
    with transaction(scene.sessions) as session:
        suppression.suppress(
            session,
            [suppression.of_address(canonical(scene.addresses()[0]))],
            "optout",
            origin="staff",
            now=scene.now,
        )
    change(
        scene,
        update(Contact)
        .where(Contact.email == scene.addresses()[1])
        .values(restricted_at=scene.now),
    )
    assert scene.launch(campaign_id) == Frozen(queued=3, blocked=2)
    messages = scene.messages(campaign_id)
    assert [(m.state, m.verdict) for m in messages] == [
        ("blocked", "suppressed_optout"),
        ("blocked", "restricted"),
        ("queued", "clear"),
        ("queued", "clear"),
        ("queued", "clear"),
    ]
    assert len({m.contact_id for m in messages}) == 5
    assert all((m.duties or {})["function"] == "finance" for m in messages)
    assert all(m.created_at == scene.now and m.attempt == 0 for m in messages)


def test_a_second_launch_does_nothing(scene: Scene) -> None:
    campaign_id = scene.make_campaign()
    assert scene.launch(campaign_id) == Frozen(queued=3, blocked=0)
    assert scene.launch(campaign_id) is None
    assert len(scene.messages(campaign_id)) == 3


def test_of_two_launches_at_once_one_wins(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=20)
    answers: list[Frozen | None] = []
    threads = [
        threading.Thread(target=lambda: answers.append(scene.launch(campaign_id))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer is None for answer in answers) == [False, True, True]
    assert scene.states(campaign_id) == {"queued": 20}


@pytest.mark.parametrize("state", ["draft", "scheduled", "paused", "sent", "stopped", "failed"])
def test_only_a_campaign_in_its_hold_is_launched(state: str, scene: Scene) -> None:
    campaign_id = scene.make_campaign(state=state)
    assert scene.launch(campaign_id) is None
    assert scene.campaign(campaign_id).state == state
    assert scene.states(campaign_id) == {}


def test_a_launch_that_fails_midway_leaves_nothing_behind(
    scene: Scene, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = scene.make_campaign()

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(launch.audit, "record", fail)
    with pytest.raises(RuntimeError):
        scene.launch(campaign_id)
    with scene.sessions() as session:
        assert session.scalars(select(Message.id)).all() == []
        assert session.scalars(select(Link.id)).all() == []
    assert scene.campaign(campaign_id).state == "starting"
    assert Queue("send", connection=redis).count == 0
    monkeypatch.undo()
    assert scene.launch(campaign_id) == Frozen(queued=3, blocked=0)
    assert Queue("send", connection=redis).count == launch.SENDER_JOBS


BROKEN = [
    (
        "no_notice",
        text("ALTER TABLE notice_versions DISABLE TRIGGER USER; DELETE FROM notice_versions"),
    ),
    ("entity_not_declared", update(Campaign).values(entity="muu")),
    ("sender_identity_unverified", update(SenderDomain).values(verified=False)),
    ("no_content", update(CampaignContent).values(mjml="")),
    ("no_segment", update(Campaign).values(segment_id=None)),
]


@pytest.mark.parametrize(("code", "breaking"), BROKEN, ids=[code for code, _ in BROKEN])
def test_what_cannot_be_sent_is_not_launched_and_says_why(
    code: str, breaking: Any, scene: Scene
) -> None:
    campaign_id = scene.make_campaign(state="starting")
    change(scene, breaking)
    with time_machine.travel(scene.now + timedelta(seconds=61), tick=True):
        jobs.start_due()
    campaign = scene.campaign(campaign_id)
    assert (campaign.state, campaign.pause_reason) == ("failed", code)
    assert scene.states(campaign_id) == {}


@pytest.mark.parametrize(
    ("reason", "breaking"),
    [
        ("segment_broken", update(Segment).values(tree={"field": "no such", "is": "any_of"})),
        ("content_broken", update(CampaignContent).values(mjml="<mjml><broken")),
    ],
)
def test_a_broken_campaign_holds_up_no_other(reason: str, breaking: Any, scene: Scene) -> None:
    broken = scene.make_campaign()
    change(scene, breaking)
    sound = scene.make_campaign()
    with time_machine.travel(scene.now + timedelta(seconds=61), tick=True):
        jobs.start_due()
    campaign = scene.campaign(broken)
    assert (campaign.state, campaign.pause_reason) == ("failed", reason)
    assert scene.campaign(sound).state == "sending"


def test_a_launch_that_the_database_refuses_is_tried_again_and_holds_up_no_other(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = scene.make_campaign(), scene.make_campaign()
    original = launch._freeze_audience

    def freeze(session: Session, campaign: Campaign, now: datetime) -> Frozen:
        if campaign.id == first:
            session.execute(text("SELECT 1/0"))
        return original(session, campaign, now)

    monkeypatch.setattr(launch, "_freeze_audience", freeze)
    with time_machine.travel(scene.now + timedelta(seconds=61), tick=True):
        jobs.start_due()
    assert (scene.campaign(first).state, scene.campaign(second).state) == ("starting", "sending")


def test_nothing_leaves_before_the_hold_is_over(scene: Scene) -> None:
    campaign_id = scene.make_campaign(state="scheduled")
    jobs.start_due()
    assert scene.campaign(campaign_id).state == "starting"
    began = scene.campaign(campaign_id).starts_at
    assert began is not None
    with time_machine.travel(began + timedelta(seconds=59), tick=False):
        jobs.start_due()
    assert scene.states(campaign_id) == {}
    with time_machine.travel(began + timedelta(seconds=60), tick=False):
        jobs.start_due()
    assert scene.states(campaign_id) == {"queued": 3}


def test_the_hold_is_whole_when_the_moment_passed_while_no_worker_ran(scene: Scene) -> None:
    campaign_id = scene.make_campaign(state="scheduled")
    with time_machine.travel(scene.now + timedelta(hours=3), tick=False):
        jobs.start_due()
        jobs.start_due()
    assert scene.campaign(campaign_id).state == "starting"
    assert scene.states(campaign_id) == {}


def test_the_links_are_frozen_with_their_addresses(scene: Scene) -> None:
    campaign_id = scene.make_campaign(languages=("fi", "sv"))
    scene.launch(campaign_id)
    with scene.sessions() as session:
        links = session.execute(
            select(Link.language, Link.position, Link.url).order_by(Link.language, Link.position)
        ).all()
    assert [tuple(row) for row in links] == [
        (language, position, url)
        for language in ("fi", "sv")
        for position, url in (
            (1, "https://esimerkki.example/uutiset"),
            (2, "https://esimerkki.example/ilmoittaudu"),
        )
    ]


def test_a_launch_is_noted_with_its_numbers(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=2)
    scene.launch(campaign_id)
    with scene.sessions() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "campaign.launched")
        ).one()
    assert (entry.object_id, entry.details) == (campaign_id, {"queued": 2, "blocked": 0})


def test_a_stop_cancels_exactly_what_is_queued(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=10)
    scene.launch(campaign_id)
    other = scene.make_campaign(people=1)
    scene.launch(other)
    states = [
        "queued", "queued", "sending", "uncertain", "sent", "delivered", "bounced", "complained",
        "blocked", "failed",
    ]  # fmt: skip
    for message, state in zip(scene.messages(campaign_id), states, strict=True):
        change(scene, update(Message).where(Message.id == message.id).values(state=state))
    with transaction(scene.sessions) as session:
        assert launch.stop(session, campaign_id, now=scene.now)
    assert [m.state for m in scene.messages(campaign_id)] == ["cancelled", "cancelled", *states[2:]]
    assert scene.states(other) == {"queued": 11}
    assert scene.campaign(campaign_id).finished_at == scene.now


@pytest.mark.parametrize("state", ["draft", "starting", "sent", "stopped"])
def test_what_is_not_under_way_is_not_stopped(state: str, scene: Scene) -> None:
    campaign_id = scene.make_campaign(state=state)
    with transaction(scene.sessions) as session:
        assert not launch.stop(session, campaign_id, now=scene.now)
    assert scene.campaign(campaign_id).state == state


@pytest.mark.parametrize("open_state", ["queued", "sending", "uncertain"])
def test_a_campaign_is_not_sent_while_one_message_is_open(open_state: str, scene: Scene) -> None:
    campaign_id = scene.make_campaign()
    scene.launch(campaign_id)
    change(scene, update(Message).values(state="sent"))
    last = scene.messages(campaign_id)[-1].id
    change(scene, update(Message).where(Message.id == last).values(state=open_state))
    with transaction(scene.sessions) as session:
        assert not launch.finish(session, campaign_id, now=scene.now)
    change(scene, update(Message).values(state="failed"))
    with transaction(scene.sessions) as session:
        assert launch.finish(session, campaign_id, now=scene.now)
    assert scene.campaign(campaign_id).state == "sent"


def test_a_message_that_goes_back_to_the_queue_meanwhile_is_not_overlooked(scene: Scene) -> None:
    campaign_id = scene.make_campaign()
    scene.launch(campaign_id)
    change(scene, update(Message).values(state="sending"))

    def throttle(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        # SES answers "not now" right after finish has first looked.
        if "FROM messages" in statement and "sending" in scene.states(campaign_id):
            with transaction(scene.sessions) as other:
                other.connection().exec_driver_sql("UPDATE messages SET state = 'queued'")

    with transaction(scene.sessions) as session:
        connection = session.connection()
        event.listen(connection, "after_cursor_execute", throttle)
        assert not launch.finish(session, campaign_id, now=scene.now)
    assert scene.states(campaign_id) == {"queued": 3}
    assert scene.campaign(campaign_id).state == "sending"


def test_a_campaign_to_nobody_ends_at_once(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=0)
    assert scene.launch(campaign_id) == Frozen(queued=0, blocked=0)
    jobs.send(campaign_id)
    assert scene.campaign(campaign_id).state == "sent"


def test_a_launch_needs_a_known_reason() -> None:
    from mailer.sending.pacing import PAUSE_REASONS

    assert {code for code, _ in BROKEN} <= PAUSE_REASONS.keys()
    assert LaunchError("no_notice").code == "no_notice"
