"""How many people segments have had, day by day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock, installation
from mailer.config import Settings
from mailer.db import transaction
from mailer.segments import history, jobs
from mailer.segments.history import Day
from mailer.segments.models import Segment, SegmentCount
from tests.segments.register import make_contact, make_source, publish_notice

FINANCE = {"field": "function", "is": "any_of", "value": ["finance"]}
BROKEN = {"field": "purchases", "is": "at_least", "value": 5}


def save(session: Session, now: datetime, name: str, tree: Any = None) -> int:
    segment = Segment(name=name, tree=tree or FINANCE, created_at=now, updated_at=now)
    session.add(segment)
    session.flush()
    return segment.id


def noted(session: Session) -> dict[int, tuple[date, int]]:
    rows = session.execute(select(SegmentCount.segment_id, SegmentCount.day, SegmentCount.people))
    return {row[0]: (row[1], row[2]) for row in rows}


@pytest.fixture
def register(session: Session, now: datetime) -> Session:
    publish_notice(session, now)
    source = make_source(session, now)
    for _ in range(3):
        make_contact(session, source, now)
    make_contact(session, source, now, restricted_at=now)
    make_contact(session, source, now, erased_at=now)
    make_contact(session, source, now, functions=["it"])
    return session


def test_a_segment_that_cannot_be_used_has_no_number_and_stops_no_other(
    register: Session, now: datetime
) -> None:
    broken = save(register, now, "Rikki", BROKEN)
    finance = save(register, now, "Talous")
    it = save(register, now, "IT", {**FINANCE, "value": ["it"]})
    assert history.count(register, [broken, finance, it, 10**9], now=now) == 2
    assert noted(register) == {finance: (now.date(), 4), it: (now.date(), 1)}


def test_without_a_notice_nothing_is_counted(session: Session, now: datetime) -> None:
    finance = save(session, now, "Talous")
    assert history.count(session, [finance], now=now) == 0
    assert history.count(session, [], now=now) == 0


def test_a_day_is_counted_once_and_is_a_day_in_finland(register: Session) -> None:
    late = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)
    finance = save(register, late, "Talous")
    assert history.uncounted(register, now=late) == [finance]
    history.count(register, [finance], now=late)
    assert history.uncounted(register, now=late) == []
    make_contact(register, make_source(register, late), late)
    history.count(register, [finance], now=late)
    assert noted(register) == {finance: (date(2026, 11, 25), 4)}
    assert history.uncounted(register, now=late + timedelta(days=1)) == [finance]


def test_many_segments_cost_one_pass_over_the_register(register: Session, now: datetime) -> None:
    ids = [save(register, now, f"Talous {number}") for number in range(history.AT_ONCE)]
    passes: list[str] = []
    event.listen(
        register.connection(),
        "before_cursor_execute",
        lambda *seen: passes.append(seen[2]) if "FROM contacts" in seen[2] else None,
    )
    assert history.count(register, ids, now=now) == len(ids)
    assert len(passes) == 1


def test_portions_hold_every_segment_once() -> None:
    ids = list(range(45))
    assert [len(each) for each in history.batches(ids)] == [20, 20, 5]
    assert [each for portion in history.batches(ids) for each in portion] == ids


def test_a_year_is_drawn_and_a_month_compared(session: Session, now: datetime) -> None:
    segment_id, other = save(session, now, "Talous"), save(session, now, "Uusi")
    for days, people in ((400, 1), (300, 2), (30, 10), (10, 50), (0, 7)):
        day = now.date() - timedelta(days=days)
        session.add(SegmentCount(segment_id=segment_id, day=day, people=people))
    session.add(SegmentCount(segment_id=other, day=now.date(), people=3))
    session.flush()
    today = now.date()
    assert history.days(session, segment_id, now=now) == [
        Day(today - timedelta(days=300), 2),
        Day(today - timedelta(days=30), 10),
        Day(today - timedelta(days=10), 50),
        Day(today, 7),
    ]
    assert history.changes(session, [segment_id, other], now=now) == {segment_id: -3}


def test_the_job_counts_every_segment_once_a_day(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Any
) -> None:
    installation.use(
        installation.Installation(connected_settings, sessions.kw["bind"], sessions, redis)
    )
    now = clock.now()
    with transaction(sessions) as session:
        publish_notice(session, now)
        make_contact(session, make_source(session, now), now)
        finance = save(session, now, "Talous")
        save(session, now, "Rikki", BROKEN)
    jobs.count_segments()
    jobs.count_segments()
    with sessions() as session:
        assert {key: people for key, (_day, people) in noted(session).items()} == {finance: 1}
