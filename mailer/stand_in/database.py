"""The SQLite file that lets messages and pending events outlive the process."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mailer.stand_in.errors import StandInError

VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE content (
  digest TEXT PRIMARY KEY, subject TEXT NOT NULL, text TEXT, html TEXT,
  attachments TEXT NOT NULL, raw BLOB) WITHOUT ROWID;
CREATE TABLE message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, accepted_at TEXT NOT NULL,
  operation TEXT NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL, subject TEXT NOT NULL,
  headers TEXT NOT NULL, tags TEXT NOT NULL, configuration_set TEXT NOT NULL,
  outcome TEXT NOT NULL, error TEXT, digest TEXT NOT NULL, data TEXT);
CREATE INDEX message_digest ON message (digest);
CREATE TABLE message_address (seq INTEGER NOT NULL, address TEXT NOT NULL);
CREATE INDEX message_address_address ON message_address (address, seq);
CREATE INDEX message_address_seq ON message_address (seq);
CREATE TABLE message_tag (seq INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL);
CREATE INDEX message_tag_value ON message_tag (value, name, seq);
CREATE INDEX message_tag_seq ON message_tag (seq);
CREATE TABLE tag_count (
  name TEXT NOT NULL, value TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (name, value)) WITHOUT ROWID;
CREATE TABLE address_count (address TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT, sns_id TEXT NOT NULL, type TEXT NOT NULL,
  key TEXT NOT NULL, created_at TEXT NOT NULL, message TEXT NOT NULL,
  token TEXT, attempts INTEGER NOT NULL DEFAULT 0, due_at REAL NOT NULL,
  taken INTEGER NOT NULL DEFAULT 0);
CREATE INDEX event_due ON event (taken, due_at, id);
CREATE TABLE suppressed (
  address TEXT PRIMARY KEY, reason TEXT NOT NULL, updated_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE identity (name TEXT PRIMARY KEY, verified INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sent_minute (minute INTEGER PRIMARY KEY, count INTEGER NOT NULL);
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Database:
    """One connection shared by all threads behind one lock."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the file. Raises StandInError when it is something else."""
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            # A killed process loses nothing this way; a power cut may, which development can bear.
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute("PRAGMA journal_mode = WAL")
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._connection.executescript(
                    f"BEGIN;{SCHEMA}PRAGMA user_version = {VERSION};COMMIT;"
                )
        except sqlite3.Error as error:
            self._connection.close()
            raise StandInError(f"{path.name} cannot be used: {error}. Delete it.") from None
        if version not in {0, VERSION}:
            self._connection.close()
            raise StandInError(f"{path.name} belongs to another version. Delete it.")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, rolled back when the block raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection for reading, others waiting."""
        with self._lock:
            yield self._connection

    def close(self) -> None:
        """Closes the file; everything accepted is in it."""
        with self._lock:
            self._connection.close()
