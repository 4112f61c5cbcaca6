"""Two who act on the same person at the same moment, with real commits."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import interactions, removal
from mailer.contacts.interaction_entry import Refused
from mailer.contacts.interaction_models import Interaction
from mailer.contacts.interaction_repeats import Recorded
from mailer.contacts.interactions import Corrected
from mailer.contacts.models import Contact, Source
from mailer.db import transaction
from tests.contacts.dealings import make_entry, noted, publish_with_all_kinds
from tests.contacts.staff import make_staff
from tests.segments.register import make_contact, make_source

Sessions = sessionmaker[Session]
PATIENCE = 120.0


@pytest.fixture
def ids(sessions: Sessions) -> tuple[int, int, int]:
    """The ids of a person, a source and a user."""
    now = clock.now()
    with transaction(sessions) as session:
        publish_with_all_kinds(session, now)
        source = make_source(session, now, kind="system_entry", name="")
        return make_contact(session, source, now).id, source.id, make_staff(session, now)


def both(first: Callable[[], Any], second: Callable[[], Any]) -> None:
    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_note_that_waits_for_a_deletion_is_refused_and_leaves_nothing(
    sessions: Sessions, ids: tuple[int, int, int]
) -> None:
    contact_id, source_id, user_id = ids
    deleted, told = threading.Event(), []

    def delete() -> None:
        with transaction(sessions) as session:
            person = session.get_one(Contact, contact_id)
            removal.remove(session, person, reason="left", now=clock.now(), actor_id=user_id)
            deleted.set()
            _until_somebody_waits(sessions)

    def note() -> None:
        assert deleted.wait(PATIENCE)
        with transaction(sessions) as session:
            now = clock.now()
            told.append(
                interactions.record(
                    session, make_entry(now, contact_id=contact_id),
                    session.get_one(Source, source_id), now=now, actor_id=user_id,
                )
            )  # fmt: skip

    both(delete, note)
    assert told == [Refused("", "contact_gone")]
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Interaction)) == 0
        assert session.get(Contact, contact_id) is None


def test_a_deletion_that_waits_for_a_note_takes_the_note_along(
    sessions: Sessions, ids: tuple[int, int, int]
) -> None:
    contact_id, source_id, user_id = ids
    written = threading.Event()

    def note() -> None:
        with transaction(sessions) as session:
            noted(session, session.get_one(Source, source_id), clock.now(), contact_id=contact_id)
            written.set()
            _until_somebody_waits(sessions)

    def delete() -> None:
        assert written.wait(PATIENCE)
        with transaction(sessions) as session:
            person = session.get_one(Contact, contact_id)
            removal.remove(session, person, reason="left", now=clock.now(), actor_id=user_id)

    both(note, delete)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Interaction)) == 0
        assert session.get(Contact, contact_id) is None


def test_what_two_tell_at_once_is_there_once(sessions: Sessions, ids: tuple[int, int, int]) -> None:
    contact_id, source_id, _user = ids
    start, told = threading.Barrier(2), []
    entry = make_entry(clock.now(), contact_id=contact_id, external_id="A1")

    def tell() -> None:
        with transaction(sessions) as session:
            source = session.get_one(Source, source_id)
            start.wait(PATIENCE)
            told.append(interactions.record(session, entry, source, now=clock.now(), actor_id=None))

    both(tell, tell)
    assert sorted(done.new for done in told if isinstance(done, Recorded)) == [False, True]
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Interaction)) == 1


def test_of_two_corrections_at_once_one_holds_and_the_other_is_told(
    sessions: Sessions, ids: tuple[int, int, int]
) -> None:
    contact_id, source_id, user_id = ids
    with transaction(sessions) as session:
        row = noted(session, session.get_one(Source, source_id), clock.now(), contact_id=contact_id)
    start, told = threading.Barrier(2), []

    def correct(title: str) -> None:
        now = clock.now()
        with transaction(sessions) as session:
            start.wait(PATIENCE)
            entry = make_entry(now, title=title)
            told.append(
                interactions.correct(session, row.id, entry, version=1, now=now, actor_id=user_id)
            )

    both(lambda: correct("Yksi"), lambda: correct("Kaksi"))
    assert sum(isinstance(done, Corrected) for done in told) == 1
    assert Refused("", "changed_meanwhile") in told


def _until_somebody_waits(sessions: Sessions) -> None:
    """Hold on until another session waits for a lock."""
    pause = threading.Event()
    for _ in range(int(PATIENCE * 20)):
        with sessions() as session:
            waiting = session.connection().exec_driver_sql(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if waiting.scalar_one():
                return
        pause.wait(0.05)
    pytest.fail("nobody has come to wait")
