"""Events waiting for the webhook, in the SQLite file so that a restart loses none."""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from mailer import clock
from mailer.stand_in.database import Database

LIMIT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Envelope:
    """One SNS message to deliver; `key` keeps those about one mail in order."""

    id: int
    sns_id: str
    type: str
    key: str
    created_at: str
    message: str
    token: str | None
    attempts: int


class Outbox:
    """The queue between accepting mail and telling the webhook."""

    def __init__(self, database: Database) -> None:
        """What a former process had in hand becomes due again."""
        self._database = database
        self._lock = threading.Lock()
        self.published = self.discarded = self.retried = 0
        with database.transaction() as connection:
            connection.execute("UPDATE event SET taken = 0")
            self._size = connection.execute("SELECT count(*) FROM event").fetchone()[0]

    def add(
        self,
        messages: Iterable[tuple[str, str]],
        *,
        kind: str = "Notification",
        token: str | None = None,
        delay: float = 0.0,
    ) -> None:
        """Queues (key, message) pairs; beyond a million waiting, new ones are discarded."""
        now = clock.now()
        created_at = moment(now)
        rows = [
            (str(uuid4()), kind, key, created_at, message, token, now.timestamp() + delay)
            for key, message in messages
        ]
        with self._lock:
            room = max(0, LIMIT - self._size)
            self.discarded += max(0, len(rows) - room)
            self._size += min(len(rows), room)
        if rows[:room]:
            with self._database.transaction() as connection:
                connection.executemany(
                    "INSERT INTO event (sns_id, type, key, created_at, message, token, due_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    rows[:room],
                )

    def take(self, limit: int, *, notifications: bool) -> list[Envelope]:
        """Takes due messages in order; `notifications` off: only about the subscription."""
        with self._lock:
            if self._size == 0:
                return []
        condition = "" if notifications else " AND type != 'Notification'"
        now = clock.now().timestamp()
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT id, sns_id, type, key, created_at, message, token, attempts FROM event"  # noqa: S608
                f" WHERE taken = 0 AND due_at <= ?{condition} ORDER BY id LIMIT ?",
                (now, limit),
            ).fetchall()
            connection.executemany(
                "UPDATE event SET taken = 1 WHERE id = ?", [(row[0],) for row in rows]
            )
        return [Envelope(*row) for row in rows]

    def finish(self, done: Sequence[int], *, discarded: bool = False) -> None:
        """Removes delivered or given-up messages."""
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM event WHERE id = ?", [(i,) for i in done])
        with self._lock:
            self._size -= len(done)
            if discarded:
                self.discarded += len(done)
            else:
                self.published += len(done)

    def postpone(self, envelope: Envelope, seconds: float) -> None:
        """Makes a message due again later, one attempt used."""
        due_at = clock.now().timestamp() + seconds
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE event SET taken = 0, attempts = attempts + 1, due_at = ? WHERE id = ?",
                (due_at, envelope.id),
            )
        with self._lock:
            self.retried += 1

    def release(self, envelopes: Sequence[Envelope]) -> None:
        """Gives back untouched what was taken."""
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE event SET taken = 0 WHERE id = ?", [(e.id,) for e in envelopes]
            )

    def counts(self) -> dict[str, int]:
        """How many were published, retried, discarded since the start, and how many wait."""
        with self._lock:
            return {
                "published": self.published,
                "pending": self._size,
                "retried": self.retried,
                "discarded": self.discarded,
            }

    def forget(self, kind: str) -> None:
        """Removes waiting messages of one type."""
        with self._database.transaction() as connection:
            removed = connection.execute(
                "DELETE FROM event WHERE type = ? AND taken = 0", (kind,)
            ).rowcount
        with self._lock:
            self._size -= removed

    def clear(self) -> None:
        """Forgets what waits, except what is being posted right now."""
        with self._database.transaction() as connection:
            removed = connection.execute("DELETE FROM event WHERE taken = 0").rowcount
        with self._lock:
            self._size -= removed
            self.published = self.discarded = self.retried = 0


def moment(value: datetime) -> str:
    """A moment as Amazon writes it: UTC, milliseconds, Z."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"


def read_setting(connection: sqlite3.Connection, name: str) -> str | None:
    """A remembered setting, or None."""
    row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None
