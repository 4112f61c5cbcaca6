"""The one stop for everything."""

from datetime import timedelta

import time_machine
from redis import Redis
from sqlalchemy import select, update

from mailer.audit import AuditEntry
from mailer.campaigns.models import Campaign
from mailer.db import transaction
from mailer.sending import jobs, launch, stops, sweep
from mailer.sending.claims import Claims
from mailer.stand_in.server import StandIn
from tests.sending.scene import Scene
from tests.sending.test_jobs import make_user


def stop(scene: Scene, reason: str = "user") -> bool:
    with transaction(scene.sessions) as session:
        return stops.stop_all(session, reason=reason, now=scene.now)


def lift(scene: Scene) -> bool:
    with transaction(scene.sessions) as session:
        return stops.lift(session, now=scene.now)


def test_nothing_leaves_while_it_is_open_and_everything_after(
    scene: Scene, stand_in: StandIn, redis: Redis
) -> None:
    campaign_id = scene.make_campaign(people=3)
    scene.launch(campaign_id)
    assert stop(scene)
    redis.flushall()  # it does not live there
    jobs.send(campaign_id)
    assert stand_in.messages() == []
    assert scene.states(campaign_id) == {"queued": 3}
    assert scene.campaign(campaign_id).state == "sending"
    assert lift(scene)
    jobs.send(campaign_id)
    assert len(stand_in.messages()) == 3


def test_a_stop_holds_for_the_very_next_claim(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=3)
    scene.launch(campaign_id)
    with scene.sessions() as session:
        campaign = session.get_one(Campaign, campaign_id)
        claims = Claims(campaign, launch.ask(session, campaign, now=scene.now, asks_ledger=False))
    # A sender that had its turn already, and now reaches for the messages.
    stop(scene)
    with transaction(scene.sessions) as session:
        assert claims.take(session, limit=50, now=scene.now).empty
    lift(scene)
    with transaction(scene.sessions) as session:
        assert len(claims.take(session, limit=50, now=scene.now).messages) == 3


def test_nobody_waits_for_a_turn_while_it_is_open(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=3)
    scene.launch(campaign_id)
    with scene.sessions() as session:
        assert sweep.waiting_campaigns(session, now=scene.now) == [campaign_id]
    stop(scene)
    with scene.sessions() as session:
        assert sweep.waiting_campaigns(session, now=scene.now) == []


def test_nothing_is_launched_while_it_is_open(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=3, state="starting")
    with transaction(scene.sessions) as session:
        session.execute(update(Campaign).values(starts_at=scene.now - timedelta(hours=1)))
    stop(scene)
    jobs.start_due()
    assert scene.campaign(campaign_id).state == "starting"
    lift(scene)
    jobs.start_due()
    assert scene.campaign(campaign_id).state == "sending"


def test_pressing_twice_changes_nothing_and_each_change_is_audited(scene: Scene) -> None:
    assert not lift(scene)
    assert stop(scene)
    assert not stop(scene, "ACCOUNT_SUSPENDED")
    with scene.sessions() as session:
        open_one = stops.standing(session)
        assert open_one is not None
        assert open_one.reason == "user"
    assert lift(scene)
    assert not lift(scene)
    assert stop(scene)
    with scene.sessions() as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert [a for a in actions if a.startswith("sending.")] == [
        "sending.stopped",
        "sending.resumed",
        "sending.stopped",
    ]


def test_an_account_that_ses_suspends_stops_everything_with_a_sentence(
    scene: Scene, stand_in: StandIn
) -> None:
    campaign_id = scene.make_campaign(people=3)
    scene.launch(campaign_id)
    stand_in.faults(sending_paused=True)
    jobs.send(campaign_id)
    with scene.sessions() as session:
        open_one = stops.standing(session)
        assert open_one is not None
        assert open_one.reason in stops.OF_THE_ACCOUNT
        assert "Amazon SES" in stops.sentence(open_one.reason)
    # It goes on from where it was, once somebody has looked and lifted the stop.
    assert scene.states(campaign_id) == {"queued": 3}
    stand_in.faults(sending_paused=False)
    lift(scene)
    with time_machine.travel(scene.now + timedelta(hours=1), tick=True):
        jobs.send(campaign_id)
    assert len(stand_in.messages()) == 3


def test_an_account_that_may_not_send_is_noticed_before_anything_is_tried(
    scene: Scene, stand_in: StandIn
) -> None:
    jobs.refresh_quota()
    with scene.sessions() as session:
        assert stops.standing(session) is None
    stand_in.faults(sending_paused=True)
    jobs.refresh_quota()
    with scene.sessions() as session:
        open_one = stops.standing(session)
    assert open_one is not None
    assert open_one.reason == "ACCOUNT_SENDING_PAUSED"


def test_a_test_copy_does_not_leave_either(scene: Scene, stand_in: StandIn) -> None:
    campaign_id = scene.make_campaign(state="draft")
    stop(scene)
    jobs.send_test(campaign_id, make_user(scene), "fi", 0)
    assert stand_in.messages() == []
