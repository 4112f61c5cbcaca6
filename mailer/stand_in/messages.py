"""Accepted messages, kept for reading, and counts by tag and address that outlive them."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any, Final, Protocol

from mailer.stand_in.database import Database
from mailer.stand_in.mail import Content, Mail, pack_attachments
from mailer.stand_in.view import COLUMNS, as_seen

CAMPAIGN_TAGS: Final = ("campaign", "campaign_id")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages; empty fields do not restrict."""

    address: str = ""
    campaign: str = ""
    tag: tuple[str, str] | None = None
    outcome: str = ""
    search: str = ""


class Keeper(Protocol):
    """What accepts messages: kept whole, or only counted."""

    def add(self, mails: Sequence[Mail]) -> None:
        """Keeps or counts accepted messages."""

    def find(self, wanted: Filter, *, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
        """Messages newest first, and how many match in all."""

    def get(self, message_id: str) -> dict[str, Any] | None:
        """One message, or None."""

    def counts(self) -> dict[str, Any]:
        """Totals, and per tag name how many values were seen and how many more than once."""

    def repeated(self, name: str, *, limit: int) -> dict[str, int]:
        """Values of a tag that were seen more than once."""

    def clear(self) -> None:
        """Forgets everything."""


class MessageStore:
    """Messages in the SQLite file; a template is kept once, and filled when a message is read."""

    def __init__(self, database: Database, keep: int) -> None:
        """`keep` messages stay readable; the oldest go first."""
        self._database = database
        self._keep = keep
        self._since_pruning = 0

    def add(self, mails: Sequence[Mail]) -> None:
        """Keeps accepted messages, all of them or none."""
        if not mails:
            return
        rows = [_as_row(mail) for mail in mails]
        with self._database.transaction() as connection:
            for content in {id(mail.content): mail.content for mail in mails}.values():
                self._insert_content(connection, content)
            last = connection.execute(
                "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'message'"
            ).fetchone()[0]
            numbered = list(enumerate(mails, last + 1))
            connection.executemany(
                "INSERT INTO message (seq, id, accepted_at, operation, sender, recipients,"
                " subject, headers, tags, configuration_set, outcome, error, digest, data)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(seq, *row) for seq, row in enumerate(rows, last + 1)],
            )
            connection.executemany(
                "INSERT INTO message_address VALUES (?, ?)",
                [(seq, a) for seq, mail in numbered for a in {a.lower() for a in mail.recipients}],
            )
            connection.executemany(
                "INSERT INTO message_tag VALUES (?, ?, ?)",
                [(seq, *item) for seq, mail in numbered for item in mail.tags.items()],
            )
            self._count(connection, mails)
            self._since_pruning += len(mails)
            if self._since_pruning > max(100, self._keep // 20):
                self._since_pruning = 0
                self._prune(connection)

    def _insert_content(self, connection: sqlite3.Connection, content: Content) -> None:
        connection.execute(
            "INSERT OR IGNORE INTO content VALUES (?, ?, ?, ?, ?, ?)",
            (
                content.digest,
                content.subject,
                content.text,
                content.html,
                pack_attachments(content.attachments),
                content.raw,
            ),
        )

    @staticmethod
    def _count(connection: sqlite3.Connection, mails: Iterable[Mail]) -> None:
        connection.executemany(
            "INSERT INTO tag_count VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            [item for mail in mails for item in mail.tags.items()],
        )
        connection.executemany(
            "INSERT INTO address_count VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            [(address.lower(),) for mail in mails for address in mail.recipients],
        )

    def _prune(self, connection: sqlite3.Connection) -> None:
        last = connection.execute(
            "SELECT seq FROM message ORDER BY seq DESC LIMIT 1 OFFSET ?", (self._keep,)
        ).fetchone()
        if last is None:
            return
        for table in ("message", "message_address", "message_tag"):
            connection.execute(f"DELETE FROM {table} WHERE seq <= ?", last)  # noqa: S608 - constants
        connection.execute("DELETE FROM content WHERE digest NOT IN (SELECT digest FROM message)")

    def find(self, wanted: Filter, *, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
        """Messages newest first, and how many match in all."""
        condition, values = _condition(wanted)
        with self._database.reading() as connection:
            total = connection.execute(
                f"SELECT count(*) FROM message m WHERE {condition}",  # noqa: S608 - constants
                values,
            ).fetchone()[0]
            rows = _rows(
                connection,
                f"SELECT {COLUMNS} FROM message m JOIN content c USING (digest)"  # noqa: S608
                f" WHERE {condition} ORDER BY m.seq DESC LIMIT ? OFFSET ?",
                [*values, limit, offset],
            )
        return [as_seen(row) for row in rows], total

    def get(self, message_id: str) -> dict[str, Any] | None:
        """One message as its recipient sees it, or None."""
        with self._database.reading() as connection:
            rows = _rows(
                connection,
                f"SELECT {COLUMNS} FROM message m JOIN content c USING (digest)"  # noqa: S608
                " WHERE m.id = ?",
                [message_id],
            )
        return as_seen(rows[0]) if rows else None

    def counts(self) -> dict[str, Any]:
        """Totals since the last reset, also of messages that are no longer kept."""
        with self._database.reading() as connection:
            tags = connection.execute(
                "SELECT name, count(*), sum(count), sum(count > 1) FROM tag_count GROUP BY name"
            ).fetchall()
            addresses = connection.execute(
                "SELECT count(*), coalesce(sum(count), 0), coalesce(sum(count > 1), 0)"
                " FROM address_count"
            ).fetchone()
            accepted = connection.execute(
                "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'message'"
            ).fetchone()[0]
            outcomes = dict(
                connection.execute("SELECT outcome, count(*) FROM message GROUP BY outcome")
            )
        return {
            "accepted": accepted,
            "addresses": _summary(*addresses),
            "tags": {name: _summary(*numbers) for name, *numbers in tags},
            "outcomes_of_kept": outcomes,
        }

    def repeated(self, name: str, *, limit: int) -> dict[str, int]:
        """Values of a tag that were seen more than once."""
        with self._database.reading() as connection:
            return dict(
                connection.execute(
                    "SELECT value, count FROM tag_count WHERE name = ? AND count > 1 LIMIT ?",
                    (name, limit),
                )
            )

    def clear(self) -> None:
        """Forgets every message and count."""
        with self._database.transaction() as connection:
            for table in (
                "message",
                "message_address",
                "message_tag",
                "content",
                "tag_count",
                "address_count",
            ):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'message'")


def _summary(distinct: int, total: int, repeated: int) -> dict[str, int]:
    return {"distinct": distinct, "total": total, "repeated": repeated}


def _condition(wanted: Filter) -> tuple[str, list[Any]]:
    conditions, values = ["1"], list[Any]()
    if wanted.address:
        conditions.append("m.seq IN (SELECT seq FROM message_address WHERE address = ?)")
        values.append(wanted.address.lower())
    if wanted.campaign:
        conditions.append(
            "m.seq IN (SELECT seq FROM message_tag WHERE value = ? AND name IN (?, ?))"
        )
        values += [wanted.campaign, *CAMPAIGN_TAGS]
    if wanted.tag:
        conditions.append("m.seq IN (SELECT seq FROM message_tag WHERE name = ? AND value = ?)")
        values += wanted.tag
    if wanted.outcome:
        conditions.append("m.outcome = ?")
        values.append(wanted.outcome)
    if wanted.search:
        conditions.append(
            "(m.subject LIKE ? ESCAPE '\\' OR m.seq IN"
            " (SELECT seq FROM message_address WHERE address LIKE ? ESCAPE '\\'))"
        )
        values += [_like(wanted.search)] * 2
    return " AND ".join(conditions), values


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _rows(connection: sqlite3.Connection, query: str, values: list[Any]) -> list[dict[str, Any]]:
    cursor = connection.execute(query, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _as_row(mail: Mail) -> tuple[str | None, ...]:
    recipients = {"to": mail.to, "cc": mail.cc, "bcc": mail.bcc}
    return (
        mail.id,
        mail.accepted_at.isoformat(timespec="milliseconds"),
        mail.operation,
        mail.sender,
        json.dumps(recipients),
        mail.subject,
        json.dumps(_seen_headers(mail)),
        json.dumps(mail.tags),
        mail.configuration_set,
        mail.outcome,
        mail.error,
        mail.content.digest,
        None if mail.data is None else json.dumps(mail.data),
    )


def _seen_headers(mail: Mail) -> list[tuple[str, str]]:
    # SES writes Date and Message-ID itself, over whatever was there.
    own = [
        ("Date", format_datetime(mail.accepted_at)),
        ("Message-ID", f"<{mail.id}@eu-north-1.amazonses.com>"),
    ]
    return own + [h for h in mail.headers if h[0].lower() not in {"date", "message-id"}]
