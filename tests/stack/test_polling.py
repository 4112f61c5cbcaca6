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
from mailer.contacts import suppression
from mailer.contacts.address import canonical
from mailer.events.mail_models import InboundMessage
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


def answer_by_mail(sink: Client) -> dict[str, tuple[str, str, bool]]:
    """What becomes of five people's answers: kind, state, and whether they are opted out."""
    sessions = installation.current().sessions
    already = stopped(sink)
    delivered = [m for m in sink.messages(outcome="delivered") if m["to"][0] not in already]
    people = dict(zip(("unsubscribe", "stop", "reply", "forged", "away"), delivered, strict=False))
    sent = {name: message["id"] for name, message in people.items()}
    told = {
        sink.reply(sent["unsubscribe"], unsubscribe=True): "unsubscribe",
        sink.reply(sent["stop"], "Lopettakaa, kiitos.\n\nTerveisin\nMatti"): "stop",
        sink.reply(sent["reply"], "Soittakaa minulle!"): "reply",
        # Nothing of the message is quoted, so nothing but its sender's word speaks for it.
        sink.reply(sent["forged"], "STOP", quote=False, verdicts={"dmarc": "FAIL"}): "forged",
        sink.reply(
            sent["away"], "Olen lomalla.", headers={"Auto-Submitted": "auto-replied"}
        ): "away",
    }
    deadline = time.monotonic() + LIMIT
    found: list[InboundMessage] = []
    while len(found) < len(told) and time.monotonic() < deadline:
        time.sleep(0.2)
        with sessions() as session:
            found = list(session.scalars(select(InboundMessage)))
    now_stopped = stopped(sink)
    return {
        told[mail.ses_id]: (
            mail.kind,
            mail.state,
            people[told[mail.ses_id]]["to"][0] in now_stopped,
        )
        for mail in found
    }


def stopped(sink: Client) -> set[str]:
    """The recipients whom an opt-out holds."""
    with installation.current().sessions() as session:
        return {
            message["to"][0]
            for message in sink.messages()
            if any(
                line.kind == "optout"
                for line in suppression.find(session, canonical(message["to"][0]))
            )
        }


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
            answers = answer_by_mail(sink)
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
    assert answers == {
        "unsubscribe": ("token", "obeyed", True),
        "stop": ("stop", "obeyed", True),
        "reply": ("reply", "new", False),
        "forged": ("request", "new", False),
        "away": ("auto", "closed", False),
    }
