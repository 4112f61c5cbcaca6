"""A typed address leads to the open internet or nowhere, and holds nobody up."""

import ipaddress
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from mailer.adapters import outgoing
from mailer.adapters.outgoing import LOOPBACK, Answer
from tests.webhooks.receiver import listening, raw_server

INSIDE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254",
    "168.63.129.16", "172.16.0.1", "192.0.0.192", "192.168.1.1", "198.18.0.1", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::a00:1", "2002:a00:1::", "2002:7f00:1::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fec0::1", "ff02::1", "2001:db8::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_no_inner_network_may_be_reached(address: str) -> None:
    assert not outgoing.may_reach(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    assert outgoing.problem(f"https://{host}/") == "own_network"


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111"])
def test_the_open_internet_may_be_reached(address: str) -> None:
    assert outgoing.may_reach(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_no_spelling_of_a_private_address_gets_through(address: ipaddress.IPv4Address) -> None:
    reachable = outgoing.may_reach(address)
    for spelling in (
        f"::ffff:{address}",
        f"2002:{int(address) >> 16:x}:{int(address) & 65535:x}::",
    ):
        if outgoing.may_reach(ipaddress.ip_address(spelling)):
            assert reachable
    assert not (reachable and address.is_private)


def test_only_listed_networks_are_let_through() -> None:
    listed = (ipaddress.ip_network("10.20.0.0/24"),)
    assert outgoing.may_reach(ipaddress.ip_address("10.20.0.9"), listed)
    assert outgoing.may_reach(ipaddress.ip_address("::ffff:10.20.0.9"), listed)
    assert not outgoing.may_reach(ipaddress.ip_address("10.20.1.9"), listed)


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("", "bad_url"),
        ("https://", "bad_url"),
        ("https:///path", "bad_url"),
        ("crm.example/events", "bad_url"),
        ("https://crm.example:99999/", "bad_url"),
        ("https://crm.example:0/", "bad_url"),
        ("https://crm.example/a b", "bad_url"),
        ("https://crm.example/\r\nHost: x", "bad_url"),
        ("https://crm.example\\@10.0.0.1/", "bad_url"),
        ("https://yhtiö.example/", "bad_url"),
        ("https://crm.example/#part", "bad_url"),
        ("https://[::1/", "bad_url"),
        ("https://crm.example/" + "x" * 3000, "bad_url"),
        ("https://maija:sala@crm.example/", "credentials"),
        ("http://crm.example/", "not_https"),
        ("http://127.0.0.1/", "not_https"),
        ("ftp://crm.example/", "not_https"),
        ("file://crm.example/etc/passwd", "not_https"),
        ("https://crm.example/events?key=1", None),
        ("https://crm.example:8443", None),
    ],
)
def test_what_is_typed_is_an_https_address(url: str, wrong: str | None) -> None:
    assert outgoing.problem(url) == wrong


def test_plain_http_is_for_loopback_and_for_development() -> None:
    for url in ("http://127.0.0.1:80/", "http://localhost/", "http://[::1]:5/"):
        assert outgoing.problem(url, allowed=LOOPBACK, plain=True) is None
    assert outgoing.problem("http://crm.example/", allowed=LOOPBACK, plain=True) == "not_https"
    assert outgoing.problem("http://127.0.0.1/", plain=True) == "own_network"


def post(url: str, *, seconds: float = 30, **more: Any) -> Answer:
    return outgoing.post(
        url, b"{}", {"X-Test": "1"}, seconds=seconds, **{"allowed": LOOPBACK, **more}
    )


def test_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        monkeypatch.setattr(outgoing, "resolve", lambda *_: [ipaddress.ip_address("127.0.0.1")])
        assert post(f"http://crm.example:{port}/", allowed=()) == Answer(error="own_network")
        assert receiver.requests == []


def test_a_name_is_looked_up_once_and_the_judged_address_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rebinding: a second look would lead elsewhere, and there is none."""
    looks: list[str] = []

    def resolve(host: str, port: int) -> list[outgoing.Address]:
        looks.append(host)
        return [ipaddress.ip_address("127.0.0.1" if len(looks) == 1 else "169.254.169.254")]

    monkeypatch.setattr(outgoing, "resolve", resolve)
    with listening() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        assert post(f"http://crm.example:{port}/x") == Answer(204)
        assert receiver.requests[0][1]["Host"] == f"crm.example:{port}"
        assert post(f"http://crm.example:{port}/x") == Answer(error="own_network")
    assert looks == ["crm.example", "crm.example"]


def test_the_address_that_may_be_called_is_taken_of_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [ipaddress.ip_address(a) for a in ("10.0.0.1", "127.0.0.1")]
    monkeypatch.setattr(outgoing, "resolve", lambda *_: found)
    with listening() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        assert post(f"http://crm.example:{port}/") == Answer(204)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with listening() as receiver, listening() as other:

        def redirect(handler: Any) -> None:
            handler.send_response(status)
            handler.send_header("Location", other.url)
            handler.end_headers()

        receiver.answer = redirect
        assert post(receiver.url) == Answer(status, "redirected")
        assert other.requests == []


@pytest.mark.parametrize(("status", "error"), [(200, None), (400, "status"), (500, "status")])
def test_the_answer_is_told_apart(status: int, error: str | None) -> None:
    with listening() as receiver:
        receiver.status = status
        assert post(receiver.url) == Answer(status, error)
        path, headers, body = receiver.requests[0]
        assert (path, body, headers["X-Test"]) == ("/events?of=lupaposti", b"{}", "1")


def test_an_endless_answer_is_cut() -> None:
    sent = []

    def flood(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(4096):
            handler.wfile.write(b"x" * 65536)
            sent.append(1)

    with listening() as receiver:
        receiver.answer = flood
        assert post(receiver.url) == Answer(200)
    assert len(sent) < 4096


def test_a_receiver_that_hangs_or_drips_is_left_when_the_time_is_over() -> None:
    released = threading.Event()

    def hang(connection: Any) -> None:
        released.wait(60)

    def drip(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not released.wait(0.05):
            connection.sendall(b"X-A: b\r\n"[:1])

    for act in (hang, drip):
        with raw_server(act) as port:
            began = time.monotonic()
            answer = post(f"http://127.0.0.1:{port}/", seconds=0.6)
            assert answer == Answer(error="timeout")
            assert time.monotonic() - began < 30
            released.set()
        released.clear()


@pytest.mark.parametrize(
    "said", [b"", b"hello\r\n\r\n", b"HTTP/1.1 999999 no\r\n\r\n", b"\xff" * 99]
)
def test_nonsense_is_no_answer(said: bytes) -> None:
    def speak(connection: Any) -> None:
        connection.recv(4096)
        connection.sendall(said)

    with raw_server(speak) as port:
        assert post(f"http://127.0.0.1:{port}/").error in ("protocol", "connection")


def test_nobody_there_is_no_connection_and_no_name_is_not_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with raw_server(lambda _: None) as port:
        pass
    assert post(f"http://127.0.0.1:{port}/") == Answer(error="connection")
    import socket

    def unknown(*_: Any) -> list[outgoing.Address]:
        raise socket.gaierror(-2, "unknown")

    monkeypatch.setattr(outgoing, "resolve", unknown)
    assert post("https://crm.example/") == Answer(error="not_found")


def test_a_certificate_of_nobody_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))

    def speak(connection: Any) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(100)

    with raw_server(speak) as port:
        assert post(f"https://127.0.0.1:{port}/") == Answer(error="tls")


def _certificate(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "crm.example")])
    moment = datetime.now(UTC)  # noqa: TID251 - TLS looks at the real clock
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = directory / "self.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file
