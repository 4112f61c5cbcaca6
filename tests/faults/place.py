"""Servers that a campaign can lose: PostgreSQL, Valkey, the web server, and the way to SES."""

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis, RedisError
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.adapters.pace import Pace, Quota
from mailer.config import ROOT
from mailer.db import make_sessions, psycopg_url
from mailer.keys import use_suppression_key
from mailer.stack import migrations
from mailer.stack.environment import STAND_IN_TOPIC
from mailer.stack.postgres import DATABASE, Postgres
from mailer.stack.process import any_free_port, last_lines, start_process, stop_process
from mailer.stack.supervisor import APPLICATION, web_command
from mailer.stack.valkey import Valkey
from mailer.stand_in.client import Client
from tests.faults import processes, witness
from tests.faults.clocks import Clocks
from tests.faults.network import Network
from tests.faults.plan import THREADS

# Long enough for a machine that does ten other things: nothing is asserted about speed.
PATIENCE = 900.0
SECRET_KEY = "fault-secret-key-of-enough-characters"
SUPPRESSION_KEY = "fault-suppression-key-of-enough-characters"
# In the order of the product's own: the wait for an answer, the lease, the time to settle.
LEASE_SECONDS = 3
SETTLE_SECONDS = 6
EMPTY = """
DO $$
DECLARE names text;
BEGIN
  SELECT string_agg(format('%I', tablename), ', ') INTO names FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version';
  EXECUTE 'TRUNCATE ' || names;
END $$
"""


def wait_for(done: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Until `done` answers with something true, which is returned."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, f"{what} did not happen in {seconds:.0f} seconds"
        time.sleep(0.1)
    return found


class Place:
    """One installation with everything that can break. Used by one campaign after another."""

    def __init__(self, directory: Path, *, rate: float = 1000, quiet: bool = False) -> None:
        """`rate`: messages a second that SES allows. `quiet`: nothing breaks here, so SES's events
        are not needed and the product waits as long as it does in earnest."""
        self.directory = directory
        self._rate = rate
        self._quiet = quiet
        self.postgres = Postgres(directory / "postgres", directory / "postgres.log", forgetful=True)
        self.valkey = Valkey(directory / "valkey", directory / "valkey.log", forgetful=True)
        self.clocks = Clocks(directory / "clocks")
        self.log = directory / "workers.log"
        self.web_port = any_free_port()
        self.web: subprocess.Popen[bytes] | None = None
        self.environ: dict[str, str] = {}
        self._engine: Engine | None = None

    def start(self) -> None:
        use_suppression_key(SUPPRESSION_KEY)
        self.postgres.start()
        self.valkey.start()
        self._engine = create_engine(
            psycopg_url(self.postgres.url), pool_size=1, max_overflow=4, pool_pre_ping=True
        )
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # A crash of the server may lose nothing that was committed; the machine stays up.
            connection.execute(text(f"ALTER DATABASE {DATABASE} SET synchronous_commit = on"))
        migrations.upgrade(self.postgres.url)
        with self._engine.begin() as connection:
            for statement in witness.STATEMENTS:
                connection.execute(text(statement))
        self._start_stand_in()
        self._set_environment()
        self.start_web()

    def stop(self) -> None:
        if self.web is not None:
            stop_process(self.web, (signal.SIGTERM,), seconds=10)
        if hasattr(self, "network"):
            self.network.stop()
            self._stand_in.terminate()
            self._stand_in.join(20)
        self.valkey.stop()
        if self._engine is not None:
            self._engine.dispose()
        self.postgres.stop()
        self.clocks.close()

    def _start_stand_in(self) -> None:
        directory = self.directory / "stand-in"
        self._stand_in = processes.start_stand_in(
            directory,
            self.directory / "stand-in.log",
            webhook_url=f"http://127.0.0.1:{self.web_port}/webhooks/ses"
            if not self._quiet
            else None,
            topic_arn=STAND_IN_TOPIC,
            rate=self._rate,
        )
        file = directory / "port"
        wait_for(lambda: file.exists() and file.read_text(), "the start of the stand-in")
        port = int(file.read_text())
        self.ses = Client(f"http://127.0.0.1:{port}")
        self.network = Network(port)
        self.network.start()

    def _set_environment(self) -> None:
        self.environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "PUBLIC_URL": f"http://127.0.0.1:{self.web_port}",
            "SECRET_KEY": SECRET_KEY,
            "SUPPRESSION_KEY": SUPPRESSION_KEY,
            "SES_ENDPOINT_URL": self.network.url,
            "SNS_TOPIC_ARNS": STAND_IN_TOPIC,
            "SNS_CERTIFICATE_FILE": str(self.directory / "stand-in" / "sns-cert.pem"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "LUPAPOSTI_VAR": str(self.directory),
            "SENDER_THREADS": str(THREADS),
            "FALLBACK_RATE": "60",
            "HOLD_SECONDS": "0",
        }
        if not self._quiet:
            self.environ["CLAIM_LEASE_SECONDS"] = str(LEASE_SECONDS)
            self.environ["SETTLE_SECONDS"] = str(SETTLE_SECONDS)

    # The database

    @property
    def sessions(self) -> sessionmaker[Session]:
        assert self._engine is not None
        return make_sessions(self._engine)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self.sessions() as session, session.begin():
            yield session

    def look(self, statement: str, **values: Any) -> list[Any]:
        """The rows of a query, asked again while the database is away."""

        def ask() -> list[list[Any]] | None:
            try:
                with self.sessions() as session:
                    return [list(session.execute(text(statement), values).all())]
            except OperationalError:
                return None

        rows: list[Any] = wait_for(ask, "an answer of the database")[0]
        return rows

    def empty(self) -> None:
        """Forget everything, for the next campaign. Ids go on, so nothing old is taken for new."""
        with self.transaction() as session:
            session.execute(text(EMPTY))
        with Redis.from_url(self.valkey.url) as redis:
            redis.flushall()
            # What the workers would learn a moment later, having sent one by one until then.
            Pace(redis, 1).set_limit(Quota(self._rate, -1, 0, clock.now().timestamp()))
        self.ses.reset()
        self.network.calm()
        self.network.met.clear()
        self.clocks.set_right()
        self.log.unlink(missing_ok=True)

    # What breaks

    def lose_redis(self) -> None:
        assert self.valkey.process is not None
        self.valkey.process.kill()
        self.valkey.process.wait()

    def end_postgres(self, how: signal.Signals) -> None:
        """SIGINT: fast, open transactions are rolled back. SIGQUIT: as in a crash."""
        assert self.postgres.process is not None
        self.postgres.process.send_signal(how)
        self.postgres.process.wait()

    def need_postgres(self) -> None:
        """Start PostgreSQL again unless it runs."""
        process = self.postgres.process
        if process is None or process.poll() is not None:
            self.postgres.restart()

    def start_web(self) -> None:
        """Start the web server as `mailer web` does."""
        with (self.directory / "web.log").open("ab") as output:
            self.web = start_process(
                web_command(APPLICATION, host="127.0.0.1", port=self.web_port, workers=1),
                # It believes the certificate of the stand-in only at the stand-in's own address.
                environ={**self.environ, "SES_ENDPOINT_URL": self.ses.url},
                output=output,
                directory=ROOT,
            )
        wait_for(self._web_answers, f"the start of the web server ({output.name})")

    def kill_web(self) -> None:
        """Kill the web server with its worker; the caller starts it again."""
        assert self.web is not None
        os.killpg(self.web.pid, signal.SIGKILL)
        self.web.wait()

    def _web_answers(self) -> bool:
        assert self.web is not None
        assert self.web.poll() is None, last_lines(self.directory / "web.log", 20)
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/healthz", timeout=20).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def redis_is_there(self) -> bool:
        with suppress(RedisError), Redis.from_url(self.valkey.url) as redis:
            return bool(redis.ping())
        return False

    # The sink

    def sink(self) -> dict[int, list[str]]:
        """SES's ids of what the stand-in accepted, by the ledger's id of the message."""
        found: dict[int, list[str]] = defaultdict(list)
        for tag, ses_id in self._ask_sink(
            "SELECT t.value, m.id FROM message_tag t JOIN message m USING (seq)"
            " WHERE t.name = 'message'"
        ):
            found[int(tag)].append(ses_id)
        return dict(found)

    def accepted(self) -> int:
        """How many messages the stand-in has accepted."""
        rows = self._ask_sink("SELECT coalesce(sum(count), 0) FROM tag_count WHERE name='message'")
        return int(rows[0][0])

    def _ask_sink(self, statement: str) -> list[Any]:
        # Over HTTP each message would be put together as its recipient sees it.
        file = self.directory / "stand-in" / "stand-in.sqlite3"
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()


@contextmanager
def place(**options: Any) -> Iterator[Place]:
    """A place in a temporary directory, gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="lupaposti-faults-"))
    here = Place(directory, **options)
    try:
        here.start()
        yield here
    finally:
        here.stop()
        shutil.rmtree(directory, ignore_errors=True)
