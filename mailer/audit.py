"""Who did what, when, to which record: append-only, hash-chained, without addresses.

Entries wait in the session and are written just before it commits, under a lock that is held for
the commit only: so the chain has no gaps or forks and audited transactions do not queue behind one
another while they work. A trigger refuses UPDATE and DELETE.
"""

import hashlib
import json
from contextlib import closing
from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, event, select, text
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column

from mailer.db import Model, is_inside

_WAITING = "audit_waiting"
_LOCK = 7_105_001  # any constant no other advisory lock uses


class AuditEntry(Model):
    """One line of the log. `hash` covers the line and the hash of the line before it."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_object", "object_kind", "object_id"),
        Index("ix_audit_entries_actor", "actor_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor_id: Mapped[int | None]
    action: Mapped[str]
    object_kind: Mapped[str]
    object_id: Mapped[int | None]
    details: Mapped[dict[str, Any]]
    hash: Mapped[bytes] = mapped_column(LargeBinary)


def record(
    session: Session,
    action: str,
    object_kind: str,
    object_id: int | None,
    *,
    now: datetime,
    actor_id: int | None = None,
    **details: Any,
) -> None:
    """Note an action; it is written with the transaction, or not at all.

    `details` are JSON values about the action, never names or addresses of people.
    """
    if not session.in_transaction():
        session.begin()
    within = session.get_nested_transaction() or session.get_transaction()
    entry = AuditEntry(
        at=now,
        actor_id=actor_id,
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        details=details,
    )
    session.info.setdefault(_WAITING, []).append((within, entry))


def digest(previous: bytes, entry: AuditEntry) -> bytes:
    """The hash of an entry that follows one with the hash `previous`."""
    line = json.dumps(
        [
            entry.at.timestamp(),
            entry.actor_id,
            entry.action,
            entry.object_kind,
            entry.object_id,
            entry.details,
        ],
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(previous + line.encode()).digest()


def verify(session: Session) -> int | None:
    """The id of the first entry that does not follow from the one before, or None if all do."""
    previous = b""
    statement = select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=1000)
    with closing(session.scalars(statement)) as entries:
        for entry in entries:
            if entry.hash != digest(previous, entry):
                return entry.id
            previous = entry.hash
    return None


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    if session.in_nested_transaction():
        return
    entries = session.info.pop(_WAITING, ())
    if not entries:
        return
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    previous = session.scalar(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1))
    for _, entry in entries:
        entry.hash = digest(previous or b"", entry)
        previous = entry.hash
        session.add(entry)
        session.flush()


@event.listens_for(Session, "after_soft_rollback")
def _drop(session: Session, rolled_back: SessionTransaction) -> None:
    # A savepoint takes its own entries with it and no others.
    waiting = session.info.pop(_WAITING, [])
    kept = [(within, entry) for within, entry in waiting if not is_inside(within, rolled_back)]
    if kept:
        session.info[_WAITING] = kept
