"""The screens of webhooks."""

import re
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock, installation
from mailer.db import transaction
from mailer.webhooks import jobs, outbox, subscriptions
from mailer.webhooks.models import Webhook, WebhookDelivery
from tests.web.people import Browser, sign_in
from tests.web.register import audited
from tests.webhooks.receiver import listening

Sessions = sessionmaker[Session]
URL = "/settings/webhooks"
FORM = {
    "name": " CRM  of sales ",
    "url": "https://crm.example/events",
    "events": ["contact.changed", "contact.erased"],
}


def webhooks(sessions: Sessions) -> list[Webhook]:
    with transaction(sessions) as session:
        return subscriptions.listed(session)


def note(sessions: Sessions, *ids: int) -> None:
    with transaction(sessions) as session:
        outbox.note(session, "contact.changed", ids, now=clock.now())


@pytest.mark.parametrize("role", ["marketer", "approver", "dpo", "auditor"])
def test_only_administrators_see_and_make_webhooks(
    client: Browser, sessions: Sessions, role: str
) -> None:
    sign_in(client, roles=[role])
    assert client.get(URL).status_code == 403
    assert client.post(f"{URL}/new", data=FORM).status_code == 403
    assert webhooks(sessions) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""}, {"url": ""}, {"url": "http://crm.example/"}, {"url": "https://10.0.0.1/"},
        {"url": "https://a:b@crm.example/"}, {"url": "x" * 9000}, {"events": []},
        {"events": ["everything"]},
    ],
)  # fmt: skip
def test_a_wrong_form_makes_no_webhook_and_keeps_what_was_typed(
    client: Browser, sessions: Sessions, change: dict[str, Any]
) -> None:
    sign_in(client)
    answer = client.post(f"{URL}/new", data={**FORM, **change})
    assert answer.status_code == 422
    assert "needs your attention" in answer.text
    assert webhooks(sessions) == []


def test_the_secret_is_shown_once_and_is_nowhere_in_the_database(
    client: Browser, sessions: Sessions
) -> None:
    sign_in(client)
    answer = client.post(f"{URL}/new", data=FORM)
    found = re.search(r'id="secret">(whsec_[\w-]{43})<', answer.text)
    assert found
    assert answer.headers["Cache-Control"] == "no-store"
    (webhook,) = webhooks(sessions)
    assert webhook.name == "CRM of sales"
    assert subscriptions.secret_of(webhook, installation.current().settings) == found[1]
    with transaction(sessions) as session:
        stored = session.execute(text("SELECT webhooks::text FROM webhooks")).scalar_one()
    assert found[1] not in stored
    for path in ("", f"/{webhook.id}", f"/{webhook.id}/edit"):
        assert found[1] not in client.get(URL + path).text
    assert len(audited(sessions, "webhook.created")) == 1
    renewed = client.post(f"{URL}/{webhook.id}/secret")
    assert found[1] not in renewed.text
    assert "whsec_" in renewed.text


def test_the_log_shows_what_became_of_events_and_tells_them_again(
    client: Browser, sessions: Sessions
) -> None:
    sign_in(client)
    with listening() as receiver:
        receiver.status = 500
        client.post(f"{URL}/new", data={**FORM, "url": receiver.url})
        (webhook,) = webhooks(sessions)
        page = f"{URL}/{webhook.id}"
        note(sessions, 1)
        jobs.deliver()
        assert "Answered with an error (500)" in " ".join(client.get(page).text.split())
        with transaction(sessions) as session:
            session.execute(text("UPDATE webhook_deliveries SET state = 'failed', next_at = NULL"))
        assert "Given up" in client.get(page).text
        receiver.status = 204
        assert client.post(f"{page}/replay").status_code == 303
        jobs.deliver()
        assert client.post(f"{page}/test").status_code == 303
        jobs.deliver()
        with transaction(sessions) as session:
            entries = session.query(WebhookDelivery).order_by(WebhookDelivery.id).all()
        assert [entry.state for entry in entries] == ["delivered", "delivered"]
        assert client.post(f"{page}/replay/{entries[0].id}").status_code == 303
        jobs.deliver()
        assert [event["type"] for event in receiver.events] == [
            "contact.changed", "contact.changed", "test", "contact.changed",
        ]  # fmt: skip
    assert "Nothing to show" in client.get(f"{page}?state=failed").text
    assert entries[1].event_id in client.get(f"{page}?state=delivered&page=1").text
    assert client.get(f"{page}?state=%27&page=99999").status_code == 200


def test_a_pause_after_failures_is_told_and_ended_by_hand(
    client: Browser, sessions: Sessions
) -> None:
    sign_in(client)
    client.post(f"{URL}/new", data=FORM)
    (webhook,) = webhooks(sessions)
    page = f"{URL}/{webhook.id}"
    with transaction(sessions) as session:
        found = session.get_one(Webhook, webhook.id)
        subscriptions.pause(session, found, reason="failures", now=clock.now(), actor_id=None)
    assert "50 attempts in a row failed" in client.get(page).text
    assert "Paused after failures" in client.get(URL).text
    assert client.post(f"{page}/resume").status_code == 303
    assert "attempts in a row" not in client.get(page).text
    assert client.post(f"{page}/pause").status_code == 303
    assert "Paused on" in client.get(page).text


def test_deleting_asks_first_and_takes_the_log_along(client: Browser, sessions: Sessions) -> None:
    sign_in(client)
    client.post(f"{URL}/new", data=FORM)
    (webhook,) = webhooks(sessions)
    note(sessions, 1)
    assert "cannot be undone" in client.get(f"{URL}/{webhook.id}/delete").text
    assert len(webhooks(sessions)) == 1
    assert client.post(f"{URL}/{webhook.id}/delete").status_code == 303
    assert webhooks(sessions) == []
    with transaction(sessions) as session:
        assert session.query(WebhookDelivery).count() == 0


def test_another_webhooks_event_is_not_told_again_here(client: Browser, sessions: Sessions) -> None:
    sign_in(client)
    for name in ("A", "B"):
        client.post(f"{URL}/new", data={**FORM, "name": name})
    first, second = webhooks(sessions)
    note(sessions, 1)
    with transaction(sessions) as session:
        theirs = session.query(WebhookDelivery).filter_by(webhook_id=second.id).one().id
    assert client.post(f"{URL}/{first.id}/replay/{theirs}").status_code == 404
    assert client.post(f"{URL}/{first.id}/replay/{2**70}").status_code == 404


@pytest.mark.parametrize("path", ["", "/edit", "/secret", "/delete"])
@pytest.mark.parametrize("number", [0, 99, 2**70])
def test_there_is_no_webhook_of_another_number(client: Browser, path: str, number: int) -> None:
    sign_in(client)
    assert client.get(f"{URL}/{number}{path}").status_code == 404


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_pages_are_there_in_every_language(
    client: Browser, sessions: Sessions, language: str
) -> None:
    sign_in(client, language=language)
    assert client.get(URL).status_code == 200
    assert client.post(f"{URL}/new", data=FORM).status_code == 200
    (webhook,) = webhooks(sessions)
    note(sessions, 1)
    for path in ("", "/new", f"/{webhook.id}", f"/{webhook.id}/edit"):
        assert client.get(URL + path).status_code == 200
