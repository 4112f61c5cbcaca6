"""The buffer of opens and clicks: a Redis stream, appended by web processes, emptied by workers.

An appended line stays until a worker has committed it to PostgreSQL and said so; what a worker
took and did not finish is given to the next one after a minute.
"""

import threading
from typing import Any

from redis import ConnectionError, Redis, RedisError, ResponseError, TimeoutError  # noqa: A004

STREAM = "lupaposti:hits"
GROUP = "events"
CONSUMER = "worker"
UNFINISHED_AFTER_MS = 60_000


class StreamUnavailableError(Exception):
    """Redis did not take or give; the text is the kind of error."""


class HitStream:
    """One stream of lines."""

    def __init__(self, redis: Redis, name: str = STREAM) -> None:
        """Nothing is asked of Redis before the first use."""
        self._redis = redis
        self._name = name
        self._of_thread = threading.local()

    def append(self, line: str) -> None:
        """Add a line; when this returns, it is in Redis. Raises StreamUnavailableError.

        Straight through a connection of the thread's own, for this is done for every single hit:
        borrowing one from the pool would take a system call and two locks more.
        """
        command = self._encode("XADD", self._name, "*", "h", line)
        try:
            connection = getattr(self._of_thread, "connection", None)
            if connection is None:
                connection = self._redis.connection_pool.get_connection()
                self._of_thread.connection = connection
            self._send(connection, command)
        except (RedisError, OSError) as error:
            raise StreamUnavailableError(type(error).__name__) from None

    @staticmethod
    def _encode(*words: str) -> bytes:
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            raw = word.encode()
            parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
        return b"".join(parts)

    @staticmethod
    def _send(connection: Any, command: bytes) -> None:
        for attempt in (1, 2):
            try:
                connection.send_packed_command([command], check_health=False)
                connection.read_response()
            except (ConnectionError, TimeoutError, OSError):
                connection.disconnect()
                # Redis was perhaps restarted since this connection was used. A line that was
                # taken all the same is one event however often it is in the stream.
                if attempt == 2:
                    raise
            except ResponseError:
                connection.disconnect()
                raise
            else:
                return

    def take(self, count: int) -> list[tuple[str, str]]:
        """Up to `count` lines with their ids, unfinished ones of dead workers first.

        Raises StreamUnavailableError.
        """
        try:
            try:
                return self._take(count)
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
            self._make_group()
            return self._take(count)
        except RedisError as error:
            raise StreamUnavailableError(type(error).__name__) from None

    def finish(self, ids: list[str]) -> None:
        """Forget lines that are in PostgreSQL. Raises StreamUnavailableError."""
        if not ids:
            return
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.xack(self._name, GROUP, *ids)
                pipeline.xdel(self._name, *ids)
                pipeline.execute()
        except RedisError as error:
            raise StreamUnavailableError(type(error).__name__) from None

    def waiting(self) -> int:
        """How many lines are in the stream. Raises StreamUnavailableError."""
        try:
            return int(self._redis.xlen(self._name))
        except RedisError as error:
            raise StreamUnavailableError(type(error).__name__) from None

    def _take(self, count: int) -> list[tuple[str, str]]:
        unfinished = self._redis.xautoclaim(
            self._name, GROUP, CONSUMER, UNFINISHED_AFTER_MS, "0-0", count=count
        )
        entries = list(unfinished[1])
        if len(entries) < count:
            fresh = self._redis.xreadgroup(
                GROUP, CONSUMER, {self._name: ">"}, count=count - len(entries)
            )
            for _, more in _items(fresh):
                entries += more
        return [(_text(id_), _text(fields.get(b"h", b""))) for id_, fields in entries if fields]

    def _make_group(self) -> None:
        try:
            self._redis.xgroup_create(self._name, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):  # another worker was quicker
                raise


def _items(fresh: object) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    # A list of pairs in RESP2, a mapping in RESP3.
    if isinstance(fresh, dict):
        return [(name, lists[0] if lists else []) for name, lists in fresh.items()]
    return list(fresh) if isinstance(fresh, list) else []


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
