"""The screens of when: the choices and the forecast of a campaign, and the settings of sending."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.adapters import queue, workers
from mailer.adapters.pace import Pace, Quota
from mailer.campaigns import lifecycle
from mailer.campaigns.models import SenderDomain
from mailer.db import transaction
from mailer.sending import caps, launch, warmup
from mailer.sending.caps import Caps
from tests.sending.scene import Scene, make_scene
from tests.web.people import Browser, sign_in


@pytest.fixture
def scene(
    app: Flask, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        here = installation.current()
        queue.connect(redis)
        redis.sadd("rq:workers:send", "rq:worker:one")
        redis.set(f"{workers.ALIVE}one", "1", ex=600)
        yield make_scene(here.settings, sessions, redis, now, ses_endpoint_url="http://127.0.0.1:1")


def set_quota(redis: Redis, now: datetime, **facts: float) -> None:
    values = {"rate": 14.0, "per_day": -1.0, "used": 0.0, "checked_at": now.timestamp(), **facts}
    Pace(redis, 1).set_limit(Quota(**values))


def hash_of(page: str) -> str:
    found = re.search(r'name="content_hash" value="([^"]*)"', page)
    assert found
    return found.group(1)


def test_more_than_the_quota_is_refused_until_days_are_agreed_to(
    scene: Scene, client: Browser, redis: Redis, now: datetime
) -> None:
    set_quota(redis, now, per_day=5)
    campaign_id = scene.make_campaign(people=12, state="draft")
    sign_in(client, roles=["marketer"])
    url = f"/campaigns/{campaign_id}/review"
    page = client.get(url).text
    assert "The sending is larger than what is left of the quota" in page
    assert 'href="#f-spread_days"' in page
    answer = client.post(url, data={"when": "now", "content_hash": hash_of(page)})
    assert answer.status_code == 422
    assert scene.campaign(campaign_id).state == "draft"
    assert not scene.campaign(campaign_id).spread_days

    data = {"when": "now", "content_hash": hash_of(page), "spread_days": "1"}
    assert client.post(url, data=data).status_code == 303
    campaign = scene.campaign(campaign_id)
    assert (campaign.state, campaign.spread_days, campaign.business_hours) == (
        "starting",
        True,
        False,
    )


def test_the_forecast_follows_the_choices_without_keeping_them(
    scene: Scene, client: Browser, redis: Redis, now: datetime
) -> None:
    set_quota(redis, now)
    campaign_id = scene.make_campaign(people=3, state="draft")
    sign_in(client, roles=["marketer"])
    saturday = {"chosen": "1", "when": "at", "date": "2026-11-28", "time": "10:00"}
    url = f"/campaigns/{campaign_id}/review"
    headers = {"HX-Request": "true"}
    part = client.get(url, query_string={**saturday, "business_hours": "1"}, headers=headers).text
    assert "<html" not in part
    assert "Mon 30 November 2026, 8:00" in part
    assert "business hours of its recipient" in part
    part = client.get(url, query_string=saturday, headers=headers).text
    assert "Sat 28 November 2026, 10:00" in part
    assert not scene.campaign(campaign_id).business_hours


def test_hours_that_are_chosen_are_kept_with_the_schedule_and_shown_again(
    scene: Scene, client: Browser, redis: Redis, now: datetime
) -> None:
    set_quota(redis, now)
    campaign_id = scene.make_campaign(people=3, state="draft")
    sign_in(client, roles=["marketer"])
    url = f"/campaigns/{campaign_id}/review"
    data = {"when": "now", "content_hash": hash_of(client.get(url).text), "business_hours": "1"}
    assert client.post(url, data=data).status_code == 303
    assert scene.campaign(campaign_id).business_hours
    client.post(f"/campaigns/{campaign_id}/cancel")
    assert re.search(r'name="business_hours"[^>]* checked', client.get(url).text)


def test_a_new_campaign_keeps_business_hours_unless_said_otherwise(
    scene: Scene, client: Browser
) -> None:
    scene.make_campaign(people=1, state="draft")
    sign_in(client, roles=["marketer"])
    answer = client.post("/campaigns/new", data={"name": "Uusi"})
    campaign_id = int(answer.location.split("/")[-2])
    assert scene.campaign(campaign_id).business_hours


def test_the_check_page_warns_of_other_messages_in_the_week(
    scene: Scene, client: Browser, redis: Redis, now: datetime
) -> None:
    set_quota(redis, now)
    other = scene.make_campaign(people=3, state="scheduled")
    with transaction(scene.sessions) as session:
        lifecycle.move(session, other, to="draft", now=now, starts_at=None)
        lifecycle.move(session, other, to="scheduled", now=now, starts_at=now + timedelta(days=2))
    campaign_id = scene.make_campaign(people=2, state="draft")
    sign_in(client, roles=["marketer"])
    page = client.get(f"/campaigns/{campaign_id}/review").text
    assert "5 of these get another message within a week" in page
    assert "Uutiskirje" in page


def test_the_progress_page_tells_when_it_will_be_done_and_why(
    scene: Scene, client: Browser, redis: Redis, now: datetime
) -> None:
    set_quota(redis, now, per_day=5)
    campaign_id = scene.make_campaign(people=12)
    with transaction(scene.sessions) as session:
        campaign = scene.campaign(campaign_id)
        session.merge(campaign).spread_days = True
    with transaction(scene.sessions) as session:
        quota = Pace(redis, 1).quota()
        launch.launch(session, campaign_id, now=now, quota=quota)
    sign_in(client, roles=["marketer"])
    page = client.get(f"/campaigns/{campaign_id}/progress").text
    assert "It will be done about Thu 26 November 2026" in page
    assert "24-hour quota spreads the sending over days" in page
    assert "Tue 24 November 2026" in page

    client.post(f"/campaigns/{campaign_id}/pause")
    paused = client.get(f"/campaigns/{campaign_id}/progress").text
    assert "It will be done" not in paused
    set_quota(redis, now)
    client.post(f"/campaigns/{campaign_id}/resume")
    assert "It will be done about Thu" not in client.get(f"/campaigns/{campaign_id}/progress").text
    assert all(
        each.not_before <= now + timedelta(minutes=10) for each in scene.messages(campaign_id)
    )


def test_the_settings_show_the_quota_and_the_rate(
    scene: Scene, client: Browser, redis: Redis, now: datetime
) -> None:
    sign_in(client, roles=["admin"])
    set_quota(redis, now, per_day=50_000, used=1_200)
    page = client.get("/settings/sending").text
    assert "48,800 of 50,000 messages are left" in page
    assert "At most 14 messages a second; we keep to 12.6" in page
    set_quota(redis, now, per_day=-1, used=3)
    assert "There is no limit in 24 hours" in client.get("/settings/sending").text
    redis.delete("lupaposti:quota")
    assert "has not told its limits yet" in client.get("/settings/sending").text
    assert "/settings/sending" in client.get("/settings").text


def test_caps_are_saved_and_audited(scene: Scene, client: Browser) -> None:
    sign_in(client, roles=["admin"])
    data = {
        "domains": "Outlook.com: 500\n\n gmail.com 2000\niso.example=40",
        "others": "",
        "company": "20",
    }
    assert client.post("/settings/sending/caps", data=data).status_code == 303
    with scene.sessions() as session:
        assert caps.in_force(session) == Caps(
            {"gmail.com": 2000, "iso.example": 40, "outlook.com": 500}, None, 20
        )
    assert "iso.example 40" in client.get("/settings/sending").text


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("domains", "outlook.com"),
        ("domains", "outlook.com -5"),
        ("domains", "outlook.com 0"),
        ("domains", "outlook.com 99999999999"),
        ("domains", "<script> 5"),
        ("domains", "ääkkönen.fi 5"),
        ("domains", "\n".join(f"d{n}.example 5" for n in range(201))),
        ("others", "0"),
        ("others", "-1"),
        ("others", "many"),
        ("others", "9" * 5000),
        ("company", "1.5"),
        ("company", "٣"),
    ],
)
def test_caps_that_make_no_sense_are_refused_and_nothing_is_changed(
    scene: Scene, client: Browser, field: str, text: str
) -> None:
    sign_in(client, roles=["admin"])
    data = {"domains": "outlook.com 5", "others": "", "company": "", field: text}
    answer = client.post("/settings/sending/caps", data=data)
    assert answer.status_code == 422
    assert f'href="#f-{field}"' in answer.text
    with scene.sessions() as session:
        assert caps.in_force(session) == Caps(dict(caps.DOMAINS))


def test_a_warm_up_is_shown_ended_and_begun(scene: Scene, client: Browser, now: datetime) -> None:
    scene.make_campaign(people=1)
    with transaction(scene.sessions) as session:
        session.get_one(SenderDomain, "esimerkki.example").warming = True
        session.flush()
        warmup.turn(session, now=now)
    sign_in(client, roles=["admin"])
    page = client.get("/settings/sending").text
    assert "Warming up" in page
    assert "150,000" in page
    end = "/settings/sending/warmup/esimerkki.example/end"
    assert "already sent as much from elsewhere" in client.get(end).text
    assert client.post(end).status_code == 303
    assert "No warm-up" in client.get("/settings/sending").text
    begin = "/settings/sending/warmup/esimerkki.example/begin"
    assert "200 messages on the first day" in client.get(begin).text
    assert client.post(begin).status_code == 303
    assert "Warming up" in client.get("/settings/sending").text


@pytest.mark.parametrize(
    "path", ["nobody.example/end", "esimerkki.example/nonsense", "%00/end", "x" * 5000 + "/end"]
)
def test_there_is_no_warm_up_of_anything_else(scene: Scene, client: Browser, path: str) -> None:
    scene.make_campaign(people=1)
    sign_in(client, roles=["admin"])
    assert client.get(f"/settings/sending/warmup/{path}").status_code in (400, 404)
    assert client.post(f"/settings/sending/warmup/{path}").status_code in (400, 404)


def test_who_may_not_edit_settings_may_not_change_caps(scene: Scene, client: Browser) -> None:
    sign_in(client, roles=["marketer"])
    assert client.post("/settings/sending/caps", data={}).status_code == 403
    assert client.post("/settings/sending/warmup/esimerkki.example/end").status_code == 403
