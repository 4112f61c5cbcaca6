"""The screens of campaigns, from an empty list to the lists of who got the message."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from redis import Redis
from rq import Queue
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.adapters import queue, workers
from mailer.audit import AuditEntry
from mailer.campaigns import lifecycle
from mailer.campaigns.models import Campaign, CampaignContent
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.sending import launch
from mailer.sending.models import Message
from tests.sending.scene import MJML, Scene, make_scene
from tests.web.people import Browser, sign_in


@pytest.fixture
def scene(
    app: Flask, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        here = installation.current()
        queue.connect(redis)
        # As worker.py would: registered at the queue, and alive.
        redis.sadd("rq:workers:send", "rq:worker:one")
        redis.set(f"{workers.ALIVE}one", "1", ex=60)
        yield make_scene(here.settings, sessions, redis, now, ses_endpoint_url="http://127.0.0.1:1")


def campaign_of(scene: Scene, campaign_id: int) -> Campaign:
    return scene.campaign(campaign_id)


def version_of(page: str) -> str:
    found = re.search(r'name="version" value="([^"]*)"', page)
    assert found
    return found.group(1)


def hash_of(page: str) -> str:
    found = re.search(r'name="content_hash" value="([^"]*)"', page)
    assert found
    return found.group(1)


def recipients(campaign: Campaign, **changes: Any) -> dict[str, Any]:
    return {
        "version": str(campaign.version),
        "name": campaign.name,
        "segment_id": str(campaign.segment_id),
        "target_functions": campaign.target_functions,
        "purpose": campaign.purpose,
        "relevance_basis": campaign.relevance_basis,
        "entity": campaign.entity,
        "sender_name": campaign.sender_name,
        "sender_address": campaign.sender_address,
        "reply_to": campaign.reply_to,
        **changes,
    }


def test_an_empty_list_says_what_a_campaign_is(client: Browser, scene: Scene) -> None:
    sign_in(client)
    page = client.get("/campaigns")
    assert page.status_code == 200
    assert "No campaigns yet" in page.text


def test_a_new_campaign_needs_a_name(client: Browser, scene: Scene) -> None:
    sign_in(client)
    client.get("/campaigns/new")
    assert client.post("/campaigns/new", data={"name": " "}).status_code == 422
    assert client.post("/campaigns/new", data={"name": "x" * 121}).status_code == 422
    answer = client.post("/campaigns/new", data={"name": " Syys  webinaari "})
    assert answer.status_code == 303
    page = client.get(answer.location)
    assert page.status_code == 200
    assert "Syys webinaari" in page.text


def test_a_campaign_begun_at_a_segment_has_it_and_its_functions(
    client: Browser, scene: Scene
) -> None:
    original = scene.make_campaign(state="draft")
    with scene.sessions() as session:
        segment_id = session.get_one(Campaign, original).segment_id
    sign_in(client)
    name = "Syyswebinaari"
    assert (
        f'name="segment" value="{segment_id}"'
        in client.get(f"/campaigns/new?segment={segment_id}").text
    )
    for wrong in ("0", "x", "9" * 30):
        assert client.get(f"/campaigns/new?segment={wrong}").status_code == 200
    assert (
        client.post("/campaigns/new", data={"name": "", "segment": segment_id}).status_code == 422
    )
    client.post("/campaigns/new", data={"name": name, "segment": segment_id})
    with scene.sessions() as session:
        made = session.scalars(select(Campaign).where(Campaign.name == name)).one()
    assert made.segment_id == segment_id
    assert made.target_functions == ["finance"]


@pytest.mark.parametrize("state", lifecycle.TRANSITIONS)
def test_every_state_has_its_place_in_the_list_and_a_page(
    client: Browser, scene: Scene, state: str
) -> None:
    campaign_id = scene.make_campaign(people=2, state=state)
    sign_in(client)
    for tab in ("drafts", "scheduled", "sending", "sent", "all", "nonsense"):
        assert client.get(f"/campaigns?tab={tab}&sort=-name").status_code == 200
    page = client.get(f"/campaigns/{campaign_id}", follow_redirects=True)
    assert page.status_code == (200 if state != "waiting_for_approval" else page.status_code)
    assert "Uutiskirje" in page.text


def test_the_first_step_counts_and_says_why_people_are_left_out(
    client: Browser, scene: Scene
) -> None:
    campaign_id = scene.make_campaign(people=3, state="draft")
    with transaction(scene.sessions) as session:
        contact = session.scalars(select(Contact)).first()
        assert contact is not None
        contact.restricted_at = scene.now
    sign_in(client)
    page = client.get(f"/campaigns/{campaign_id}/recipients").text
    assert '<div class="big">2</div>' in page
    assert "Processing of the person&#39;s data is restricted." in page
    left_out = client.get(f"/campaigns/{campaign_id}/people?reason=restricted")
    assert left_out.text.count("@yritys.example") == 1
    assert client.get(f"/campaigns/{campaign_id}/people?reason=nonsense").status_code == 404
    segment_id = campaign_of(scene, campaign_id).segment_id
    asked = client.get(
        f"/campaigns/{campaign_id}/waterfall?segment_id={segment_id}"
        "&target_functions=it&purpose=e_marketing"
    )
    assert '<div class="big">0</div>' in asked.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("segment_id", "999999"),
        ("segment_id", "9" * 40),
        ("purpose", "nonsense"),
        ("purpose", "events"),
        ("entity", "nobody"),
        ("sender_address", "not an address"),
        ("sender_address", "someone@other.example"),
        ("reply_to", "<script>"),
        ("relevance_basis", "x" * 1001),
        ("sender_name", "x" * 101),
    ],
)
def test_a_first_step_that_cannot_be_used_is_shown_again(
    client: Browser, scene: Scene, field: str, value: str
) -> None:
    campaign_id = scene.make_campaign(state="draft")
    campaign = campaign_of(scene, campaign_id)
    sign_in(client)
    client.get(f"/campaigns/{campaign_id}/recipients")
    answer = client.post(
        f"/campaigns/{campaign_id}/recipients", data=recipients(campaign, **{field: value})
    )
    assert answer.status_code == 422
    assert f'href="#f-{field}"' in answer.text
    assert campaign_of(scene, campaign_id).version == campaign.version


def test_of_two_people_editing_the_second_is_told_who_was_first(
    client: Browser, scene: Scene
) -> None:
    campaign_id = scene.make_campaign(state="draft")
    campaign = campaign_of(scene, campaign_id)
    sign_in(client, name="Kalle Kirjoittaja")
    client.get(f"/campaigns/{campaign_id}/recipients")
    first = client.post(
        f"/campaigns/{campaign_id}/recipients", data=recipients(campaign, name="Eka")
    )
    assert first.status_code == 303
    second = client.post(
        f"/campaigns/{campaign_id}/recipients", data=recipients(campaign, name="Toka")
    )
    assert second.status_code == 409
    assert "Kalle Kirjoittaja" in second.text
    assert "Toka" in second.text
    assert campaign_of(scene, campaign_id).name == "Eka"


def test_content_is_saved_with_its_faults_and_says_where_they_are(
    client: Browser, scene: Scene
) -> None:
    campaign_id = scene.make_campaign(state="draft")
    sign_in(client)
    where = f"/campaigns/{campaign_id}/content/sv"
    page = client.get(where)
    answer = client.post(
        where,
        data={
            "version": version_of(page.text),
            "subject": "Hej",
            "preheader": "",
            "mjml": "<mjml>\n<mj-body>\n<mj-foo/>\n</mj-body></mjml>",
        },
    )
    assert answer.status_code == 303
    page = client.get(where)
    assert 'data-line="3"' in page.text
    assert "&lt;mj-foo&gt;" in page.text
    stale = client.post(where, data={"version": "", "subject": "x", "preheader": "", "mjml": ""})
    assert stale.status_code == 409


def test_the_starter_message_can_be_sent_as_it_is_and_copied_to_another_language(
    client: Browser, scene: Scene
) -> None:
    campaign_id = scene.make_campaign(state="draft", languages=())
    sign_in(client)
    client.get(f"/campaigns/{campaign_id}/content/fi")
    assert client.post(f"/campaigns/{campaign_id}/content/fi/start").status_code == 303
    page = client.get(f"/campaigns/{campaign_id}/content/fi").text
    assert "The content can be made" in page
    assert (
        client.post(f"/campaigns/{campaign_id}/content/sv/start", data={"from": "fi"}).status_code
        == 303
    )
    with scene.sessions() as session:
        texts = set(session.scalars(select(CampaignContent.mjml)))
        assert len(texts) == 1
    preview = client.get(f"/campaigns/{campaign_id}/preview/sv")
    assert "Esimerkki Oy" in preview.text


def test_a_preview_has_its_own_policy_and_no_script_can_run_in_it(
    client: Browser, scene: Scene
) -> None:
    campaign_id = scene.make_campaign(state="draft")
    with transaction(scene.sessions) as session:
        contact = session.scalars(select(Contact)).first()
        assert contact is not None
        contact.first_name = "<script>alert(1)</script>"
        contact_id = contact.id
    sign_in(client)
    for view in ("desktop", "mobile", "dark", "images_off", "text"):
        answer = client.get(f"/campaigns/{campaign_id}/preview/fi?view={view}&contact={contact_id}")
        assert answer.status_code == 200
        assert "<script" not in answer.text
        assert "&lt;script&gt;alert(1)" in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src")
        assert "sandbox" in policy
        assert "script-src" not in policy
    assert (
        "img-src 'none'"
        in client.get(f"/campaigns/{campaign_id}/preview/fi?view=images_off").headers[
            "Content-Security-Policy"
        ]
    )
    assert client.get(f"/campaigns/{campaign_id}/preview/de").status_code == 404


def test_unsaved_text_is_previewed_and_stays_unsaved(client: Browser, scene: Scene) -> None:
    campaign_id = scene.make_campaign(state="draft")
    sign_in(client)
    client.get(f"/campaigns/{campaign_id}/content/fi")
    look = client.post(
        f"/campaigns/{campaign_id}/content/fi/look",
        data={"subject": "Uusi", "preheader": "", "mjml": MJML.replace("Hei", "Päivää")},
        headers={"HX-Request": "true"},
    )
    found = re.search(r'src="([^"]+/preview/[^"]+)"', look.text)
    assert found
    preview = client.get(found.group(1).replace("&amp;", "&"))
    assert "Päivää" in preview.text
    assert "Päivää" not in client.get(f"/campaigns/{campaign_id}/content/fi").text


def test_the_check_page_names_what_blocks_and_nothing_is_sent(
    client: Browser, scene: Scene
) -> None:
    campaign_id = scene.make_campaign(state="draft")
    with transaction(scene.sessions) as session:
        session.get_one(Campaign, campaign_id).relevance_basis = ""
    sign_in(client)
    page = client.get(f"/campaigns/{campaign_id}/review")
    assert "1 thing stops the sending." in page.text
    answer = client.post(
        f"/campaigns/{campaign_id}/review",
        data={"when": "now", "content_hash": hash_of(page.text)},
    )
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert f"/campaigns/{campaign_id}/recipients#f-relevance_basis" in answer.text
    assert campaign_of(scene, campaign_id).state == "draft"


def test_sending_begins_with_a_hold_that_can_be_cancelled(client: Browser, scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=3, state="draft")
    sign_in(client)
    page = client.get(f"/campaigns/{campaign_id}/review").text
    assert "Send 3 messages" in page
    answer = client.post(
        f"/campaigns/{campaign_id}/review", data={"when": "now", "content_hash": hash_of(page)}
    )
    assert answer.status_code == 303
    assert campaign_of(scene, campaign_id).state == "starting"
    hold = client.get(answer.location)
    assert re.search(r"(59|60) seconds", hold.text)
    assert "is about to be sent" in client.get("/campaigns").text
    counted = client.get(answer.location, headers={"HX-Request": "true"})
    assert "<html" not in counted.text
    assert "second" in counted.text
    assert client.post(f"/campaigns/{campaign_id}/cancel").status_code == 303
    campaign = campaign_of(scene, campaign_id)
    assert (campaign.state, campaign.starts_at) == ("draft", None)
    assert scene.states(campaign_id) == {}


def test_content_changed_behind_the_open_check_page_is_not_sent(
    client: Browser, scene: Scene
) -> None:
    campaign_id = scene.make_campaign(state="draft")
    sign_in(client)
    page = client.get(f"/campaigns/{campaign_id}/review").text
    with transaction(scene.sessions) as session:
        content = session.scalars(select(CampaignContent)).one()
        content.mjml = content.mjml.replace("Hei", "Moi")
    answer = client.post(
        f"/campaigns/{campaign_id}/review", data={"when": "now", "content_hash": hash_of(page)}
    )
    assert answer.status_code == 422
    assert campaign_of(scene, campaign_id).state == "draft"


@pytest.mark.parametrize(
    ("day", "hour"),
    [
        ("", ""),
        ("2026-11-23", "09:00"),
        ("2027-03-28", "03:30"),
        ("9999-12-31", "23:59"),
        ("2030-01-01", "09:00"),
        ("tomorrow", "nine"),
    ],
)
def test_a_time_that_cannot_be_is_refused(
    client: Browser, scene: Scene, day: str, hour: str
) -> None:
    campaign_id = scene.make_campaign(state="draft")
    sign_in(client)
    page = client.get(f"/campaigns/{campaign_id}/review").text
    answer = client.post(
        f"/campaigns/{campaign_id}/review",
        data={"when": "at", "date": day, "time": hour, "content_hash": hash_of(page)},
    )
    assert answer.status_code == 422
    assert campaign_of(scene, campaign_id).state == "draft"


def test_a_campaign_is_scheduled_in_helsinki_time(client: Browser, scene: Scene) -> None:
    campaign_id = scene.make_campaign(state="draft")
    sign_in(client)
    page = client.get(f"/campaigns/{campaign_id}/review").text
    answer = client.post(
        f"/campaigns/{campaign_id}/review",
        data={
            "when": "at",
            "date": "2026-11-25",
            "time": "09:00",
            "content_hash": hash_of(page),
        },
    )
    assert answer.status_code == 303
    campaign = campaign_of(scene, campaign_id)
    assert campaign.state == "scheduled"
    assert campaign.starts_at == datetime(2026, 11, 25, 7, 0, tzinfo=scene.now.tzinfo)
    assert "25 November 2026, 9:00" in client.get(answer.location).text


def test_pause_resume_and_stop_leave_two_exact_lists(
    client: Browser, scene: Scene, redis: Redis
) -> None:
    campaign_id = scene.make_campaign(people=5)
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        for message in session.scalars(select(Message).order_by(Message.id).limit(2)):
            message.state, message.sent_at = "sent", scene.now
    sign_in(client)
    progress = client.get(f"/campaigns/{campaign_id}/progress")
    assert "2 / 5" in progress.text
    assert client.post(f"/campaigns/{campaign_id}/pause").status_code == 303
    assert campaign_of(scene, campaign_id).state == "paused"
    redis.delete("rq:queue:send")
    assert client.post(f"/campaigns/{campaign_id}/resume").status_code == 303
    assert campaign_of(scene, campaign_id).state == "sending"
    assert Queue("send", connection=redis).count == 1
    asked = client.get(f"/campaigns/{campaign_id}/stop")
    assert campaign_of(scene, campaign_id).state == "sending"
    assert "Would be cancelled" in asked.text
    assert client.post(f"/campaigns/{campaign_id}/stop").status_code == 303
    assert campaign_of(scene, campaign_id).state == "stopped"
    page = client.get(f"/campaigns/{campaign_id}/progress").text
    assert "2 people got the message, 3 did not." in page
    assert client.get(f"/campaigns/{campaign_id}/list/got").text.count("@yritys.example") == 2
    assert client.get(f"/campaigns/{campaign_id}/list/not").text.count("@yritys.example") == 3
    assert client.get(f"/campaigns/{campaign_id}/list/nonsense").status_code == 404


def test_a_brake_is_released_only_with_a_tick(client: Browser, scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=2)
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        lifecycle.pause(session, campaign_id, reason="MessageRejected", now=scene.now)
    sign_in(client)
    client.get(f"/campaigns/{campaign_id}/progress")
    client.post(f"/campaigns/{campaign_id}/resume")
    assert campaign_of(scene, campaign_id).state == "paused"
    client.post(f"/campaigns/{campaign_id}/resume", data={"checked": "1"})
    assert campaign_of(scene, campaign_id).state == "sending"


def test_a_list_is_exported_as_harmless_cells_and_noted(client: Browser, scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=1)
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        contact = session.scalars(select(Contact)).one()
        contact.first_name = "=1+1"
        launch.stop(session, campaign_id, now=scene.now)
    sign_in(client, roles=["marketer"])
    assert client.get(f"/campaigns/{campaign_id}/list/not.csv").status_code == 403
    sign_in(client, roles=["dpo"])
    answer = client.get(f"/campaigns/{campaign_id}/list/not.csv")
    assert answer.mimetype == "text/csv"
    assert ";'=1+1;" in answer.text
    with scene.sessions() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "campaign.exported")
        ).one()
        assert entry.details == {"list": "not", "people": 1}


def test_a_test_goes_to_colleagues_that_exist_in_languages_that_are_written(
    client: Browser, scene: Scene, redis: Redis
) -> None:
    campaign_id = scene.make_campaign(state="draft", languages=("fi", "sv"))
    user = sign_in(client)
    where = f"/campaigns/{campaign_id}/test"
    client.get(where)
    redis.delete("rq:queue:send")
    for data in (
        {},
        {"users": "999", "languages": "fi"},
        {"users": str(user.id), "languages": "en"},
    ):
        assert client.post(where, data=data).status_code == 422
    assert Queue("send", connection=redis).count == 0
    answer = client.post(
        where, data={"users": str(user.id), "languages": ["fi", "sv"], "contact": "12345"}
    )
    assert answer.status_code == 303
    jobs = Queue("send", connection=redis).jobs
    assert [job.args for job in jobs] == [
        (campaign_id, user.id, "fi", 0),
        (campaign_id, user.id, "sv", 0),
    ]


def test_nothing_of_a_campaign_that_left_draft_can_be_edited(client: Browser, scene: Scene) -> None:
    campaign_id = scene.make_campaign(state="scheduled")
    campaign = campaign_of(scene, campaign_id)
    sign_in(client)
    client.get("/campaigns")
    with transaction(scene.sessions) as session:
        session.get_one(Campaign, campaign_id).starts_at = scene.now + timedelta(days=1)
    base = f"/campaigns/{campaign_id}"
    posts = [
        (f"{base}/recipients", recipients(campaign, name="Uusi")),
        (f"{base}/content/fi", {"subject": "Uusi", "mjml": ""}),
        (f"{base}/content/fi/delete", {}),
        (f"{base}/content/sv/start", {}),
        (f"{base}/delete", {}),
        (f"{base}/test", {}),
    ]
    for address, data in posts:
        assert client.post(address, data=data).status_code == 303
    with scene.sessions() as session:
        assert session.get_one(Campaign, campaign_id).name == "Uutiskirje"
        assert len(session.scalars(select(CampaignContent)).all()) == 1


def test_a_draft_is_copied_and_deleted(client: Browser, scene: Scene) -> None:
    campaign_id = scene.make_campaign(state="draft")
    sign_in(client)
    client.get("/campaigns")
    assert client.post(f"/campaigns/{campaign_id}/copy").status_code == 303
    assert client.get(f"/campaigns/{campaign_id}/delete").status_code == 200
    assert client.post(f"/campaigns/{campaign_id}/delete").status_code == 303
    with scene.sessions() as session:
        copy = session.scalars(select(Campaign)).one()
        assert copy.name == "Copy of Uutiskirje"
        assert len(session.scalars(select(CampaignContent)).all()) == 1


def test_who_may_only_read_sees_no_way_to_send(client: Browser, scene: Scene) -> None:
    campaign_id = scene.make_campaign(state="draft")
    sign_in(client, roles=["approver"])
    page = client.get(f"/campaigns/{campaign_id}/review")
    assert page.status_code == 200
    assert "Send 3 messages" not in page.text
    for address in ("review", "cancel", "pause", "resume", "stop"):
        assert client.post(f"/campaigns/{campaign_id}/{address}").status_code == 403
    sign_in(client, roles=["auditor"])
    assert client.get(f"/campaigns/{campaign_id}/review").status_code == 403


def test_a_campaign_that_is_not_there_is_a_page_that_says_so(client: Browser, scene: Scene) -> None:
    sign_in(client)
    for path in ("", "/recipients", "/content", "/content/fi", "/review", "/progress", "/hold"):
        assert client.get(f"/campaigns/999999{path}").status_code == 404
    assert client.get(f"/campaigns/{'9' * 30}/review").status_code == 404
