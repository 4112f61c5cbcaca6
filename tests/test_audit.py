"""The log of what was done: complete, in one chain, and not to be changed unseen."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from mailer import audit
from mailer.audit import AuditEntry
from mailer.db import transaction

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def note(session: Session, action: str = "campaign.paused", **details: Any) -> None:
    audit.record(session, action, "campaign", 1, now=NOW, actor_id=2, **details)


def actions(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def verify(sessions: sessionmaker[Session]) -> int | None:
    with sessions() as session:
        return audit.verify(session)


@pytest.mark.parametrize(
    "change",
    [
        "SET action = 'campaign.resumed'",
        "SET details = '{}'",
        "SET actor_id = 3",
        "SET object_id = NULL",
        "SET object_kind = 'contact'",
        "SET at = at + interval '1 second'",
        "SET hash = hash || '\\x00'",
    ],
)
def test_a_changed_line_is_found(change: str, sessions: sessionmaker[Session]) -> None:
    for number in range(4):
        with transaction(sessions) as session:
            note(session, f"step.{number}", number=number)
    with transaction(sessions) as session:
        session.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER append_only"))
        session.execute(text(f"UPDATE audit_entries {change} WHERE id = 2"))
    assert verify(sessions) == 2


def test_a_line_taken_out_is_found_at_the_next(sessions: sessionmaker[Session]) -> None:
    for number in range(3):
        with transaction(sessions) as session:
            note(session, f"step.{number}")
    with transaction(sessions) as session:
        session.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER append_only"))
        session.execute(text("DELETE FROM audit_entries WHERE id = 2"))
    assert verify(sessions) == 3


def test_two_lines_changing_places_are_found(sessions: sessionmaker[Session]) -> None:
    for number in range(3):
        with transaction(sessions) as session:
            note(session, f"step.{number}")
    with transaction(sessions) as session:
        session.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER append_only"))
        session.execute(text("UPDATE audit_entries SET id = id + 100 WHERE id = 1"))
    assert verify(sessions) == 2


@pytest.mark.parametrize(
    "change", ["UPDATE audit_entries SET action = 'x'", "DELETE FROM audit_entries"]
)
def test_the_database_refuses_to_change_a_line(change: str, session: Session) -> None:
    note(session)
    session.commit()
    with pytest.raises(DBAPIError):
        session.execute(text(change))


def test_a_rollback_writes_nothing(sessions: sessionmaker[Session]) -> None:
    def fail() -> None:
        with transaction(sessions) as session:
            note(session)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with sessions() as session:
        note(session)
        session.rollback()
        session.commit()
    assert actions(sessions) == []


def test_a_rolled_back_savepoint_takes_its_own_lines_and_no_others(
    sessions: sessionmaker[Session],
) -> None:
    with sessions() as session:
        note(session, "before")
        savepoint = session.begin_nested()
        note(session, "inside")
        with session.begin_nested():
            note(session, "deep.inside")
        savepoint.rollback()
        note(session, "after")
        with session.begin_nested():
            note(session, "kept")
        session.commit()
    assert actions(sessions) == ["before", "after", "kept"]
    assert verify(sessions) is None


def test_each_commit_writes_its_own_lines_once(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        note(session, "one")
        session.commit()
        session.commit()
        note(session, "two")
        session.commit()
    assert actions(sessions) == ["one", "two"]


def test_concurrent_commits_make_one_chain(sessions: sessionmaker[Session]) -> None:
    def work(number: int) -> None:
        for step in range(5):
            with transaction(sessions) as session:
                note(session, f"worker.{number}", step=step)
                note(session, f"worker.{number}.again")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(actions(sessions)) == 40
    assert verify(sessions) is None


def test_an_audited_transaction_that_works_long_holds_up_nobody(
    sessions: sessionmaker[Session],
) -> None:
    with sessions() as slow:
        note(slow, "slow")
        slow.execute(text("SELECT 1"))
        with transaction(sessions) as quick:
            quick.execute(text("SET LOCAL lock_timeout = '2s'"))
            note(quick, "quick")
        slow.commit()
    assert actions(sessions) == ["quick", "slow"]
    assert verify(sessions) is None


def test_an_empty_log_is_whole(session: Session) -> None:
    assert audit.verify(session) is None


def test_a_moment_in_another_zone_is_the_same_moment(sessions: sessionmaker[Session]) -> None:
    from mailer.languages import TIMEZONE

    with transaction(sessions) as session:
        moment = (NOW + timedelta(microseconds=123_457)).astimezone(TIMEZONE)
        audit.record(session, "x", "campaign", 1, now=moment, note="ä € \U0001f600", share=0.1)
    assert verify(sessions) is None


@given(st.lists(st.tuples(st.text("ab.", max_size=4), st.integers(0, 9)), min_size=2, unique=True))
def test_no_two_lines_share_a_hash(lines: list[tuple[str, int]]) -> None:
    hashes = {
        audit.digest(
            b"",
            AuditEntry(at=NOW, actor_id=None, action=a, object_kind="", object_id=n, details={}),
        )
        for a, n in lines
    }
    assert len(hashes) == len(lines)
