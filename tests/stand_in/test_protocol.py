"""Requests that no boto3 client would send."""

import http.client
import json
import socket
import string
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.stand_in.protocol import load_operations
from mailer.stand_in.server import StandIn
from mailer.stand_in.shapes import ShapeError
from tests.stand_in.sample import bulk, entry, simple

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=stand-in/20261124/eu-north-1/ses/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
)
SEND, BULK = "/v2/email/outbound-emails", "/v2/email/outbound-bulk-emails"

Post = Callable[..., tuple[int, str, dict[str, Any]]]


@pytest.fixture
def post(stand_in: StandIn) -> Iterator[Post]:
    connection = http.client.HTTPConnection(urlsplit(stand_in.url).netloc, timeout=60)

    def send(
        path: str, body: Any, *, method: str = "POST", **headers: str | None
    ) -> tuple[int, str, dict[str, Any]]:
        named = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        data = body if isinstance(body, (bytes, str)) else json.dumps(body).encode()
        connection.request(method, path, data, {n: v for n, v in named.items() if v is not None})
        response = connection.getresponse()
        text = response.read()
        return response.status, response.getheader("x-amzn-ErrorType") or "", json.loads(text)

    yield send
    connection.close()


def test_a_plain_request_is_understood(post: Post) -> None:
    status, _, answer = post(SEND, simple())

    assert status == 200
    assert answer["MessageId"]


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "MissingAuthenticationTokenException"),
        ("", "MissingAuthenticationTokenException"),
        ("Basic YTpi", "IncompleteSignatureException"),
        (AUTHORIZATION[:-1], "IncompleteSignatureException"),
        (AUTHORIZATION.replace("aws4_request", "x"), "IncompleteSignatureException"),
    ],
)
def test_an_unsigned_request_is_forbidden(
    post: Post, stand_in: StandIn, authorization: str | None, code: str
) -> None:
    status, error, answer = post(SEND, simple(), Authorization=authorization)

    assert (status, error) == (403, code)
    assert answer["message"]
    assert stand_in.messages() == []


@pytest.mark.parametrize("body", [b'{"Content":', b"\xff", b"[]", b"1", b"null", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(post: Post, body: bytes) -> None:
    assert post(SEND, body)[:2] == (400, "SerializationException")


@pytest.mark.parametrize(
    "media_type",
    ["text/xml", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense"],
)
def test_other_media_types_are_refused(post: Post, media_type: str) -> None:
    status, error, _ = post(SEND, simple(), Content_Type=media_type)

    assert (status, error) == (415, "UnsupportedMediaTypeException")


def test_json_null_means_absent(post: Post, stand_in: StandIn) -> None:
    request = {**simple(), "ConfigurationSetName": None, "EmailTags": None}
    request["Content"]["Simple"]["Body"]["Text"] = None

    assert post(SEND, request)[0] == 200
    assert stand_in.messages()[0]["text"] is None
    assert post(SEND, {**request, "Content": None})[0] == 400


@pytest.mark.parametrize(
    "change",
    [
        {"Unknown": 1},
        {"FromEmailAddress": 1},
        {"FromEmailAddress": ["a@quux.example"]},
        {"Destination": "a@yritys.example"},
        {"Destination": {"ToAddresses": "a@yritys.example"}},
        {"Destination": {"ToAddresses": [1]}},
        {"Destination": {"ToAddresses": ["a@yritys.example\r\nBcc: b@yritys.example"]}},
        {"Content": {}},
        {"Content": {"Simple": {}, "Raw": {}}},
        {"Content": {"Raw": {"Data": "!"}}},
        {"Content": {"Raw": {"Data": ""}}},
        {"Content": {"Simple": {"Subject": {"Data": "\ud800"}, "Body": {"Text": {"Data": "a"}}}}},
        {"Content": {"Simple": {"Subject": {"Data": "a\nb"}, "Body": {"Text": {"Data": "a"}}}}},
        {"EmailTags": [{"Name": "a"}]},
        {"EmailTags": {}},
    ],
    ids=lambda change: json.dumps(change)[:60],
)
def test_a_request_that_does_not_fit_the_model_is_refused(
    post: Post, stand_in: StandIn, change: dict[str, Any]
) -> None:
    status, error, answer = post(SEND, {**simple(), **change})

    assert (status, error) == (400, "BadRequestException")
    assert answer["message"]
    assert stand_in.messages() == []


def test_a_refusal_names_the_place_and_not_the_value(post: Post) -> None:
    request = bulk(entry(), entry(tags={"message": "secret value"}))

    assert post(BULK, request)[2] == {
        "message": "BulkEmailEntries.1.ReplacementTags.0.Value: must match [A-Za-z0-9_-]+"
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/email/nothing"),
        ("PATCH", SEND),
        ("GET", SEND),
        ("DELETE", "/v2/email/account"),
    ],
)
def test_an_unknown_operation_is_not_found(stand_in: StandIn, method: str, path: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(stand_in.url).netloc, timeout=30)
    connection.request(method, path, headers={"Authorization": AUTHORIZATION})
    assert connection.getresponse().status in {404, 501}
    connection.close()


def test_a_body_over_ten_megabytes_is_too_large(post: Post, stand_in: StandIn) -> None:
    assert post(SEND, b" " * (10 * 1024 * 1024 + 1))[:2] == (413, "RequestEntityTooLargeException")
    assert stand_in.messages() == []


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: x", b"400"),
        (b"Content-Length: -1", b"400"),
        (b"Content-Length: 99999999999999999999", b"400"),
        (b"Transfer-Encoding: chunked", b"411"),
    ],
)
def test_a_body_of_unclear_length_is_refused(stand_in: StandIn, head: bytes, status: bytes) -> None:
    assert exchange(
        stand_in, b"POST /v2/email/x HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n"
    ).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"POST /v2/email/outbound-emails HTTP/1.1\r\nContent-Length: 100\r\n\r\n{",
        b"GET /%ff%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /mailbox/%00 HTTP/1.1\r\nHost: [::1\r\n\r\n",
    ],
)
def test_noise_on_the_socket_harms_nobody(stand_in: StandIn, data: bytes) -> None:
    assert not exchange(stand_in, data).startswith(b"HTTP/1.1 5")
    assert stand_in.counts()["accepted"] == 0


def exchange(stand_in: StandIn, data: bytes) -> bytes:
    parts = urlsplit(stand_in.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def mutated(draw: st.DrawFn, value: Any) -> Any:
    """The value with one place of it replaced, removed or added to."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: mutated(draw, value[name])}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        return [mutated(draw, value[0]), *value[1:]]
    if isinstance(value, dict) and draw(st.booleans()):
        removed = draw(st.sampled_from([*sorted(value), "Unknown"]))
        return {n: v for n, v in value.items() if n != removed} | (
            {"Unknown": 1} if removed == "Unknown" else {}
        )
    return draw(st.sampled_from([1, 1.5, True, "", "x", [], [1], {}, {"x": 1}, "x" * 2000]))


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Any]:
    name = draw(st.sampled_from(["SendEmail", "SendBulkEmail"]))
    text = st.text(string.printable, max_size=5)
    good = (
        simple(headers={"X-A": "b"}, tags={"t": "v"})
        if name == "SendEmail"
        else bulk(entry(headers={"X-A": "b"}, tags={"t": "v"}, data={"name": draw(text)}))
    )
    return name, mutated(draw, good)


@given(requests())
@settings(max_examples=300)
def test_whatever_botocore_refuses_is_refused_here_too(request_: tuple[str, Any]) -> None:
    name, request = request_
    (operation,) = [o for o in load_operations() if o.name == name]
    theirs = ParamValidator().validate(request, operation.input_shape).has_errors()

    with suppress(ShapeError):
        operation.check(request)
        assert not theirs
