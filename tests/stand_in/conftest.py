"""A stand-in per test, a boto3 client for it, and a webhook that keeps what it is told."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from mailer.stand_in.server import Options, StandIn
from mailer.stand_in.signature import Signer


def make_client(url: str, service: str = "sesv2") -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="eu-north-1",
        aws_access_key_id="stand-in",
        aws_secret_access_key="stand-in",
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}, read_timeout=10),
    )


@pytest.fixture(scope="session")
def client_for() -> Iterator[Callable[[str, str], Any]]:
    """Makes clients; connections are closed at the end."""
    made: list[Any] = []

    def make(url: str, service: str = "sesv2") -> Any:
        made.append(make_client(url, service))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture(scope="session")
def _key_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signing key for all tests but those about keys: making one takes a while."""
    directory = tmp_path_factory.mktemp("key")
    Signer(directory)
    return directory


@pytest.fixture
def start(tmp_path: Path, _key_files: Path) -> Iterator[Callable[..., StandIn]]:
    """Starts stand-ins; those still running stop after the test."""
    started: list[StandIn] = []

    def begin(**options: Any) -> StandIn:
        options = {"directory": tmp_path / "stand-in", **options}
        shutil.copytree(_key_files, options["directory"], dirs_exist_ok=True)
        stand_in = StandIn(Options(**options))
        stand_in.start()
        started.append(stand_in)
        return stand_in

    yield begin
    for stand_in in started:
        stand_in.stop()


@pytest.fixture
def stand_in(start: Callable[..., StandIn]) -> StandIn:
    return start()


@pytest.fixture
def ses(stand_in: StandIn, client_for: Callable[..., Any]) -> Any:
    return client_for(stand_in.url)


class Webhook:
    """What was posted, in order; `answers` are used up before 200 is given."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.answers: list[int] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = webhook.answers.pop(0) if webhook.answers else 200
                if status == 200:
                    webhook.posts.append((headers, json.loads(body)))
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/sns?a=b"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The SES events among the posts."""
        texts = [body["Message"] for _, body in self.posts if body["Type"] == "Notification"]
        return [json.loads(text) for text in texts if text.startswith("{")]

    def kinds(self, address: str = "") -> list[str]:
        """Kinds of events, of one recipient or all."""
        return [
            event.get("eventType") or event["notificationType"]
            for event in self.events
            if not address or address in event["mail"]["destination"]
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    yield webhook
    webhook.close()
