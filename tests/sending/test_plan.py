"""The plan in the ledger: who goes when, and what makes it be made again."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from redis import Redis
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from mailer.adapters.pace import Quota
from mailer.campaigns import lifecycle
from mailer.campaigns.models import Campaign, SenderDomain
from mailer.config import Settings
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.events.models import Event
from mailer.segments import build
from mailer.segments.models import Segment
from mailer.sending import caps, jobs, launch, pacing, plan, plan_rows
from mailer.sending.caps import Caps
from mailer.sending.models import Message
from mailer.sending.plan_models import CampaignPlan, WarmupDay
from tests.segments.register import make_company, make_contact, make_source
from tests.sending.scene import Scene, make_scene

HELSINKI = ZoneInfo("Europe/Helsinki")
FRIDAY_EVENING = datetime(2026, 11, 27, 18, 30, tzinfo=HELSINKI).astimezone(UTC)
MONDAY_AT_EIGHT = datetime(2026, 11, 30, 8, tzinfo=HELSINKI).astimezone(UTC)
HOUR = timedelta(hours=1)
Facts = dict[str, Any]


def quota(per_day: float = -1, *, rate: float = 10, used: float = 0) -> Quota:
    return Quota(rate=rate, per_day=per_day, used=used, checked_at=0)


@pytest.fixture
def scene(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Scene:
    return make_scene(
        connected_settings, sessions, redis, now, ses_endpoint_url="http://127.0.0.1:1"
    )


def make_campaign(
    scene: Scene, people: list[Facts] | int, *, domain_facts: Facts | None = None, **facts: Any
) -> int:
    """A held campaign to exactly these people, each at a company of their own unless said."""
    campaign_id = scene.make_campaign(people=0)
    if isinstance(people, int):
        people = [{} for _ in range(people)]
    with transaction(scene.sessions) as session:
        source = make_source(session, scene.now)
        for each in people:
            company = {"country": each.pop("company_country", None)}
            if "company_id" not in each:
                each["company_id"] = make_company(session, source, scene.now, **company).id
            make_contact(session, source, scene.now, **{"tags": [f"c{campaign_id}"], **each})
        segment = session.get_one(Segment, session.get_one(Campaign, campaign_id).segment_id)
        segment.tree = {"field": "tag", "is": "any_of", "value": [f"c{campaign_id}"]}
        campaign = session.get_one(Campaign, campaign_id)
        for name, value in facts.items():
            setattr(campaign, name, value)
        if domain_facts:
            session.execute(update(SenderDomain).values(**domain_facts))
    return campaign_id


def launch_at(scene: Scene, campaign_id: int, moment: datetime, limits: Quota | None) -> None:
    with transaction(scene.sessions) as session:
        assert launch.launch(session, campaign_id, now=moment, quota=limits) is not None


def moments(scene: Scene, campaign_id: int) -> list[datetime]:
    """When each message may go, in the order of the ledger."""
    return [message.not_before for message in scene.messages(campaign_id)]


def days(scene: Scene, campaign_id: int) -> list[tuple[date, int]]:
    counted = Counter(each.astimezone(HELSINKI).date() for each in moments(scene, campaign_id))
    return sorted(counted.items())


def set_caps(scene: Scene, **values: Any) -> None:
    with transaction(scene.sessions) as session:
        caps.save(session, Caps(**{"domains": {}, **values}))


def remake(scene: Scene, campaign_id: int, moment: datetime, limits: Quota | None) -> bool:
    with transaction(scene.sessions) as session:
        if campaign_id not in plan.stale(session, limits, now=moment):
            return False
        return plan.remake(session, campaign_id, limits, now=moment)


def test_a_campaign_without_limits_goes_at_once_and_has_no_plan(scene: Scene) -> None:
    campaign_id = make_campaign(scene, 3)
    launch_at(scene, campaign_id, FRIDAY_EVENING, quota(1_000))
    assert set(moments(scene, campaign_id)) == {FRIDAY_EVENING}
    with scene.sessions() as session:
        assert session.get(CampaignPlan, campaign_id) is None
        assert plan.of(session, campaign_id) is None
        assert plan.stale(session, quota(1_000), now=FRIDAY_EVENING + HOUR) == []


def test_business_hours_are_those_of_the_recipients_country(scene: Scene) -> None:
    people: list[Facts] = [
        {"countries": ["FI"]},
        {"countries": ["FI"], "company_country": "SE"},
        {"countries": ["SE"]},
        {"countries": ["EE"]},
        {"countries": ["GB"]},
    ]
    campaign_id = make_campaign(scene, people, business_hours=True)
    launch_at(scene, campaign_id, FRIDAY_EVENING, quota())
    *others, london = moments(scene, campaign_id)
    assert [(moment - MONDAY_AT_EIGHT) / HOUR for moment in others] == [0, 1, 1, 0]
    assert london == FRIDAY_EVENING, "it is half past four there"
    with scene.sessions() as session:
        found = plan.of(session, campaign_id)
    assert found is not None
    assert found.days == [(date(2026, 11, 27), 1), (date(2026, 11, 30), 4)]
    assert found.limits == {"hours"}


@pytest.mark.parametrize("country", ["", "XX", None, "fi"])
def test_somebody_of_a_country_nobody_knows_keeps_finnish_hours(
    scene: Scene, country: str | None
) -> None:
    campaign_id = make_campaign(scene, [{"company_country": country}], business_hours=True)
    launch_at(scene, campaign_id, FRIDAY_EVENING, quota())
    assert moments(scene, campaign_id) == [MONDAY_AT_EIGHT]


def test_during_business_hours_nothing_is_held_back(scene: Scene) -> None:
    campaign_id = make_campaign(scene, 4, business_hours=True)
    launch_at(scene, campaign_id, scene.now, quota())
    assert set(moments(scene, campaign_id)) == {scene.now}


def test_a_long_sending_is_spread_over_the_hours_at_the_pace_in_order(scene: Scene) -> None:
    campaign_id = make_campaign(scene, 12, business_hours=True)
    # 0.9 of it is 3.6 messages an hour.
    launch_at(scene, campaign_id, FRIDAY_EVENING, quota(rate=0.001 / 0.9))
    found = moments(scene, campaign_id)
    assert found == sorted(found)
    assert Counter(found) == {MONDAY_AT_EIGHT: 4, MONDAY_AT_EIGHT + HOUR: 4, found[-1]: 4}


def test_the_quota_spreads_a_sending_only_with_consent(scene: Scene) -> None:
    refused = make_campaign(scene, 10)
    launch_at(scene, refused, scene.now, quota(5))
    assert set(moments(scene, refused)) == {scene.now}

    with transaction(scene.sessions) as session:
        lifecycle.pause(session, refused, reason="daily_quota", now=scene.now)
    agreed = make_campaign(scene, 10, spread_days=True)
    launch_at(scene, agreed, scene.now, quota(5))
    # 5 less the room kept for test messages.
    assert [number for _, number in days(scene, agreed)] == [4, 4, 2]


@pytest.mark.parametrize("per_day", [-1, 0])
def test_no_quota_and_a_quota_of_nothing_plan_nothing(scene: Scene, per_day: float) -> None:
    campaign_id = make_campaign(scene, 3, spread_days=True)
    launch_at(scene, campaign_id, scene.now, quota(per_day, rate=0))
    assert set(moments(scene, campaign_id)) == {scene.now}


def test_what_others_have_sent_and_planned_is_not_given_twice(scene: Scene) -> None:
    first = make_campaign(scene, 6, spread_days=True)
    launch_at(scene, first, scene.now, quota(10, used=5))
    # Of 9 a day, others than us used 5.
    assert [number for _, number in days(scene, first)] == [4, 2]
    second = make_campaign(scene, 9, spread_days=True)
    launch_at(scene, second, scene.now, quota(10, used=5))
    both = Counter(moments(scene, first)) + Counter(moments(scene, second))
    for moment in both:
        window = [n for at, n in both.items() if moment - timedelta(hours=24) < at <= moment]
        assert sum(window) <= 9


def test_plans_made_at_one_time_share_the_quota(scene: Scene) -> None:
    campaigns = [make_campaign(scene, 6, spread_days=True) for _ in range(4)]
    threads = [
        threading.Thread(target=launch_at, args=(scene, each, scene.now, quota(11)))
        for each in campaigns
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    today = [m for each in campaigns for m in moments(scene, each) if m < scene.now + 23 * HOUR]
    assert len(today) == 10


def test_a_capped_domain_gets_no_more_in_an_hour_and_its_share_evenly(scene: Scene) -> None:
    set_caps(scene, domains={"iso.example": 4})
    people: list[Facts] = [{"email": f"a{n}@iso.example"} for n in range(10)]
    people += [{"email": f"b{n}@pieni.example"} for n in range(3)]
    campaign_id = make_campaign(scene, people)
    launch_at(scene, campaign_id, scene.now, quota())
    found = moments(scene, campaign_id)
    assert [(moment - scene.now) / HOUR for moment in found[:10]] == [
        *(0, 0.25, 0.5, 0.75),
        *(1, 1.25, 1.5, 1.75),
        *(2, 2.5),
    ]
    assert set(found[10:]) == {scene.now}


def test_another_campaign_does_not_pass_the_cap_of_a_domain(scene: Scene) -> None:
    set_caps(scene, domains={"iso.example": 4})
    campaigns = [
        make_campaign(scene, [{"email": f"c{which}n{n}@iso.example"} for n in range(3)])
        for which in range(2)
    ]
    for each in campaigns:
        launch_at(scene, each, scene.now, quota())
    hours = Counter(
        (moment - scene.now) // HOUR for each in campaigns for moment in moments(scene, each)
    )
    assert hours == {0: 4, 1: 2}


def test_the_cap_of_all_other_domains_holds_for_each_of_them(scene: Scene) -> None:
    set_caps(scene, others=2)
    people: list[Facts] = [{"email": f"p{n}@yksi.example"} for n in range(5)]
    people += [{"email": f"q{n}@kaksi.example"} for n in range(2)]
    campaign_id = make_campaign(scene, people)
    launch_at(scene, campaign_id, scene.now, quota())
    hours = Counter((moment - scene.now) // HOUR for moment in moments(scene, campaign_id))
    assert hours == {0: 4, 1: 2, 2: 1}


def test_a_company_gets_only_so_many_in_a_day_counting_what_it_had_today(scene: Scene) -> None:
    set_caps(scene, company=2)
    with transaction(scene.sessions) as session:
        source = make_source(session, scene.now)
        large = make_company(session, source, scene.now).id
    campaign_id = make_campaign(scene, [{"company_id": large} for _ in range(5)] + [{}, {}])
    launch_at(scene, campaign_id, scene.now, quota())
    assert [number for _, number in days(scene, campaign_id)] == [4, 2, 1]

    with transaction(scene.sessions) as session:
        session.execute(
            update(Message).values(state="sent", sent_at=scene.now, claimed_at=scene.now)
        )
    following = make_campaign(scene, [{"company_id": large} for _ in range(2)])
    launch_at(scene, following, scene.now + HOUR, quota())
    assert min(moments(scene, following)) > scene.now + 10 * HOUR


def test_those_who_want_our_mail_come_first_in_a_warm_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.sending.warmup.TABLE", (2, 3, 100))
    people: list[Facts] = [
        {},
        {"verified_at": scene.now - timedelta(days=9)},
        {"verified_at": scene.now - timedelta(days=2)},
        {},
        {"first_name": "Lukija"},
        {},
    ]
    campaign_id = make_campaign(scene, people, domain_facts={"warming": True})
    earlier = make_campaign(scene, 1)
    with transaction(scene.sessions) as session:
        reader = session.scalars(select(Contact).where(Contact.first_name == "Lukija")).one()
        read = Message(
            campaign_id=earlier,
            contact_id=reader.id,
            state="delivered",
            created_at=scene.now - timedelta(days=40),
            sent_at=scene.now - timedelta(days=40),
        )
        session.add(read)
        session.flush()
        session.add(
            Event(
                message_id=read.id,
                campaign_id=earlier,
                kind="click",
                actor="human",
                at=scene.now - timedelta(days=40),
                dedupe_key="click-1",
            )
        )
    launch_at(scene, campaign_id, scene.now, quota())
    day = [moment.astimezone(HELSINKI).date().day for moment in moments(scene, campaign_id)]
    assert day == [25, 25, 24, 25, 24, 26]


def test_a_bad_day_of_the_warm_up_makes_the_rest_wait(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.sending.warmup.TABLE", (2, 4, 100))
    campaign_id = make_campaign(scene, 8, domain_facts={"warming": True})
    launch_at(scene, campaign_id, scene.now, quota())
    assert [number for _, number in days(scene, campaign_id)] == [2, 4, 2]
    with transaction(scene.sessions) as session:
        session.add(
            WarmupDay(domain="esimerkki.example", day=date(2026, 11, 24), step=0, held="complaints")
        )
    assert remake(scene, campaign_id, scene.now, quota())
    assert [number for _, number in days(scene, campaign_id)] == [2, 2, 4]
    assert not remake(scene, campaign_id, scene.now, quota())


def test_a_new_quota_makes_a_new_plan(scene: Scene) -> None:
    campaign_id = make_campaign(scene, 10, spread_days=True)
    launch_at(scene, campaign_id, scene.now, quota(5))
    later = scene.now + timedelta(minutes=5)
    assert not remake(scene, campaign_id, later, quota(5, used=4))
    assert remake(scene, campaign_id, later, quota(50_000))
    # What could go already is left as it was; the rest may go now.
    assert set(moments(scene, campaign_id)) == {scene.now, later}


def test_a_cap_that_is_taken_away_lets_everybody_go(scene: Scene) -> None:
    set_caps(scene, domains={"iso.example": 1})
    people: list[Facts] = [{"email": f"a{n}@iso.example"} for n in range(4)]
    campaign_id = make_campaign(scene, people)
    launch_at(scene, campaign_id, scene.now, quota())
    assert max(moments(scene, campaign_id)) == scene.now + 3 * HOUR
    set_caps(scene)
    later = scene.now + timedelta(minutes=5)
    assert remake(scene, campaign_id, later, quota())
    assert max(moments(scene, campaign_id)) == later
    with scene.sessions() as session:
        assert plan.of(session, campaign_id) is None


def test_what_is_not_done_at_closing_time_waits_for_the_morning(scene: Scene) -> None:
    people: list[Facts] = [{"countries": ["FI"]}, {"countries": ["GB"]}, {"countries": ["FI"]}]
    campaign_id = make_campaign(scene, people, business_hours=True)
    launch_at(scene, campaign_id, scene.now, quota())
    closing = datetime(2026, 11, 24, 17, tzinfo=HELSINKI).astimezone(UTC)
    assert not remake(scene, campaign_id, closing - timedelta(seconds=1), quota())
    assert remake(scene, campaign_id, closing, quota())
    morning = closing + 15 * HOUR
    # In London offices are open until seven o'clock in Helsinki.
    assert moments(scene, campaign_id) == [morning, scene.now, morning]


def test_what_a_cap_missed_while_nothing_ran_does_not_come_on_top(scene: Scene) -> None:
    set_caps(scene, domains={"iso.example": 2})
    people: list[Facts] = [{"email": f"a{n}@iso.example"} for n in range(6)]
    campaign_id = make_campaign(scene, people)
    launch_at(scene, campaign_id, scene.now, quota())
    two_hours_later = scene.now + 2 * HOUR
    assert remake(scene, campaign_id, two_hours_later, quota())
    hours = Counter(max(0, (m - two_hours_later) // HOUR) for m in moments(scene, campaign_id))
    assert hours == {0: 2, 1: 2, 2: 2}


def test_a_message_that_waits_for_another_try_keeps_its_moment(scene: Scene) -> None:
    campaign_id = make_campaign(scene, 3, business_hours=True)
    launch_at(scene, campaign_id, scene.now, quota())
    soon = scene.now + timedelta(seconds=40)
    with transaction(scene.sessions) as session:
        first, second = session.scalars(select(Message).order_by(Message.id).limit(2)).all()
        first.attempt, first.not_before, first.error = 1, soon, "TooManyRequestsException"
        second.attempt, second.error = 1, "soft_bounce"
        session.flush()
        campaign = session.get_one(Campaign, campaign_id)
        plan.make(session, campaign, quota(), now=FRIDAY_EVENING)
    assert moments(scene, campaign_id) == [soon, MONDAY_AT_EIGHT, MONDAY_AT_EIGHT]


def test_somebody_erased_meanwhile_does_not_stop_the_plan(scene: Scene) -> None:
    campaign_id = make_campaign(scene, 2, business_hours=True)
    launch_at(scene, campaign_id, scene.now, quota())
    with transaction(scene.sessions) as session:
        session.execute(update(Message).values(contact_id=None))
        campaign = session.get_one(Campaign, campaign_id)
        plan.make(session, campaign, quota(), now=FRIDAY_EVENING)
    assert set(moments(scene, campaign_id)) == {MONDAY_AT_EIGHT}


def test_a_campaign_that_somebody_is_changing_is_planned_later(scene: Scene) -> None:
    campaign_id = make_campaign(scene, 2, business_hours=True)
    launch_at(scene, campaign_id, scene.now, quota())
    with scene.sessions() as other, scene.sessions() as session:
        lifecycle.pause(other, campaign_id, reason="user", now=scene.now)
        assert not plan.remake(session, campaign_id, quota(), now=FRIDAY_EVENING)
        other.rollback()
    with scene.sessions() as session:
        lifecycle.pause(session, campaign_id, reason="user", now=scene.now)
        assert not plan.remake(session, campaign_id, quota(), now=FRIDAY_EVENING)


def test_the_forecast_is_what_the_plan_then_is(scene: Scene) -> None:
    set_caps(scene, domains={"iso.example": 3}, company=4)
    with transaction(scene.sessions) as session:
        source = make_source(session, scene.now)
        large = make_company(session, source, scene.now).id
    people: list[Facts] = [{"email": f"a{n}@iso.example"} for n in range(7)]
    people += [{"company_id": large, "countries": ["SE"]} for _ in range(9)]
    campaign_id = make_campaign(scene, people, business_hours=True, spread_days=True)
    limits = quota(8, rate=0.01)
    with scene.sessions() as session:
        campaign = session.get_one(Campaign, campaign_id)
        ask = build.ask_for(
            session,
            purpose=campaign.purpose,
            functions=frozenset(campaign.target_functions),
            now=scene.now,
        )
        tree = session.get_one(Segment, campaign.segment_id).tree
        told = plan.forecast(
            session,
            campaign,
            plan_rows.clear(tree, ask),
            limits,
            now=scene.now,
            starts_at=FRIDAY_EVENING,
        )
    launch_at(scene, campaign_id, FRIDAY_EVENING, limits)
    with scene.sessions() as session:
        made = plan.of(session, campaign_id)
    assert made == told
    assert told.messages == 16
    assert told.days == days(scene, campaign_id)
    assert {"hours", "domain", "company", "quota"} <= told.limits


def test_only_what_is_planned_for_now_is_claimed(
    scene: Scene, take: Callable[[int, datetime], list[int]]
) -> None:
    campaign_id = make_campaign(
        scene, [{"countries": ["FI"]}, {"countries": ["SE"]}], business_hours=True
    )
    launch_at(scene, campaign_id, FRIDAY_EVENING, quota())
    first, second = (message.id for message in scene.messages(campaign_id))
    assert take(campaign_id, FRIDAY_EVENING + 24 * HOUR) == []
    assert take(campaign_id, MONDAY_AT_EIGHT - timedelta(seconds=1)) == []
    assert take(campaign_id, MONDAY_AT_EIGHT) == [first]
    assert take(campaign_id, MONDAY_AT_EIGHT + HOUR) == [second]


@pytest.fixture
def take(scene: Scene) -> Callable[[int, datetime], list[int]]:
    """Claims what is due of a campaign at a moment; the ids of the messages."""
    from mailer.sending.claims import Claims

    def claim(campaign_id: int, moment: datetime) -> list[int]:
        with transaction(scene.sessions) as session:
            campaign = session.get_one(Campaign, campaign_id)
            ask = launch.ask(session, campaign, now=moment, asks_ledger=False)
            taken = Claims(campaign, ask).take(session, limit=50, now=moment)
            return [message.person.message_id for message in taken.messages]

    return claim


def test_what_is_tried_again_after_a_soft_bounce_waits_for_business_hours(scene: Scene) -> None:
    campaign_id = make_campaign(scene, 1, business_hours=True)
    launch_at(scene, campaign_id, scene.now, quota())
    with transaction(scene.sessions) as session:
        session.execute(
            update(Message).values(state="sent", attempt=1, claimed_at=scene.now, sent_at=scene.now)
        )
        lifecycle.move(session, campaign_id, to="sent", now=scene.now)
        message_id = session.scalars(select(Message.id)).one()
        session.add(
            Event(
                message_id=message_id,
                campaign_id=campaign_id,
                kind="soft_bounce",
                at=scene.now,
                details={"type": "Transient", "subtype": "MailboxFull"},
                dedupe_key="bounce-1",
            )
        )
    saturday = datetime(2026, 11, 28, 11, tzinfo=HELSINKI)
    with time_machine.travel(saturday, tick=False):
        jobs.retry_soft_bounced()
    assert scene.states(campaign_id) == {"queued": 1}
    assert moments(scene, campaign_id) == [MONDAY_AT_EIGHT]


def test_the_returning_job_keeps_plans_true(scene: Scene) -> None:
    campaign_id = make_campaign(scene, 2, business_hours=True)
    launch_at(scene, campaign_id, scene.now, pacing.quota(scene.here))
    with time_machine.travel(FRIDAY_EVENING, tick=False):
        jobs.keep_plans()
        jobs.keep_plans()
    assert set(moments(scene, campaign_id)) == {MONDAY_AT_EIGHT}
