"""The certificate of a campaign: what adds up, what does not, and that nobody can change it."""

import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner
from flask import Flask
from redis import Redis
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock, db, installation
from mailer.campaigns.models import Campaign
from mailer.cli import cli
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.events import certificate, certificate_pdf, signing
from mailer.sending import launch
from mailer.sending.models import Message
from tests.sending.scene import Scene, make_scene
from tests.web.people import Browser, sign_in

PEOPLE = 6


@pytest.fixture
def scene(
    app: Flask, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        yield make_scene(
            installation.current().settings,
            sessions,
            redis,
            now,
            ses_endpoint_url="http://127.0.0.1:1",
        )


def make_sent(scene: Scene) -> int:
    """A campaign an hour ago: four delivered, one sent without news, one left out."""
    campaign_id = scene.make_campaign(people=PEOPLE)
    with transaction(scene.sessions) as session:
        first = session.scalars(select(Contact).order_by(Contact.id)).first()
        assert first is not None
        first.restricted_at = scene.now
        scene_launch = launch.launch(session, campaign_id, now=scene.now)
        assert scene_launch is not None
    sent_at = scene.now - timedelta(hours=1)
    with transaction(scene.sessions) as session:
        messages = session.scalars(
            select(Message).where(Message.state == "queued").order_by(Message.id)
        ).all()
        for place, message in enumerate(messages):
            message.state = "delivered" if place else "sent"
            message.attempt, message.claimed_at, message.sent_at = 1, sent_at, sent_at
            message.ses_message_id = f"0110-{message.id}"
            add_event(session, message, "send", sent_at)
            if place:
                add_event(session, message, "delivery", sent_at)
        session.get_one(Campaign, campaign_id).state = "sent"
    return campaign_id


def add_event(session: Session, message: Message, kind: str, at: datetime, key: str = "") -> None:
    session.execute(
        text(
            "INSERT INTO events (message_id, campaign_id, kind, at, dedupe_key, actor)"
            " VALUES (:id, :campaign, :kind, :at, :key, 'ses')"
        ),
        {
            "id": message.id,
            "campaign": message.campaign_id,
            "kind": kind,
            "at": at,
            "key": f"{kind} {message.id} {key}",
        },
    )


def stated(scene: Scene, campaign_id: int) -> dict[str, Any]:
    with db.snapshot(scene.sessions) as session:
        return certificate.state(
            session,
            session.get_one(Campaign, campaign_id),
            installation="https://posti.example",
            now=clock.now(),
        )


def results(scene: Scene, campaign_id: int) -> dict[str, str]:
    """The checks that do not hold."""
    found = stated(scene, campaign_id)["checks"]
    assert {check["name"] for check in found} == certificate.CHECKS.keys()
    return {check["name"]: check["result"] for check in found if check["result"] != "holds"}


def test_everybody_of_a_finished_campaign_is_accounted_for(scene: Scene) -> None:
    campaign_id = make_sent(scene)
    document = stated(scene, campaign_id)
    assert document["adds_up"] is True
    assert document["audience"] == document["frozen"] == PEOPLE
    assert document["left_out"] == {"restricted": 1}
    taken = {state: number for state, number in document["states"].items() if number}
    assert taken == {"sent": 1, "delivered": 4, "blocked": 1}
    assert sum(taken.values()) == PEOPLE
    assert document["events"]["messages_by_kind"] == {"delivery": 4, "send": 5}
    assert document["campaign"]["notice_version"] == 1
    assert [each["action"] for each in document["decisions"]][-1] == "campaign.launched"


def test_the_certificate_names_no_recipient(scene: Scene) -> None:
    written = json.dumps(stated(scene, make_sent(scene)))
    for address in scene.addresses():
        assert address not in written


def change(scene: Scene, **values: Any) -> None:
    """Change one delivered message behind the product's back."""
    with transaction(scene.sessions) as session:
        message_id = session.scalar(
            select(Message.id).where(Message.state == "delivered").order_by(Message.id).limit(1)
        )
        session.execute(update(Message).where(Message.id == message_id).values(**values))


@pytest.mark.parametrize(
    ("values", "failing"),
    [
        ({"state": "cancelled"}, {"events_in_ledger"}),
        ({"state": "blocked", "verdict": None}, {"events_in_ledger", "reasons_known"}),
        ({"state": "blocked", "verdict": "made_up"}, {"events_in_ledger", "reasons_known"}),
        ({"verdict": "suppressed_optout"}, {"cleared"}),
        ({"ses_message_id": "0110-x", "verdict": None}, {"cleared"}),
    ],
)
def test_a_ledger_changed_by_hand_does_not_add_up(
    values: dict[str, Any], failing: set[str], scene: Scene
) -> None:
    campaign_id = make_sent(scene)
    change(scene, **values)
    assert results(scene, campaign_id) == dict.fromkeys(failing, "fails")


def test_a_row_that_disappeared_is_missed(scene: Scene) -> None:
    campaign_id = make_sent(scene)
    with transaction(scene.sessions) as session:
        session.execute(text("DELETE FROM messages WHERE state = 'blocked'"))
    assert results(scene, campaign_id) == {"as_frozen": "fails"}


def test_two_messages_with_one_id_of_amazons_are_found(scene: Scene) -> None:
    campaign_id = make_sent(scene)
    with transaction(scene.sessions) as session:
        session.execute(
            update(Message).where(Message.ses_message_id.is_not(None)).values(ses_message_id="0110")
        )
    assert results(scene, campaign_id) == {"ids_distinct": "fails"}


def test_a_message_that_amazon_accepted_twice_is_found(scene: Scene) -> None:
    campaign_id = make_sent(scene)
    with transaction(scene.sessions) as session:
        message = session.scalars(select(Message).where(Message.state == "sent")).one()
        add_event(session, message, "send", scene.now, key="another id")
    assert results(scene, campaign_id) == {"sent_once": "fails"}
    # Unless it came back for the time being in between.
    with transaction(scene.sessions) as session:
        add_event(session, message, "soft_bounce", scene.now)
    document = stated(scene, campaign_id)
    assert document["adds_up"] is True
    assert document["events"]["tried_again_after_soft_bounce"] == 1


def test_a_missing_send_event_is_waited_for_and_then_counts_against_it(scene: Scene) -> None:
    campaign_id = make_sent(scene)
    with transaction(scene.sessions) as session:
        session.execute(text("DELETE FROM events WHERE kind = 'send'"))
        session.execute(
            update(Message).where(Message.sent_at.is_not(None)).values(sent_at=clock.now())
        )
    assert results(scene, campaign_id) == {"events_complete": "open"}
    with time_machine.travel(clock.now() + certificate.EVENTS_TAKE * 2):
        assert results(scene, campaign_id) == {"events_complete": "fails"}


def test_what_counts_as_sent_needs_an_id_an_event_or_a_persons_decision(scene: Scene) -> None:
    campaign_id = make_sent(scene)
    with transaction(scene.sessions) as session:
        message = session.scalars(select(Message).where(Message.state == "sent")).one()
        session.execute(text("DELETE FROM events WHERE message_id = :id"), {"id": message.id})
        message.ses_message_id = None
    assert results(scene, campaign_id) == {"acceptance_known": "fails"}
    with transaction(scene.sessions) as session:
        session.get_one(Message, message.id).error = "treated_as_sent"
    document = stated(scene, campaign_id)
    assert (document["adds_up"], document["treated_as_sent"]) == (True, 1)
    with transaction(scene.sessions) as session:
        session.get_one(Message, message.id).error = None
        add_event(session, message, "open", scene.now)
    assert results(scene, campaign_id) == {}


@pytest.mark.parametrize("state", ["queued", "sending", "uncertain"])
def test_what_is_not_settled_is_open_and_not_hidden(state: str, scene: Scene) -> None:
    campaign_id = make_sent(scene)
    with transaction(scene.sessions) as session:
        message = session.scalars(select(Message).where(Message.state == "sent")).one()
        session.execute(text("DELETE FROM events WHERE message_id = :id"), {"id": message.id})
        message.state, message.ses_message_id = state, None
    assert results(scene, campaign_id) == {"nothing_open": "open"}


def test_a_certificate_sees_one_moment_only(scene: Scene) -> None:
    campaign_id = make_sent(scene)
    with db.snapshot(scene.sessions) as session:
        campaign = session.get_one(Campaign, campaign_id)
        with transaction(scene.sessions) as other:
            other.execute(text("DELETE FROM messages WHERE state = 'blocked'"))
        document = certificate.state(session, campaign, installation="", now=clock.now())
    assert document["audience"] == PEOPLE
    assert document["adds_up"] is True


# The page and the files


def test_the_page_says_in_red_what_does_not_add_up(client: Browser, scene: Scene) -> None:
    campaign_id = make_sent(scene)
    sign_in(client, roles=["auditor"], language="en")
    page = client.get(f"/campaigns/{campaign_id}/certificate").text
    assert "Everybody in the audience is accounted for" in page
    change(scene, state="cancelled")
    page = client.get(f"/campaigns/{campaign_id}/certificate").text
    assert "The numbers do not add up." in page
    assert "Does not hold" in page
    assert signing.public_key(scene.here.settings.secret_key) in page


def test_only_what_was_launched_has_a_certificate(client: Browser, scene: Scene) -> None:
    campaign_id = scene.make_campaign(state="draft")
    sign_in(client, roles=["marketer"])
    for path in ("", "/certificate.json", "/certificate.pdf"):
        assert client.get(f"/campaigns/{campaign_id}/certificate{path}").status_code == 404
        assert client.get(f"/campaigns/999999/certificate{path}").status_code == 404


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_pdf_has_every_letter_and_carries_the_signed_certificate(
    language: str, client: Browser, scene: Scene
) -> None:
    campaign_id = make_sent(scene)
    with transaction(scene.sessions) as session:
        session.get_one(Campaign, campaign_id).name = "Äyriäinen <b>&amp; 10 € 🎄 漢字"
    sign_in(client, roles=["marketer"], language=language)
    answer = client.get(f"/campaigns/{campaign_id}/certificate/certificate.pdf")
    assert answer.mimetype == "application/pdf"
    carried = certificate_pdf.extract(answer.data)
    assert carried is not None
    trusted = [signing.public_key(scene.here.settings.secret_key)]
    finding, document = signing.verify(carried, trusted)
    assert finding is signing.Finding.RIGHT
    assert document["campaign"]["name"] == "Äyriäinen <b>&amp; 10 € 🎄 漢字"
    assert answer.data.startswith(b"%PDF")
    assert answer.data.rstrip().endswith(b"%%EOF")


# The command


@pytest.fixture
def run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings = scene.here.settings
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SUPPRESSION_KEY"):
        monkeypatch.setenv(name, getattr(settings, name.lower()))

    def invoke(*words: str) -> tuple[int, str]:
        outcome = CliRunner().invoke(cli, ["certificate", *words])
        return outcome.exit_code, outcome.output

    return invoke


@pytest.mark.parametrize("ending", ["json", "pdf"])
def test_a_downloaded_certificate_is_verified_and_a_changed_one_is_not(
    ending: str, client: Browser, scene: Scene, run: Any, tmp_path: Path
) -> None:
    campaign_id = make_sent(scene)
    sign_in(client, roles=["marketer"])
    path = f"/campaigns/{campaign_id}/certificate/certificate.{ending}"
    file = tmp_path / "certificate"
    file.write_bytes(client.get(path).data)
    code, output = run("verify", str(file))
    assert code == 0
    assert "The signature is right" in output
    assert f"audience: {PEOPLE}" in output
    assert run("verify", str(file), "--key", run("key")[1].strip())[0] == 0
    code, output = run("verify", str(file), "--key", signing.public_key("another"))
    assert (code, "not one that is trusted" in output) == (1, True)
    if ending == "json":
        file.write_bytes(file.read_bytes().replace(b'"audience": 6', b'"audience": 7'))
        code, output = run("verify", str(file))
        assert (code, "NOT what was signed" in output) == (1, True)


def test_a_replaced_secret_still_vouches_for_what_it_signed(
    client: Browser, scene: Scene, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = make_sent(scene)
    code, output = run("show", str(campaign_id))
    assert code == 0
    file = tmp_path / "certificate.json"
    file.write_text(output)
    monkeypatch.setenv("SECRET_KEY", "a-new-secret-of-more-than-32-characters")
    assert run("verify", str(file))[0] == 1
    monkeypatch.setenv("RETIRED_SECRET_KEYS", scene.here.settings.secret_key)
    assert run("verify", str(file))[0] == 0


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4\n%lupaposti-certificate !!!\n", b"{}"])
def test_what_is_no_certificate_is_one_sentence(content: bytes, run: Any, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert run("verify", str(file)) == (1, "This is not a signed certificate.\n")
    assert run("verify", str(tmp_path / "missing"))[0] == 2
    assert run("show", "999")[0] == 2


def test_nothing_of_a_pdf_but_its_own_line_is_taken_for_the_certificate() -> None:
    assert certificate_pdf.extract(io.BytesIO(b"%PDF-1.4\n").getvalue()) is None
