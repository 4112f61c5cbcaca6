"""A process killed in the middle of an import loses nothing and does nothing twice."""

import os
import subprocess
import sys
import time
from collections import Counter

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.config import ROOT, Settings
from mailer.contacts import import_runs, importing
from mailer.contacts.importing import Choices
from mailer.contacts.models import Company, Contact, FieldChange, Import, ImportProblem, Suppression
from mailer.db import transaction
from tests.contacts.files import make_file, make_row, make_source, publish

ROWS = 1_200
STEP = 40
# Small steps with a rest after each, so that a kill comes at any point of one.
WORKER = """
import sys, time
from mailer import installation, models
from mailer.config import from_environment
from mailer.contacts import import_runs
here = installation.install(from_environment())
import_runs.Run.step.__kwdefaults__["size"] = int(sys.argv[2])
import_runs.take_steps(here.sessions, int(sys.argv[1]), go_on=lambda: not time.sleep(0.01))
"""


def make_rows() -> list[tuple[str, ...]]:
    """People of many companies; every tenth address is wrong, every fiftieth a private one."""
    rows = []
    for number in range(ROWS):
        company = number // 3
        changes = {
            "Sähköposti": f"p{number}@yritys{company}.example",
            "Yritys": f"Yritys {company} Oy",
            "Y-tunnus": "",
        }
        if number % 10 == 3:
            changes["Sähköposti"] = "ei ole"
        if number % 50 == 7:
            changes["Sähköposti"] = f"p{number}@gmail.com"
        rows.append(make_row(**changes))
    return rows


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_import_killed_again_and_again_ends_as_if_nothing_had_happened(
    sessions: sessionmaker[Session], connected_settings: Settings, *, dry_run: bool
) -> None:
    rows = make_rows()
    import_id = begin(sessions, make_file(*rows), dry_run=dry_run)
    reached = [0]
    for _ in range(3):
        worker = start_worker(connected_settings, import_id)
        wait_beyond(sessions, import_id, reached[-1] + STEP, worker)
        worker.kill()
        worker.wait(30)
        reached.append(rows_done(sessions, import_id))
    assert 0 < reached[1] < reached[2] < reached[3] < ROWS
    import_runs.take_steps(sessions, import_id)

    with sessions() as session:
        entry = session.get_one(Import, import_id)
        assert entry.state == ("checked" if dry_run else "done")
        assert entry.rows_done == entry.rows == ROWS
        rejected = Counter({"bad_address": ROWS // 10, "private_person": ROWS // 50})
        assert entry.counts["codes"] == dict(rejected)
        numbers = entry.counts["numbers"]
        assert numbers["rows"] == ROWS
        assert numbers["rejected"] == rejected.total()
        assert numbers["created"] == ROWS - rejected.total()
        problems = session.execute(
            select(ImportProblem.row, func.count()).group_by(ImportProblem.row)
        )
        assert {row: count for row, count in problems if count > 1} == {}
        stored = session.scalars(select(Contact.email)).all()
        if dry_run:
            assert stored == []
            return
        wanted = [row[3] for row in rows if row[3].endswith(".example")]
        assert sorted(stored) == sorted(wanted)
        assert count_of(session, FieldChange) == 0
        assert count_of(session, Suppression) == ROWS // 50
        assert (
            count_of(session, Company)
            == numbers["companies_created"]
            == len({email.partition("@")[2] for email in wanted})
        )


def count_of(session: Session, model: type) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def begin(sessions: sessionmaker[Session], content: bytes, *, dry_run: bool) -> int:
    now = clock.now()  # the workers have the clock of the machine
    with transaction(sessions) as session:
        publish(session, now)
        entry = importing.upload(session, "x.csv", content, now=now)
        importing.name_source(session, entry, make_source(dated=now.date()), now=now)
        importing.choose(session, entry, Choices(), now=now)
        importing.start(session, entry, dry_run=dry_run, now=now, by_worker=False)
        return entry.id


def start_worker(settings: Settings, import_id: int) -> "subprocess.Popen[bytes]":
    environ = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "PUBLIC_URL": settings.public_url,
        "SECRET_KEY": settings.secret_key,
        "SUPPRESSION_KEY": settings.suppression_key,
        "LUPAPOSTI_VAR": str(settings.var),
    }
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(import_id), str(STEP)], cwd=ROOT, env=environ
    )


def rows_done(sessions: sessionmaker[Session], import_id: int) -> int:
    with sessions() as session:
        return session.scalars(select(Import.rows_done).where(Import.id == import_id)).one()


def wait_beyond(
    sessions: sessionmaker[Session],
    import_id: int,
    least: int,
    worker: "subprocess.Popen[bytes]",
) -> None:
    end = time.monotonic() + 300
    while rows_done(sessions, import_id) < least:
        assert worker.poll() is None, "the worker ended by itself"
        assert time.monotonic() < end, "the worker did not get on"
        time.sleep(0.005)
