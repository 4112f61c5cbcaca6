"""The queue through boto3 itself, against the stand-in."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from mailer.adapters import sqs
from mailer.adapters.sqs import QueueError, Received, SqsQueue
from mailer.config import Settings
from mailer.stand_in.server import StandIn, running

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/events"


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    with running(tmp_path / "stand-in", queue="events") as stand_in:
        yield stand_in


@pytest.fixture
def queue(
    stand_in: StandIn, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SqsQueue]:
    monkeypatch.setattr(sqs, "WAIT_SECONDS", 1)
    local = replace(settings, ses_endpoint_url=stand_in.url, events_queue_url=stand_in.queue_url)
    with closing(SqsQueue(local)) as queue:
        yield queue


def take(queue: SqsQueue, count: int) -> list[Received]:
    received: list[Received] = []
    for _ in range(120):
        received += queue.receive()
        if len(received) >= count:
            return received
    raise AssertionError("the messages did not come")


def test_what_was_received_is_hidden_and_gone_when_deleted(
    stand_in: StandIn, queue: SqsQueue
) -> None:
    [message] = take(queue, 1)
    assert "Successfully validated SNS topic" in message.body
    assert queue.receive() == []
    assert queue.delete([message]) == 0
    assert stand_in.counts()["queue"] == {"visible": 0, "in_flight": 0}


def test_what_was_not_deleted_is_told(queue: SqsQueue) -> None:
    [message] = take(queue, 1)
    assert queue.delete([message, replace(message, receipt="wrong")]) == 1
    assert queue.delete([]) == 0


def test_a_queue_that_is_not_there_is_one_error(stand_in: StandIn, settings: Settings) -> None:
    local = replace(
        settings, ses_endpoint_url=stand_in.url, events_queue_url=f"{stand_in.url}/1/other"
    )
    with closing(SqsQueue(local)) as queue:
        with pytest.raises(QueueError, match="NonExistentQueue"):
            queue.receive()
        with pytest.raises(QueueError, match="NonExistentQueue"):
            queue.delete([Received("m", "r", "")])


def test_a_network_that_is_away_is_one_error(settings: Settings) -> None:
    local = replace(
        settings,
        ses_endpoint_url="http://127.0.0.1:1",
        events_queue_url="http://127.0.0.1:1/1/events",
    )
    with closing(SqsQueue(local)) as queue, pytest.raises(QueueError, match="Connect"):
        queue.receive()


def test_the_region_is_the_queues_own(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def client(service: str, **named: Any) -> object:
        asked.update(named)
        return object()

    monkeypatch.setattr(boto3, "client", client)
    SqsQueue(replace(settings, events_queue_url=URL))
    assert (asked["region_name"], asked["endpoint_url"]) == ("eu-west-1", None)
    assert "aws_access_key_id" not in asked


def stubbed(settings: Settings) -> tuple[SqsQueue, Stubber]:
    """botocore checks what we send and what it is answered against Amazon's own model."""
    queue = SqsQueue(replace(settings, events_queue_url=URL))
    return queue, Stubber(queue._client)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


@pytest.mark.parametrize("code", ["OverLimit", "RequestThrottled", "AccessDenied", "InternalError"])
def test_every_refusal_of_amazon_is_one_error(settings: Settings, code: str) -> None:
    queue, stub = stubbed(settings)
    stub.add_client_error("receive_message", service_error_code=code, http_status_code=403)
    with stub, closing(queue), pytest.raises(QueueError, match=code):
        queue.receive()


def test_an_answer_as_amazon_documents_it_is_read(settings: Settings) -> None:
    queue, stub = stubbed(settings)
    stub.add_response(
        "receive_message",
        {
            "Messages": [
                {
                    "MessageId": "fe8e0ed5",
                    "ReceiptHandle": "AQEB",
                    "MD5OfBody": "fafb00f5732ab283681e124bf8747ed1",
                    "Body": "This is a test message",
                }
            ]
        },
    )
    stub.add_response("receive_message", {})
    with stub, closing(queue):
        assert queue.receive() == [Received("fe8e0ed5", "AQEB", "This is a test message")]
        assert queue.receive() == []


def test_no_queue_is_made_without_its_url(settings: Settings) -> None:
    with pytest.raises(ValueError, match="no queue is set"):
        SqsQueue(settings)
