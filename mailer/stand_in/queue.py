"""A standard SQS queue: at least once, out of order at times, hidden while somebody works on it.

Kept in the SQLite file, so that no restart loses a message.
"""

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from mailer import clock
from mailer.stand_in.database import Database
from mailer.stand_in.errors import ApiError
from mailer.stand_in.faults import Faults

VISIBILITY_SECONDS: Final = 30
LARGEST_BODY: Final = 1024 * 1024
LOOK_AGAIN: Final = 0.05
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS queued (
  id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL, body TEXT NOT NULL,
  sent_at REAL NOT NULL, visible_at REAL NOT NULL, receives INTEGER NOT NULL DEFAULT 0,
  first_at REAL, receipt TEXT)
"""
INDEX: Final = "CREATE INDEX IF NOT EXISTS queued_visible ON queued (visible_at, id)"
# What SQS accepts in a body; anything else is refused by its API.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RECEIPT: Final = re.compile(r"(\d{1,18})-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as one reader got it."""

    message_id: str
    receipt: str
    body: str
    sent_at: float
    first_at: float
    receives: int

    def as_answer(self) -> dict[str, Any]:
        """The form that ReceiveMessage has."""
        return {
            "MessageId": self.message_id,
            "ReceiptHandle": self.receipt,
            "MD5OfBody": digest(self.body),
            "Body": self.body,
            "Attributes": {
                "ApproximateReceiveCount": str(self.receives),
                "SentTimestamp": str(int(self.sent_at * 1000)),
                "ApproximateFirstReceiveTimestamp": str(int(self.first_at * 1000)),
            },
        }


class Queue:
    """The one queue of the stand-in."""

    def __init__(self, database: Database, faults: Faults, *, account_id: str, name: str) -> None:
        """`name` as at the end of its URL."""
        self._database = database
        self._faults = faults
        self.path = f"/{account_id}/{name}"
        self._closed = threading.Event()
        with database.transaction() as connection:
            connection.execute(SCHEMA)
            connection.execute(INDEX)

    def put(self, bodies: Sequence[str]) -> list[str]:
        """Adds messages; their ids. Raises ApiError for a body that SQS would refuse."""
        for body in bodies:
            if _FORBIDDEN.search(body) or not body:
                raise ApiError("InvalidMessageContents")
            if len(body.encode()) > LARGEST_BODY:
                raise ApiError("InvalidParameterValue", "The message is too long.")
        now = clock.now().timestamp()
        rows = [(str(uuid4()), body, now, now) for body in bodies]
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT INTO queued (message_id, body, sent_at, visible_at) VALUES (?, ?, ?, ?)",
                rows,
            )
        return [row[0] for row in rows]

    def receive(self, limit: int, *, visibility: float, wait: float) -> list[Taken]:
        """Takes visible messages and hides them for `visibility` seconds; waits for the first."""
        end = time.monotonic() + wait
        while True:
            taken = self._take(limit, visibility)
            if taken or time.monotonic() >= end or self._closed.wait(LOOK_AGAIN):
                return taken

    def _take(self, limit: int, visibility: float) -> list[Taken]:
        now = clock.now().timestamp()
        visibility = self._faults.settings.queue_hidden_ms / 1000 or visibility
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT id, message_id, body, sent_at, coalesce(first_at, ?), receives FROM queued"
                " WHERE visible_at <= ? ORDER BY visible_at, id LIMIT ?",
                (now, now, limit),
            ).fetchall()
            taken = []
            for id_, message_id, body, sent_at, first_at, receives in rows:
                receipt = f"{id_}-{secrets.token_hex(16)}"
                # At least once: now and then somebody else is given the same message too.
                again = self._faults.rolls(self._faults.settings.queue_duplicate_rate)
                connection.execute(
                    "UPDATE queued SET visible_at = ?, first_at = ?, receives = receives + 1,"
                    " receipt = ? WHERE id = ?",
                    (now if again else now + visibility, first_at, receipt, id_),
                )
                taken.append(Taken(message_id, receipt, body, sent_at, first_at, receives + 1))
        return taken

    def delete(self, receipt: str) -> None:
        """Deletes what was received with `receipt`. Raises ApiError for what is no receipt.

        A receipt that is no longer the last one is answered well and deletes nothing, as at Amazon.
        """
        id_ = _id_of(receipt)
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM queued WHERE id = ? AND receipt = ?", (id_, receipt))

    def hide(self, receipt: str, seconds: float) -> None:
        """Makes a message visible again in `seconds`. Raises ApiError when nobody has it."""
        now = clock.now().timestamp()
        with self._database.transaction() as connection:
            changed = connection.execute(
                "UPDATE queued SET visible_at = ? WHERE id = ? AND receipt = ? AND visible_at > ?",
                (now + seconds, _id_of(receipt), receipt, now),
            ).rowcount
        if not changed:
            raise ApiError("MessageNotInflight")

    def counts(self) -> dict[str, int]:
        """How many messages are visible, and how many are in somebody's hands."""
        now = clock.now().timestamp()
        with self._database.reading() as connection:
            total, hidden = connection.execute(
                "SELECT count(*), coalesce(sum(visible_at > ?), 0) FROM queued", (now,)
            ).fetchone()
        return {"visible": total - hidden, "in_flight": hidden}

    def clear(self) -> None:
        """Forgets every message."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM queued")

    def close(self) -> None:
        """Ends every long poll with what there is."""
        self._closed.set()


def digest(body: str) -> str:
    """The checksum that SQS gives with a body."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def _id_of(receipt: str) -> int:
    match = _RECEIPT.fullmatch(receipt)
    if match is None:
        raise ApiError("ReceiptHandleIsInvalid")
    return int(match[1])
