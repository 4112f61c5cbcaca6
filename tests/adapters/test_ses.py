"""What each answer of Amazon SES, or its absence, proves about a message."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import (
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    SSOTokenLoadError,
)
from botocore.stub import Stubber

from mailer.adapters import ses
from mailer.adapters.ses import (
    BULK_LIMIT,
    BulkCall,
    BulkEntry,
    Outcome,
    SesClient,
    SingleMail,
)
from mailer.stand_in.server import Options, StandIn

MODEL = boto3.client(
    "sesv2", region_name="eu-north-1", config=Config(signature_version=UNSIGNED)
).meta.service_model
# Not accepted, and why it is about the account or the form of the call and not about one person.
WHOLE_CALL = {
    "TooManyRequestsException": Outcome.NOT_NOW,
    "LimitExceededException": Outcome.HALT,
    "AccountSuspendedException": Outcome.HALT,
    "SendingPausedException": Outcome.HALT,
    "MessageRejected": Outcome.HALT,
    "MailFromDomainNotVerifiedException": Outcome.HALT,
    "NotFoundException": Outcome.HALT,
    "BadRequestException": Outcome.HALT,
}
ENTRY = {
    "SUCCESS": Outcome.ACCEPTED,
    "MESSAGE_REJECTED": Outcome.REFUSED,
    "MAIL_FROM_DOMAIN_NOT_VERIFIED": Outcome.HALT,
    "CONFIGURATION_SET_NOT_FOUND": Outcome.HALT,
    "TEMPLATE_NOT_FOUND": Outcome.HALT,
    "ACCOUNT_SUSPENDED": Outcome.HALT,
    "ACCOUNT_THROTTLED": Outcome.NOT_NOW,
    "ACCOUNT_DAILY_QUOTA_EXCEEDED": Outcome.QUOTA,
    "INVALID_SENDING_POOL_NAME": Outcome.HALT,
    "ACCOUNT_SENDING_PAUSED": Outcome.HALT,
    "CONFIGURATION_SET_SENDING_PAUSED": Outcome.HALT,
    "INVALID_PARAMETER": Outcome.REFUSED,
    "TRANSIENT_FAILURE": Outcome.NOT_NOW,
    "FAILED": Outcome.REFUSED,
}


def make_entry(number: int = 1, **data: str) -> BulkEntry:
    return BulkEntry(
        to=f"henkilo.{number}@yritys.example",
        data={"h_first_name": "Äijö", **data},
        headers=[
            ("List-Unsubscribe", f"<https://posti.example/u/{number}>, <mailto:lopeta@b.example>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ],
        tags={"message": str(number), "campaign": "7"},
    )


def make_call(*entries: BulkEntry) -> BulkCall:
    return BulkCall(
        sender="=?utf-8?q?=C3=84yri=C3=A4inen?= <uutiset@esimerkki.example>",
        reply_to="vastaus@esimerkki.example",
        subject="Hei {{h_first_name}}",
        html="<p>Hei {{h_first_name}}</p>",
        text="Hei {{h_first_name}}",
        headers=[("List-Id", "<markkinointi.esimerkki.example>")],
        entries=entries or [make_entry()],
    )


def make_mail() -> SingleMail:
    return SingleMail(
        sender="Esimerkki <uutiset@esimerkki.example>",
        reply_to="",
        to="maija@esimerkki.example",
        subject="[TESTI] Hei",
        html="<p>Hei</p>",
        text="Hei",
        headers=[],
        tags={"message": "9", "test": "yes"},
    )


def make_client(url: str | None, **options: Any) -> SesClient:
    options = {"configuration_set": None, "connections": 2, "validate": True, **options}
    return SesClient("eu-north-1", endpoint_url=url, **options)


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    with StandIn(Options(directory=tmp_path / "stand-in")) as server:
        yield server


@pytest.fixture
def client(stand_in: StandIn) -> SesClient:
    return make_client(stand_in.url)


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SesClient, Stubber]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = make_client(None)
    with Stubber(client._client) as stubber:
        yield client, stubber


def outcomes(results: list[ses.Result]) -> list[Outcome]:
    return [result.outcome for result in results]


def test_the_tables_know_every_answer_of_the_service_model() -> None:
    assert set(MODEL.shape_for("BulkEmailStatus").enum) == set(ENTRY)
    for operation in ("SendBulkEmail", "SendEmail"):
        modelled = {shape.name for shape in MODEL.operation_model(operation).error_shapes}
        assert modelled <= set(WHOLE_CALL)


@pytest.mark.parametrize(("status", "outcome"), ENTRY.items())
def test_each_status_of_an_entry_has_its_meaning(
    status: str, outcome: Outcome, stubbed: tuple[SesClient, Stubber]
) -> None:
    client, stubber = stubbed
    stubber.add_response(
        "send_bulk_email", {"BulkEmailEntryResults": [{"Status": status, "MessageId": "0100"}]}
    )
    [result] = client.send_bulk(make_call())
    assert result.outcome is outcome
    assert (result.message_id, result.error) == (
        ("0100", None) if outcome is Outcome.ACCEPTED else (None, status)
    )


def test_a_status_nobody_knows_proves_nothing(stubbed: tuple[SesClient, Stubber]) -> None:
    client, stubber = stubbed
    stubber.add_response("send_bulk_email", {"BulkEmailEntryResults": [{"Status": "NEWLY_MADE"}]})
    assert outcomes(client.send_bulk(make_call())) == [Outcome.UNKNOWN]


def test_an_unverified_sender_stops_the_campaign_and_fails_nobody(
    stubbed: tuple[SesClient, Stubber],
) -> None:
    client, stubber = stubbed
    stubber.add_response(
        "send_bulk_email",
        {
            "BulkEmailEntryResults": [
                {"Status": "MESSAGE_REJECTED", "Error": "Email address is not verified."}
            ]
        },
    )
    assert outcomes(client.send_bulk(make_call())) == [Outcome.HALT]


@pytest.mark.parametrize(("code", "outcome"), WHOLE_CALL.items())
def test_each_error_of_a_whole_call_has_its_meaning(
    code: str, outcome: Outcome, stubbed: tuple[SesClient, Stubber]
) -> None:
    client, stubber = stubbed
    status = 429 if code == "TooManyRequestsException" else 400
    for operation in ("send_bulk_email", "send_email"):
        stubber.add_client_error(operation, code, "Maximum sending rate exceeded.", status)
    results = client.send_bulk(make_call(make_entry(1), make_entry(2)))
    assert outcomes(results) == [outcome, outcome]
    assert {result.error for result in results} == {code}
    assert client.send_single(make_mail()).outcome is outcome


@pytest.mark.parametrize("status", [400, 429])
def test_a_used_up_daily_quota_is_not_a_matter_of_seconds(
    status: int, stubbed: tuple[SesClient, Stubber]
) -> None:
    client, stubber = stubbed
    stubber.add_client_error(
        "send_bulk_email", "TooManyRequestsException", "Daily message quota exceeded.", status
    )
    assert outcomes(client.send_bulk(make_call())) == [Outcome.QUOTA]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_proves_nothing(status: int, stubbed: tuple[SesClient, Stubber]) -> None:
    client, stubber = stubbed
    stubber.add_client_error("send_bulk_email", "InternalServiceError", "", status)
    assert outcomes(client.send_bulk(make_call())) == [Outcome.UNKNOWN]


def test_fewer_results_than_people_leave_the_rest_unknown(
    stubbed: tuple[SesClient, Stubber],
) -> None:
    client, stubber = stubbed
    stubber.add_response(
        "send_bulk_email", {"BulkEmailEntryResults": [{"Status": "SUCCESS", "MessageId": "1"}]}
    )
    results = client.send_bulk(make_call(*(make_entry(number) for number in range(3))))
    assert outcomes(results) == [Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.UNKNOWN]


def test_more_results_than_people_are_cut(stubbed: tuple[SesClient, Stubber]) -> None:
    client, stubber = stubbed
    stubber.add_response("send_bulk_email", {"BulkEmailEntryResults": [{"Status": "SUCCESS"}] * 3})
    assert len(client.send_bulk(make_call())) == 1


@pytest.mark.parametrize(
    "error",
    [
        NoCredentialsError(),
        PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        CredentialRetrievalError(provider="role", error_msg="away"),
        SSOTokenLoadError(error_msg="expired"),
    ],
)
def test_without_credentials_nothing_is_signed_and_so_nothing_sent(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client("http://127.0.0.1:9")

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(client._client, "send_bulk_email", fail)
    [result] = client.send_bulk(make_call())
    assert (result.outcome, result.error) == (Outcome.HALT, "no_credentials")


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


def test_a_refused_connection_proves_that_nothing_was_sent() -> None:
    client = make_client(f"http://127.0.0.1:{free_port()}")
    assert outcomes(client.send_bulk(make_call())) == [Outcome.NOT_NOW]
    assert client.send_single(make_mail()).outcome is Outcome.NOT_NOW


def test_a_process_that_was_frozen_before_the_bytes_left_sends_nothing(
    stand_in: StandIn, client: SesClient
) -> None:
    asked: list[bool] = []

    def only_at_first() -> bool:
        asked.append(True)
        return False

    results = client.send_bulk(replace(make_call(), may_leave=only_at_first))
    assert asked == [True]
    assert outcomes(results) == [Outcome.NOT_NOW]
    assert stand_in.counts()["accepted"] == 0
    assert outcomes(client.send_bulk(make_call())) == [Outcome.ACCEPTED]


def test_a_signature_that_is_too_old_proves_that_nothing_was_accepted() -> None:
    body = b'{"message": "Signature expired: 20261122T100000Z is now earlier than"}'
    answer = (
        b"HTTP/1.1 403 Forbidden\r\nx-amzn-ErrorType: InvalidSignatureException\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    with answering(answer) as url:
        assert outcomes(make_client(url).send_bulk(make_call())) == [Outcome.NOT_NOW]


@pytest.mark.parametrize("fault", ["drop_next", "lose_next"])
def test_a_connection_cut_after_the_body_proves_nothing(
    fault: str, stand_in: StandIn, client: SesClient
) -> None:
    stand_in.faults(**{fault: 2})
    assert outcomes(client.send_bulk(make_call())) == [Outcome.UNKNOWN]
    assert client.send_single(make_mail()).outcome is Outcome.UNKNOWN
    assert stand_in.counts()["accepted"] == (2 if fault == "drop_next" else 0)


def test_an_answer_that_comes_too_late_proves_nothing(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ses, "READ_TIMEOUT_SECONDS", 0.2)
    client = make_client(stand_in.url)
    stand_in.faults(latency_ms=700)
    assert outcomes(client.send_bulk(make_call())) == [Outcome.UNKNOWN]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{not json",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_a_garbled_answer_proves_nothing(answer: bytes) -> None:
    with answering(answer) as url:
        assert outcomes(make_client(url).send_bulk(make_call())) == [Outcome.UNKNOWN]


class answering:  # noqa: N801 - read as a verb
    """A server that reads one request and answers with these bytes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._server.close()

    def _serve(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65_536)
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            while len(body) < length:
                body += connection.recv(65_536)
            connection.sendall(self._answer)


def test_no_call_is_ever_repeated_by_the_sdk(stand_in: StandIn, client: SesClient) -> None:
    stand_in.faults(error_next=1)
    assert outcomes(client.send_bulk(make_call())) == [Outcome.UNKNOWN]
    stand_in.faults(throttle_next=1)
    assert outcomes(client.send_bulk(make_call())) == [Outcome.NOT_NOW]
    stand_in.faults(drop_next=1)
    client.send_bulk(make_call())
    assert stand_in.counts()["accepted"] == 1


def test_fifty_people_with_long_finnish_values_pass_the_service_model(
    stand_in: StandIn, client: SesClient
) -> None:
    entries = [
        make_entry(number, h_company_name="Äyräväisen Öljy ja Åkerö Oy " * 100)
        for number in range(BULK_LIMIT)
    ]
    results = client.send_bulk(make_call(*entries))
    assert outcomes(results) == [Outcome.ACCEPTED] * BULK_LIMIT
    assert len({result.message_id for result in results}) == BULK_LIMIT
    mail = stand_in.messages(address="henkilo.49@yritys.example")[0]
    assert mail["tags"] == {"message": "49", "campaign": "7"}
    assert mail["subject"] == "Hei Äijö"


def test_what_the_service_model_forbids_is_found_by_the_tests_own_client() -> None:
    client = make_client(f"http://127.0.0.1:{free_port()}")
    broken = make_entry()
    broken = BulkEntry(to=broken.to, data=broken.data, headers=[("", "")], tags=broken.tags)
    [result] = client.send_bulk(make_call(broken))
    assert result.error == ParamValidationError.__name__


def test_half_a_character_hurts_nobody_but_its_own_entry(client: SesClient) -> None:
    broken = make_entry(1, h_first_name='"\\\ud800')
    odd = make_entry(2, h_first_name='"\\\u202e{{h_first_name}}')
    assert outcomes(client.send_bulk(make_call(broken, odd))) == [
        Outcome.REFUSED,
        Outcome.ACCEPTED,
    ]


def test_the_configuration_set_goes_with_every_call(
    stubbed: tuple[SesClient, Stubber], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(None, configuration_set="lupaposti")
    seen: list[dict[str, Any]] = []

    def note(**params: Any) -> dict[str, Any]:
        seen.append(params)
        return {}

    for operation in ("send_bulk_email", "send_email"):
        monkeypatch.setattr(client._client, operation, note)
    client.send_bulk(make_call())
    client.send_single(make_mail())
    assert [params["ConfigurationSetName"] for params in seen] == ["lupaposti", "lupaposti"]


def test_real_credentials_never_leave_for_the_stand_in(
    monkeypatch: pytest.MonkeyPatch, stand_in: StandIn
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    client = make_client(stand_in.url)
    assert client._client._request_signer._credentials.access_key == "stand-in"
