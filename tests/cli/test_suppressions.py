"""`mailer suppressions`: a list in, our own list out as codes, nothing off."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer.cli import cli
from mailer.config import Settings
from mailer.contacts.models import Suppression

Sessions = sessionmaker[Session]


@pytest.fixture
def run(connected_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABASE_URL", connected_settings.database_url)
    monkeypatch.setenv("REDIS_URL", connected_settings.redis_url)
    monkeypatch.setenv("SUPPRESSION_KEY", connected_settings.suppression_key)

    def invoke(*words: str) -> tuple[int, str]:
        outcome = CliRunner().invoke(cli, ["suppressions", *words])
        return outcome.exit_code, outcome.output

    return invoke


def lines(sessions: Sessions) -> list[Suppression]:
    with sessions() as session:
        return list(session.scalars(select(Suppression).order_by(Suppression.id)))


def test_a_list_comes_in_and_goes_out_as_codes_that_come_in_again(
    run: Any, sessions: Sessions, tmp_path: Path
) -> None:
    file, out = tmp_path / "list.csv", tmp_path / "codes.csv"
    file.write_text("E-mail\nanna@x.example\nbroken@\n1234567-1\n", encoding="utf-8")
    words = ["import", str(file), "--reason", "optout", "--evidence", "The earlier system"]
    code, output = run(*words, "--json")
    assert code == 0
    found = json.loads(output)
    assert (found["added"], found["address"], found["company"], found["passed_over"]) == (
        2,
        1,
        1,
        1,
    )
    assert found["problems"] == [{"line": 3, "value": "b•••••@", "code": "bad_address"}]
    assert "anna" not in output
    assert json.loads(run(*words, "--json")[1])["on_the_list_already"] == 2
    assert "passed over" in run(*words)[1]

    assert run("export", "--hashed", "--output", str(out))[0] == 0
    assert "anna" not in out.read_text(encoding="utf-8")
    again = [*words[:1], str(out), *words[2:], "--json"]
    found = json.loads(run(*again)[1])
    assert (found["added"], found["on_the_list_already"], found["problems"]) == (0, 2, [])
    assert run("export", "--hashed")[1].startswith("scope,key,kind,since,origin,key_id")
    assert [line.kind for line in lines(sessions)] == ["optout", "company_ban"] or [
        line.kind for line in lines(sessions)
    ] == ["company_ban", "optout"]


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"PK\x03\x04"])
def test_what_is_no_list_is_refused_with_a_sentence(
    run: Any, sessions: Sessions, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "list.pdf"
    file.write_bytes(content)
    code, output = run("import", str(file), "--reason", "manual", "--evidence", "x")
    assert code != 0
    assert "Traceback" not in output
    assert "Save it as XLSX or CSV" in output
    assert lines(sessions) == []


@pytest.mark.parametrize(
    "words",
    [
        ["import", "/no/such/file", "--reason", "manual", "--evidence", "x"],
        ["import", __file__, "--reason", "private_person", "--evidence", "x"],
        ["import", __file__, "--reason", "manual", "--evidence", " "],
        ["import", __file__, "--reason", "manual"],
        ["export"],
    ],
)
def test_what_is_not_clear_is_refused(run: Any, sessions: Sessions, words: list[str]) -> None:
    code, output = run(*words)
    assert code == 2
    assert "Traceback" not in output
    assert lines(sessions) == []
