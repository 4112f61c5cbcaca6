"""The JSON interface for tests, and how messages are kept and counted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from mailer.stand_in.server import StandIn
from tests.stand_in.sample import bulk, entry, simple, statuses


def status_of(url: str, data: bytes | None = None, **headers: str) -> int:
    try:
        with urlopen(Request(url, data, headers)) as response:
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code


def test_messages_come_newest_first_and_in_pages(ses: Any, stand_in: StandIn) -> None:
    for i in range(5):
        ses.send_email(**simple(f"a{i}@yritys.example", subject=f"n{i}"))

    assert [m["subject"] for m in stand_in.messages()] == ["n4", "n3", "n2", "n1", "n0"]
    assert [m["subject"] for m in stand_in.messages(limit=2, offset=1)] == ["n3", "n2"]
    assert [m["subject"] for m in stand_in.messages(q="a3@")] == ["n3"]
    assert [m["subject"] for m in stand_in.messages(q="N2")] == ["n2"]
    assert stand_in.messages(q="%") == []


def test_one_message_is_found_by_its_id(ses: Any, stand_in: StandIn) -> None:
    message_id = ses.send_email(**simple())["MessageId"]

    assert status_of(f"{stand_in.url}/_stand_in/messages/{message_id}") == 200
    assert status_of(f"{stand_in.url}/_stand_in/messages/none") == 404


@pytest.mark.parametrize("count_only", [False, True])
def test_a_message_tag_seen_twice_is_counted_as_repeated(
    start: Callable[..., StandIn], client_for: Callable[..., Any], *, count_only: bool
) -> None:
    stand_in = start(count_only=count_only)
    ses = client_for(stand_in.url)
    for numbers in ((1, 2, 3), (3, 4)):
        ses.send_bulk_email(
            **bulk(
                *[entry(f"A{n}@yritys.example", tags={"message": str(n)}) for n in numbers],
                tags={"campaign": "7"},
            )
        )

    counts = stand_in.counts()

    assert counts["accepted"] == 5
    assert counts["tags"]["message"] == {"distinct": 4, "total": 5, "repeated": 1}
    assert counts["tags"]["campaign"] == {"distinct": 1, "total": 5, "repeated": 1}
    assert counts["addresses"] == {"distinct": 4, "total": 5, "repeated": 1}
    with urlopen(f"{stand_in.url}/_stand_in/repeated?tag=message") as response:
        assert response.read() == b'{"3": 2}'


@pytest.mark.parametrize(
    ("change", "answers"),
    [
        ({}, ["SUCCESS"]),
        ({"address": "not an address"}, ["INVALID_PARAMETER"]),
        ({"address": "a+reject@yritys.example"}, ["SUCCESS"]),
        ({"address": "success@simulator.amazonses.com"}, ["SUCCESS"]),
    ],
)
def test_counting_answers_what_keeping_answers(
    start: Callable[..., StandIn],
    client_for: Callable[..., Any],
    tmp_path: Path,
    change: dict[str, str],
    answers: list[str],
) -> None:
    address = change.get("address", "a@yritys.example")
    call = bulk(entry(address, data={"name": "A"}, tags={"message": "1"}))
    for count_only in (False, True):
        stand_in = start(count_only=count_only, directory=tmp_path / str(count_only))
        assert statuses(client_for(stand_in.url).send_bulk_email(**call)) == answers
        accepted = answers.count("SUCCESS")
        assert stand_in.counts()["accepted"] == accepted
        assert stand_in.counts()["addresses"]["total"] == accepted


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"FromEmailAddress": "a@elsewhere.invalid"}, "MessageRejected"),
        ({"ConfigurationSetName": "none"}, "NotFoundException"),
        ({"BulkEmailEntries": []}, "BadRequestException"),
    ],
)
def test_counting_refuses_what_keeping_refuses(
    start: Callable[..., StandIn],
    client_for: Callable[..., Any],
    tmp_path: Path,
    changes: dict[str, Any],
    error: str,
) -> None:
    call = {**bulk(entry(data={"name": "A"}, tags={"message": "1"})), **changes}
    for count_only in (False, True):
        stand_in = start(
            count_only=count_only,
            configuration_sets=["events"],
            directory=tmp_path / str(count_only),
        )
        with pytest.raises(ClientError) as refused:
            client_for(stand_in.url).send_bulk_email(**call)
        assert refused.value.response["Error"]["Code"] == error
        assert stand_in.counts()["accepted"] == 0


def test_counting_keeps_no_message(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    stand_in = start(count_only=True)
    answer = client_for(stand_in.url).send_bulk_email(**bulk(entry(), entry()))

    assert statuses(answer) == ["SUCCESS"] * 2
    assert stand_in.messages() == []
    assert stand_in.counts()["accepted"] == 2


def test_messages_and_counts_survive_a_restart(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    first = start()
    client_for(first.url).send_bulk_email(**bulk(entry(tags={"message": "1"})))
    first.stop()

    second = start()
    client_for(second.url).send_bulk_email(**bulk(entry(tags={"message": "1"})))

    assert [m["text"] for m in second.messages()] == ["Moi sinä", "Moi sinä"]
    assert second.counts()["tags"]["message"]["repeated"] == 1


def test_the_oldest_messages_give_way_and_stay_counted(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    stand_in = start(keep=60)
    ses = client_for(stand_in.url)
    for batch in range(5):
        ses.send_bulk_email(
            **bulk(*[entry(f"a{batch}x{i}@yritys.example") for i in range(50)], text=f"{batch}")
        )

    messages = stand_in.messages()

    assert 60 <= len(messages) <= 160
    assert messages[0]["to"] == ["a4x49@yritys.example"]
    assert stand_in.counts()["accepted"] == 250
    assert stand_in.messages(address="a0x0@yritys.example") == []


def test_reset_forgets_everything(ses: Any, stand_in: StandIn) -> None:
    ses.send_email(**simple("a+bounce@yritys.example", tags={"message": "1"}))
    stand_in.faults(sending_paused=True)
    stand_in.behaviours({"b@yritys.example": "bounce"})

    stand_in.reset()

    assert stand_in.messages() == []
    assert stand_in.counts()["accepted"] == 0
    assert stand_in.counts()["tags"] == {}
    assert ses.get_account()["SendQuota"]["SentLast24Hours"] == 0.0
    with pytest.raises(ClientError, match="NotFoundException"):
        ses.get_suppressed_destination(EmailAddress="a+bounce@yritys.example")
    ses.send_email(**simple("b@yritys.example"))
    assert stand_in.messages()[0]["outcome"] == "delivered"


@pytest.mark.parametrize(
    "changes",
    [
        {"no_such_fault": 1},
        {"drop_rate": 1.5},
        {"drop_rate": -0.1},
        {"drop_rate": "1"},
        {"drop_rate": True},
        {"drop_rate": float("nan")},
        {"latency_ms": 1.5},
        {"latency_ms": 10**9},
        {"sending_paused": 1},
        {"refuse": "NoSuchError"},
        {"refuse": []},
    ],
)
def test_a_nonsense_fault_changes_nothing(stand_in: StandIn, changes: dict[str, Any]) -> None:
    before = stand_in.faults()

    with pytest.raises(ValueError, match=r"\w+ .*\."):
        stand_in.faults(**changes, event_delay_ms=1)

    assert stand_in.faults() == before


@pytest.mark.parametrize("mapping", [{"a@yritys.example": "explode"}, {"a": "bounce"}])
def test_a_nonsense_behaviour_is_refused(stand_in: StandIn, mapping: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"\."):
        stand_in.behaviours(mapping)


@pytest.mark.parametrize("path", ["faults", "behaviours", "identities"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b'{"a@b.example": []}'])
def test_a_nonsense_document_is_refused(stand_in: StandIn, path: str, body: bytes) -> None:
    assert status_of(f"{stand_in.url}/_stand_in/{path}", body) == 400


@pytest.mark.parametrize("path", ["", "nothing", "messages?tag=x", "messages?limit=-1&offset=x"])
def test_nonsense_questions_do_no_harm(stand_in: StandIn, path: str) -> None:
    assert status_of(f"{stand_in.url}/_stand_in/{path}") in {200, 400, 404}


def test_foreign_pages_and_names_are_kept_out(stand_in: StandIn) -> None:
    reset = f"{stand_in.url}/_stand_in/reset"

    assert status_of(reset, b"", Origin="https://evil.example") == 403
    assert status_of(reset, b"", Host="evil.example") == 403
    assert status_of(f"{stand_in.url}/mailbox", Host="evil.example") == 403
    assert status_of(reset, b"", Origin=stand_in.url) == 200
