"""Requests that come again: done once, answered the same, and never half."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.accounts.models import ApiAnswer
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.web.api import contact_changes, idempotency
from tests.web.api.caller import Api, new_contact
from tests.web.people import Browser
from tests.web.register import audited

Sessions = sessionmaker[Session]


def people(sessions: Sessions) -> int:
    with transaction(sessions) as session:
        return session.query(Contact).count()


def answers(sessions: Sessions) -> list[ApiAnswer]:
    with transaction(sessions) as session:
        return session.query(ApiAnswer).all()


def test_the_same_again_is_done_once_and_answered_the_same(api: Api, sessions: Sessions) -> None:
    body = new_contact()
    first = api.post("/contacts", body, Idempotency_Key="order-1")
    again = api.post("/contacts", dict(reversed(body.items())), Idempotency_Key="order-1")
    assert (again.status_code, again.json) == (first.status_code, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert people(sessions) == 1
    assert len(audited(sessions, "api.changed")) == 1


def test_another_request_under_the_same_key_is_refused(api: Api, sessions: Sessions) -> None:
    api.post("/contacts", new_contact(), Idempotency_Key="k")
    answer = api.post("/contacts", new_contact(), Idempotency_Key="k")
    assert (answer.status_code, answer.json["code"]) == (422, "key_reused")
    body = {"subject": "address", "value": "a@b.example", "kind": "optout", "evidence": "x"}
    assert api.post("/suppressions", body, Idempotency_Key="k").json["code"] == "key_reused"
    assert people(sessions) == 1


def test_each_token_has_keys_of_its_own(api: Api, client: Browser, sessions: Sessions) -> None:
    other = Api(client)
    assert api.post("/contacts", new_contact(), Idempotency_Key="k").status_code == 201
    assert other.post("/contacts", new_contact(), Idempotency_Key="k").status_code == 201
    assert people(sessions) == 2


def test_what_was_refused_may_be_mended_under_the_same_key(api: Api, sessions: Sessions) -> None:
    assert api.post("/contacts", new_contact(phone="1"), Idempotency_Key="k").status_code == 422
    assert answers(sessions) == []
    assert api.post("/contacts", new_contact(), Idempotency_Key="k").status_code == 201


def test_after_a_crash_before_the_commit_the_repeat_does_it(
    api: Api, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = idempotency._forget_old

    def crash(_call: Any) -> None:
        raise RuntimeError  # the contact and the answer are written, not committed

    body = new_contact()
    monkeypatch.setattr(idempotency, "_forget_old", crash)
    assert api.post("/contacts", body, Idempotency_Key="k").status_code == 500
    assert (people(sessions), answers(sessions)) == (0, [])
    monkeypatch.setattr(idempotency, "_forget_old", real)
    assert api.post("/contacts", body, Idempotency_Key="k").status_code == 201
    assert people(sessions) == 1


def test_when_the_answer_was_lost_after_the_commit_the_repeat_tells_it(
    app: Flask, api: Api, sessions: Sessions
) -> None:
    """The connection dies while the answer is on its way: the commit stands."""
    body = new_contact()
    lost: list[int] = []

    def lose(response: Any) -> Any:
        lost.append(people(sessions))
        raise ConnectionResetError

    # Functions after a request run in reverse, so the first of the list comes last.
    after = app.after_request_funcs[None]
    after.insert(0, lose)
    try:
        api.client.post(
            "/api/v1/contacts",
            json=body,
            headers={"Authorization": f"Bearer {api.secret}", "Idempotency-Key": "k"},
        )
    except ConnectionResetError:
        pass
    finally:
        after.remove(lose)
    assert lost[0] == 1
    again = api.post("/contacts", body, Idempotency_Key="k")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert people(sessions) == 1


def test_while_the_first_is_worked_on_the_second_is_told_to_wait(
    app: Flask, api: Api, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    real = contact_changes.people.create

    def slowly(*given: Any, **named: Any) -> Any:
        begun.set()
        assert go_on.wait(120)
        return real(*given, **named)

    monkeypatch.setattr(contact_changes.people, "create", slowly)
    body, done = new_contact(), []
    own = Api.__new__(Api)
    own.client, own.secret = app.test_client(), api.secret
    first = threading.Thread(
        target=lambda: done.append(own.post("/contacts", body, Idempotency_Key="k").status_code)
    )
    first.start()
    assert begun.wait(120)
    second = api.post("/contacts", body, Idempotency_Key="k")
    go_on.set()
    first.join()
    assert (second.status_code, second.json["code"]) == (409, "repeat_under_way")
    assert second.headers["Retry-After"] == "1"
    assert done == [201]
    assert people(sessions) == 1


def test_a_key_is_forgotten_after_a_day(api: Api, sessions: Sessions) -> None:
    now = clock.now()
    with time_machine.travel(now, tick=False):
        api.post("/contacts", new_contact(), Idempotency_Key="k")
        api.post("/contacts", new_contact(), Idempotency_Key="other")
    with time_machine.travel(now + idempotency.KEPT - timedelta(seconds=1), tick=False):
        assert api.post("/contacts", new_contact(), Idempotency_Key="k").status_code == 422
    with time_machine.travel(now + idempotency.KEPT, tick=False):
        assert api.post("/contacts", new_contact(), Idempotency_Key="k").status_code == 201
    assert len(answers(sessions)) == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "ä", "a b", "a\tb"])
def test_a_key_that_is_none_is_refused_and_nothing_is_done(
    api: Api, sessions: Sessions, key: str
) -> None:
    answer = api.client.open(
        "/api/v1/contacts",
        method="POST",
        json=new_contact(),
        csrf=False,
        headers=[("Authorization", f"Bearer {api.secret}"), ("Idempotency-Key", key)],
    )
    assert (answer.status_code, answer.json["code"]) == (400, "bad_header")
    assert people(sessions) == 0


def test_what_is_kept_of_a_request_names_nobody(api: Api, sessions: Sessions) -> None:
    api.post("/contacts", new_contact(), Idempotency_Key="karl.nystrom@nordkraft.example")
    batch = new_contact()
    api.post(
        "/contacts/batch",
        {
            "source": batch["source"],
            "basis": batch["basis"],
            "contacts": [new_contact(source=None, basis=None), {"email": "x@gmail.com"}],
        },
        Idempotency_Key="b",
    )
    with transaction(sessions) as session:
        kept = str(session.execute(text("SELECT * FROM api_answers")).all())
    assert "nordkraft" not in kept
    assert "gmail" not in kept
    assert "Nystr" not in kept
