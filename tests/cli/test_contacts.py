"""`mailer contacts`: numbers of those who must be informed, and writing it down."""

import json
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.cli import cli
from mailer.config import Settings
from tests.web.register import add_contact

Sessions = sessionmaker[Session]


@pytest.fixture
def run(connected_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABASE_URL", connected_settings.database_url)
    monkeypatch.setenv("REDIS_URL", connected_settings.redis_url)
    monkeypatch.setenv("SUPPRESSION_KEY", connected_settings.suppression_key)

    def invoke(*words: str) -> tuple[int, str]:
        outcome = CliRunner().invoke(cli, ["contacts", *words])
        return outcome.exit_code, outcome.output

    return invoke


def test_what_is_due_is_counted_without_names(run: Any, sessions: Sessions) -> None:
    now = clock.now()
    contact = add_contact(sessions, created_at=now - timedelta(days=60))
    add_contact(sessions, email="b@puutyo.example", created_at=now)
    code, output = run("inform", "--due", "--json")
    assert code == 0
    found = json.loads(output)
    assert (found["waiting"], found["overdue"], found["blocked"]) == (2, 1, 0)
    assert {"source_id": contact.source_id, "people": 1} in found["sources"]
    assert "Lehtonen" not in output
    assert "waiting" in run("inform", "--due")[1]


def test_one_source_is_written_down(run: Any, sessions: Sessions) -> None:
    contact = add_contact(sessions)
    code, output = run("inform", "--source", str(contact.source_id), "--way", "letter", "--json")
    assert code == 0
    assert json.loads(output)["informed"] == 1
    assert json.loads(output)["waiting"] == 0


@pytest.mark.parametrize(
    "words",
    [
        ["inform"],
        ["inform", "--way", "letter"],
        ["inform", "--due", "--way", "letter", "--source", "1"],
        ["inform", "--source", "1", "--way", "pigeon"],
        ["inform", "--source", "1", "--way", "letter", "--on", "2999-01-01"],
        ["inform", "--source", "0", "--way", "letter"],
    ],
)
def test_what_is_not_clear_is_refused(run: Any, words: list[str]) -> None:
    code, output = run(*words)
    assert code == 2
    assert "Traceback" not in output
