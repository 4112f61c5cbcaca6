"""The private servers of one data directory: those that the environment does not name."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
import sqlalchemy
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.exc import OperationalError

from mailer.db import make_engine
from mailer.stack import migrations
from mailer.stack.environment import data_directory, with_defaults
from mailer.stack.faults import RunningAlreadyError, StackError
from mailer.stack.postgres import Postgres
from mailer.stack.process import lock_directory, make_private_directory
from mailer.stack.valkey import Valkey

# Written by a running stack, for commands given in another terminal.
ENVIRONMENT_FILE = "environment.json"


@dataclass
class Servers:
    """PostgreSQL and Valkey below `var`, each only where the environment names none."""

    var: Path
    environ: Mapping[str, str]
    running: list[Postgres | Valkey] = field(default_factory=list)

    def start(self) -> dict[str, str]:
        """Start what is needed; the environment with both URLs. Raises StackError."""
        logs = self.var / "log"
        environ = dict(self.environ)
        if not _is_set(environ, "DATABASE_URL"):
            postgres = Postgres(self.var / "postgres", logs / "postgres.log")
            environ["DATABASE_URL"] = postgres.start()
            self.running.append(postgres)
        if not _is_set(environ, "REDIS_URL"):
            valkey = Valkey(self.var / "valkey", logs / "valkey.log")
            environ["REDIS_URL"] = valkey.start()
            self.running.append(valkey)
        return environ

    def restart_dead(self) -> list[str]:
        """Start again what died; their names. Raises StackError when one does not come up."""
        names = []
        for server in self.running:
            if server.process is not None and server.process.poll() is not None:
                server.restart()
                names.append(type(server).__name__)
        return names

    def stop(self) -> None:
        """Close all of them."""
        while self.running:
            self.running.pop().stop()


def check_reachable(database_url: str, redis_url: str) -> None:
    """Raises StackError with a sentence when one of the two does not answer."""
    engine = make_engine(database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StackError(f"The database of DATABASE_URL does not answer: {reason}") from None
    finally:
        engine.dispose()
    try:
        once = Retry(NoBackoff(), 0)
        with redis.Redis.from_url(redis_url, socket_connect_timeout=5, retry=once) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise StackError(
            f"The Redis of REDIS_URL does not answer ({type(error).__name__})."
        ) from None


@contextmanager
def borrowed(environ: Mapping[str, str] = os.environ) -> Iterator[dict[str, str]]:
    """The environment for one command: of the named servers, of the running stack, or of private
    servers that live as long as the command. The database is migrated in the last case.
    """
    if _is_set(environ, "DATABASE_URL") or environ.get("LUPAPOSTI_ENV") == "production":
        yield dict(environ)
        return
    var = make_private_directory(data_directory(environ))
    try:
        lock = lock_directory(var, "Lupaposti")
    except RunningAlreadyError:
        yield {**environ, **_environment_of(var)}
        return
    servers = Servers(var, with_defaults(environ, var))
    try:
        started = servers.start()
        migrations.upgrade(started["DATABASE_URL"])
        yield started
    finally:
        servers.stop()
        os.close(lock)


def _environment_of(var: Path) -> dict[str, str]:
    try:
        kept = json.loads((var / ENVIRONMENT_FILE).read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in kept.items()}
    except (OSError, ValueError, AttributeError):
        raise StackError(
            f"The stack of {var} is only starting or stopping; try again in a moment."
        ) from None


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return bool(environ.get(name) or environ.get(f"{name}_FILE"))
