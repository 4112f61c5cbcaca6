"""The stack: servers, migrations and all processes of the product, under one supervisor.

The work is done in one thread of its own, so that a command can use the running product meanwhile.
That thread starts every process and lives as long as they do, because the kernel ties their life
to the thread that started them.
"""

import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from mailer.config import Settings, from_environment
from mailer.stack import migrations
from mailer.stack.children import Child, Children, Echo
from mailer.stack.environment import (
    STAND_IN_QUEUE,
    STAND_IN_TOPIC,
    data_directory,
    refuse_production,
    wants_stand_in,
    with_defaults,
    with_stand_in,
    write_private,
)
from mailer.stack.faults import ChildLostError, StackError
from mailer.stack.process import (
    directory_problem,
    free_port,
    lock_directory,
    make_private_directory,
    port_is_free,
)
from mailer.stack.servers import ENVIRONMENT_FILE, Servers, check_reachable

WEB_PORT = 8000
STAND_IN_PORT = 8025
WEB_WORKERS = 2
ANSWER_SECONDS = 90
STOP_SECONDS = 6.0
APPLICATION = "mailer.app:create_app"


def web_command(application: str, *, host: str, port: int, workers: int) -> list[str]:
    """The command line of the web server."""
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--factory"),
        *("--host", host, "--port", str(port), "--workers", str(workers)),
        *("--blocking-threads", "8", "--http", "1", "--log-level", "error"),
        *("--workers-kill-timeout", "5"),
        application,
    ]


class Stack:
    """The whole product on this machine, as a context.

    `overrides` go over the environment; `echo` gets every line of every process. The stand-in takes
    the first free port from `stand_in_port` on; stacks that start together need different ones.
    Raises StackError from the `with` line when it cannot be brought up.
    """

    def __init__(
        self,
        overrides: Mapping[str, str] | None = None,
        *,
        port: int | None = None,
        stand_in_port: int = STAND_IN_PORT,
        workers: int = 2,
        echo: Echo = lambda _: None,
        application: str = APPLICATION,
    ) -> None:
        self._given = {**os.environ, **(overrides or {})}
        self._port = port
        self._stand_in_port = stand_in_port
        self._workers = workers
        self._application = application
        self._children = Children(echo)
        self._servers: Servers | None = None
        self._lock: int | None = None
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._finished = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor")
        self.var = data_directory(self._given)
        self.environ: dict[str, str] = {}
        self.public_url = ""
        self.local_url = ""
        self.stand_in_url: str | None = None

    @property
    def settings(self) -> Settings:
        """The settings that the processes have."""
        return from_environment(self.environ)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            while not self._ready.wait(0.1) and not self._finished.is_set():
                pass
        except BaseException:
            self.stop()
            raise
        if self._finished.is_set():
            self.stop()
            self._raise_failure()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if error is None:
            self._raise_failure()

    def wait(self) -> None:
        """Stay until the supervisor ends. Raises what ended it."""
        while not self._finished.wait(0.5):
            pass
        self._raise_failure()

    def stop(self) -> None:
        """Close everything in order. May be called twice."""
        self._stop.set()
        self._thread.join()

    def kill(self, name: str) -> int:
        """Kill a process by `kill -9` (web, worker, cron, poller, stand-in); its id.

        It starts again.
        Raises LookupError when it is not running.
        """
        return self._children.kill(name)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._bring_up()
            while not self._stop.is_set():
                self._watch(0.2)
        except OSError as error:
            self._failure = StackError(directory_problem(self.var, error))
        except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
            self._failure = error
        finally:
            try:
                self._close()
            finally:
                self._finished.set()

    def _bring_up(self) -> None:
        refuse_production(self._given)
        make_private_directory(self.var)
        self._lock = lock_directory(self.var, "Lupaposti")
        self._servers = Servers(self.var, with_defaults(self._given, self.var))
        environ = self._servers.start()
        environ = self._with_addresses(environ)
        from_environment(environ)  # a wrong setting stops here, not in every child
        check_reachable(environ["DATABASE_URL"], environ["REDIS_URL"])
        migrations.upgrade(environ["DATABASE_URL"])
        self.environ = environ
        for child in self._plan():
            self._children.add(child)
        self._wait_for_answer()
        write_private(self.var / ENVIRONMENT_FILE, json.dumps(_own_settings(environ)))
        self._ready.set()

    def _with_addresses(self, environ: dict[str, str]) -> dict[str, str]:
        if self._port is not None and not port_is_free(self._port):
            raise StackError(
                f"Port {self._port} of 127.0.0.1 is taken; choose another one with --port."
            )
        port = self._port or free_port(WEB_PORT)
        self.local_url = f"http://127.0.0.1:{port}"
        environ["PUBLIC_URL"] = environ.get("PUBLIC_URL") or self.local_url
        self.public_url = environ["PUBLIC_URL"].rstrip("/")
        self._port = port
        if wants_stand_in(environ):
            begin = self._stand_in_port
            stand_in_port = free_port(begin if port != begin else port + 1)
            environ = with_stand_in(environ, self.var, stand_in_port)
            self.stand_in_url = environ["SES_ENDPOINT_URL"]
        return environ

    def _plan(self) -> list[Child]:
        polled = bool(self.environ.get("EVENTS_QUEUE_URL"))
        plan = {
            "web": web_command(
                self._application,
                host="127.0.0.1",
                port=self._port or WEB_PORT,
                workers=WEB_WORKERS,
            )
        }
        if self.stand_in_url is not None:
            plan["stand-in"] = [
                *(sys.executable, "-m", "mailer.cli", "ses-stand-in"),
                *("--port", self.stand_in_url.rpartition(":")[2]),
                *("--directory", str(self.var / "stand-in")),
                *(
                    ("--queue", STAND_IN_QUEUE)
                    if polled
                    else ("--webhook", f"{self.local_url}/webhooks/ses")
                ),
                *("--topic", STAND_IN_TOPIC),
            ]
        for number in range(1, self._workers + 1):
            plan[f"worker-{number}"] = [sys.executable, "worker.py"]
            if number > 1 and number == self._workers:
                # Events and returning jobs must never wait until a large campaign is out.
                plan[f"worker-{number}"].append("--without-sending")
        plan["cron"] = [sys.executable, "worker.py", "--cron"]
        if polled:
            plan["poller"] = [sys.executable, "worker.py", "--poll"]
        logs = self.var / "log"
        return [
            Child(name=name, argv=argv, environ=self.environ, log=logs / f"{name}.log")
            for name, argv in plan.items()
        ]

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self._stop.is_set():
            self._watch(0.1)
            if _answers(self._port or WEB_PORT):
                return
            if time.monotonic() > deadline:
                raise ChildLostError(
                    f"{self.local_url}/healthz did not answer in {ANSWER_SECONDS} seconds; "
                    f"the logs are in {self.var / 'log'}."
                )

    def _watch(self, seconds: float) -> None:
        self._children.watch(seconds)
        for name in self._servers.restart_dead() if self._servers is not None else ():
            self._children.say("stack", f"{name} had died and was started again")

    def _close(self) -> None:
        with ExitStack() as steps:  # every step is taken, whatever happens in the others
            if self._lock is not None:
                steps.callback(os.close, self._lock)
                steps.callback((self.var / ENVIRONMENT_FILE).unlink, missing_ok=True)
                self._lock = None
            if self._servers is not None:
                steps.callback(self._servers.stop)
            steps.callback(self._children.stop, STOP_SECONDS)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _own_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """What another terminal needs to speak to this stack: all that the stack chose itself."""
    return {
        name: value
        for name, value in environ.items()
        if os.environ.get(name) != value and name != "PYTHONUNBUFFERED"
    }
