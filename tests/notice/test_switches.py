"""Which notice is in force, and what may be published."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from mailer.notice import profiles, switches
from mailer.notice.parsing import NoticeError
from mailer.notice.switches import NoticeGapsError


def test_before_the_first_notice_nothing_is_in_force(session: Session, now: datetime) -> None:
    assert switches.in_force(session, now) is None
    assert switches.version_in_force(session, now) is None


def test_a_notice_with_gaps_is_not_published(session: Session, now: datetime) -> None:
    with pytest.raises(NoticeGapsError) as caught:
        switches.publish(session, {**profiles.load("example"), "offering": []}, now=now)
    assert [gap.key for gap in caught.value.gaps] == ["offering"]
    assert str(caught.value) == "offering"
    with pytest.raises(NoticeError):
        switches.publish(session, {"fields": "email"}, now=now)
    assert switches.in_force(session, now) is None


def test_the_last_version_that_has_begun_is_in_force(session: Session, now: datetime) -> None:
    first = switches.publish(session, profiles.load("example"), now=now)
    later = now + timedelta(days=1)
    content = {**profiles.load("example"), "register_name": "Toinen rekisteri"}
    second = switches.publish(session, content, now=later)
    assert (first.number, second.number) == (1, 2)
    assert switches.version_in_force(session, now - timedelta(seconds=1)) is None
    assert switches.version_in_force(session, now) is first
    in_force = switches.in_force(session, later)
    assert in_force is not None
    assert in_force.register_name == "Toinen rekisteri"
    assert switches.in_force(session, later) is in_force


@pytest.mark.parametrize(
    "change", ["UPDATE notice_versions SET content = '{}'", "DELETE FROM notice_versions"]
)
def test_a_published_version_never_changes(change: str, session: Session, now: datetime) -> None:
    switches.publish(session, profiles.load("example"), now=now)
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text(change))
    assert switches.in_force(session, now) is not None


def test_two_who_publish_at_once_get_two_numbers(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    with sessions() as first, sessions() as second:
        switches.publish(first, profiles.load("example"), now=now)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(_publish, second, now)
            _until_somebody_waits(sessions)
            first.commit()
            assert waiting.result(timeout=120) == 2


def _publish(session: Session, now: datetime) -> int:
    number = switches.publish(session, profiles.load("example"), now=now).number
    session.commit()
    return number


def _until_somebody_waits(sessions: sessionmaker[Session]) -> None:
    ungranted = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with sessions() as session:
            if session.scalar(ungranted):
                return
        time.sleep(0.02)
    raise AssertionError("the second one does not wait")
