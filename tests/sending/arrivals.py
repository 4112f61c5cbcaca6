"""A webhook of our own for tests: what the stand-in posts is stored as the product stores it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.adapters import sns
from mailer.db import transaction
from mailer.events import intake


class Webhook:
    """Takes posts at `url` once it knows the database; the signature is not looked at here."""

    def __init__(self) -> None:
        self.sessions: sessionmaker[Session] | None = None
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                self.send_response(200 if webhook.keep(body) else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/ses"

    def keep(self, body: str) -> bool:
        if self.sessions is None:
            return False
        with transaction(self.sessions) as session:
            intake.store(session, sns.parse(body), body, now=clock.now())
        return True


@contextmanager
def listening() -> Iterator[Webhook]:
    webhook = Webhook()
    thread = threading.Thread(target=webhook.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield webhook
    webhook.server.shutdown()
    webhook.server.server_close()
    thread.join()
