"""The notice on the command line."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailer.cli import cli
from mailer.config import Settings
from mailer.db import make_engine, make_sessions
from mailer.notice import switches


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["notice", *arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "notice.toml"
    path.write_text(run("template").output, encoding="utf-8")
    return path


def test_the_template_lacks_nothing(file: Path) -> None:
    assert run("check", str(file)).exit_code == 0


def test_what_is_missing_is_named(file: Path) -> None:
    text = file.read_text(encoding="utf-8").replace("prospect_months = 24", "")
    file.write_text(text, encoding="utf-8")
    answer = run("check", str(file))
    assert answer.exit_code == 1
    assert "retention" in answer.output


@pytest.mark.parametrize(
    "text",
    ["=", "entities = 5", 'person_kinds = ["martian"]', "targeting = {confidence_minimum='x'}"],
)
def test_rubbish_is_refused_with_a_sentence(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    answer = run("check", str(file))
    assert answer.exit_code == 2
    assert "Traceback" not in answer.output
    assert len(answer.output.strip().splitlines()) == 1


def test_a_published_notice_is_in_force(
    file: Path, connected_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", connected_settings.database_url)
    monkeypatch.setenv("REDIS_URL", connected_settings.redis_url)
    monkeypatch.setenv("LUPAPOSTI_VAR", str(tmp_path / "var"))
    assert "version 1" in run("publish", str(file)).output
    assert "version 2" in run("publish", str(file)).output
    engine = make_engine(connected_settings.database_url, pool_size=1)
    with make_sessions(engine)() as session:
        from mailer import clock

        notice = switches.in_force(session, clock.now())
    engine.dispose()
    assert notice is not None
    assert notice.register_name.startswith("Esimerkki")


def test_a_notice_with_gaps_is_not_published(
    file: Path, connected_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", connected_settings.database_url)
    monkeypatch.setenv("REDIS_URL", connected_settings.redis_url)
    monkeypatch.setenv("LUPAPOSTI_VAR", str(tmp_path / "var"))
    file.write_text(
        file.read_text(encoding="utf-8").replace('name = "Maija Esimerkki"', 'name = ""'), "utf-8"
    )
    answer = run("publish", str(file))
    assert answer.exit_code == 1
    assert "Not published" in answer.output
