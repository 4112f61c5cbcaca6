"""What is collected of a real campaign for the checks: each fact from where it really is."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from redis import Redis
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from mailer.adapters import workers
from mailer.adapters.pace import Pace, Quota
from mailer.campaigns.models import Campaign, CampaignContent, SenderDomain
from mailer.config import Settings
from mailer.contacts import suppression
from mailer.contacts.address import canonical
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.segments.models import Segment
from mailer.sending import readiness
from mailer.sending.readiness import Readiness
from mailer.stack.schedule import WORKER_KEY
from tests.sending.scene import MJML, Scene, make_scene


@pytest.fixture
def scene(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Scene]:
    with time_machine.travel(now):
        redis.sadd("rq:workers:send", "rq:worker:one")
        redis.set(f"{workers.ALIVE}one", "1", ex=60)
        yield make_scene(
            connected_settings, sessions, redis, now, ses_endpoint_url="http://[::1]:1"
        )


def look(scene: Scene, campaign_id: int) -> Readiness:
    with scene.sessions() as session:
        campaign = session.get_one(Campaign, campaign_id)
        return readiness.look(session, campaign, scene.here, now=scene.now)


def codes(found: Readiness) -> set[str]:
    return {check.code for check in found.blocking}


def test_a_campaign_in_order_is_ready(scene: Scene) -> None:
    found = look(scene, scene.make_campaign(people=3, state="draft", languages=("fi", "sv", "en")))
    assert codes(found) == set()
    assert (found.facts.people, found.facts.companies) == (3, 1)
    assert len(found.facts.versions) == 3
    assert all(
        (each.has_opt_out, each.has_headers, each.has_sender, each.has_reason, each.has_leftovers)
        == (True, True, True, True, False)
        for each in found.facts.versions
    )


def content(session: Session) -> CampaignContent:
    return session.scalars(select(CampaignContent)).one()


def _break_segment(session: Session, _campaign: Campaign) -> None:
    session.scalars(select(Segment)).one().tree = {"field": "nonsense", "is": "x", "value": 1}


def _no_contacts(session: Session, _campaign: Campaign) -> None:
    for contact in session.scalars(select(Contact)):
        contact.erased_at = contact.created_at


BREAKS: dict[str, tuple[Callable[[Session, Campaign], object], str]] = {
    "no segment": (lambda _s, c: setattr(c, "segment_id", None), "B1"),
    "a broken segment": (_break_segment, "B1"),
    "nobody left": (_no_contacts, "B1"),
    "a domain not verified": (
        lambda s, _c: setattr(s.get_one(SenderDomain, "esimerkki.example"), "verified", False),
        "B2",
    ),
    "a domain nobody knows": (lambda s, _c: s.execute(delete(SenderDomain)), "B2"),
    "a domain of another": (lambda _s, c: setattr(c, "sender_address", "a@b.example"), "B2"),
    "no company": (lambda _s, c: setattr(c, "entity", "nobody"), "B4"),
    "no basis": (lambda _s, c: setattr(c, "relevance_basis", ""), "B6"),
    "an undeclared purpose": (lambda _s, c: setattr(c, "purpose", "events"), "B6"),
    "no content": (lambda s, _c: s.execute(delete(CampaignContent)), "B7"),
    "no subject": (lambda s, _c: setattr(content(s), "subject", ""), "B7"),
    "a broken field": (
        lambda s, _c: setattr(content(s), "mjml", MJML.replace("|sinä", "")),
        "B8",
    ),
    "an empty link": (
        lambda s, _c: setattr(
            content(s), "mjml", MJML.replace("https://esimerkki.example/uutiset", "")
        ),
        "B9",
    ),
    "a broken tag": (
        lambda s, _c: setattr(content(s), "mjml", MJML.replace("mj-button", "mj-knob")),
        "B10",
    ),
    "too much of it": (
        lambda s, _c: setattr(content(s), "mjml", MJML.replace("Hei", "Hei " * 26_000)),
        "B11",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_in_the_register_or_the_campaign_blocks(scene: Scene, name: str) -> None:
    breaks, code = BREAKS[name]
    campaign_id = scene.make_campaign(state="draft")
    with transaction(scene.sessions) as session:
        breaks(session, session.get_one(Campaign, campaign_id))
    assert code in codes(look(scene, campaign_id))


def test_a_dead_worker_and_a_quota_from_long_ago_block(scene: Scene, redis: Redis) -> None:
    campaign_id = scene.make_campaign(state="draft")
    redis.delete(f"{workers.ALIVE}one")
    assert codes(look(scene, campaign_id)) == {"B13"}
    redis.set(f"{workers.ALIVE}one", "1")
    assert codes(look(scene, campaign_id)) == set()
    old = scene.now - readiness.QUOTA_MAX_AGE - timedelta(seconds=1)
    Pace(redis, 1.0).set_limit(Quota(rate=1, per_day=-1, used=0, checked_at=old.timestamp()))
    assert codes(look(scene, campaign_id)) == {"B13"}


def test_the_key_of_a_living_worker_is_the_one_that_workers_set() -> None:
    assert workers.ALIVE == WORKER_KEY


def test_a_suppressed_person_is_left_out_and_counted(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=3, state="draft")
    with transaction(scene.sessions) as session:
        address = canonical(scene.addresses()[0])
        suppression.suppress(
            session, [suppression.of_address(address)], "optout", origin="staff", now=scene.now
        )
    found = look(scene, campaign_id)
    assert found.facts.people == 2
    assert found.facts.left_out == {"suppressed_optout": 1}


def test_the_size_is_that_of_the_longest_values_anybody_has(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=2, state="draft")
    before = look(scene, campaign_id).facts.versions[0].size
    with transaction(scene.sessions) as session:
        contact = session.scalars(select(Contact)).first()
        assert contact is not None
        contact.first_name = "&" * 500  # six bytes each at most, once escaped
    after = look(scene, campaign_id).facts.versions[0].size
    assert after - before > 500 * 5


def test_missing_values_and_languages_without_a_version_are_counted(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=3, state="draft")
    with transaction(scene.sessions) as session:
        first, second, _third = session.scalars(select(Contact).order_by(Contact.id))
        first.first_name = ""
        second.language = "sv"
    found = look(scene, campaign_id)
    assert found.facts.missing["first_name"] == 1
    assert found.facts.languages == {"fi": 2, "sv": 1}
    assert {"W7", "W11"} <= {check.code for check in found.checks}


def test_a_test_counts_for_exactly_the_content_it_was_sent_of(scene: Scene) -> None:
    campaign_id = scene.make_campaign(state="draft")
    found = look(scene, campaign_id)
    assert not found.facts.tested
    with transaction(scene.sessions) as session:
        session.get_one(Campaign, campaign_id).tested_hash = found.content_hash
    assert look(scene, campaign_id).facts.tested
    with transaction(scene.sessions) as session:
        content(session).subject = "Toinen aihe"
    assert not look(scene, campaign_id).facts.tested
