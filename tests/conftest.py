"""Fixtures of the whole suite: real PostgreSQL and Valkey, a fixed moment, and no network.

Every xdist process has its own servers, started when a test first asks for them (about a second).
DATABASE_URL, when set, names a server to use instead; the tests make and drop databases there.

| fixture              | what it gives                                                           |
|----------------------|-------------------------------------------------------------------------|
| `now`                | Tuesday 24 November 2026, 09:00 UTC                                     |
| `settings`           | settings that reach nothing                                             |
| `session`            | a session whose every commit is undone after the test; quick            |
| `sessions`           | a factory on a database of the test's own, for tests of real commits    |
| `redis`, `redis_url` | an empty Valkey, and where it is                                        |
| `connected_settings` | `settings` that point at the database of `sessions` and at `redis`      |
| `chromium`           | the path of a browser; the test is left out when there is none          |
"""

import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from redis import Redis
from sqlalchemy import Engine, create_engine, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from mailer.config import Settings, from_environment
from mailer.db import make_engine, make_sessions, psycopg_url
from mailer.keys import use_suppression_key
from mailer.languages import DEFAULT_LANGUAGE, in_language
from mailer.notice import switches
from mailer.sending import clocks
from mailer.stack import migrations
from mailer.stack.postgres import Postgres
from mailer.stack.valkey import Valkey

# Shared machines are slow now and then; a slow example is no wrong example.
hypothesis.settings.register_profile("lupaposti", deadline=None, print_blob=True)
hypothesis.settings.load_profile("lupaposti")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Path of a Chromium: $CHROMIUM, else one on PATH."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_chromium() is not None or os.environ.get("REQUIRE_BROWSER"):
        return
    left_out = pytest.mark.skip(reason="no Chromium on PATH and CHROMIUM is not set")
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(left_out)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if find_chromium() is None:
        terminalreporter.write_line(
            "The browser tests were left out: no Chromium on PATH and CHROMIUM is not set."
        )


@pytest.fixture
def chromium() -> str:
    path = find_chromium()
    assert path is not None, "the browser tests are required and there is no Chromium"
    return path


@pytest.fixture(scope="session", autouse=True)
def _only_loopback() -> Iterator[None]:
    """Refuse every connection that would leave the machine."""

    def guarded(method: Any) -> Any:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family != socket.AF_UNIX and not _is_loopback(str(address[0])):
                raise AssertionError(f"a test tried to reach {address[0]} over the network")
            return method(self, address)

        return connect

    def getaddrinfo(host: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name and not _is_loopback(name) and name != "0.0.0.0":
            raise AssertionError(f"a test tried to look up {name}")
        return original_lookup(host, *rest, **named)

    original_lookup = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


@pytest.fixture(autouse=True)
def _default_language() -> Iterator[None]:
    use_suppression_key("test-suppression-key-of-enough-characters")
    with in_language(DEFAULT_LANGUAGE):
        yield


@pytest.fixture(autouse=True)
def _any_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests have a moment of their own, which the database's clock need not agree with."""
    monkeypatch.setattr(clocks, "TOLERANCE", timedelta(days=3650))


@pytest.fixture(autouse=True)
def _notices_of_this_test() -> None:
    """Ids begin at 1 in every test and its moment is the same, so a notice kept of an earlier test
    would be taken for this one's."""
    switches._parsed.clear()


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return from_environment(
        {
            "PUBLIC_URL": "https://mail.lupaposti.example",
            "SECRET_KEY": "test-secret-key-of-enough-characters",
            "SUPPRESSION_KEY": "test-suppression-key-of-enough-characters",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "LUPAPOSTI_VAR": str(tmp_path / "var"),
        }
    )


@pytest.fixture(scope="session")
def _server_url() -> Iterator[str]:
    """URL of a database on the server in which databases may be made."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield psycopg_url(given)
        return
    directory = Path(tempfile.mkdtemp(prefix="lupaposti-"))
    server = Postgres(directory / "postgres", directory / "postgres.log", forgetful=True)
    try:
        yield psycopg_url(server.start())
    finally:
        server.stop()
        shutil.rmtree(directory)


class Databases:
    """Databases made from one migrated template, so that each is there within milliseconds."""

    def __init__(self, server_url: str) -> None:
        self._server_url = make_url(server_url)
        self._admin = create_engine(
            self._server_url, poolclass=pool.NullPool, isolation_level="AUTOCOMMIT"
        )
        self._prefix = f"test_{secrets.token_hex(4)}"
        self._made: list[str] = []
        self._template = self._make("template")
        migrations.upgrade(self.url("template"))

    def url(self, name: str) -> str:
        return self._server_url.set(database=f"{self._prefix}_{name}").render_as_string(
            hide_password=False
        )

    def copy(self, name: str) -> str:
        """A fresh copy of the template, in place of the last one of that name; its URL."""
        self._make(name, f'TEMPLATE "{self._template}" STRATEGY FILE_COPY')
        return self.url(name)

    def close(self) -> None:
        for database in self._made:
            self._run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        self._admin.dispose()

    def _make(self, name: str, options: str = "") -> str:
        database = f"{self._prefix}_{name}"
        self._run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        self._run(f'CREATE DATABASE "{database}" {options}')
        self._made.append(database)
        return database

    def _run(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))


@pytest.fixture(scope="session")
def databases(_server_url: str) -> Iterator[Databases]:
    databases = Databases(_server_url)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def engine(databases: Databases) -> Iterator[Engine]:
    """The engine below `session`. Nothing may be committed through it."""
    engine = make_engine(databases.copy("shared"), pool_size=2)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with engine.connect() as connection:
        transaction = connection.begin()
        with Session(
            connection, join_transaction_mode="create_savepoint", expire_on_commit=False
        ) as session:
            yield session
        transaction.rollback()


# Emptying a few rows takes milliseconds, where a fresh copy of the template takes a hundred.
# Replication mode leaves triggers and foreign keys out of it.
EMPTY = """
DO $$
DECLARE name text; used boolean;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables
      WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', name) INTO used;
    IF used THEN EXECUTE format('DELETE FROM %I', name); END IF;
  END LOOP;
  PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
"""
# A test may have taken a table away to see what happens.
SHAPE = """
SELECT md5(string_agg(c.relname || '.' || a.attname, ',' ORDER BY c.relname, a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
"""
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Own:
    """The database of one test at a time: emptied between tests, made anew when that cannot be."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._url: str | None = None
        self._shape: str | None = None
        self._engine: Engine | None = None
        self._pool: pool.Pool | None = None

    def lend(self) -> Engine:
        self.close()
        if self._url is None or not self._is_empty(self._url):
            self._url = self._databases.copy("own")
            self._shape = self._shape or self._shape_of(self._url)
        self._engine = make_engine(self._url, pool_size=5)
        self._pool = self._engine.pool
        return self._engine

    def close(self) -> None:
        """Close the connections of the last test, and those that its threads gave back since."""
        if self._engine is not None and self._pool is not None:
            self._pool.dispose()
            self._engine.dispose()

    def _shape_of(self, url: str) -> str:
        engine = create_engine(psycopg_url(url), poolclass=pool.NullPool)
        with engine.connect() as connection:
            return str(connection.scalar(text(SHAPE)))

    def _is_empty(self, url: str) -> bool:
        engine = create_engine(psycopg_url(url), poolclass=pool.NullPool)
        try:
            with engine.begin() as connection:
                # A closed connection is gone a moment later; a process of the last test is not.
                for _ in range(20):
                    if not connection.scalar(text(OTHERS)):
                        connection.execute(text(EMPTY))
                        return bool(connection.scalar(text(SHAPE)) == self._shape)
                    time.sleep(0.005)
                    connection.execute(text("SELECT pg_stat_clear_snapshot()"))
        except SQLAlchemyError:  # a test of migrations may have left anything behind
            return False
        return False


@pytest.fixture(scope="session")
def _own(databases: Databases) -> Iterator[Own]:
    own = Own(databases)
    yield own
    own.close()


@pytest.fixture
def sessions(_own: Own) -> Iterator[sessionmaker[Session]]:
    yield make_sessions(_own.lend())
    _own.close()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    directory = Path(tempfile.mkdtemp(prefix="lupaposti-"))
    server = Valkey(directory / "valkey", directory / "valkey.log", forgetful=True)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(directory)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


@pytest.fixture
def connected_settings(
    settings: Settings, sessions: sessionmaker[Session], redis: Redis, redis_url: str
) -> Settings:
    engine = sessions.kw["bind"]
    return replace(
        settings,
        database_url=engine.url.render_as_string(hide_password=False),
        redis_url=redis_url,
    )
