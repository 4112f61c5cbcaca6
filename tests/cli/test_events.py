"""The command that counts events anew and the one that drops old months."""

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from mailer.cli.events import events
from mailer.config import Settings
from mailer.db import transaction
from mailer.events import journal, reports
from mailer.events.journal import NewEvent
from tests.events.register import make_message


@pytest.fixture(autouse=True)
def environment(connected_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", connected_settings.database_url)
    monkeypatch.setenv("REDIS_URL", connected_settings.redis_url)


@pytest.fixture
def campaign_id(sessions: sessionmaker[Session], now) -> int:
    with transaction(sessions) as session:
        message = make_message(session, now)
        event = NewEvent(message.id, message.campaign_id, "click", now, "k", actor="human")
        journal.add(session, [event])
        session.execute(text("UPDATE event_reach SET people = 7"))
    assert message.campaign_id is not None
    return message.campaign_id


def clicked(sessions: sessionmaker[Session], campaign_id: int) -> int:
    with sessions() as session:
        return reports.funnel(session, campaign_id)["clicked"]


def test_a_campaign_that_is_not_there_is_an_error(campaign_id: int) -> None:
    result = CliRunner().invoke(events, ["recount", "--campaign", str(campaign_id + 1)])
    assert (result.exit_code, "Counted anew: 0" in result.output) == (1, True)


def test_counts_are_made_anew(sessions: sessionmaker[Session], campaign_id: int) -> None:
    assert clicked(sessions, campaign_id) == 7
    result = CliRunner().invoke(events, ["recount"])
    assert (result.exit_code, "Counted anew: 1" in result.output) == (0, True)
    assert clicked(sessions, campaign_id) == 1


def test_a_day_that_is_none_is_refused(campaign_id: int) -> None:
    result = CliRunner().invoke(events, ["drop", "--before", "2026-13-01"])
    assert result.exit_code == 2


def test_old_events_are_dropped_and_reports_keep_their_counts(
    sessions: sessionmaker[Session], campaign_id: int
) -> None:
    result = CliRunner().invoke(events, ["drop", "--before", "2050-01-01"])
    assert result.exit_code == 0
    with sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM events")) == 0
    assert clicked(sessions, campaign_id) == 7
