"""`mailer uncertain`: what is open, and what is decided of it, on the command line."""

from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.audit import AuditEntry
from mailer.campaigns.models import Campaign
from mailer.cli import cli
from mailer.config import Settings
from mailer.db import transaction
from mailer.sending.models import Message

Sessions = sessionmaker[Session]


@pytest.fixture
def run(connected_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABASE_URL", connected_settings.database_url)
    monkeypatch.setenv("REDIS_URL", connected_settings.redis_url)
    monkeypatch.setenv("SUPPRESSION_KEY", connected_settings.suppression_key)

    def invoke(*words: str, answer: str = "") -> tuple[int, str]:
        outcome = CliRunner().invoke(cli, ["uncertain", *words], input=answer)
        return outcome.exit_code, outcome.output

    return invoke


@pytest.fixture
def ids(sessions: Sessions) -> list[int]:
    """A campaign under way with two open messages; its id and theirs."""
    now = clock.now()
    with transaction(sessions) as session:
        campaign = Campaign(
            name="Syksy", state="sending", entity="e", created_at=now, updated_at=now
        )
        session.add(campaign)
        session.flush()
        messages = [
            Message(
                campaign_id=campaign.id,
                state="uncertain",
                error=error,
                created_at=now,
                claimed_at=now - timedelta(minutes=90),
            )
            for error in ("claim_expired", "http_500")
        ]
        session.add_all(messages)
        session.flush()
        return [campaign.id, *(message.id for message in messages)]


def states(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(Message.state).order_by(Message.id)))


def test_what_is_open_is_listed_with_age_and_cause(run: Any, ids: list[int]) -> None:
    code, output = run("list")
    assert code == 0
    assert f"Campaign {ids[0]} (sending): 2 open\n" in output
    assert f"  {ids[1]}  90 min  The worker that was sending it ended" in output
    assert f"  {ids[2]}  90 min  Amazon answered with an error" in output
    assert run("list", "--campaign", "99") == (0, "")


def test_nothing_open_is_said(run: Any) -> None:
    assert run("list") == (0, "Nothing is open.\n")


def test_a_decision_is_asked_about_and_can_be_taken_back(
    run: Any, ids: list[int], sessions: Sessions
) -> None:
    code, output = run("send-again", "--campaign", str(ids[0]), answer="n\n")
    assert code == 1
    assert "gets it twice" in output
    assert states(sessions) == ["uncertain", "uncertain"]


def test_one_message_or_all_of_a_campaign_are_decided(
    run: Any, ids: list[int], sessions: Sessions
) -> None:
    assert run("treat-as-sent", str(ids[1]), "--yes") == (0, "1 decided.\n")
    assert states(sessions) == ["sent", "uncertain"]
    assert run("send-again", "--campaign", str(ids[0]), "--yes") == (0, "1 decided.\n")
    assert states(sessions) == ["sent", "queued"]
    with sessions() as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions == ["campaign.treated_as_sent", "campaign.sent_again"]


@pytest.mark.parametrize("words", [[], ["1", "--campaign", "1"], ["x"], ["0"], ["9" * 30]])
def test_a_decision_must_name_its_messages_one_way(
    words: list[str], run: Any, ids: list[int], sessions: Sessions
) -> None:
    assert run("treat-as-not-sent", "--yes", *words)[0] == 2
    assert states(sessions) == ["uncertain", "uncertain"]


def test_what_is_not_open_is_told_and_the_rest_is_done(
    run: Any, ids: list[int], sessions: Sessions
) -> None:
    code, output = run("treat-as-not-sent", str(ids[2]), "999999", "--yes")
    assert code == 1
    assert "1 decided." in output
    assert "were not open" in output
    assert states(sessions) == ["uncertain", "cancelled"]
