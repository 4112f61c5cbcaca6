"""Nothing acknowledged is lost: Redis and the web server are killed while people click.

A click is acknowledged when its redirect arrives.
"""

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock, installation
from mailer.config import ROOT, from_environment
from mailer.db import transaction
from mailer.events import jobs
from mailer.events.models import Event
from mailer.sending.models import Message
from mailer.stack.process import any_free_port
from mailer.stack.supervisor import APPLICATION, web_command
from mailer.stack.valkey import Valkey
from mailer.tokens import Purpose, Recipient, Signer
from tests.events.register import (
    make_campaign,
    make_contact,
    make_link,
    make_message,
    make_source,
    publish,
)

PATIENCE = 180
PEOPLE, LINKS = 60, 20
CLIENTS = 8


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Web:
    """The web server as in production, that can be killed."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.port = any_free_port()
        self._environ = environ

    def start(self) -> None:
        self._process = subprocess.Popen(
            web_command(APPLICATION, host="127.0.0.1", port=self.port, workers=1),
            cwd=ROOT,
            env={**os.environ, **self._environ},
            start_new_session=True,
        )
        wait(self._answers, "the web server did not come up")

    def _answers(self) -> bool:
        assert self._process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """Every process of it, with no time to say anything."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Clicks:
    """People who click each link once; a click that was not answered is not made again."""

    def __init__(self, web: Web, paths: dict[tuple[int, int], str]) -> None:
        self._web = web
        self._left = list(paths.items())
        self.acknowledged: set[tuple[int, int]] = set()
        self.unanswered = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._click) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)

    def _click(self) -> None:
        # Reconnects by itself after it was closed.
        connection = http.client.HTTPConnection("127.0.0.1", self._web.port, timeout=60)
        with closing(connection):
            self._click_all(connection)

    def _click_all(self, connection: http.client.HTTPConnection) -> None:
        while True:
            with self._lock:
                if not self._left:
                    return
                key, path = self._left.pop()
            try:
                connection.request("GET", path, headers={"User-Agent": "Mozilla/5.0 (X11) Firefox"})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                with self._lock:
                    self.unanswered += 1
                time.sleep(0.05)
                continue
            assert answer.status == 302
            with self._lock:
                self.acknowledged.add(key)

    def until(self, share: float) -> None:
        total = PEOPLE * LINKS
        wait(lambda: total - len(self._left) >= share * total, f"no {share:.0%} of the clicks")


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    directory: Path = tmp_path_factory.mktemp("valkey")
    server = Valkey(directory / "data", directory / "log")
    server.start()
    yield server
    server.stop()


def test_no_click_that_was_answered_is_lost(
    sessions: sessionmaker[Session], valkey: Valkey
) -> None:
    environ = {
        "DATABASE_URL": sessions.kw["bind"].url.render_as_string(hide_password=False),
        "REDIS_URL": valkey.url,
        "PUBLIC_URL": "https://mail.lupaposti.example",
    }
    here = installation.install(from_environment(environ))
    paths = _make_clicks(sessions, here.settings.secret_key)
    web = Web(environ)
    web.start()
    try:
        with Clicks(web, paths) as clicks:
            clicks.until(0.2)
            assert valkey.process is not None
            valkey.process.kill()
            valkey.process.wait()
            clicks.until(0.4)  # straight to PostgreSQL
            valkey.restart()
            clicks.until(0.6)
            web.kill()
            web.start()
            clicks.until(0.8)
            valkey.process.kill()
            valkey.process.wait()
            valkey.restart()
    finally:
        web.kill()

    assert len(clicks.acknowledged) > PEOPLE * LINKS / 2
    wait(lambda: _kept(sessions) >= clicks.acknowledged, "an acknowledged click was lost")
    # What was kept without an answer is no more than what went unanswered.
    assert len(_kept(sessions) - clicks.acknowledged) <= clicks.unanswered
    with sessions() as session:
        assert len(session.scalars(select(Event.id)).all()) == len(_kept(sessions))
    here.engine.dispose()


def _make_clicks(sessions: sessionmaker[Session], secret: str) -> dict[tuple[int, int], str]:
    signer = Signer(secret)
    now = clock.now()
    with transaction(sessions) as session:
        publish(session, now)
        source = make_source(session, now)
        campaign = make_campaign(session, now)
        links = [make_link(session, campaign, position).id for position in range(LINKS)]
        paths = {}
        for number in range(PEOPLE):
            contact = make_contact(
                session, now, email=f"nimi{number}@puutyo.example", source_id=source.id
            )
            message: Message = make_message(
                session, now, campaign=campaign, contact=contact, delivered_at=now
            )
            token = signer.make(Purpose.CLICK, Recipient(message.id, contact.address_key))
            for link in links:
                paths[message.id, link] = f"/c/{token}/{link}"
    return paths


def _kept(sessions: sessionmaker[Session]) -> set[tuple[int, int]]:
    jobs.apply_tracking()
    with sessions() as session:
        rows = session.execute(select(Event.message_id, Event.link_id))
        return {(row.message_id, row.link_id) for row in rows}
