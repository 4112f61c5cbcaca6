"""Events lie by months: none is refused, repeated ones are known, and old months can go."""

from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from mailer.db import make_engine, make_sessions, transaction
from mailer.events import answers, journal, partitions
from mailer.events.applying import Arrival, apply
from mailer.events.journal import NewEvent
from mailer.events.models import Event
from mailer.events.ses_events import parse
from mailer.sending.models import Message
from mailer.stack import migrations
from tests.events.register import make_contact, make_message, recipient_of, ses_event

FAR = datetime(2040, 1, 31, 23, 30, tzinfo=UTC)


def happen(session: Session, message: Message, at: datetime, key: str = "k") -> set[str]:
    event = NewEvent(message.id, message.campaign_id, "click", at, key, actor="human")
    return journal.add(session, [event])


def lies_in(session: Session) -> list[str]:
    return list(session.scalars(text("SELECT CAST(tableoid AS regclass)::text FROM events")))


@pytest.mark.parametrize("at", [datetime(2011, 2, 3, tzinfo=UTC), FAR])
def test_an_event_of_a_month_without_a_table_is_kept(session: Session, at: datetime) -> None:
    message = make_message(session, at)
    assert happen(session, message, at) == {"k"}
    assert lies_in(session) == ["events_default"]
    assert happen(session, message, at) == set()


def test_months_are_made_ahead_once_and_take_what_waited_for_them(session: Session) -> None:
    message = make_message(session, FAR)
    happen(session, message, FAR, "this month")
    happen(session, message, FAR + timedelta(hours=1), "next month")
    made = partitions.make_ahead(session, now=FAR, months=1)
    assert made == ["events_2040_01", "events_2040_02"]
    assert sorted(lies_in(session)) == ["events_2040_01", "events_2040_02"]
    assert partitions.make_ahead(session, now=FAR, months=1) == []
    assert happen(session, message, FAR, "this month") == set()


def test_the_months_are_made_over_the_end_of_a_year(session: Session) -> None:
    december = datetime(2040, 12, 31, 23, 59, tzinfo=UTC)
    assert partitions.make_ahead(session, now=december, months=1) == [
        "events_2040_12",
        "events_2041_01",
    ]
    begins = [p.begins for p in partitions.present(session)][-2:]
    assert begins == [datetime(2040, 12, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC)]


def test_old_months_are_dropped_and_the_month_of_the_limit_stays(session: Session) -> None:
    message = make_message(session, FAR)
    partitions.make_ahead(session, now=FAR, months=2)
    for days, key in ((-400, "stray"), (0, "old"), (20, "kept"), (40, "also")):
        happen(session, message, FAR + timedelta(days=days), key)
    dropped = partitions.drop_before(session, before=datetime(2040, 2, 2, tzinfo=UTC), now=FAR)
    assert dropped[-1] == "events_2040_01"
    assert set(session.scalars(select(Event.dedupe_key))) == {"kept", "also"}


def test_an_event_without_a_time_of_its_own_is_one_however_often_it_comes(
    session: Session, now: datetime
) -> None:
    message = make_message(session, now)
    broken = ses_event("Delivery", message.id, now).replace('"2026-', '"9999-')
    for days in (0, 10, 40):
        received = now + timedelta(days=days)
        happenings = parse(broken, received_at=received)
        assert [each.at for each in happenings] == [received]
        apply(session, [Arrival(1, received, happenings)] * 2, now=received)
    assert session.scalars(select(Event.at)).all() == [now]


def test_an_opt_out_pressed_again_months_later_is_one_event(
    session: Session, now: datetime
) -> None:
    contact = make_contact(session, now)
    recipient = recipient_of(make_message(session, now, contact=contact), contact)
    for days in (0, 40, 80):
        answers.stop(session, recipient, origin="one_click", now=now + timedelta(days=days))
    assert session.scalars(select(Event.kind)).all() == ["opt_out"]


def test_the_last_reason_stands_in_whatever_month_it_comes(session: Session, now: datetime) -> None:
    contact = make_contact(session, now)
    recipient = recipient_of(make_message(session, now, contact=contact), contact)
    answers.tell_reason(session, recipient, "too_many", now=now)
    answers.tell_reason(session, recipient, "other", now=now + timedelta(days=40))
    [event] = session.scalars(select(Event))
    assert (event.details, event.at) == ({"reason": "other"}, now + timedelta(days=40))


def test_two_that_add_one_event_at_once_add_it_once(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    with transaction(sessions) as session:
        message = make_message(session, now)
    event = NewEvent(
        message.id, message.campaign_id, "opt_out", now, "once", moment_is_its_own=False
    )
    later = NewEvent(
        message.id,
        message.campaign_id,
        "opt_out",
        now + timedelta(days=40),
        "once",
        moment_is_its_own=False,
    )
    with sessions() as first, sessions() as second:
        journal.lock(first, "once")
        assert journal.add(first, [event]) == {"once"}
        second.execute(text("SET LOCAL lock_timeout = '100ms'"))
        with pytest.raises(Exception, match="lock timeout"):
            journal.lock(second, "once")
        second.rollback()
        first.commit()
        journal.lock(second, "once")
        assert journal.add(second, [later]) == set()


def test_the_migration_keeps_every_event_both_ways(databases) -> None:
    url = databases.copy("events_both_ways")
    configuration = migrations.configuration(url)
    command.downgrade(configuration, "20261122_1110")
    engine = make_engine(url, pool_size=1)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO messages (id, kind, created_at) VALUES (1, 'test', now())")
        )
        connection.execute(
            text(
                "INSERT INTO events (message_id, kind, at, dedupe_key)"
                " SELECT 1, 'send', now() + n * interval '20 days', 'key-' || n"
                " FROM generate_series(-30, 30) AS n"
            )
        )
        before = connection.execute(text("SELECT id, at, dedupe_key FROM events")).all()
    for step in ("up", "down", "up"):
        if step == "up":
            migrations.upgrade(url)
        else:
            command.downgrade(configuration, "20261122_1110")
        with engine.begin() as connection:
            after = connection.execute(text("SELECT id, at, dedupe_key FROM events")).all()
            assert sorted(after) == sorted(before)
    with make_sessions(engine)() as session:
        names = [partition.name for partition in partitions.present(session)]
        assert names[0] == "events_begin"
        assert len(names) == 5
        # The sequence goes on where it was.
        session.execute(
            text(
                "INSERT INTO events (message_id, kind, at, dedupe_key)"
                " VALUES (1, 'send', now(), 'new')"
            )
        )
        assert session.scalar(text("SELECT max(id) FROM events")) == len(before) + 1
    engine.dispose()
