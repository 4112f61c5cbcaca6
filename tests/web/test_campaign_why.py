"""Why one person got, or did not get, one campaign: on the page and on the command line."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner
from flask import Flask
from redis import Redis
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.cli import cli
from mailer.contacts import suppression
from mailer.contacts.address import canonical
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.sending.models import Message
from tests.sending.scene import Scene, make_scene
from tests.web.people import Browser, sign_in


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


def make_sent(scene: Scene) -> tuple[int, str, str, str]:
    """A campaign that one got, one was left out of at the freeze, and one right before sending;
    its id and their addresses."""
    campaign_id = scene.make_campaign(people=3)
    got, frozen_out, claimed_out = scene.addresses()
    with transaction(scene.sessions) as session:
        contact = session.scalars(select(Contact).where(Contact.email == frozen_out)).one()
        contact.restricted_at = scene.now
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        rows = session.execute(
            select(Contact.email, Message).join(Message, Message.contact_id == Contact.id)
        )
        by_address = {row.email: row.Message for row in rows}
        claimed_at = scene.now + timedelta(minutes=5)
        first = by_address[got]
        first.state, first.attempt, first.claimed_at = "delivered", 1, claimed_at
        first.ses_message_id, first.sent_at = "0110-abc", claimed_at
        session.execute(
            text(
                "INSERT INTO events (message_id, campaign_id, kind, at, dedupe_key, actor) VALUES"
                " (:id, :campaign, 'delivery', :at, 'd', 'ses'),"
                " (:id, :campaign, 'click', :at, 'c', 'machine')"
            ),
            {"id": first.id, "campaign": campaign_id, "at": claimed_at},
        )
        last = by_address[claimed_out]
        last.state, last.attempt, last.claimed_at = "blocked", 1, claimed_at
        last.verdict = "suppressed_optout"
        suppression.suppress(
            session,
            [suppression.of_address(canonical(claimed_out))],
            "optout",
            origin="staff",
            now=scene.now,
        )
    return campaign_id, got, frozen_out, claimed_out


def ask(client: Browser, campaign_id: int, address: str) -> str:
    return client.get(f"/campaigns/{campaign_id}/why", query_string={"address": address}).text


def test_only_who_may_see_people_may_ask(client: Browser, scene: Scene) -> None:
    campaign_id, got, *_ = make_sent(scene)
    sign_in(client, roles=["auditor"])
    assert client.get(f"/campaigns/{campaign_id}/why?address={got}").status_code == 403
    assert "campaign_why" not in client.get(f"/campaigns/{campaign_id}/certificate").text


def test_who_got_it_is_told_with_times_and_events(client: Browser, scene: Scene) -> None:
    campaign_id, got, *_ = make_sent(scene)
    sign_in(client, roles=["marketer"], language="en")
    page = ask(client, campaign_id, f" {got.upper()} ")
    assert "Yes, it was sent to this person." in page
    assert "0110-abc" in page
    assert "24 November 2026, 11:05" in page
    assert "Clicked (looks like a machine)" in page
    assert "in it" in page


def test_the_verdicts_at_the_freeze_and_right_before_sending_are_told_apart(
    client: Browser, scene: Scene
) -> None:
    campaign_id, _got, frozen_out, claimed_out = make_sent(scene)
    sign_in(client, roles=["marketer"], language="en")
    page = ask(client, campaign_id, frozen_out)
    assert "No: left out." in page
    assert "24 November 2026, 11:00: Processing of the person" in page
    page = ask(client, campaign_id, claimed_out)
    assert "24 November 2026, 11:00: Can be mailed." in page
    assert "24 November 2026, 11:05: Has opted out of marketing messages." in page
    assert "Opted out, Address" in page


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("queued", None, "Not yet: it waits to be sent."),
        ("uncertain", "claim_expired", "The worker that was sending it ended"),
        ("cancelled", "treated_as_not_sent", "A person decided to treat it as not sent."),
        ("failed", "MESSAGE_REJECTED", "MESSAGE_REJECTED"),
        ("bounced", "hard_bounce", "It was sent, and came back."),
    ],
)
def test_each_state_is_an_answer(
    state: str, error: str | None, words: str, client: Browser, scene: Scene
) -> None:
    campaign_id, got, *_ = make_sent(scene)
    with transaction(scene.sessions) as session:
        message = session.scalars(select(Message).where(Message.state == "delivered")).one()
        message.state, message.error = state, error
    sign_in(client, roles=["marketer"], language="en")
    assert words in ask(client, campaign_id, got)


def test_who_was_in_no_audience_is_told_by_rule(client: Browser, scene: Scene) -> None:
    campaign_id, *_ = make_sent(scene)
    scene.make_campaign(people=1, state="draft")
    outsider = scene.addresses()[-1]
    sign_in(client, roles=["marketer"], language="en")
    assert "was not in the segment when the audience was frozen" in ask(
        client, campaign_id, outsider
    )
    draft_id = scene.make_campaign(people=1, state="draft")
    assert "has not been sent yet" in ask(client, draft_id, outsider)


def test_an_address_nobody_has_may_be_suppressed_all_the_same(
    client: Browser, scene: Scene
) -> None:
    campaign_id, *_ = make_sent(scene)
    with transaction(scene.sessions) as session:
        entry = suppression.of_address(canonical("gone@puutyo.example"))
        suppression.suppress(session, [entry], "complaint", origin="staff", now=scene.now)
    sign_in(client, roles=["marketer"], language="en")
    page = ask(client, campaign_id, "gone@puutyo.example")
    assert "nobody in the register has this address" in page
    assert "Spam complaint" in page


@pytest.mark.parametrize("typed", ["anna", "a@b@c", "<script>@x.example", "\u0000@x.fi", "x" * 999])
def test_what_is_no_address_is_one_sentence(typed: str, client: Browser, scene: Scene) -> None:
    campaign_id, *_ = make_sent(scene)
    sign_in(client, roles=["marketer"], language="en")
    answer = client.get(f"/campaigns/{campaign_id}/why", query_string={"address": typed})
    assert answer.status_code in (400, 422)
    assert "<script>@" not in answer.text


def test_the_lists_and_the_contact_lead_to_the_answer(client: Browser, scene: Scene) -> None:
    campaign_id, got, *_ = make_sent(scene)
    sign_in(client, roles=["marketer"], language="en")
    assert (
        f"/campaigns/{campaign_id}/why?contact="
        in client.get(f"/campaigns/{campaign_id}/list/got").text
    )
    with scene.sessions() as session:
        contact_id = session.scalar(select(Contact.id).where(Contact.email == got))
    assert f"/campaigns/{campaign_id}/why?contact=" in client.get(f"/contacts/{contact_id}").text


def test_the_command_tells_the_same(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id, got, frozen_out, claimed_out = make_sent(scene)
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SUPPRESSION_KEY"):
        monkeypatch.setenv(name, getattr(scene.here.settings, name.lower()))

    def why(address: str) -> str:
        outcome: Any = CliRunner().invoke(cli, ["why", address, "--campaign", str(campaign_id)])
        return str(outcome.output)

    output = why(got)
    assert "is delivered, tries: 1, Amazon's id: 0110-abc" in output
    assert "delivery (ses)" in output
    assert "click (machine)" in output
    assert "at the freeze (24 November 2026, 11:00): restricted:" in why(frozen_out)
    output = why(claimed_out)
    assert "right before sending (24 November 2026, 11:05): suppressed_optout:" in output
