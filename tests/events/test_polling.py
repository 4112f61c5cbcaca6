"""The queue is read to the end: everything is stored once, nothing is lost, nothing goes round."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from mailer.adapters import queue as queues
from mailer.adapters import sns
from mailer.adapters.sqs import Received
from mailer.db import make_engine, make_sessions, transaction
from mailer.events import intake, polling
from mailer.events.models import RawNotification
from mailer.events.polling import Poller, keep_polling
from mailer.sending.models import Message
from mailer.stand_in.signature import Signer
from tests.events.queue import Queue
from tests.events.register import TOPIC, make_message, ses_event

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
STAND_IN = "http://127.0.0.1:8025"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    with time_machine.travel(NOW - timedelta(days=30)):
        return Signer(tmp_path_factory.mktemp("sns"))


@pytest.fixture(scope="module")
def verifier(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> sns.Verifier:
    file = tmp_path_factory.mktemp("certificate") / "cert.pem"
    file.write_bytes(signer.certificate)
    return sns.Verifier(frozenset({TOPIC}), certificate_file=file, stand_in_url=STAND_IN)


@pytest.fixture(autouse=True)
def _at_the_moment() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def sealed(signer: Signer, message: str, *, sns_id: str = "a1", **changes: str) -> str:
    fields = {
        "Type": "Notification",
        "MessageId": sns_id,
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": "2026-11-24T09:00:00.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": f"{STAND_IN}/SimpleNotificationService-standin.pem",
        **changes,
    }
    return json.dumps(fields | {"Signature": signer.sign(fields)})


@pytest.fixture
def poll(verifier: sns.Verifier, sessions: sessionmaker[Session]) -> Callable[..., int]:
    def take(queue: Queue, *, raw_delivery: bool = False) -> int:
        return Poller(queue, verifier, sessions, raw_delivery=raw_delivery).take()

    return take


def stored(sessions: sessionmaker[Session]) -> list[tuple[str, str]]:
    with sessions() as session:
        rows = session.scalars(select(RawNotification).order_by(RawNotification.id))
        return [(raw.sns_message_id, raw.state) for raw in rows]


def test_what_was_polled_is_applied_as_what_was_posted(
    poll: Callable[..., int], signer: Signer, sessions: sessionmaker[Session], redis: Redis
) -> None:
    queues.connect(redis)
    with transaction(sessions) as session:
        message = make_message(session, NOW, state="sending")
    queue = Queue(sealed(signer, ses_event("Send", message.id, NOW)))

    assert poll(queue) == 1

    assert queue.messages == []
    assert redis.llen("rq:queue:events") == 1
    with transaction(sessions) as session:
        assert len(intake.apply_batch(session, now=NOW).applied) == 1
    with sessions() as session:
        assert session.get_one(Message, message.id).state == "sent"


def test_nothing_is_deleted_when_it_could_not_be_stored(
    verifier: sns.Verifier, signer: Signer
) -> None:
    queue = Queue(sealed(signer, "{}"))
    engine = make_engine("postgresql://nobody@127.0.0.1:1/none", pool_size=1)
    with pytest.raises(OperationalError):
        Poller(queue, verifier, make_sessions(engine), raw_delivery=False).take()
    assert len(queue.messages) == 1


def test_a_reader_killed_between_storing_and_deleting_loses_and_doubles_nothing(
    poll: Callable[..., int],
    signer: Signer,
    sessions: sessionmaker[Session],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = Queue(sealed(signer, "{}", sns_id="a1"), sealed(signer, "{}", sns_id="a2"))

    def die(messages: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(queue, "delete", die)
        with pytest.raises(KeyboardInterrupt):
            poll(queue)
    assert stored(sessions) == [("a1", "new"), ("a2", "new")]
    assert len(queue.messages) == 2

    assert poll(queue) == 2
    assert stored(sessions) == [("a1", "new"), ("a2", "new")]
    assert queue.messages == []


def test_what_sqs_did_not_delete_comes_again_and_is_stored_once(
    poll: Callable[..., int], signer: Signer, sessions: sessionmaker[Session]
) -> None:
    queue = Queue(sealed(signer, "{}"))
    queue.undeletable = True
    assert [poll(queue), poll(queue)] == [0, 0]
    assert stored(sessions) == [("a1", "new")]


def test_the_same_notification_in_two_queue_messages_is_stored_once(
    poll: Callable[..., int], signer: Signer, sessions: sessionmaker[Session]
) -> None:
    body = sealed(signer, "{}")
    assert poll(Queue(body, body)) == 2
    assert stored(sessions) == [("a1", "new")]


def test_one_that_waited_two_weeks_in_the_queue_still_counts(
    poll: Callable[..., int], signer: Signer, sessions: sessionmaker[Session]
) -> None:
    poll(Queue(sealed(signer, "{}", Timestamp="2026-11-10T09:00:00.000Z")))
    assert stored(sessions) == [("a1", "new")]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "[]",
        "{}",
        "[" * 50_000,
        '{"Type": "Notification"}',
        '{"Type": "Notification", "TopicArn": "\\ud800"}',
        "a\0b",
        "half a pair: \ud800",
        "x" * 1_048_576,
        json.dumps({"eventType": "Bounce", "mail": {}}),
    ],
    ids=lambda body: body[:20].encode("ascii", "replace").decode().replace("\0", "0"),
)
@pytest.mark.parametrize("round_", [1, 2])
def test_a_poisoned_message_is_kept_as_rejected_and_goes_round_no_more(
    poll: Callable[..., int],
    signer: Signer,
    sessions: sessionmaker[Session],
    body: str,
    round_: int,
) -> None:
    queue = Queue(body, sealed(signer, "{}"))
    copies = queue.messages * round_
    for _ in range(round_):
        queue.messages = list(copies)
        poll(queue)
    assert stored(sessions) == [("sqs-m0", "rejected"), ("a1", "new")]
    assert queue.messages == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"TopicArn": "arn:aws:sns:eu-north-1:999999999999:other"}, "topic"),
        ({"SignatureVersion": "1"}, "signature version"),
        ({"Timestamp": "yesterday"}, "timestamp"),
        ({"Timestamp": "2020-01-01T00:00:00Z"}, "certificate dates"),
        ({"SigningCertURL": "https://sns.eu-north-1.evil.example/a.pem"}, "certificate host"),
    ],
)
def test_an_envelope_that_is_not_ours_is_rejected(
    poll: Callable[..., int],
    signer: Signer,
    sessions: sessionmaker[Session],
    changes: dict[str, str],
    reason: str,
) -> None:
    queue = Queue(sealed(signer, "{}", **changes))
    poll(queue)
    with sessions() as session:
        raw = session.scalars(select(RawNotification)).one()
    assert (raw.state, raw.topic_arn) == ("rejected", f"rejected: {reason}")
    assert queue.messages == []


@pytest.mark.parametrize("raw_delivery", [False, True])
def test_a_changed_envelope_is_rejected_even_where_none_is_needed(
    poll: Callable[..., int],
    signer: Signer,
    sessions: sessionmaker[Session],
    *,
    raw_delivery: bool,
) -> None:
    content = json.loads(sealed(signer, "{}"))
    content["Message"] = ses_event("Complaint", 1, NOW)
    poll(Queue(json.dumps(content)), raw_delivery=raw_delivery)
    assert stored(sessions) == [("sqs-m0", "rejected")]


def test_raw_delivery_is_taken_where_the_operator_says_so(
    poll: Callable[..., int], sessions: sessionmaker[Session]
) -> None:
    with transaction(sessions) as session:
        message = make_message(session, NOW, state="sending")
    queue = Queue(ses_event("Send", message.id, NOW))
    assert [poll(queue, raw_delivery=True)] == [1]
    assert stored(sessions) == [("sqs-m0", "new")]
    with transaction(sessions) as session:
        assert len(intake.apply_batch(session, now=NOW).applied) == 1


def test_what_cannot_be_verified_just_now_stays_in_the_queue(
    sessions: sessionmaker[Session], signer: Signer
) -> None:
    def away(url: str) -> bytes:
        raise sns.UnavailableError("certificate: timeout")

    url = "https://sns.eu-north-1.amazonaws.com/SimpleNotificationService-0.pem"
    queue = Queue(sealed(signer, "{}", SigningCertURL=url))
    verifier = sns.Verifier(frozenset({TOPIC}), fetch=away)
    assert Poller(queue, verifier, sessions, raw_delivery=False).take() == 0
    assert stored(sessions) == []
    assert len(queue.messages) == 1


def test_one_that_the_database_cannot_hold_does_not_hold_up_the_rest(
    poll: Callable[..., int],
    signer: Signer,
    sessions: sessionmaker[Session],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = intake.store

    def store(session: Session, envelope: sns.Envelope, *args: Any, **named: Any) -> bool:
        if envelope.message_id == "bad":
            session.execute(text("SELECT 1/0"))
        return original(session, envelope, *args, **named)

    monkeypatch.setattr(intake, "store", store)
    queue = Queue(
        sealed(signer, "{}", sns_id="a1"),
        sealed(signer, "{}", sns_id="bad"),
        sealed(signer, "{}", sns_id="a2"),
    )
    assert poll(queue) == 3
    assert stored(sessions) == [("a1", "new"), ("sqs-m1", "rejected"), ("a2", "new")]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.text(st.characters(), max_size=200), raw_delivery=st.booleans())
def test_whatever_is_in_the_queue_gets_out_of_it(
    verifier: sns.Verifier, sessions: sessionmaker[Session], body: str, *, raw_delivery: bool
) -> None:
    queue = Queue(body)
    queue.messages = [Received(str(hash(body)), "r", body)]
    assert Poller(queue, verifier, sessions, raw_delivery=raw_delivery).take() == 1
    assert queue.messages == []


def test_polling_waits_out_trouble_and_stops_when_asked(
    verifier: sns.Verifier,
    sessions: sessionmaker[Session],
    signer: Signer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polling, "FIRST_PAUSE", 0.01)
    queue = Queue(sealed(signer, "{}"))
    queue.away = True
    looks = 0

    def stop() -> bool:
        nonlocal looks
        looks += 1
        queue.away = looks < 5
        return not queue.messages

    keep_polling(Poller(queue, verifier, sessions, raw_delivery=False), stop)
    assert stored(sessions) == [("a1", "new")]


def test_no_body_is_in_the_log(
    poll: Callable[..., int], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    poll(Queue("anna.aalto@puutyo.example", '{"Type": "anna.aalto@puutyo.example"}'))
    assert [record.message for record in caplog.records] == ["queue_message_rejected"] * 2
    assert "anna" not in str([vars(record) for record in caplog.records])
