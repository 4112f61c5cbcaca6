"""The network between workers and Amazon SES: a proxy that knows where a request ends.

Each trouble strikes one call that sends. Whether SES got to know of the call is what differs:

| trouble          | what happens                                                | SES accepted |
|------------------|-------------------------------------------------------------|--------------|
| `cut_in_body`    | reset in the middle of the body                             | no           |
| `lost_body`      | the body vanishes, the caller waits for nothing             | no           |
| `cut_after_body` | reset once SES has accepted                                 | yes          |
| `no_answer`      | SES accepts, the caller waits for nothing                   | yes          |
| `half_closed`    | SES accepts, the caller's side is closed without an answer  | yes          |
| `cut_in_answer`  | half of the answer, then a reset                            | yes          |
| `torn_answer`    | a whole answer of half a document                           | yes          |
| `short_answer`   | an answer that lacks the second half of the entries         | yes          |
| `error_after`    | SES accepts, the caller reads 500                           | yes          |
| `late`           | the body reaches SES after the caller has given up          | yes, late    |
| `slow_body`      | the body reaches SES in trickles                            | yes          |
| `slow_answer`    | the answer reaches the caller in trickles                   | yes          |
"""

import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from mailer.stack.process import any_free_port

# Longer than the workers of the harness wait for an answer (tests.faults.processes).
LATE_SECONDS = 1.2
# A trickle is over before anybody's patience is.
TRICKLE_SECONDS = 0.4
_RESET = struct.pack("ii", 1, 0)
_SENDS = (b"POST /v2/email/outbound",)


class GoneError(Exception):
    """One side of a connection has gone away."""


class Peer:
    """One end of a connection, read message by message."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._waiting = b""

    def read_message(self) -> tuple[bytes, bytes]:
        """Head (with its empty line) and body of a request or an answer. Raises GoneError."""
        while b"\r\n\r\n" not in self._waiting:
            self._more()
        head, _, rest = self._waiting.partition(b"\r\n\r\n")
        length = _content_length(head)
        self._waiting = rest
        while len(self._waiting) < length:
            self._more()
        body, self._waiting = self._waiting[:length], self._waiting[length:]
        return head + b"\r\n\r\n", body

    def write(self, data: bytes) -> None:
        """Raises GoneError."""
        try:
            self.connection.sendall(data)
        except OSError:
            raise GoneError from None

    def write_slowly(self, data: bytes, seconds: float, pieces: int = 8) -> None:
        size = max(1, len(data) // pieces)
        for start in range(0, len(data), size):
            self.write(data[start : start + size])
            time.sleep(seconds / pieces)

    def wait_for_the_end(self) -> None:
        """Until the other side closes."""
        with suppress(GoneError):
            while True:
                self._more()

    def reset(self) -> None:
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def close(self) -> None:
        with suppress(OSError):
            self.connection.close()

    def _more(self) -> None:
        try:
            data = self.connection.recv(1 << 17)
        except OSError:
            raise GoneError from None
        if not data:
            raise GoneError
        self._waiting += data


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


class Network:
    """A proxy on loopback in front of one port. Everything goes through until trouble is asked."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._port = any_free_port()
        self._lock = threading.Lock()
        self._troubles: deque[str] = deque()
        self._pairs: set[tuple[Peer, Peer]] = set()
        self._listener: socket.socket | None = None
        self._over = False
        self.met: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Let connections in. Does nothing when they are."""
        if self._listener is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def refuse(self) -> None:
        """Refuse new connections and reset those there are."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # a blocked accept() ends
            listener.close()
        self.cut_all()

    def cut_all(self) -> None:
        """Reset every connection there is, wherever its call stands."""
        with self._lock:
            pairs = list(self._pairs)
        for caller, ses in pairs:
            for peer in (caller, ses):
                # The thread that reads wakes up only by a shutdown.
                with suppress(OSError):
                    peer.connection.shutdown(socket.SHUT_RDWR)
                peer.reset()

    def trouble(self, kind: str, times: int = 1) -> None:
        """Let the next calls that send meet this trouble, one each."""
        assert kind in TROUBLES
        with self._lock:
            self._troubles.extend([kind] * times)

    def calm(self) -> None:
        """No more trouble."""
        with self._lock:
            self._troubles.clear()
        self.start()

    def stop(self) -> None:
        self._over = True
        self.refuse()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(Peer(connection),), daemon=True).start()

    def _serve(self, caller: Peer) -> None:
        try:
            ses = Peer(socket.create_connection(("127.0.0.1", self._upstream_port), 10))
        except OSError:
            caller.reset()
            return
        ses.connection.settimeout(75)
        ses.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (caller, ses)
        with self._lock:
            self._pairs.add(pair)
        try:
            while not self._over:
                head, body = caller.read_message()
                TROUBLES[self._next(head)](caller, ses, head, body)
        except GoneError:
            pass
        finally:
            with self._lock:
                self._pairs.discard(pair)
            caller.close()
            ses.close()

    def _next(self, head: bytes) -> str:
        if not head.startswith(_SENDS):
            return "none"
        with self._lock:
            if not self._troubles:
                return "none"
            kind = self._troubles.popleft()
            self.met.append(kind)
            return kind


Exchange = Callable[[Peer, Peer, bytes, bytes], None]


def _none(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    ses.write(head + body)
    caller.write(b"".join(ses.read_message()))


def _cut_in_body(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    ses.write(head + body[: len(body) // 2])
    caller.reset()
    raise GoneError


def _lost_body(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    caller.wait_for_the_end()
    raise GoneError


def _accepted(ses: Peer, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    ses.write(head + body)
    return ses.read_message()


def _cut_after_body(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    _accepted(ses, head, body)
    caller.reset()
    raise GoneError


def _no_answer(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    _accepted(ses, head, body)
    caller.wait_for_the_end()
    raise GoneError


def _half_closed(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    with suppress(OSError):
        caller.connection.shutdown(socket.SHUT_WR)
    _accepted(ses, head, body)
    caller.wait_for_the_end()
    raise GoneError


def _cut_in_answer(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    answer = b"".join(_accepted(ses, head, body))
    caller.write(answer[: len(answer) // 2])
    caller.reset()
    raise GoneError


def _torn_answer(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    _, document = _accepted(ses, head, body)
    caller.write(_answer(b"200 OK", document[: len(document) // 2]))


def _short_answer(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    answer_head, document = _accepted(ses, head, body)
    try:
        content = json.loads(document)
        results = content["BulkEmailEntryResults"]
    except (ValueError, KeyError, TypeError):
        caller.write(answer_head + document)  # a refusal, which has no entries
        return
    content["BulkEmailEntryResults"] = results[: len(results) // 2]
    caller.write(_answer(b"200 OK", json.dumps(content).encode()))


def _error_after(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    _accepted(ses, head, body)
    caller.write(_answer(b"500 Internal Server Error", b'{"message": "Something broke."}'))


def _late(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    time.sleep(LATE_SECONDS)
    _accepted(ses, head, body)
    caller.reset()
    raise GoneError


def _slow_body(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    ses.write_slowly(head + body, TRICKLE_SECONDS)
    caller.write(b"".join(ses.read_message()))


def _slow_answer(caller: Peer, ses: Peer, head: bytes, body: bytes) -> None:
    caller.write_slowly(b"".join(_accepted(ses, head, body)), TRICKLE_SECONDS)


def _answer(status: bytes, document: bytes) -> bytes:
    return (
        b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % (status, len(document))
    ) + document


TROUBLES: dict[str, Exchange] = {
    "none": _none,
    "cut_in_body": _cut_in_body,
    "lost_body": _lost_body,
    "cut_after_body": _cut_after_body,
    "no_answer": _no_answer,
    "half_closed": _half_closed,
    "cut_in_answer": _cut_in_answer,
    "torn_answer": _torn_answer,
    "short_answer": _short_answer,
    "error_after": _error_after,
    "late": _late,
    "slow_body": _slow_body,
    "slow_answer": _slow_answer,
}


@contextmanager
def through(upstream_port: int) -> Iterator[Network]:
    network = Network(upstream_port)
    network.start()
    try:
        yield network
    finally:
        network.stop()
