"""Sending a whole campaign through the real client into the stand-in."""

from sqlalchemy import select

from mailer.accounts.models import User
from mailer.campaigns import lifecycle
from mailer.campaigns.models import SenderDomain
from mailer.contacts import suppression
from mailer.contacts.address import canonical
from mailer.db import transaction
from mailer.sending import jobs, pacing
from mailer.sending.models import Message
from mailer.stand_in.server import StandIn
from tests.sending.scene import Scene


def test_everybody_gets_one_message_and_the_campaign_is_sent(
    scene: Scene, stand_in: StandIn
) -> None:
    campaign_id = scene.make_campaign(people=120)
    scene.launch(campaign_id)
    jobs.send(campaign_id)
    assert scene.states(campaign_id) == {"sent": 120}
    assert scene.campaign(campaign_id).state == "sent"
    sent = stand_in.messages(limit=500)
    assert len(sent) == 120


def test_an_opt_out_after_freezing_blocks_the_claim(scene: Scene, stand_in: StandIn) -> None:
    campaign_id = scene.make_campaign(people=3)
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        suppression.suppress(
            session,
            [suppression.of_address(canonical(scene.addresses()[0]))],
            "optout",
            origin="staff",
            now=scene.now,
        )
    jobs.send(campaign_id)
    assert scene.states(campaign_id) == {"sent": 2, "blocked": 1}
    blocked = next(m for m in scene.messages(campaign_id) if m.state == "blocked")
    assert blocked.verdict == "suppressed_optout"


def test_a_test_copy_goes_to_a_colleague_and_no_further(scene: Scene, stand_in: StandIn) -> None:
    campaign_id = scene.make_campaign(state="draft")
    user_id = make_user(scene)
    jobs.send_test(campaign_id, user_id, "fi", 0)
    [mail] = stand_in.messages()
    assert mail["to"] == ["maija@esimerkki.example"]
    assert mail["tags"]["test"] == "yes"
    with scene.sessions() as session:
        [message] = session.scalars(select(Message))
    assert (message.kind, message.state, message.to_user) == ("test", "sent", user_id)
    assert (message.campaign_id, message.contact_id) == (None, None)
    assert scene.campaign(campaign_id).tested_hash


def test_a_test_copy_that_ses_refuses_is_failed_and_counts_for_nothing(
    scene: Scene, stand_in: StandIn
) -> None:
    campaign_id = scene.make_campaign(state="draft")
    stand_in.faults(sending_paused=True)
    jobs.send_test(campaign_id, make_user(scene), "fi", 0)
    with scene.sessions() as session:
        [message] = session.scalars(select(Message))
    assert (message.state, message.error) == ("failed", "SendingPausedException")
    assert scene.campaign(campaign_id).tested_hash is None
    jobs.send_test(campaign_id, 999, "fi", 0)
    jobs.send_test(999, 1, "fi", 0)


def test_quota_and_domains_are_read_and_what_waited_for_quota_goes_on(
    scene: Scene, stand_in: StandIn
) -> None:
    campaign_id = scene.make_campaign(state="sending")
    other = scene.make_campaign(state="sending")
    with transaction(scene.sessions) as session:
        lifecycle.pause(session, campaign_id, reason="daily_quota", now=scene.now)
        lifecycle.pause(session, other, reason="user", now=scene.now)
    stand_in.set_identity("esimerkki.example", verified=False)
    jobs.refresh_quota()
    assert scene.campaign(campaign_id).state == "sending"
    assert scene.campaign(other).state == "paused"
    quota = pacing.quota(scene.here)
    assert quota is not None
    assert quota.rate == 1000
    with scene.sessions() as session:
        assert not session.get_one(SenderDomain, "esimerkki.example").verified


def make_user(scene: Scene) -> int:
    with transaction(scene.sessions) as session:
        user = User(
            user_name="maija",
            name="Maija",
            email="maija@esimerkki.example",
            roles=["marketer"],
            reason="test",
            created_at=scene.now,
            must_change_password=False,
            password_hash="",
        )
        session.add(user)
        session.flush()
        return user.id
