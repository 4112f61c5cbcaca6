"""Jobs of the register: imports that end well or badly, and the sweeps."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import time_machine
from redis import Redis
from rq import Queue
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation, stopping
from mailer.config import Settings
from mailer.contacts import import_runs, importing, informing, jobs, suppression_jobs
from mailer.contacts.importing import Choices
from mailer.contacts.models import (
    Contact,
    Import,
    ImportFile,
    ImportProblem,
    Source,
    Suppression,
    SuppressionSync,
)
from mailer.db import transaction
from tests.contacts.files import make_file, make_row, make_source, publish
from tests.segments.register import make_contact
from tests.segments.register import make_source as make_register_source

ROWS = [make_row(Sähköposti=f"p{n}@yritys.example") for n in range(5)]


@pytest.fixture
def _installed(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[None]:
    installation.use(
        installation.Installation(connected_settings, sessions.kw["bind"], sessions, redis)
    )
    with time_machine.travel(now, tick=False):
        with transaction(sessions) as session:
            publish(session, now)
        yield


pytestmark = pytest.mark.usefixtures("_installed")


def begin(sessions: sessionmaker[Session], now: datetime, *rows: tuple[str, ...]) -> int:
    with transaction(sessions) as session:
        entry = importing.upload(session, "x.csv", make_file(*(rows or ROWS)), now=now)
        importing.name_source(session, entry, make_source(), now=now)
        importing.choose(session, entry, Choices(), now=now)
        importing.start(session, entry, dry_run=False, now=now)
        return entry.id


def look(sessions: sessionmaker[Session], import_id: int) -> Import:
    with sessions() as session:
        return session.get_one(Import, import_id)


def waiting(redis: Redis) -> list[tuple[str, tuple[object, ...]]]:
    queue = Queue(importing.QUEUE, connection=redis)
    return [(str(job.func_name), tuple(job.args)) for job in queue.jobs]


def test_a_started_import_is_queued_and_runs_to_its_end(
    sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> None:
    import_id = begin(sessions, now)
    assert waiting(redis) == [(importing.RUN_IMPORT, (import_id,))]
    jobs.run_import(import_id)
    entry = look(sessions, import_id)
    assert (entry.state, entry.rows_done) == ("done", 5)
    jobs.run_import(import_id)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 5


def test_a_worker_that_is_asked_to_stop_leaves_the_rest_to_another(
    sessions: sessionmaker[Session], redis: Redis, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = begin(sessions, now)
    redis.flushall()
    monkeypatch.setattr(import_runs.Run.step, "__kwdefaults__", {"size": 2})
    monkeypatch.setattr(stopping, "asked", lambda: True)
    jobs.run_import(import_id)
    assert look(sessions, import_id).rows_done == 2
    assert waiting(redis) == [(importing.RUN_IMPORT, (import_id,))]
    jobs.run_import(import_id)
    jobs.run_import(import_id)
    assert look(sessions, import_id).state == "done"


def test_an_import_that_breaks_is_marked_and_keeps_what_it_did(
    sessions: sessionmaker[Session], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = begin(sessions, now)

    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(import_runs.Run, "_apply", break_down)
    with pytest.raises(RuntimeError):
        jobs.run_import(import_id)
    entry = look(sessions, import_id)
    assert (entry.state, entry.failure, entry.rows_done) == ("failed", "unexpected", 0)


def test_an_import_whose_file_is_gone_ends_without_a_fault(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    import_id = begin(sessions, now)
    with transaction(sessions) as session:
        session.delete(session.get_one(ImportFile, import_id))
    jobs.run_import(import_id)
    assert look(sessions, import_id).state == "failed"


def test_the_sweep_takes_a_silent_import_on_but_not_for_ever(
    sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> None:
    import_id = begin(sessions, now)
    redis.flushall()
    jobs.sweep_imports()
    assert waiting(redis) == [], "its heart beats"
    for _ in range(10):
        with transaction(sessions) as session:
            session.execute(update(Import).values(heartbeat_at=now - timedelta(seconds=61)))
        jobs.sweep_imports()
    assert waiting(redis) == [(importing.RUN_IMPORT, (import_id,))] * 4
    entry = look(sessions, import_id)
    assert (entry.state, entry.failure) == ("failed", "gave_up")


def test_uploaded_bytes_and_the_cells_in_problems_go_after_seven_days(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    bad = make_row(Sähköposti="aino(at)yritys.example")
    jobs.run_import(begin(sessions, now, bad))
    jobs.sweep_imports()
    with sessions() as session:
        assert session.scalars(select(ImportProblem.value)).one() == "aino(at)yritys.example"
    with transaction(sessions) as session:
        session.execute(update(ImportFile).values(stored_at=now - timedelta(days=7, seconds=1)))
    jobs.sweep_imports()
    with sessions() as session:
        assert session.scalars(select(ImportProblem.value)).one() == ""
        assert session.scalar(select(func.count()).select_from(ImportFile)) == 0


def test_the_hourly_sweep_deletes_private_persons_and_nobody_else(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    jobs.run_import(begin(sessions, now))
    changes = {
        "p1@yritys.example": {"note": "hetu 131052-308T"},
        "p2@yritys.example": {"email": "p2@gmail.com", "company_id": None},
        "p3@yritys.example": {"title": "Oppilas"},
        "p4@yritys.example": {"note": "tilaus 131052-308U"},
    }
    with transaction(sessions) as session:
        for email, values in changes.items():
            session.execute(update(Contact).where(Contact.email == email).values(**values))
    jobs.delete_private_persons()
    jobs.delete_private_persons()
    with sessions() as session:
        left = session.scalars(select(Contact.email).order_by(Contact.email)).all()
        assert left == ["p0@yritys.example", "p4@yritys.example"]
        rules = session.scalars(select(Suppression.evidence).order_by(Suppression.evidence)).all()
        assert rules == ["identity_code", "private_person", "pupil_title"]
        assert session.scalar(select(func.count()).select_from(Source)) == 1


def test_who_was_not_informed_in_time_is_blocked_and_later_deleted(
    sessions: sessionmaker[Session], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(informing, "BATCH", 1)
    with transaction(sessions) as session:
        source = make_register_source(session, now)
        for _ in range(2):
            contact_id = make_contact(session, source, now, created_at=now - timedelta(days=60)).id
    jobs.keep_time_to_inform()
    with sessions() as session:
        assert session.get_one(Contact, contact_id).art14_overdue_at == now
    with time_machine.travel(now + timedelta(days=15), tick=False):
        jobs.keep_time_to_inform()
    with sessions() as session:
        assert session.get(Contact, contact_id) is None


def test_without_a_notice_nobody_is_blocked_or_deleted(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    with transaction(sessions) as session:
        source = make_register_source(session, now)
        make_contact(session, source, now, created_at=now - timedelta(days=60))
    with time_machine.travel(now - timedelta(days=1), tick=False):  # before it was published
        jobs.keep_time_to_inform()
    with sessions() as session:
        assert session.scalars(select(Contact.art14_overdue_at)).all() == [None]


def test_amazons_list_that_cannot_be_read_is_no_failed_job(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    here = installation.current()
    settings = replace(here.settings, ses_endpoint_url="http://127.0.0.1:9")
    installation.use(replace(here, settings=settings))
    suppression_jobs.sync()
    with sessions() as session:
        (line,) = session.scalars(select(SuppressionSync))
    assert (line.finished_at, line.added) == (None, 0)
    assert line.failure
