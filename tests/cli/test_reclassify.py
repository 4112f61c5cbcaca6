"""The command judges kept hits anew, of all campaigns or of one."""

from datetime import datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from mailer.audit import AuditEntry
from mailer.cli.reclassify import reclassify
from mailer.config import Settings
from mailer.events.models import Event
from mailer.events.rules import RULESET
from tests.events.test_verdicts import Mailing


@pytest.fixture
def campaign_id(
    connected_settings: Settings,
    sessions: sessionmaker[Session],
    monkeypatch: pytest.MonkeyPatch,
    now: datetime,
) -> int:
    monkeypatch.setenv("DATABASE_URL", connected_settings.database_url)
    monkeypatch.setenv("REDIS_URL", connected_settings.redis_url)
    with sessions.begin() as session:
        mailing = Mailing(session)
        mailing.keep(*mailing.sweep(43))
        session.execute(update(Event).values(actor="human", ruleset_version=1))
        return mailing.campaign.id


def judged(sessions: sessionmaker[Session]) -> set[tuple[str, int | None]]:
    with sessions() as session:
        rows = session.execute(select(Event.actor, Event.ruleset_version))
        return {(actor, version) for actor, version in rows}


def test_everything_is_judged_anew(campaign_id: int, sessions: sessionmaker[Session]) -> None:
    result = CliRunner().invoke(reclassify)
    assert result.exit_code == 0
    assert result.output == (f"Judged the opens and clicks of 1 messages by rule set {RULESET}.\n")
    assert judged(sessions) == {("machine", RULESET)}
    with sessions() as session:
        actions = session.scalars(select(AuditEntry.action))
        assert "hits.reclassified" in set(actions)


def test_one_campaign_can_be_judged_anew(campaign_id: int, sessions: sessionmaker[Session]) -> None:
    result = CliRunner().invoke(reclassify, ["--campaign", str(campaign_id + 1)])
    assert "of 0 messages" in result.output
    assert judged(sessions) == {("human", 1)}
    CliRunner().invoke(reclassify, ["--campaign", str(campaign_id)])
    assert judged(sessions) == {("machine", RULESET)}


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**63)])
def test_what_is_no_campaign_is_refused(number: str) -> None:
    result = CliRunner().invoke(reclassify, ["--campaign", number])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
