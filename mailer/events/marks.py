"""One client at the messages of many people of a company: marks that are forgotten after a day.

A gateway that looks into the mail of a whole company shows itself only across messages. For this
alone each hit leaves a mark of its origin and the company's mail domain, which means nothing the
next day; what was found by it stays with the events as a signal, the mark does not.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Index, delete, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.db import Model
from mailer.events import rules
from mailer.events.patterns import Hit, Mark, crowds

KEPT = timedelta(days=1)
# Everybody's images come through these: one of them is nobody's client.
_SHARED_CLIENTS = frozenset({"image_proxy", "apple_proxy"})


class HitMark(Model):
    """That a client, known by a mark of one day, made a hit for a message of a company."""

    __tablename__ = "hit_marks"
    __table_args__ = (Index("ix_hit_marks_mark_at", "mark", "at"), Index("ix_hit_marks_at", "at"))
    key: Mapped[str] = mapped_column(primary_key=True)
    mark: Mapped[bytes]
    at: Mapped[datetime]
    message_id: Mapped[int]


@dataclass(frozen=True, slots=True)
class Seen:
    """A hit that was just kept, of which message, and the mail domain of its recipient."""

    hit: Hit
    message_id: int
    domain_key: bytes


def note(session: Session, seen: Collection[Seen]) -> set[int]:
    """Leave marks of hits and tell the events of a crowd that they were one; the ids of messages
    that have to be judged anew for it."""
    marks = [_mark(each) for each in seen if _has_mark(each.hit)]
    if not marks:
        return set()
    _leave(session, marks)
    moments = [mark.at for mark in marks]
    around = session.execute(
        text(
            "SELECT mark, at, message_id, key FROM hit_marks"
            " WHERE mark = ANY(CAST(:marks AS bytea[])) AND at BETWEEN :first AND :last"
        ),
        {
            "marks": list({mark.mark for mark in marks}),
            "first": min(moments) - rules.CROWD,
            "last": max(moments) + rules.CROWD,
        },
    )
    crowd = [Mark(bytes(row.mark), row.at, row.message_id, row.key) for row in around]
    keys = crowds(crowd)
    return _tell(session, [mark for mark in crowd if mark.key in keys])


def crowd_keys(seen: Collection[Seen]) -> set[str]:
    """Keys of hits among these that were a crowd: what `note` finds, without a database."""
    return crowds(_mark(each) for each in seen if _has_mark(each.hit))


def forget(session: Session, *, now: datetime) -> int:
    """Delete marks that are older than a day; how many."""
    gone = session.execute(delete(HitMark).where(HitMark.at < now - KEPT).returning(HitMark.key))
    return len(gone.all())


def _has_mark(hit: Hit) -> bool:
    return hit.origin is not None and hit.client not in _SHARED_CLIENTS


def _mark(seen: Seen) -> Mark:
    hit = seen.hit
    digest = hashlib.blake2b(
        f"{hit.kind} {hit.network} {hit.agent} ".encode() + seen.domain_key, digest_size=8
    )
    return Mark(digest.digest(), hit.at, seen.message_id, hit.key)


def _leave(session: Session, marks: Sequence[Mark]) -> None:
    ordered = sorted(marks, key=lambda mark: mark.key)
    session.execute(
        text(
            "INSERT INTO hit_marks (key, mark, at, message_id)"
            " SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:marks AS bytea[]),"
            " CAST(:moments AS timestamptz[]), CAST(:ids AS bigint[]))"
            " ON CONFLICT DO NOTHING"
        ),
        {
            "keys": [mark.key for mark in ordered],
            "marks": [mark.mark for mark in ordered],
            "moments": [mark.at for mark in ordered],
            "ids": [mark.message_id for mark in ordered],
        },
    )


def _tell(session: Session, crowd: Sequence[Mark]) -> set[int]:
    if not crowd:
        return set()
    told = session.scalars(
        text(
            "UPDATE events AS e SET details = jsonb_set(e.details, '{signals}',"
            " e.details -> 'signals' || '[\"crowd\"]')"
            " FROM unnest(CAST(:keys AS text[]), CAST(:moments AS timestamptz[])) AS m(key, at)"
            " WHERE e.dedupe_key = m.key AND e.at = m.at"
            " AND NOT e.details -> 'signals' ? 'crowd' RETURNING e.message_id"
        ),
        {"keys": [mark.key for mark in crowd], "moments": [mark.at for mark in crowd]},
    )
    return set(told)
