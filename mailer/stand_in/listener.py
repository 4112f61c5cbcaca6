"""The listening socket: HTTP/1.1 with kept connections, a thread for each."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote

from typing_extensions import override

from mailer.stand_in.application import Application
from mailer.stand_in.exchange import Request, Response

log = logging.getLogger(__name__)

BODY_LIMIT: Final = 10 * 1024 * 1024
# A larger body is read and thrown away up to here, so that the client gets to read the refusal.
DRAIN_LIMIT: Final = 5 * BODY_LIMIT
REFUSALS: Final = {
    400: "BadRequestException",
    411: "BadRequestException",
    413: "RequestEntityTooLargeException",
}
REASONS: Final = {200: "OK", 303: "See Other"}


class Handler(BaseHTTPRequestHandler):
    """Reads one request after another from a connection and writes the answers."""

    protocol_version = "HTTP/1.1"
    server_version = "AmazonSESStandIn"
    timeout = 75
    rbufsize = 1 << 17  # a bulk call in one read
    disable_nagle_algorithm = True
    server: "Listener"

    def do_GET(self) -> None:
        """Any method goes the same way."""
        self._exchange()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that http.server looks for

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Keeps addresses in URLs out of every log."""

    @override
    def handle(self) -> None:
        """A client that goes away is no error of ours."""
        with self.server.tracked(self.connection):
            try:
                super().handle()
            except (ConnectionError, TimeoutError):
                self.close_connection = True

    def _exchange(self) -> None:
        body = self._read_body()
        if body is None:
            return
        # Amazon signs and sends %-encoded paths; labels are decoded after matching.
        path, _, query = self.path.partition("?")
        request = Request(
            self.command,
            path if path.startswith("/v2/") else unquote(path),
            query,
            {name.lower(): value for name, value in self.headers.items()},
            body,
            self.client_address[0],
        )
        try:
            response = self.server.application.handle(request)
        except Exception as error:
            log.exception("stand_in_failed", extra={"kind": type(error).__name__})
            response = Response(500, b'{"message": "The stand-in failed; see its log."}')
        self._write(response)

    def _read_body(self) -> bytes | None:
        """The body, or None after having refused it."""
        if self.headers.get("transfer-encoding"):
            self._refuse(411, "Send a Content-Length.")
            return None
        length = self.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            self._refuse(400, "The Content-Length is not a number.")
            return None
        size = int(length)
        if size > BODY_LIMIT:
            self._drain(size)
            self._refuse(413, "Request body is too large.")
            return None
        body = self.rfile.read(size) if size else b""
        if len(body) < size:
            self.close_connection = True
            return None
        return body

    def _drain(self, size: int) -> None:
        left = min(size, DRAIN_LIMIT)
        while left > 0:
            chunk = self.rfile.read(min(left, 65_536))
            if not chunk:
                return
            left -= len(chunk)

    def _refuse(self, status: int, sentence: str) -> None:
        self.close_connection = True
        self._write(
            Response(
                status,
                f'{{"message": "{sentence}"}}'.encode(),
                headers=(
                    (
                        "x-amzn-ErrorType",
                        "RequestEntityTooLargeException"
                        if status == 413
                        else "BadRequestException",
                    ),
                    ("Connection", "close"),
                ),
            )
        )

    def _write(self, response: Response) -> None:
        if response.drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        lines = [
            f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Refused')}",
            f"Content-Type: {response.media_type}",
            f"Content-Length: {len(response.body)}",
            *(f"{name}: {value}" for name, value in response.headers),
            "\r\n",
        ]
        self.wfile.write("\r\n".join(lines).encode("latin-1", "replace") + response.body)


class Listener(ThreadingHTTPServer):
    """Binds to loopback and hands requests to the application."""

    daemon_threads = True
    request_queue_size = 512
    # Two stand-ins on one port would each get some of the mail.
    allow_reuse_port = False

    def __init__(self, host: str, port: int) -> None:
        """`port` 0 takes any free one. Raises OSError when the port is taken."""
        self.application: Application
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        name = host.decode() if isinstance(host, (bytes, bytearray)) else str(host)
        return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"

    @contextmanager
    def tracked(self, connection: socket.socket) -> Iterator[None]:
        """Remembers an open connection while the block lasts."""
        with self._changed:
            self._connections.add(connection)
        try:
            yield
        finally:
            with self._changed:
                self._connections.discard(connection)
                self._changed.notify_all()

    def finish(self, patience: float = 5.0) -> None:
        """Takes no more requests, lets those under way be answered, and closes."""
        self.shutdown()
        with self._changed:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
            self._changed.wait_for(lambda: not self._connections, patience)
        self.server_close()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A broken connection is the client's business; nothing goes to standard error."""
        log.info("stand_in_connection_broken")
