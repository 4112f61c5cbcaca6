"""What reports count is what the events say, whatever happens to them."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import cast, delete, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from mailer.db import make_engine, make_sessions, transaction
from mailer.events import journal, partitions, reports, rollups
from mailer.events.journal import NewEvent
from mailer.events.models import Event
from mailer.sending.models import Message
from mailer.stack import migrations
from tests.events.register import (
    make_campaign,
    make_contact,
    make_link,
    make_message,
    make_source,
)

NOW = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
KINDS = [
    *("send", "delivery", "hard_bounce", "soft_bounce", "delay", "complaint", "open", "click"),
    *("opt_out", "opt_out_undone", "not_my_work", "optout_reason"),
]
ACTORS = ("human", "machine", "unknown", "ses")

Numbers = dict[str, Counter[tuple[Any, ...]]]


def kept(session: Session) -> Numbers:
    """The rollups without slots, steps and zeros."""
    columns = {
        "event_counts": ("campaign_id, kind, actor, link_id, hour", "hits"),
        "event_reach": ("campaign_id, kind, link_id", "people"),
        "reactions": ("message_id, kind, link_id, campaign_id", "hits"),
    }
    return {
        table: Counter(
            {
                tuple(row[:-1]): int(row[-1])
                for row in session.execute(
                    text(f"SELECT {keys}, sum({what}) FROM {table} GROUP BY {keys}")
                )
                if row[-1]
            }
        )
        for table, (keys, what) in columns.items()
    }


class Register:
    """Two campaigns with two links and three people each."""

    def __init__(self, session: Session) -> None:
        source = make_source(session, NOW)
        self.messages: list[Message] = []
        self.links: dict[int | None, list[int]] = {}
        for campaign in [make_campaign(session, NOW) for _ in range(2)]:
            self.links[campaign.id] = [make_link(session, campaign, n).id for n in range(2)]
            for _ in range(3):
                person = make_contact(
                    session,
                    NOW,
                    email=f"nimi{len(self.messages)}@puutyo.example",
                    source_id=source.id,
                )
                self.messages.append(make_message(session, NOW, campaign=campaign, contact=person))
        test = Message(kind="test", state="sent", created_at=NOW)
        session.add(test)
        session.flush()
        self.messages.append(test)

    @property
    def campaigns(self) -> list[int]:
        return [campaign_id for campaign_id in self.links if campaign_id is not None]

    def event(self, number: int, kind: str, actor: str, minutes: int, link: int) -> NewEvent:
        message = self.messages[number]
        links = [None, *self.links.get(message.campaign_id, [])]
        return NewEvent(
            message.id,
            message.campaign_id,
            kind,
            NOW + timedelta(minutes=minutes),
            f"{number}{kind}{minutes}{link}",
            actor=actor,
            link_id=links[link % len(links)] if kind == "click" else None,
        )


_events = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from(KINDS),
        st.sampled_from(ACTORS),
        # Over the end of an hour and of a month.
        st.integers(0, 240),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=25,
)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), _events),
        st.tuples(st.just("judge"), st.tuples(st.sampled_from(ACTORS), st.integers(2, 3))),
        st.tuples(st.just("move"), st.integers(2, 3)),
        st.tuples(st.just("remove"), st.integers(2, 4)),
        st.tuples(st.just("erase"), st.integers(0, 6)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40)
@given(steps=_steps)
def test_the_counts_are_those_of_the_events_in_whatever_batches_they_come(
    engine, steps: list[tuple[str, Any]]
) -> None:
    with engine.connect() as connection, connection.begin() as whole:
        session = Session(connection, join_transaction_mode="create_savepoint")
        register = Register(session)
        gone: set[int] = set()
        for step, what in steps:
            _take(session, register, step, what, gone)
        counted = kept(session)
        assert rollups.recount(session, register.campaigns) == sorted(register.campaigns)
        assert counted == kept(session)
        _agrees_with_a_plain_count(session, counted)
        session.close()
        whole.rollback()


def _take(session: Session, register: Register, step: str, what: Any, gone: set[int]) -> None:
    if step == "add":
        journal.add(session, [register.event(*each) for each in what if each[0] not in gone])
    elif step == "judge":
        actor, every = what
        session.execute(update(Event).where(Event.id % every == 0).values(actor=actor))
    elif step == "move":
        # Over the end of the month, and under a key that nobody else moves to.
        moved = {"at": Event.at + timedelta(hours=2), "dedupe_key": Event.dedupe_key + "moved"}
        moved["dedupe_key"] += cast(Event.id, Event.kind.type)
        session.execute(update(Event).where(Event.id % what == 0).values(moved))
    elif step == "remove":
        session.execute(delete(Event).where(Event.id % what == 0))
    elif step == "erase" and what not in gone:
        gone.add(what)
        session.execute(delete(Message).where(Message.id == register.messages[what].id))


def _agrees_with_a_plain_count(session: Session, counted: Numbers) -> None:
    events = session.scalars(select(Event).where(Event.campaign_id.is_not(None))).all()
    hits = Counter(
        (e.campaign_id, e.kind, e.actor, e.link_id or 0, e.at.replace(minute=0)) for e in events
    )
    assert counted["event_counts"] == hits
    clicked = {
        (e.message_id, e.campaign_id) for e in events if (e.kind, e.actor) == ("click", "human")
    }
    people = Counter((campaign_id, "click", 0) for _, campaign_id in clicked)
    assert {k: v for k, v in counted["event_reach"].items() if k[1:] == ("click", 0)} == people


def test_a_report_is_right_at_once_when_hits_are_judged_anew(session: Session) -> None:
    register = Register(session)
    campaign_id = register.campaigns[0]
    journal.add(session, [register.event(n, "click", "human", n, 1) for n in (0, 0, 1)])
    assert reports.funnel(session, campaign_id)["clicked"] == 2
    session.execute(update(Event).values(actor="machine"))
    funnel = reports.funnel(session, campaign_id)
    assert (funnel["clicked"], funnel["machine_clicks"]) == (0, 2)


def test_wrong_counts_are_put_right(session: Session) -> None:
    register = Register(session)
    journal.add(session, [register.event(0, "click", "human", 0, 1)])
    right = kept(session)
    session.execute(text("UPDATE event_counts SET hits = 99"))
    session.execute(text("UPDATE event_reach SET people = 99"))
    session.execute(text("DELETE FROM reactions"))
    rollups.recount(session, register.campaigns)
    assert kept(session) == right


def test_dropped_months_stay_counted_and_are_not_counted_again(session: Session) -> None:
    register = Register(session)
    old, new = register.campaigns
    partitions.make_ahead(session, now=NOW, months=1)
    # The first person did something in each month, the second in the old one only.
    journal.add(session, [register.event(n, "click", "human", 0, 1) for n in (0, 1)])
    journal.add(session, [register.event(n, "click", "human", 120, 1) for n in (0, 3)])
    counted = kept(session)

    dropped = partitions.drop_before(session, before=NOW + timedelta(hours=2), now=NOW)

    assert dropped[-1] == "events_2026_11"
    left = kept(session)
    assert (left["event_counts"], left["event_reach"]) == (
        counted["event_counts"],
        counted["event_reach"],
    )
    of_messages = {key[0]: hits for key, hits in left["reactions"].items() if key[2] == 0}
    assert of_messages == {register.messages[0].id: 1, register.messages[3].id: 1}
    assert rollups.recount(session, [old, new]) == [new]
    assert kept(session) == left
    assert reports.funnel(session, old)["clicked"] == 2


def test_workers_that_count_at_once_lose_nothing(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        register = Register(session)
    with sessions() as first, sessions() as second:
        journal.add(first, [register.event(0, "click", "human", 0, 1)])
        journal.add(second, [register.event(1, "click", "human", 0, 1)])
        second.commit()
        first.commit()
    with sessions() as session:
        assert reports.funnel(session, register.campaigns[0])["clicked"] == 2


@pytest.mark.parametrize("first", ["human", "machine"])
def test_the_migration_counts_what_was_there(databases, first: str) -> None:
    url = databases.copy("counted_by_migration")
    configuration = migrations.configuration(url)
    engine = make_engine(url, pool_size=1)
    sessions = make_sessions(engine)
    with transaction(sessions) as session:
        register = Register(session)
        journal.add(
            session,
            [
                register.event(n, kind, actor, n, 1)
                for n in range(7)
                for kind, actor in (("click", first), ("open", "human"), ("opt_out", "human"))
            ],
        )
        before = kept(session)
    command.downgrade(configuration, "20261122_1120")
    migrations.upgrade(url)
    with sessions() as session:
        assert kept(session) == before
    engine.dispose()
