"""The screens of messages that may or may not have left, and what a person decides of them."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask
from redis import Redis
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.audit import AuditEntry
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.events import effects
from mailer.sending import jobs, launch, uncertain
from mailer.sending.models import Message
from tests.sending.scene import Scene, make_scene
from tests.web.people import Browser, sign_in


@pytest.fixture
def scene(
    app: Flask, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        yield make_scene(
            installation.current().settings,
            sessions,
            redis,
            now,
            ses_endpoint_url="http://127.0.0.1:1",
        )


def make_lost(scene: Scene, people: int = 3, *, error: str = "http_500") -> int:
    """A campaign of which nobody knows whether anything left, two hours ago."""
    campaign_id = scene.make_campaign(people=people)
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        session.execute(
            update(Message)
            .where(Message.campaign_id == campaign_id)
            .values(
                state="uncertain",
                error=error,
                attempt=1,
                claimed_at=scene.now - timedelta(hours=2),
            )
        )
    return campaign_id


def stop(scene: Scene, campaign_id: int) -> None:
    with transaction(scene.sessions) as session:
        assert launch.stop(session, campaign_id, now=scene.now)


def entries(scene: Scene, action: str) -> list[AuditEntry]:
    with scene.sessions() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def decide(client: Browser, campaign_id: int, decision: str, **form: str) -> int:
    data = {"decision": decision, "which": "all", **form}
    return client.post(f"/campaigns/{campaign_id}/uncertain/decide", data=data).status_code


def test_nobody_decides_without_the_right(client: Browser, scene: Scene) -> None:
    campaign_id = make_lost(scene)
    for role in ("approver", "dpo"):
        sign_in(client, roles=[role])
        assert decide(client, campaign_id, "treat_as_sent") == 403
        page = client.get(f"/campaigns/{campaign_id}/uncertain").text
        assert 'type="checkbox"' not in page
    sign_in(client, roles=["auditor"])
    assert client.get(f"/campaigns/{campaign_id}/uncertain").status_code == 403
    assert scene.states(campaign_id) == {"uncertain": 3}


def test_the_page_names_who_since_when_and_why(client: Browser, scene: Scene) -> None:
    campaign_id = make_lost(scene)
    sign_in(client, roles=["marketer"], language="en")
    page = client.get(f"/campaigns/{campaign_id}/uncertain").text
    for address in scene.addresses():
        assert address in page
    assert "2 hours" in page
    assert "Amazon answered with an error that does not say" in page
    assert "a person has to decide" in page
    listed = client.get("/campaigns/uncertain").text
    assert f"/campaigns/{campaign_id}/uncertain" in listed
    assert "2 hours" in listed
    progress = client.get(f"/campaigns/{campaign_id}/progress").text
    assert f"/campaigns/{campaign_id}/uncertain" in progress
    assert "oldest: 2 hours" in progress


@pytest.mark.parametrize("query", ["", "which=ticked", "which=ticked&message=x", "which=all&"])
def test_a_decision_about_nothing_or_of_no_kind_changes_nothing(
    query: str, client: Browser, scene: Scene
) -> None:
    campaign_id = make_lost(scene)
    sign_in(client, roles=["marketer"], language="en")
    path = f"/campaigns/{campaign_id}/uncertain/decide?{query}"
    assert client.get(path).status_code == 400
    answer = client.get(f"{path}&decision=treat_as_sent")
    if "all" not in query:
        assert answer.status_code == 422
        assert "Tick at least one message" in answer.text
    assert decide(client, campaign_id, "treat_as_sent", which="ticked", messages="") == 400
    assert decide(client, campaign_id, "nonsense") == 400
    assert scene.states(campaign_id) == {"uncertain": 3}


def test_the_page_in_between_says_what_may_happen(client: Browser, scene: Scene) -> None:
    campaign_id = make_lost(scene)
    sign_in(client, roles=["marketer"], language="en")
    path = f"/campaigns/{campaign_id}/uncertain/decide?which=all&decision="
    assert "never gets it" in client.get(path + "treat_as_sent").text
    assert "may get it twice" in client.get(path + "send_again").text
    stop(scene, campaign_id)
    assert "Nothing is sent now" in client.get(path + "treat_as_not_sent").text
    assert scene.states(campaign_id) == {"uncertain": 3}


def test_ticked_messages_are_treated_as_sent_with_the_name_of_who_decided(
    client: Browser, scene: Scene
) -> None:
    campaign_id = make_lost(scene)
    user = sign_in(client, roles=["marketer"])
    chosen, left, _ = scene.messages(campaign_id)
    messages = f"{chosen.id} {chosen.id} 999999"
    assert decide(client, campaign_id, "treat_as_sent", which="ticked", messages=messages) == 303
    assert scene.states(campaign_id) == {"sent": 1, "uncertain": 2}
    with scene.sessions() as session:
        message = session.get_one(Message, chosen.id)
        assert (message.error, message.sent_at) == ("treated_as_sent", chosen.claimed_at)
        contacts = {c.id: c for c in session.scalars(select(Contact))}
    assert contacts[chosen.contact_id or 0].last_marketing_at == chosen.claimed_at
    assert contacts[chosen.contact_id or 0].art14_informed_at is None
    assert contacts[left.contact_id or 0].last_marketing_at is None
    (entry,) = entries(scene, "campaign.treated_as_sent")
    assert (entry.actor_id, entry.object_id) == (user.id, campaign_id)
    assert entry.details == {"messages": [chosen.id]}


def test_all_are_sent_again_through_the_gate(client: Browser, scene: Scene) -> None:
    campaign_id = make_lost(scene)
    sign_in(client, roles=["marketer"])
    with transaction(scene.sessions) as session:
        first = session.scalars(select(Contact).order_by(Contact.id)).first()
        assert first is not None
        first.restricted_at = scene.now
    assert decide(client, campaign_id, "send_again") == 303
    assert scene.states(campaign_id) == {"queued": 3}
    assert len(entries(scene, "campaign.sent_again")) == 1
    jobs.send(campaign_id)
    assert scene.states(campaign_id)["blocked"] == 1


def test_nothing_of_a_stopped_campaign_is_sent_again(client: Browser, scene: Scene) -> None:
    campaign_id = make_lost(scene)
    stop(scene, campaign_id)
    sign_in(client, roles=["marketer"], language="en")
    page = client.get(f"/campaigns/{campaign_id}/uncertain").text
    assert "Send again" not in page
    assert decide(client, campaign_id, "send_again") == 303
    assert scene.states(campaign_id) == {"uncertain": 3}
    with transaction(scene.sessions) as session:
        assert uncertain.send_again(session, campaign_id, now=scene.now, actor_id=None) == 0
    assert decide(client, campaign_id, "treat_as_not_sent") == 303
    assert scene.states(campaign_id) == {"cancelled": 3}
    assert "Nothing to decide" in client.get("/campaigns/uncertain").text


def test_what_was_settled_meanwhile_is_left_as_it_is(client: Browser, scene: Scene) -> None:
    campaign_id = make_lost(scene)
    sign_in(client, roles=["marketer"], language="en")
    with transaction(scene.sessions) as session:
        session.execute(update(Message).values(state="delivered"))
    for decision in ("treat_as_sent", "send_again"):
        assert decide(client, campaign_id, decision) == 303
    assert scene.states(campaign_id) == {"delivered": 3}
    assert entries(scene, "campaign.sent_again") == []


def test_messages_of_another_campaign_are_not_touched(client: Browser, scene: Scene) -> None:
    campaign_id, other = make_lost(scene), make_lost(scene)
    sign_in(client, roles=["marketer"])
    foreign = str(scene.messages(other)[0].id)
    decide(client, campaign_id, "treat_as_sent", which="ticked", messages=foreign)
    decide(client, campaign_id, "treat_as_sent")
    assert scene.states(campaign_id) == {"sent": 3}
    assert scene.states(other) == {"uncertain": 6}


def test_a_long_decision_is_audited_in_pieces(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = make_lost(scene, people=5)
    monkeypatch.setattr(uncertain, "_NAMED", 2)
    with transaction(scene.sessions) as session:
        uncertain.treat_as_sent(session, campaign_id, now=scene.now, actor_id=None)
    written = entries(scene, "campaign.treated_as_sent")
    named = [number for entry in written for number in entry.details["messages"]]
    assert [len(entry.details["messages"]) for entry in written] == [2, 2, 1]
    assert named == [message.id for message in scene.messages(campaign_id)]


def test_an_event_that_comes_after_the_decision_wins() -> None:
    assert effects.settle("sent", ["delivered"]) == "delivered"
    assert effects.settle("queued", ["sent"]) == "sent"
    assert effects.settle("cancelled", ["delivered"]) == "delivered"


@pytest.mark.parametrize("after", ["-1", "x", "9" * 30])
def test_a_place_in_the_list_that_is_no_number_is_no_page(
    after: str, client: Browser, scene: Scene
) -> None:
    campaign_id = make_lost(scene)
    sign_in(client, roles=["marketer"])
    page = client.get(f"/campaigns/{campaign_id}/uncertain", query_string={"after": after})
    assert page.status_code == 404
    assert client.get("/campaigns/987654/uncertain").status_code == 404
