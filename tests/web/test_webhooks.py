"""SNS is answered 200 only for what is verified and stored."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from redis import Redis
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from mailer.adapters import sns
from mailer.config import Settings
from mailer.events import jobs
from mailer.events.models import RawNotification
from mailer.sending.models import Message
from mailer.stand_in.signature import Signer
from mailer.web import webhooks
from tests.events.register import TOPIC, make_message, ses_event
from tests.web.people import Browser

STAND_IN = "http://127.0.0.1:8025"


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    with time_machine.travel(datetime(2026, 11, 20, tzinfo=UTC)):
        return Signer(tmp_path_factory.mktemp("sns"))


@pytest.fixture
def connected_settings(connected_settings: Settings, signer: Signer, tmp_path: Path) -> Settings:
    file = tmp_path / "cert.pem"
    file.write_bytes(signer.certificate)
    return replace(
        connected_settings,
        sns_topic_arns=frozenset({TOPIC}),
        sns_certificate_file=file,
        ses_endpoint_url=STAND_IN,
    )


@pytest.fixture(autouse=True)
def _at_the_moment(now: datetime) -> Iterator[None]:
    webhooks._last_ring[0] = 0.0
    with time_machine.travel(now, tick=False):
        yield


def body(signer: Signer, message: str, *, kind: str = "Notification", **changes: str) -> bytes:
    fields = {
        "Type": kind,
        "MessageId": "a1",
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": "2026-11-24T09:00:00.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": f"{STAND_IN}/SimpleNotificationService-standin.pem",
        **changes,
    }
    return json.dumps(fields | {"Signature": signer.sign(fields)}).encode()


def post(client: Browser, content: bytes) -> int:
    answer = client.post(
        "/webhooks/ses", data=content, content_type="text/plain; charset=UTF-8", csrf=False
    )
    return answer.status_code


def stored(sessions: sessionmaker[Session]) -> list[RawNotification]:
    with sessions() as session:
        return list(session.scalars(select(RawNotification).order_by(RawNotification.id)))


def test_a_notification_is_stored_and_then_applied_by_the_job(
    client: Browser, sessions: sessionmaker[Session], signer: Signer, redis: Redis, now: datetime
) -> None:
    with sessions.begin() as session:
        message = make_message(session, now, state="sending")

    assert post(client, body(signer, ses_event("Send", message.id, now))) == 200

    assert [raw.state for raw in stored(sessions)] == ["new"]
    assert redis.llen("rq:queue:events") == 1
    jobs.apply_waiting()
    assert [raw.state for raw in stored(sessions)] == ["applied"]
    with sessions() as session:
        assert session.get_one(Message, message.id).state == "sent"


def test_a_notification_delivered_twice_is_stored_once(
    client: Browser, sessions: sessionmaker[Session], signer: Signer, now: datetime
) -> None:
    content = body(signer, ses_event("Send", 1, now))
    assert [post(client, content), post(client, content)] == [200, 200]
    assert len(stored(sessions)) == 1


def test_a_wrong_signature_is_refused_and_nothing_stored(
    client: Browser, sessions: sessionmaker[Session], signer: Signer, now: datetime
) -> None:
    content = json.loads(body(signer, ses_event("Send", 1, now)))
    content["Message"] = ses_event("Bounce", 1, now)
    assert post(client, json.dumps(content).encode()) == 403
    assert stored(sessions) == []


def test_another_topic_is_refused_although_well_signed(
    client: Browser, sessions: sessionmaker[Session], signer: Signer
) -> None:
    other = body(signer, "{}", TopicArn="arn:aws:sns:eu-north-1:999999999999:other")
    assert post(client, other) == 403
    assert stored(sessions) == []


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"not JSON", b"[" * 100_000])
def test_what_is_no_sns_message_is_answered_400(client: Browser, content: bytes) -> None:
    assert post(client, content) == 400


def test_a_body_beyond_all_measure_is_answered_413(client: Browser) -> None:
    assert post(client, b"x" * (sns.LARGEST_BODY + 1)) == 413


def test_a_well_signed_message_that_is_no_event_is_stored_and_answered_200(
    client: Browser, sessions: sessionmaker[Session], signer: Signer
) -> None:
    assert post(client, body(signer, "what is this")) == 200
    jobs.apply_waiting()
    assert [raw.state for raw in stored(sessions)] == ["ignored"]


def test_amazons_first_plain_words_are_ignored(
    client: Browser, sessions: sessionmaker[Session], signer: Signer
) -> None:
    words = "Successfully validated SNS topic for Amazon SES event publishing."
    assert post(client, body(signer, words)) == 200
    assert [raw.state for raw in stored(sessions)] == ["ignored"]


def test_when_it_cannot_be_stored_sns_is_told_to_come_again(
    client: Browser, sessions: sessionmaker[Session], signer: Signer, now: datetime
) -> None:
    with sessions.begin() as session:
        session.execute(text("ALTER TABLE raw_notifications RENAME TO gone"))
    assert post(client, body(signer, ses_event("Send", 1, now))) == 500


def test_without_redis_the_notification_is_stored_all_the_same(
    client: Browser, app: Flask, sessions: sessionmaker[Session], signer: Signer, now: datetime
) -> None:
    from mailer.adapters import queue

    queue.connect(queue.make_redis("redis://127.0.0.1:1/0", patient=False))
    assert post(client, body(signer, ses_event("Send", 1, now))) == 200
    assert len(stored(sessions)) == 1


@pytest.mark.parametrize(
    ("answer", "state"),
    [(None, "applied"), (sns.RefusedError("x"), "ignored"), (sns.UnavailableError("x"), "waiting")],
)
def test_a_subscription_is_confirmed_by_the_job_and_never_by_the_url_it_names(
    client: Browser,
    sessions: sessionmaker[Session],
    signer: Signer,
    monkeypatch: pytest.MonkeyPatch,
    answer: Exception | None,
    state: str,
) -> None:
    asked: list[Any] = []

    def confirm(settings: Settings, topic: str, token: str) -> None:
        asked.append((topic, token))
        if answer is not None:
            raise answer

    monkeypatch.setattr(sns, "confirm_subscription", confirm)
    content = body(
        signer,
        "You have chosen to subscribe",
        kind="SubscriptionConfirmation",
        Token="the-token",
        SubscribeURL="http://169.254.169.254/latest",
    )
    assert post(client, content) == 200
    assert asked == []

    jobs.apply_waiting()

    assert asked == [(TOPIC, "the-token")]
    assert [raw.state for raw in stored(sessions)] == [state]


def test_the_webhook_takes_nothing_but_post(client: Browser) -> None:
    assert client.get("/webhooks/ses").status_code == 405
