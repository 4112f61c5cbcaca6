"""Every trouble of the network, told by what each side sees of it."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.faults.network import TROUBLES, Network, through

ENTRIES = 4
BODY = b"x" * 50_000
ACCEPTED = {"cut_in_body": 0, "lost_body": 0}
ANSWERED = {"none", "torn_answer", "short_answer", "error_after", "slow_body", "slow_answer"}


class Ses:
    """Accepts every whole request and counts them."""

    def __init__(self) -> None:
        self.accepted = threading.Semaphore(0)
        ses = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                if len(self.rfile.read(length)) < length:
                    return
                ses.accepted.release()
                answer = json.dumps({"BulkEmailEntryResults": [{"Status": "SUCCESS"}] * ENTRIES})
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_: object) -> None:
                pass

            def handle(self) -> None:
                with suppress(ConnectionError):
                    super().handle()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]


@pytest.fixture
def ses() -> Iterator[Ses]:
    ses = Ses()
    thread = threading.Thread(target=ses.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield ses
    ses.server.shutdown()
    ses.server.server_close()
    thread.join()


@pytest.fixture
def network(ses: Ses) -> Iterator[Network]:
    with through(ses.port) as network:
        yield network


def call(network: Network, path: str = "/v2/email/outbound-bulk-emails") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(network.url.removeprefix("http://"), timeout=1)
    try:
        connection.request("POST", path, BODY)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("kind", sorted(TROUBLES))
def test_a_trouble_hides_or_loses_exactly_what_it_says(
    kind: str, network: Network, ses: Ses
) -> None:
    network.trouble(kind)
    if kind in ANSWERED:
        status, document = call(network)
        assert status == (500 if kind == "error_after" else 200)
        if kind == "torn_answer":
            with pytest.raises(json.JSONDecodeError):
                json.loads(document)
        elif kind != "error_after":
            entries = len(json.loads(document)["BulkEmailEntryResults"])
            assert entries == (ENTRIES // 2 if kind == "short_answer" else ENTRIES)
    else:
        with pytest.raises((OSError, http.client.HTTPException)):
            call(network)
    # A late body comes later still than the caller gives up.
    expected = ACCEPTED.get(kind, 1)
    assert ses.accepted.acquire(timeout=120 if expected else 0.3) is bool(expected)
    assert network.met == [kind]
    assert call(network)[0] == 200  # the next call meets nothing


def test_what_does_not_send_meets_no_trouble(network: Network) -> None:
    network.trouble("cut_after_body")
    assert call(network, "/v2/email/account")[0] == 200
    assert network.met == []


def test_a_network_that_is_away_refuses_and_comes_back(network: Network) -> None:
    network.refuse()
    with pytest.raises(ConnectionRefusedError):
        call(network)
    network.start()
    assert call(network)[0] == 200
