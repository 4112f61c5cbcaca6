"""What is switched on: the notice in force. The one place everybody asks."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer import audit
from mailer.notice.gaps import Gap, gaps
from mailer.notice.models import NoticeVersion
from mailer.notice.parsing import parse
from mailer.notice.schema import Notice


class NoticeGapsError(Exception):
    """The notice cannot be published; `gaps` says what it lacks."""

    def __init__(self, missing: list[Gap]) -> None:
        super().__init__(", ".join(gap.path for gap in missing))
        self.gaps = missing


# Who publishes second waits for the first and gets the next number. No other lock has this one.
_PUBLISHING = 7_105_041
# Published versions never change, so a parsed one may be kept.
_parsed: dict[tuple[int, datetime], Notice] = {}


def version_in_force(session: Session, now: datetime) -> NoticeVersion | None:
    """The published version whose effective date came last."""
    return session.scalar(
        select(NoticeVersion)
        .where(NoticeVersion.published_at.is_not(None), NoticeVersion.effective_from <= now)
        .order_by(NoticeVersion.effective_from.desc(), NoticeVersion.number.desc())
        .limit(1)
    )


def in_force(session: Session, now: datetime) -> Notice | None:
    """The notice in force, or None before the first is published: then everything is off."""
    version = version_in_force(session, now)
    if version is None:
        return None
    key = (version.id, version.created_at)
    if key not in _parsed:
        _parsed[key] = parse(version.content)
    return _parsed[key]


def publish(
    session: Session, content: dict[str, object], *, now: datetime, author_id: int | None = None
) -> NoticeVersion:
    """Publish content as the next version, in force at once.

    Raises NoticeError when it cannot be read and NoticeGapsError when something is missing (R2).
    """
    missing = gaps(parse(content))
    if missing:
        raise NoticeGapsError(missing)
    session.execute(select(func.pg_advisory_xact_lock(_PUBLISHING)))
    number = (session.scalar(select(func.max(NoticeVersion.number))) or 0) + 1
    version = NoticeVersion(
        number=number,
        content=content,
        created_at=now,
        published_at=now,
        effective_from=now,
        author_id=author_id,
    )
    session.add(version)
    session.flush()
    audit.record(
        session,
        "notice.published",
        "notice",
        version.id,
        now=now,
        actor_id=author_id,
        number=number,
    )
    return version
