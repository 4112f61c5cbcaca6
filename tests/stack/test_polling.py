"""A whole campaign whose events come over a queue, with a reader that is killed again and again."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from mailer import installation
from mailer.cli.demo import OVERRIDES
from mailer.events.models import RawNotification
from mailer.sending.models import ACCEPTED, Message
from mailer.stack import demo
from mailer.stack.process import any_free_port
from mailer.stack.supervisor import Stack
from mailer.stand_in.client import Client

pytestmark = pytest.mark.slow

ELSEWHERE = ("DATABASE_URL", "REDIS_URL", "SES_ENDPOINT_URL", "PUBLIC_URL", "LUPAPOSTI_ENV")
LIMIT = 240.0


@pytest.fixture
def var() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="lp-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def wait_until_read(sink: Client) -> bool:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        counts = sink.counts()
        if not counts["events"]["pending"] and not sum(counts["queue"].values()):
            return True
        time.sleep(0.1)
    return False


def test_a_campaign_is_played_over_the_queue_although_its_reader_dies_and_all_comes_twice(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    told: list[str] = []
    killed: list[int] = []
    over = threading.Event()

    def interfere(_campaign_id: int) -> None:
        Client(stack.stand_in_url).faults(queue_duplicate_rate=0.3, queue_hidden_ms=1000)
        threading.Thread(target=kill_again_and_again, daemon=True).start()

    def kill_again_and_again() -> None:
        while not over.wait(2.5) and len(killed) < 5:
            try:
                killed.append(stack.kill("poller"))
            except LookupError:  # not up again yet
                continue

    with Stack(
        {**OVERRIDES, "LUPAPOSTI_VAR": str(var), "EVENTS_QUEUE_URL": "stand-in"},
        port=any_free_port(),
        stand_in_port=any_free_port(),
        echo=told.append,
    ) as stack:
        try:
            story = demo.run(stack, told.append, interfere=interfere)
            over.set()
            sink = Client(stack.stand_in_url)
            everything_was_read = wait_until_read(sink)
            counts = sink.counts()
            with installation.current().sessions() as session:
                accepted = session.scalar(select(func.count()).where(Message.state.in_(ACCEPTED)))
                stored = session.scalar(select(func.count()).select_from(RawNotification))
                rejected = session.scalar(
                    select(func.count()).where(RawNotification.state == "rejected")
                )
        finally:
            over.set()
            installation.current().engine.dispose()
    assert story.failures == [], told
    assert killed
    assert everything_was_read
    assert counts["accepted"] == accepted
    assert counts["tags"]["message"]["repeated"] == 0
    assert stored == counts["events"]["published"]
    assert rejected == 0
