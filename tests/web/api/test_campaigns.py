"""Campaigns through the API: the checks, the hold and the safeguards are those of the screen."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.adapters import queue, workers
from mailer.adapters.pace import Pace, Quota
from mailer.campaigns import lifecycle
from mailer.campaigns.models import Campaign, CampaignContent
from mailer.db import transaction
from tests.sending.scene import MJML, Scene, make_scene
from tests.web.api.caller import Api, codes
from tests.web.people import Browser, make_user
from tests.web.register import audited

Sessions = sessionmaker[Session]


@pytest.fixture
def scene(app: Flask, sessions: Sessions, redis: Redis, now: datetime) -> Iterator[Scene]:
    with time_machine.travel(now, tick=False):
        here = installation.current()
        queue.connect(redis)
        redis.sadd("rq:workers:send", "rq:worker:one")
        redis.set(f"{workers.ALIVE}one", "1", ex=600)
        Pace(redis, 1).set_limit(Quota(14.0, -1.0, 0.0, now.timestamp()))
        yield make_scene(here.settings, sessions, redis, now, ses_endpoint_url="http://127.0.0.1:1")


@pytest.fixture
def calls(scene: Scene, client: Browser) -> Api:
    return Api(client)


def schedule(api: Api, number: int, tag: str | None = '"1"', **body: Any) -> Any:
    headers = {"If-Match": tag} if tag else {}
    return api("POST", f"/campaigns/{number}/schedule", body, headers=headers)


def move(scene: Scene, number: int, state: str, **values: Any) -> None:
    with transaction(scene.sessions) as session:
        campaign = session.get_one(Campaign, number)
        campaign.state = state
        for name, value in values.items():
            setattr(campaign, name, value)


# Reading and drafting


def test_a_campaign_that_is_not_there_is_not_found(calls: Api) -> None:
    for path in ("/campaigns/1", "/campaigns/1/checks"):
        assert calls.get(path).status_code == 404
    for act in ("pause", "resume", "stop", "cancel"):
        assert calls.post(f"/campaigns/1/{act}").status_code == 404
    assert schedule(calls, 1).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "/name"),
        ({"name": "   "}, "/name"),
        ({"name": "x" * 121}, "/name"),
        ({"segment_id": 99}, "/segment_id"),
        ({"segment_id": True}, "/segment_id"),
        ({"segment_id": 1.0}, "/segment_id"),
        ({"purpose": "world_peace"}, "/purpose"),
        ({"purpose": "events"}, "/purpose"),
        ({"entity": "toinen"}, "/entity"),
        ({"sender_address": "x"}, "/sender_address"),
        ({"sender_address": "uutiset@toinen.example"}, "/sender_address"),
        ({"target_functions": ["kings"]}, "/target_functions/0"),
        ({"contents": {"de": {"subject": "x", "mjml": "x"}}}, "/contents/de"),
        ({"contents": {"fi": {"subject": "x"}}}, "/contents/fi/mjml"),
        ({"contents": {"fi": {"subject": "a\u202eb", "mjml": ""}}}, "/contents/fi/subject"),
        ({"state": "sending"}, "/state"),
        ({"created_by": 1}, "/created_by"),
    ],
)
def test_a_draft_with_wrong_values_is_not_made(
    api: Api, sessions: Sessions, change: dict[str, Any], field: str
) -> None:
    answer = api.post("/campaigns", {"name": "Kevät", **change})
    assert answer.status_code == 422
    assert field in codes(answer)
    with transaction(sessions) as session:
        assert session.query(Campaign).count() == 0


def test_a_draft_has_what_was_sent_and_the_rest_from_notice_and_segment(
    calls: Api, scene: Scene
) -> None:
    made = scene.campaign(scene.make_campaign(state="draft"))
    answer = calls.post(
        "/campaigns",
        {
            "name": "  Kevät   2027 ",
            "segment_id": made.segment_id,
            "relevance_basis": "Talous päättää.",
            "contents": {"sv": {"subject": "Hej\r\n", "mjml": MJML.replace("\n", "\r\n")}},
        },
    )
    assert answer.status_code == 201
    assert answer.json["problems"] == []
    shown = calls.get(f"/campaigns/{answer.json['id']}").json
    assert (shown["name"], shown["state"]) == ("Kevät 2027", "draft")
    assert shown["target_functions"] == ["finance"]
    assert shown["entity"] == "esimerkki"
    assert shown["contents"]["sv"] == {"subject": "Hej", "preheader": "", "mjml": MJML}
    assert answer.headers["ETag"] == f'"{shown["version"]}"'


def test_content_with_faults_is_kept_and_the_faults_are_told(calls: Api, scene: Scene) -> None:
    scene.make_campaign(state="draft")
    mjml = "<mjml><mj-body><mj-raw><script>alert(1)</script></mj-raw></mj-body></mjml>"
    answer = calls.post(
        "/campaigns", {"name": "Kevät", "contents": {"fi": {"subject": "x", "mjml": mjml}}}
    )
    assert answer.status_code == 201
    assert answer.json["problems"][0]["language"] == "fi"
    checks = calls.get(f"/campaigns/{answer.json['id']}/checks").json
    assert checks["ready"] is False
    assert "B10" in {check["code"] for check in checks["checks"] if check["effect"] == "block"}


def test_campaigns_are_listed_by_state(calls: Api, scene: Scene) -> None:
    first, second = scene.make_campaign(state="draft"), scene.make_campaign(state="sending")
    assert [each["id"] for each in calls.get("/campaigns").json["items"]] == [first, second]
    assert [each["id"] for each in calls.get("/campaigns", state="sending").json["items"]] == [
        second
    ]
    assert codes(calls.get("/campaigns", state="lost")) == {"state": "not_allowed"}


# Scheduling


def test_what_does_not_pass_its_checks_is_not_scheduled(
    calls: Api, scene: Scene, redis: Redis
) -> None:
    number = scene.make_campaign(state="draft")
    redis.delete(f"{workers.ALIVE}one")
    with transaction(scene.sessions) as session:
        session.get_one(Campaign, number).relevance_basis = ""
        session.query(CampaignContent).delete()
    answer = schedule(calls, number)
    assert (answer.status_code, answer.json["code"]) == (422, "checks_failed")
    assert {"B6", "B7", "B13"} <= {check["code"] for check in answer.json["checks"]}
    assert {check["effect"] for check in answer.json["checks"]} == {"block"}
    assert scene.campaign(number).state == "draft"


@pytest.mark.parametrize(
    ("tag", "status"), [(None, 428), ("*", 428), ('"2"', 412), ("1", 412), ('"1"', 200)]
)
def test_only_what_was_read_is_scheduled(
    calls: Api, scene: Scene, tag: str | None, status: int
) -> None:
    number = scene.make_campaign(state="draft")
    assert schedule(calls, number, tag).status_code == status
    assert (scene.campaign(number).state == "starting") == (status == 200)


@pytest.mark.parametrize(
    ("starts_at", "code"),
    [
        ("2026-11-24T08:59:59Z", "out_of_range"),
        ("2027-11-26T09:00:00Z", "out_of_range"),
        ("2027-02-30T09:00:00Z", "wrong_form"),
        ("2027-01-01T09:00:00", "wrong_form"),
        ("2027-01-01", "wrong_form"),
        ("0001-01-01T00:00:00+14:00", "out_of_range"),
        ("9999-12-31T23:59:59-14:00", "out_of_range"),
        ("2026-11-25T09:00:00+24:00", "wrong_form"),
        (1795510800, "wrong_type"),
    ],
)
def test_a_moment_that_cannot_be_is_refused(
    calls: Api, scene: Scene, starts_at: Any, code: str
) -> None:
    number = scene.make_campaign(state="draft")
    assert codes(schedule(calls, number, starts_at=starts_at)) == {"/starts_at": code}
    assert scene.campaign(number).state == "draft"


def test_a_scheduled_campaign_waits_and_can_be_taken_back(
    calls: Api, scene: Scene, now: datetime
) -> None:
    number = scene.make_campaign(state="draft")
    at = now + timedelta(days=2)
    answer = schedule(calls, number, starts_at=at.isoformat(), business_hours=True)
    assert answer.json["state"] == "scheduled"
    assert datetime.fromisoformat(answer.json["starts_at"]) == at
    assert scene.campaign(number).business_hours
    assert schedule(calls, number, answer.headers["ETag"]).json["code"] == "wrong_state"
    assert calls.post(f"/campaigns/{number}/cancel").json["state"] == "draft"
    assert calls.post(f"/campaigns/{number}/cancel").status_code == 409


def test_sending_now_begins_with_the_hold_and_sends_once_however_often_it_is_asked(
    calls: Api, scene: Scene
) -> None:
    number = scene.make_campaign(state="draft")
    headers = {"If-Match": '"1"', "Idempotency-Key": "send-1"}
    path = f"/campaigns/{number}/schedule"
    first = calls("POST", path, {}, headers=headers)
    again = calls("POST", path, {}, headers=headers)
    assert first.json["state"] == "starting"
    assert "W8" in first.json["warnings"]
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
    assert scene.messages(number) == []
    assert len(audited(scene.sessions, "campaign.starting")) == 1


# Under way


def test_another_persons_campaign_is_moved_in_the_name_of_the_tokens_user(
    scene: Scene, client: Browser
) -> None:
    owner, caller = make_user(name="Olli Omistaja"), make_user(roles=["marketer"])
    number = scene.make_campaign(state="sending")
    move(scene, number, "sending", created_by=owner.id)
    calls = Api(client, "campaigns.send", user=caller)
    assert calls.post(f"/campaigns/{number}/pause").status_code == 200
    (entry,) = audited(scene.sessions, "campaign.paused")
    assert entry.actor_id == caller.id
    (line,) = audited(scene.sessions, "api.changed")
    assert (line.object_id, line.details["call"]) == (number, "pause_campaign")


def test_who_may_not_send_moves_no_campaign(scene: Scene, client: Browser) -> None:
    number = scene.make_campaign(state="sending")
    calls = Api(client, "campaigns.send", "campaigns.read", roles=["approver"])
    for act in ("pause", "resume", "stop", "cancel"):
        assert calls.post(f"/campaigns/{number}/{act}").status_code == 403
    assert calls.get(f"/campaigns/{number}").json["state"] == "sending"


def test_pausing_resuming_and_stopping_hold_at_once(calls: Api, scene: Scene) -> None:
    number = scene.make_campaign(people=3)
    assert scene.launch(number) is not None
    assert calls.post(f"/campaigns/{number}/pause").json["state"] == "paused"
    assert calls.post(f"/campaigns/{number}/pause").json["code"] == "wrong_state"
    assert calls.post(f"/campaigns/{number}/resume").json["state"] == "sending"
    assert calls.post(f"/campaigns/{number}/resume").json["code"] == "wrong_state"
    assert calls.post(f"/campaigns/{number}/stop").json["state"] == "stopped"
    assert scene.states(number) == {"cancelled": 3}
    for act in ("pause", "resume", "stop", "cancel"):
        answer = calls.post(f"/campaigns/{number}/{act}")
        assert (answer.status_code, answer.json["state"]) == (409, "stopped")


def test_what_a_safeguard_has_paused_no_machine_lets_go_on(
    calls: Api, scene: Scene, now: datetime
) -> None:
    number = scene.make_campaign()
    scene.launch(number)
    with transaction(scene.sessions) as session:
        lifecycle.pause(session, number, reason="brake_bounces", now=now)
    answer = calls.post(f"/campaigns/{number}/resume")
    assert (answer.status_code, answer.json["code"]) == (409, "reason_of_pause")
    assert answer.json["pause_reason"] == "brake_bounces"
    assert scene.campaign(number).state == "paused"


def test_what_has_not_begun_can_only_be_taken_back(calls: Api, scene: Scene) -> None:
    number = scene.make_campaign(state="scheduled")
    for act in ("pause", "resume", "stop"):
        assert calls.post(f"/campaigns/{number}/{act}").status_code == 409
    assert scene.campaign(number).state == "scheduled"
    assert calls.get(f"/campaigns/{number}/checks").json["code"] == "wrong_state"
