"""What the service model and the developer guide forbid; rate, quota and simulated trouble."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError, ConnectionClosedError

from mailer.stand_in.account import Pace
from mailer.stand_in.server import StandIn
from tests.stand_in.sample import bulk, entry, pairs, refusal, simple, statuses


def with_headers(headers: list[dict[str, str]]) -> dict[str, Any]:
    request = simple()
    request["Content"]["Simple"]["Headers"] = headers
    return request


@pytest.mark.parametrize(
    "headers",
    [
        pairs({"X-A": "a\r\nBcc: x@yritys.example"}),
        pairs({"X-A": "a\n"}),
        pairs({"X-A\r\nBcc": "a"}),
        pairs({"X A": "a"}),
        pairs({"X-A": "ä"}),
        pairs({"X-A": "a" * 996}),
        pairs({"X" * 127: "a"}),
        pairs({"X" * 100: "a" * 900}),
        pairs({f"X-{i}": "a" for i in range(16)}),
        pairs({"From": "x@yritys.example"}),
        [{"Name": "X-A", "Value": "1"}, {"Name": "x-a", "Value": "2"}],
    ],
    ids=lambda headers: headers[0]["Name"][:8],
)
def test_headers_that_ses_would_refuse_are_refused(
    ses: Any, stand_in: StandIn, headers: list[dict[str, str]]
) -> None:
    error = refusal(ses.send_email, **with_headers(headers))
    request = bulk()
    request["BulkEmailEntries"][0]["ReplacementHeaders"] = headers
    try:
        result = statuses(ses.send_bulk_email(**request))
    except ClientError as problem:
        result = [problem.response["Error"]["Code"]]

    assert error["Code"] == "BadRequestException"
    assert result[0] in {"BadRequestException", "INVALID_PARAMETER"}
    assert stand_in.messages() == []


def test_headers_at_the_limit_are_taken(ses: Any) -> None:
    at_limit = pairs({"X": "a" * 995, **{f"X-{i}": "a" for i in range(14)}})

    assert ses.send_email(**with_headers(at_limit))["MessageId"]


def test_template_and_entry_headers_together_keep_the_limit(ses: Any) -> None:
    request = bulk(
        entry(headers={f"Y-{i}": "a" for i in range(8)}), headers={f"X-{i}": "a" for i in range(8)}
    )

    assert statuses(ses.send_bulk_email(**request)) == ["INVALID_PARAMETER"]


@pytest.mark.parametrize("value", ["a b", "a@b", "ä", "a" * 257, "", "a.b", "a\n"])
def test_tags_outside_the_allowed_letters_are_refused(ses: Any, value: str) -> None:
    assert refusal(ses.send_email, **simple(tags={"t": value}))["Code"] == "BadRequestException"
    if value:
        error = refusal(ses.send_bulk_email, **bulk(entry(tags={value: "v"})))
        assert error["Code"] == "BadRequestException"


def test_more_than_fifty_entries_are_refused(ses: Any, stand_in: StandIn) -> None:
    entries = [entry(f"a{i}@yritys.example") for i in range(51)]

    assert refusal(ses.send_bulk_email, **bulk(*entries))["Code"] == "BadRequestException"
    assert stand_in.messages() == []
    assert statuses(ses.send_bulk_email(**bulk(*entries[:50]))) == ["SUCCESS"] * 50


def test_more_than_fifty_recipients_are_refused(ses: Any) -> None:
    many = {
        "ToAddresses": [f"a{i}@yritys.example" for i in range(30)],
        "BccAddresses": [f"b{i}@yritys.example" for i in range(21)],
    }

    assert refusal(ses.send_email, **simple(Destination=many))["Code"] == "BadRequestException"


def test_an_inline_template_over_one_megabyte_is_refused(ses: Any) -> None:
    error = refusal(ses.send_bulk_email, **bulk(html="x" * 1_000_001))

    assert error["Code"] == "BadRequestException"


def test_template_data_over_its_limit_is_refused(ses: Any) -> None:
    error = refusal(ses.send_bulk_email, **bulk(entry(data={"name": "x" * 262_144})))

    assert error["Code"] == "BadRequestException"


def test_the_rate_throttles_single_messages(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    stand_in = start(rate=2)
    ses = client_for(stand_in.url)
    ses.send_email(**simple())
    ses.send_email(**simple())

    with pytest.raises(ClientError) as caught:
        ses.send_email(**simple())

    assert caught.value.response["Error"] == {
        "Code": "TooManyRequestsException",
        "Message": "Maximum sending rate exceeded.",
    }
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert len(stand_in.messages()) == 2
    time.sleep(0.6)
    assert ses.send_email(**simple())["MessageId"]


def test_the_rate_throttles_the_last_entries_of_a_bulk_call(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    stand_in = start(rate=3)
    ses = client_for(stand_in.url)
    request = bulk(*[entry(f"a{i}@yritys.example") for i in range(5)])

    answer = ses.send_bulk_email(**request)

    assert statuses(answer) == ["SUCCESS"] * 3 + ["ACCOUNT_THROTTLED"] * 2
    assert len(stand_in.messages()) == 3
    assert refusal(ses.send_bulk_email, **request)["Code"] == "TooManyRequestsException"


def test_what_one_limit_refuses_does_not_use_up_the_other(
    start: Callable[..., StandIn], client_for: Callable[..., Any], tmp_path: Path
) -> None:
    three = bulk(*[entry(f"a{i}@yritys.example") for i in range(3)])
    little_quota = client_for(start(directory=tmp_path / "1", rate=3, quota=1).url)
    little_rate = client_for(start(directory=tmp_path / "2", rate=1, quota=3).url)

    little_quota.send_bulk_email(**three)
    little_rate.send_bulk_email(**three)

    free = bulk(*[entry(f"success+{i}@simulator.amazonses.com") for i in range(2)])
    assert statuses(little_quota.send_bulk_email(**free)) == ["SUCCESS"] * 2
    assert little_rate.get_account()["SendQuota"]["SentLast24Hours"] == 1.0


def test_the_bucket_never_holds_more_than_one_second() -> None:
    moment = 0.0
    pace = Pace(10, lambda: moment)

    assert pace.take(50) == 10
    moment = 100.0
    assert pace.take(50) == 10
    pace.give_back(100)
    assert pace.take(50) == 10
    moment = 100.35
    assert pace.take(50) == 3


def test_the_daily_quota_counts_recipients_and_ends(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    ses = client_for(start(quota=3).url)
    two = {"ToAddresses": ["a@yritys.example"], "CcAddresses": ["b@yritys.example"]}
    ses.send_email(**simple(Destination=two))

    assert ses.get_account()["SendQuota"]["SentLast24Hours"] == 2.0
    answer = ses.send_bulk_email(**bulk(entry("c@yritys.example"), entry("d@yritys.example")))
    assert statuses(answer) == ["SUCCESS", "ACCOUNT_DAILY_QUOTA_EXCEEDED"]
    error = refusal(ses.send_email, **simple())
    assert error == {"Code": "TooManyRequestsException", "Message": "Daily message quota exceeded."}
    # The mailbox simulator is free.
    assert ses.send_email(**simple("success@simulator.amazonses.com"))["MessageId"]


def test_the_quota_survives_a_restart_and_frees_itself_after_a_day(
    start: Callable[..., StandIn], client_for: Callable[..., Any], tmp_path: Path
) -> None:
    first = start(quota=1)
    client_for(first.url).send_email(**simple())
    first.stop()

    second = start(quota=1)
    ses = client_for(second.url)
    assert refusal(ses.send_email, **simple())["Code"] == "TooManyRequestsException"
    with time_machine.travel(datetime.now(UTC).timestamp() + 24 * 3600 + 61):  # noqa: TID251
        assert ses.get_account()["SendQuota"]["SentLast24Hours"] == 0.0
        assert ses.send_email(**simple())["MessageId"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"account_suspended": True}, "AccountSuspendedException"),
        ({"sending_paused": True}, "SendingPausedException"),
        ({"refuse": "LimitExceededException"}, "LimitExceededException"),
        ({"refuse": "MailFromDomainNotVerifiedException"}, "MailFromDomainNotVerifiedException"),
        ({"error_rate": 1}, "InternalServiceErrorException"),
        ({"throttle_rate": 1.0}, "TooManyRequestsException"),
        ({"error_next": 2}, "InternalServiceErrorException"),
    ],
)
def test_a_fault_refuses_every_send_and_accepts_nothing(
    ses: Any, stand_in: StandIn, fault: dict[str, Any], code: str
) -> None:
    stand_in.faults(**fault)

    assert refusal(ses.send_email, **simple())["Code"] == code
    assert refusal(ses.send_bulk_email, **bulk())["Code"] == code

    assert stand_in.messages() == []
    stand_in.reset()
    assert ses.send_email(**simple())["MessageId"]


def test_a_paused_account_says_so(ses: Any, stand_in: StandIn) -> None:
    stand_in.faults(sending_paused=True)
    assert ses.get_account()["SendingEnabled"] is False
    stand_in.faults(sending_paused=False, account_suspended=True)
    assert ses.get_account()["EnforcementStatus"] == "SHUTDOWN"


def test_a_dropped_answer_was_accepted(ses: Any, stand_in: StandIn) -> None:
    stand_in.faults(drop_next=1)

    with pytest.raises(ConnectionClosedError):
        ses.send_bulk_email(**bulk(entry("a@yritys.example"), entry("b@yritys.example")))

    assert len(stand_in.messages()) == 2
    assert statuses(ses.send_bulk_email(**bulk())) == ["SUCCESS"]


def test_a_lost_request_was_not_accepted(ses: Any, stand_in: StandIn) -> None:
    stand_in.faults(lose_next=1)

    with pytest.raises(ConnectionClosedError):
        ses.send_bulk_email(**bulk())

    assert stand_in.messages() == []


def test_an_entry_can_fail_for_a_moment(ses: Any, stand_in: StandIn) -> None:
    stand_in.faults(entry_failure_rate=1)

    assert statuses(ses.send_bulk_email(**bulk(entry(), entry()))) == ["TRANSIENT_FAILURE"] * 2
    assert stand_in.messages() == []


def test_latency_delays_the_answer(ses: Any, stand_in: StandIn) -> None:
    ses.send_email(**simple())
    stand_in.faults(latency_ms=300)

    began = time.monotonic()
    ses.send_email(**simple())

    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("MESSAGE_REJECTED", "MessageRejected"),
        ("ACCOUNT_THROTTLED", "TooManyRequestsException"),
        ("TRANSIENT_FAILURE", "InternalServiceErrorException"),
        ("CONFIGURATION_SET_SENDING_PAUSED", "SendingPausedException"),
    ],
)
def test_an_address_can_be_told_to_be_refused(
    ses: Any, stand_in: StandIn, status: str, code: str
) -> None:
    stand_in.behaviours({"Bad@yritys.example": status})

    answer = ses.send_bulk_email(**bulk(entry("bad@yritys.example"), entry("good@yritys.example")))

    assert statuses(answer) == [status, "SUCCESS"]
    assert refusal(ses.send_email, **simple("bad@yritys.example"))["Code"] == code
    assert len(stand_in.messages()) == 1


def test_every_bulk_status_of_the_service_model_can_be_had(ses: Any) -> None:
    from mailer.stand_in.behaviours import REFUSALS

    shape = ses.meta.service_model.shape_for("BulkEmailStatus")

    assert {*REFUSALS, "SUCCESS"} == set(shape.enum)
