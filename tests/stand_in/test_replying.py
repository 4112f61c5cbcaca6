"""Answers by mail, told as SES receiving tells them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from mailer.stand_in.server import StandIn
from tests.stand_in.conftest import Webhook
from tests.stand_in.sample import simple

HEADERS = {
    "List-Unsubscribe": "<https://a.example/u/T>, <mailto:unsubscribe@a.example?subject=TOKEN-1>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


@pytest.fixture
def told(start: Callable[..., StandIn], webhook: Webhook) -> StandIn:
    return start(webhook_url=webhook.url)


@pytest.fixture
def message_id(told: StandIn, client_for: Callable[..., Any]) -> str:
    ses = client_for(told.url)
    return str(ses.send_email(**simple("anna@yritys.example", headers=HEADERS))["MessageId"])


def received(told: StandIn, webhook: Webhook) -> dict[str, Any]:
    assert told.wait_for_events(120)
    [event] = [e for e in webhook.events if e.get("notificationType") == "Received"]
    return event


def test_an_answer_quotes_the_message_and_names_it(
    told: StandIn, webhook: Webhook, message_id: str
) -> None:
    ses_id = told.reply(message_id, "Lopettakaa, älkää jatkako.")
    event = received(told, webhook)
    assert event["mail"]["messageId"] == ses_id
    assert event["mail"]["source"] == "anna@yritys.example"
    assert event["receipt"]["recipients"] == ["uutiset@quux.example"]
    assert event["receipt"]["dmarcVerdict"] == {"status": "PASS"}
    content = event["content"]
    assert "Subject: Re: Hei" in content
    assert f"In-Reply-To: <{message_id}@eu-north-1.amazonses.com>" in content
    assert "> Moi" in content


def test_the_mailto_of_the_message_is_written_to_as_a_mail_program_does(
    told: StandIn, webhook: Webhook, message_id: str
) -> None:
    told.reply(message_id, unsubscribe=True)
    event = received(told, webhook)
    assert event["receipt"]["recipients"] == ["unsubscribe@a.example"]
    assert event["mail"]["commonHeaders"]["subject"] == "TOKEN-1"


def test_everything_about_an_answer_can_be_chosen(
    told: StandIn, webhook: Webhook, message_id: str
) -> None:
    told.reply(
        message_id,
        "x",
        subject="Automatic reply",
        sender="Boss <boss@yritys.example>",
        quote=False,
        headers={"Auto-Submitted": "auto-replied"},
        verdicts={"dmarc": "FAIL"},
    )
    event = received(told, webhook)
    assert event["mail"]["source"] == "boss@yritys.example"
    assert event["receipt"]["dmarcVerdict"] == {"status": "FAIL"}
    assert "Auto-Submitted: auto-replied" in event["content"]
    assert "Moi" not in event["content"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"message": "none"}, "no such message"),
        ({"message": 5}, "its id"),
        ({"text": 5}, "text must be text"),
        ({"headers": {"a": 1}}, "names to texts"),
        ({"headers": {"X-A": "b\nTo: c"}}, "cannot hold"),
        ({"subject": "a\r\nTo: b"}, "cannot hold"),
        ({"verdicts": {"dmarc": "MAYBE"}}, "verdicts map"),
        ({"text": "x" * 200_000}, "too long"),
    ],
)
def test_a_wrong_answer_is_refused_in_a_sentence(
    told: StandIn, message_id: str, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        told._ask("replies", {"message": message_id, **change})


def test_without_anybody_to_tell_there_is_no_answer(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    stand_in = start()
    message_id = client_for(stand_in.url).send_email(**simple())["MessageId"]
    with pytest.raises(ValueError, match="nowhere"):
        stand_in.reply(message_id)
    assert json.dumps(stand_in.counts())
