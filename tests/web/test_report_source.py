"""Reports are read from a streaming replica while it answers, and from the primary when not."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from mailer import installation
from mailer.db import make_engine, make_sessions, transaction
from mailer.events import journal, reports
from mailer.events.journal import NewEvent
from mailer.stack import migrations
from mailer.stack.postgres import Postgres
from mailer.stack.postgres_binaries import find_binaries
from mailer.stack.server_user import clean_environment
from mailer.web import db_session, report_source
from mailer.web.report_source import report_session
from tests.events.register import make_message

PATIENCE = 180


@dataclass
class Pair:
    """A primary and its streaming replica."""

    primary: Postgres
    replica: Postgres


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory: Path = tmp_path_factory.mktemp("pair")
    primary = Postgres(directory / "p", directory / "p.log", forgetful=True)
    replica = Postgres(directory / "r", directory / "r.log", forgetful=True)
    try:
        migrations.upgrade(primary.start())
        copy(primary, replica)
        replica.start()
        yield Pair(primary, replica)
    finally:
        replica.stop()
        primary.stop()


def copy(primary: Postgres, replica: Postgres) -> None:
    """As docs/operations.md says; `-R` writes the settings of a replica."""
    binary = find_binaries().directory / "pg_basebackup"
    if not binary.exists():
        pytest.skip("this PostgreSQL comes without pg_basebackup")
    replica.directory.mkdir(mode=0o700)
    target = replica.directory / "cluster"
    with subprocess.Popen(
        [
            *primary._prefix,
            binary,
            *("-d", primary.url.replace("/lupaposti?", "/postgres?")),
            *("-D", target, "-R", "-X", "stream", "-c", "fast"),
        ],
        env=clean_environment(),
        stderr=subprocess.PIPE,
    ) as process:
        _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, complaint
    # The two are one cluster, so they have one password.
    (replica.directory / "password").write_bytes((primary.directory / "password").read_bytes())
    (replica.directory / "password").chmod(0o600)


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_reports_are_read_from_the_replica_and_from_the_primary_without_it(
    pair: Pair, app: Flask, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_source, "AWAY_SECONDS", 0.0)
    engine = make_engine(pair.primary.url, pool_size=2)
    sessions = make_sessions(engine)
    here = installation.current()
    settings = replace(here.settings, reports_database_url=pair.replica.url)
    installation.use(replace(here, settings=settings, engine=engine, sessions=sessions))
    with transaction(sessions) as session:
        message = make_message(session, now)
        event = NewEvent(message.id, message.campaign_id, "click", now, "k", actor="human")
        journal.add(session, [event])
    campaign_id = message.campaign_id
    assert campaign_id is not None

    def read() -> tuple[bool, int]:
        with app.app_context():
            session = report_session()
            is_replica = bool(session.scalar(text("SELECT pg_is_in_recovery()")))
            return is_replica, reports.funnel(session, campaign_id)["clicked"]

    wait(lambda: read() == (True, 1), "the replica did not follow")
    with app.app_context(), pytest.raises(SQLAlchemyError, match="read-only"):
        report_session().execute(text("DELETE FROM events"))
    pair.replica.stop()
    assert read() == (False, 1)
    pair.replica.start()
    wait(lambda: read() == (True, 1), "the replica did not come back")
    engine.dispose()


def test_without_a_replica_reports_share_the_session_of_the_request(app: Flask) -> None:
    with app.app_context():
        assert report_session() is db_session()
