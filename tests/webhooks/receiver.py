"""A receiver of webhooks on loopback that answers as it is told, and webhooks that lead to it."""

import contextlib
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlalchemy.orm import Session

from mailer.webhooks import subscriptions
from mailer.webhooks.models import Webhook
from mailer.webhooks.outbox import EVENTS
from mailer.webhooks.subscriptions import Wanted


@dataclass
class Receiver:
    """What came in, and what is answered: a status for all, or a function of the handler."""

    url: str = ""
    status: int = 204
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _path, _headers, body in self.requests]


@contextlib.contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver that is there while the block runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append((self.path, dict(self.headers), body))
            if receiver.answer is not None:
                with contextlib.suppress(OSError):
                    receiver.answer(self)
                return
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/events?of=lupaposti"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def raw_server(act: Callable[[Any], None]) -> Iterator[int]:
    """A TCP server on loopback that does as told with each connection; its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                act(self.request)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_webhook(
    session: Session, now: datetime, actor_id: int, url: str, *events: str, name: str = "CRM"
) -> Webhook:
    wanted = Wanted(name, url, events or tuple(EVENTS))
    return subscriptions.create(session, wanted, now=now, actor_id=actor_id)
