"""The queue that events may go to, spoken to by boto3 as the product does."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from mailer.stand_in.errors import StandInError
from mailer.stand_in.server import StandIn
from tests.stand_in.sample import simple

LIMIT = 120.0
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=stand-in/20261124/eu-north-1/sqs/aws4_request,"
    f" SignedHeaders=host, Signature={'0' * 64}"
)


@pytest.fixture
def told(start: Callable[..., StandIn]) -> StandIn:
    return start(queue="events")


@pytest.fixture
def sqs(told: StandIn, client_for: Callable[..., Any]) -> Any:
    return client_for(told.url, "sqs")


def put(sqs: Any, stand_in: StandIn, *bodies: str) -> None:
    for body in bodies:
        sqs.send_message(QueueUrl=stand_in.queue_url, MessageBody=body)


def take(sqs: Any, stand_in: StandIn, **more: Any) -> list[dict[str, Any]]:
    answer = sqs.receive_message(QueueUrl=stand_in.queue_url, **{"MaxNumberOfMessages": 10, **more})
    return list(answer.get("Messages", []))


def take_all(sqs: Any, stand_in: StandIn, count: int) -> list[str]:
    """The bodies of at least `count` messages, deleted."""
    bodies: list[str] = []
    deadline = time.monotonic() + LIMIT
    while len(bodies) < count and time.monotonic() < deadline:
        for message in take(sqs, stand_in, WaitTimeSeconds=1):
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=stand_in.queue_url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def refusal(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def test_events_come_in_signed_envelopes(
    told: StandIn, sqs: Any, client_for: Callable[..., Any]
) -> None:
    client_for(told.url).send_email(**simple("anna@yritys.example"))

    envelopes = [json.loads(body) for body in take_all(sqs, told, 3)]

    assert {envelope["Type"] for envelope in envelopes} == {"Notification"}
    assert all(envelope["Signature"] and envelope["TopicArn"] for envelope in envelopes)
    texts = [envelope["Message"] for envelope in envelopes]
    assert texts[0].startswith("Successfully validated")
    assert {json.loads(text)["eventType"] for text in texts[1:]} == {"Send", "Delivery"}
    assert told.counts()["queue"] == {"visible": 0, "in_flight": 0}


def test_raw_delivery_leaves_the_envelope_out(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    told = start(queue="events", raw_delivery=True)
    client_for(told.url).send_email(**simple("anna@yritys.example"))
    bodies = take_all(client_for(told.url, "sqs"), told, 3)
    assert {json.loads(body)["eventType"] for body in bodies[1:]} == {"Send", "Delivery"}


def test_a_message_taken_is_hidden_and_comes_again_when_it_was_not_deleted(
    told: StandIn, sqs: Any
) -> None:
    take_all(sqs, told, 1)
    put(sqs, told, "a")

    first = take(sqs, told, VisibilityTimeout=600, WaitTimeSeconds=5)
    assert [message["Body"] for message in first] == ["a"]
    assert first[0]["MD5OfBody"] == hashlib.md5(b"a").hexdigest()
    assert take(sqs, told) == []
    sqs.change_message_visibility(
        QueueUrl=told.queue_url, ReceiptHandle=first[0]["ReceiptHandle"], VisibilityTimeout=1
    )
    again = take(sqs, told, WaitTimeSeconds=20, VisibilityTimeout=600)
    assert again[0]["MessageId"] == first[0]["MessageId"]
    assert again[0]["Attributes"]["ApproximateReceiveCount"] == "2"

    # The first reader's receipt is stale now: answered well, and the message stays.
    sqs.delete_message(QueueUrl=told.queue_url, ReceiptHandle=first[0]["ReceiptHandle"])
    assert told.counts()["queue"] == {"visible": 0, "in_flight": 1}
    sqs.delete_message(QueueUrl=told.queue_url, ReceiptHandle=again[0]["ReceiptHandle"])
    assert told.counts()["queue"] == {"visible": 0, "in_flight": 0}


def test_a_message_given_back_is_visible_at_once(told: StandIn, sqs: Any) -> None:
    take_all(sqs, told, 1)
    put(sqs, told, "a")
    [message] = take(sqs, told, WaitTimeSeconds=5)
    receipt = message["ReceiptHandle"]
    sqs.change_message_visibility(
        QueueUrl=told.queue_url, ReceiptHandle=receipt, VisibilityTimeout=0
    )
    assert [m["Body"] for m in take(sqs, told)] == ["a"]
    assert (
        refusal(
            sqs.change_message_visibility,
            QueueUrl=told.queue_url,
            ReceiptHandle=receipt,
            VisibilityTimeout=0,
        )
        == "AWS.SimpleQueueService.MessageNotInflight"
    )


def test_a_batch_is_deleted_entry_by_entry(told: StandIn, sqs: Any) -> None:
    take_all(sqs, told, 1)
    put(sqs, told, "a", "b")
    messages = take(sqs, told, WaitTimeSeconds=5)
    entries = [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
        for number, message in enumerate(messages)
    ]
    answer = sqs.delete_message_batch(
        QueueUrl=told.queue_url, Entries=[*entries, {"Id": "bad", "ReceiptHandle": "x"}]
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["0", "1"]
    assert [(e["Id"], e["Code"]) for e in answer["Failed"]] == [("bad", "ReceiptHandleIsInvalid")]
    assert told.counts()["queue"] == {"visible": 0, "in_flight": 0}


def test_a_batch_that_amazon_would_refuse_is_refused(told: StandIn, sqs: Any) -> None:
    def delete(*ids: str) -> str:
        entries = [{"Id": id_, "ReceiptHandle": f"1-{'0' * 32}"} for id_ in ids]
        return refusal(sqs.delete_message_batch, QueueUrl=told.queue_url, Entries=entries)

    assert delete() == "AWS.SimpleQueueService.EmptyBatchRequest"
    assert delete("a", "a") == "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"
    assert delete(*map(str, range(11))) == "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"MaxNumberOfMessages": 11}, "InvalidParameterValue"),
        ({"MaxNumberOfMessages": 0}, "InvalidParameterValue"),
        ({"WaitTimeSeconds": 21}, "InvalidParameterValue"),
        ({"VisibilityTimeout": 43_201}, "InvalidParameterValue"),
        ({"QueueUrl": "http://127.0.0.1/1/other"}, "AWS.SimpleQueueService.NonExistentQueue"),
    ],
)
def test_a_wrong_request_is_refused_as_by_amazon(
    told: StandIn, sqs: Any, arguments: dict[str, Any], code: str
) -> None:
    assert refusal(sqs.receive_message, **{"QueueUrl": told.queue_url, **arguments}) == code


def test_there_is_no_queue_where_none_was_asked_for(
    stand_in: StandIn, client_for: Callable[..., Any]
) -> None:
    sqs = client_for(stand_in.url, "sqs")
    code = refusal(sqs.receive_message, QueueUrl=f"{stand_in.url}/123456789012/events")
    assert code == "AWS.SimpleQueueService.NonExistentQueue"


def test_what_xml_cannot_hold_is_refused(told: StandIn, sqs: Any) -> None:
    code = refusal(sqs.send_message, QueueUrl=told.queue_url, MessageBody="a\0b")
    assert code == "InvalidMessageContents"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"QueueUrl": 1}', b"[" * 100_000])
def test_garbage_is_refused(told: StandIn, body: bytes) -> None:
    headers = {"X-Amz-Target": "AmazonSQS.ReceiveMessage", "Authorization": SIGNED}
    with pytest.raises(OSError, match="HTTP Error 400"):
        urlopen(Request(told.url, body, headers))


def test_an_unsigned_request_is_refused(told: StandIn) -> None:
    headers = {"X-Amz-Target": "AmazonSQS.ReceiveMessage"}
    with pytest.raises(OSError, match="HTTP Error 403"):
        urlopen(Request(told.url, b"{}", headers))


def test_duplicates_are_delivered_on_demand(told: StandIn, sqs: Any) -> None:
    take_all(sqs, told, 1)
    put(sqs, told, "a")
    told.faults(queue_duplicate_rate=1)
    assert [m["Body"] for m in take(sqs, told)] == ["a"]
    assert [m["Body"] for m in take(sqs, told)] == ["a"]


def test_the_queue_says_how_much_it_holds(told: StandIn, sqs: Any) -> None:
    take_all(sqs, told, 1)
    put(sqs, told, "a", "b")
    take(sqs, told, MaxNumberOfMessages=1)
    answer = sqs.get_queue_attributes(QueueUrl=told.queue_url, AttributeNames=["All"])
    assert answer["Attributes"]["ApproximateNumberOfMessages"] == "1"
    assert answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_what_waits_outlives_a_restart(
    start: Callable[..., StandIn], client_for: Callable[..., Any], tmp_path: Path
) -> None:
    first = start(queue="events")
    put(client_for(first.url, "sqs"), first, "a")
    first.stop()
    second = start(queue="events")
    assert "a" in take_all(client_for(second.url, "sqs"), second, 2)


def test_the_process_with_a_queue_starts_and_stops(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "mailer.stand_in", "--queue", "events"]
    with subprocess.Popen(
        [*argv, "--directory", str(tmp_path)], stdout=subprocess.PIPE, env=os.environ
    ) as process:
        assert process.stdout is not None
        assert b"mailbox" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0


def test_events_go_to_one_place_only(start: Callable[..., StandIn]) -> None:
    with pytest.raises(StandInError, match="not to both"):
        start(queue="events", webhook_url="http://127.0.0.1:1/")
    with pytest.raises(StandInError, match="letters, digits"):
        start(queue="a/b")
