"""Replies on the screen: read by a person, obeyed by one button, taken back with a reason."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import suppression
from mailer.contacts.address import address_key, canonical
from mailer.contacts.models import Suppression
from mailer.db import transaction
from mailer.events.mail_models import InboundMessage
from tests.web.people import Browser, sign_in
from tests.web.register import audited

Sessions = sessionmaker[Session]
ANNA = "anna.aalto@puutyo.example"


def add(sessions: Sessions, **values: Any) -> int:
    defaults: dict[str, Any] = {
        "kind": "request",
        "state": "new",
        "sender": ANNA,
        "sender_key": address_key(canonical(ANNA)),
        "subject": "Re: Palkat",
        "excerpt": "Poistakaa Matti listalta.\nHän on eläkkeellä.",
        "received_at": clock.now(),
        "proven": True,
    }
    with transaction(sessions) as session:
        values.setdefault("ses_id", f"mail{len(session.scalars(select(InboundMessage)).all())}")
        mail = InboundMessage(**(defaults | values))
        session.add(mail)
        session.flush()
        return mail.id


def state_of(sessions: Sessions, mail_id: int) -> str:
    with sessions() as session:
        return session.get_one(InboundMessage, mail_id).state


def is_stopped(sessions: Sessions) -> bool:
    with sessions() as session:
        return bool(suppression.find(session, canonical(ANNA)))


@pytest.mark.parametrize(
    ("roles", "status"),
    [(["auditor"], 403), (["approver"], 200), (["marketer"], 200), (["dpo"], 200)],
)
def test_who_sees_the_suppression_list_sees_replies(
    client: Browser, roles: list[str], status: int
) -> None:
    sign_in(client, roles=roles)
    assert client.get("/replies").status_code == status
    assert ('href="/replies"' in client.get("/").text) is (status == 200)


@pytest.mark.parametrize("view", ["", "?show=decided", "?show=left", "?show=nonsense", "?page=9"])
def test_an_empty_screen_says_what_comes_there(client: Browser, view: str) -> None:
    sign_in(client)
    answer = client.get(f"/replies{view}")
    assert answer.status_code == 200
    assert 'class="empty"' in answer.text


def test_a_waiting_reply_is_shown_with_its_sender_and_words(
    client: Browser, sessions: Sessions
) -> None:
    add(sessions)
    sign_in(client, roles=["marketer"])
    page = client.get("/replies").text
    assert ANNA in page
    assert "Poistakaa Matti listalta." in page
    assert "Seems to ask for an opt-out" in page


def test_what_a_stranger_wrote_cannot_become_part_of_the_page(
    client: Browser, sessions: Sessions
) -> None:
    evil = "<script>alert(1)</script>"
    add(sessions, subject=evil, excerpt=evil, sender="a'\"<b>@x.example")
    sign_in(client)
    page = client.get("/replies").text
    assert evil not in page
    assert "&lt;script&gt;" in page


def test_one_button_opts_out_and_it_is_on_record(client: Browser, sessions: Sessions) -> None:
    mail_id = add(sessions)
    user = sign_in(client, roles=["marketer"])
    answer = client.post(f"/replies/{mail_id}/opt-out", follow_redirects=True)
    assert "Opted out. It holds from now on." in answer.text
    assert is_stopped(sessions)
    assert state_of(sessions, mail_id) == "obeyed"
    [entry] = audited(sessions, "reply.obeyed")
    assert (entry.actor_id, entry.object_id, entry.details) == (
        user.id,
        mail_id,
        {"kind": "request"},
    )


def test_two_people_who_press_do_it_once(client: Browser, sessions: Sessions) -> None:
    mail_id = add(sessions)
    sign_in(client, roles=["marketer"])
    client.post(f"/replies/{mail_id}/opt-out")
    answer = client.post(f"/replies/{mail_id}/dismiss", follow_redirects=True)
    assert "Somebody else was quicker" in answer.text
    assert state_of(sessions, mail_id) == "obeyed"
    assert audited(sessions, "reply.dismissed") == []


def test_what_is_no_request_is_dismissed_and_stops_nothing(
    client: Browser, sessions: Sessions
) -> None:
    mail_id = add(sessions)
    sign_in(client, roles=["marketer"])
    client.post(f"/replies/{mail_id}/dismiss")
    assert state_of(sessions, mail_id) == "dismissed"
    assert not is_stopped(sessions)
    assert len(audited(sessions, "reply.dismissed")) == 1
    assert "Opt out after all" in client.get("/replies?show=decided").text


def test_an_opt_out_is_taken_back_with_a_reason_only(client: Browser, sessions: Sessions) -> None:
    mail_id = add(sessions)
    sign_in(client, roles=["dpo"])
    client.post(f"/replies/{mail_id}/opt-out")
    assert client.get(f"/replies/{mail_id}/undo").status_code == 200
    assert client.post(f"/replies/{mail_id}/undo", data={"reason": " "}).status_code == 422
    assert is_stopped(sessions)
    client.post(f"/replies/{mail_id}/undo", data={"reason": "Anna called: it was forged"})
    assert not is_stopped(sessions)
    with sessions() as session:
        assert session.scalars(select(Suppression.lift_reason)).all() == [
            "Anna called: it was forged"
        ]
    assert len(audited(sessions, "reply.undone")) == 1
    assert client.get(f"/replies/{mail_id}/undo").status_code == 404


@pytest.mark.parametrize("kind", ["token", "stop"])
def test_only_words_are_taken_back_never_a_token(
    client: Browser, sessions: Sessions, kind: str
) -> None:
    mail_id = add(sessions, kind=kind, state="obeyed", decided_at=clock.now())
    sign_in(client, roles=["dpo"])
    assert client.get(f"/replies/{mail_id}/undo").status_code == (404 if kind == "token" else 200)
    shown = client.get("/replies?show=decided").text
    assert (f"/replies/{mail_id}/undo" in shown) is (kind == "stop")
    assert "By itself" in shown


@pytest.mark.parametrize(
    ("roles", "path"),
    [
        (["approver"], "opt-out"),
        (["approver"], "dismiss"),
        (["marketer"], "undo"),
        (["auditor"], "opt-out"),
    ],
)
def test_each_role_does_what_it_may(
    client: Browser, sessions: Sessions, roles: list[str], path: str
) -> None:
    mail_id = add(sessions)
    sign_in(client, roles=roles)
    assert client.post(f"/replies/{mail_id}/{path}").status_code == 403
    assert state_of(sessions, mail_id) == "new"


def test_nothing_happens_by_get_or_without_the_token_of_the_form(
    client: Browser, sessions: Sessions
) -> None:
    mail_id = add(sessions)
    sign_in(client, roles=["dpo"])
    assert client.get(f"/replies/{mail_id}/opt-out").status_code == 405
    assert client.post(f"/replies/{mail_id}/opt-out", csrf=False).status_code in {400, 403}
    assert state_of(sessions, mail_id) == "new"


@pytest.mark.parametrize("mail_id", [1, 2**63, 2**70])
def test_a_reply_that_is_not_there_is_not_found(client: Browser, mail_id: int) -> None:
    sign_in(client, roles=["dpo"])
    assert client.post(f"/replies/{mail_id}/opt-out").status_code == 404
    assert client.get(f"/replies/{mail_id}/undo").status_code == 404


def test_a_reply_of_nobody_leads_to_the_list_by_hand(client: Browser, sessions: Sessions) -> None:
    mail_id = add(sessions, sender="", sender_key=None)
    sign_in(client, roles=["marketer"])
    page = client.get("/replies").text
    assert "It is not known who sent it." in page
    assert f"/replies/{mail_id}/opt-out" not in page
    client.post(f"/replies/{mail_id}/opt-out")
    assert state_of(sessions, mail_id) == "new"


def test_the_home_page_says_how_many_wait(client: Browser, sessions: Sessions) -> None:
    sign_in(client, roles=["marketer"])
    assert "to be read" not in client.get("/").text
    add(sessions)
    add(sessions)
    add(sessions, state="closed", kind="left")
    assert "2 replies wait to be read" in client.get("/").text


def test_requests_come_before_other_answers(client: Browser, sessions: Sessions) -> None:
    add(sessions, kind="reply", subject="Other answer here")
    add(sessions, kind="request", subject="Asks here")
    sign_in(client)
    page = client.get("/replies").text
    assert page.index("Asks here") < page.index("Other answer here")


def test_hints_of_departures_have_a_list_of_their_own(client: Browser, sessions: Sessions) -> None:
    add(sessions, kind="left", state="closed", excerpt="Anna no longer works here.")
    add(sessions, kind="auto", state="closed", excerpt="", sender="", subject="")
    sign_in(client)
    page = client.get("/replies?show=left").text
    assert "Anna no longer works here." in page
    assert "Automatic answer" not in page.split("<main", 1)[-1].split("empty", 1)[0]
