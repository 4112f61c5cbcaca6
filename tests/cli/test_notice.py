"""The notice on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from mailer.cli import cli
from mailer.config import Settings
from mailer.notice import profiles, switches
from mailer.notice.models import NoticeVersion
from tests.notice.companies import ANSWERS, NAMES, missing


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
    assert answer.output.strip() == (
        "It is not said how long prospects are kept.  --set 'retention.prospect_months=MONTHS'"
    )


@pytest.mark.parametrize(
    "text",
    [
        "=",
        "entities = 5",
        'person_kinds = ["martian"]',
        "targeting = {confidence_minimum='x'}",
        "retention = {prospect_month = 24}",
        'offering = ["witchcraft"]',
        "dated = 10:30:00",
        "undertaking_version = nan",
        "undertaking_version = " + "9" * 5000,
        "x = " + "[" * 5000,
    ],
)
def test_rubbish_is_refused_with_a_sentence(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    answer = run("check", str(file))
    assert answer.exit_code == 2
    assert "Traceback" not in answer.output
    assert len(answer.output.strip().splitlines()) == 1


@pytest.fixture
def running(
    connected_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", connected_settings.database_url)
    monkeypatch.setenv("REDIS_URL", connected_settings.redis_url)
    monkeypatch.setenv("LUPAPOSTI_VAR", str(tmp_path / "var"))
    yield
    switches._parsed.clear()


def published(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(NoticeVersion)) or 0


def in_force(sessions: sessionmaker[Session]) -> NoticeVersion:
    with sessions() as session:
        return session.scalars(select(NoticeVersion).order_by(NoticeVersion.number.desc())).all()[0]


def answers(name: str) -> list[str]:
    return [f"--set={path}={value}" for path, value in ANSWERS[name].items()]


def test_a_published_notice_is_in_force(
    file: Path, running: None, sessions: sessionmaker[Session]
) -> None:
    assert "version 1" in run("publish", str(file)).output
    assert "version 2" in run("publish", str(file)).output
    assert in_force(sessions).content["register_name"].startswith("Esimerkki")


def test_a_notice_with_gaps_is_not_published(
    file: Path, running: None, sessions: sessionmaker[Session]
) -> None:
    text = file.read_text(encoding="utf-8").replace('name = "Maija Esimerkki"', 'name = ""')
    file.write_text(text, "utf-8")
    answer = run("publish", str(file))
    assert answer.exit_code == 1
    assert "Not published" in answer.output
    assert "contact.name" in answer.output
    assert published(sessions) == 0


def test_a_date_of_toml_is_stored_as_the_notices_date(
    file: Path, running: None, sessions: sessionmaker[Session]
) -> None:
    text = file.read_text(encoding="utf-8").replace('dated = "2026-11-01"', "dated = 2026-11-01")
    file.write_text(text, "utf-8")
    assert run("publish", str(file)).exit_code == 0
    assert in_force(sessions).content["dated"] == "2026-11-01"


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_tells_what_it_lacks_and_publishes_nothing(
    name: str, running: None, sessions: sessionmaker[Session]
) -> None:
    answer = run("load", name, "--publish")
    assert answer.exit_code == 1
    first, *lines = answer.output.splitlines()
    assert name in first
    assert [line.split("--set '")[1].split("=")[0] for line in lines] == list(missing(name))
    assert all(line.split("  --set")[0].endswith(".") for line in lines)
    assert published(sessions) == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_with_all_its_answers_is_published(
    name: str, running: None, sessions: sessionmaker[Session]
) -> None:
    checked = run("load", name, *answers(name))
    assert checked.exit_code == 0, checked.output
    assert "Nothing is missing" in checked.output
    assert published(sessions) == 0
    assert run("load", name, *answers(name), "--publish").exit_code == 0
    given, content = profiles.load(name), in_force(sessions).content
    assert content["entities"][0]["name"] == given["entities"][0]["name"]
    assert content["retention"]["prospect_months"] in (12, 24)


@pytest.mark.parametrize("name", NAMES)
def test_each_answer_that_is_left_out_is_asked_for(name: str) -> None:
    for left_out in ANSWERS[name]:
        given = [each for each in answers(name) if not each.startswith(f"--set={left_out}=")]
        answer = run("load", name, *given)
        assert answer.exit_code == 1, left_out
        assert f"--set '{left_out}=" in answer.output


@pytest.mark.parametrize("name", ["", "nokia", "../example", "/etc/passwd", "a\0b", "x" * 9999])
def test_an_unknown_profile_is_answered_with_those_there_are(name: str) -> None:
    answer = run("load", name)
    assert answer.exit_code == 2
    assert answer.output == (
        "There is no such profile. These are ready: enexus, example, ideafix, proxion, puuha,"
        " quux.\n"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("retention.customer_months", "--set needs a place and a value"),
        ("=5", "no notice has such a place"),
        ("retention.months=5", "no notice has such a place"),
        ("entities.__class__.name=x", "no notice has such a place"),
        ("a" * 9999 + "=1", "no notice has such a place"),
        ("retention.customer_months=long", "retention.customer_months: must be a number"),
        ("retention.customer_months=999999", "retention.customer_months: must be a number"),
        ("retention.customer_months=MONTHS", "write your own instead of MONTHS"),
        ("contact.name=NAME", "write your own instead of NAME"),
        ("purposes.e_marketing.basis=hope", "purposes.e_marketing"),
        ("purposes.spying.basis=consent", "purposes.spying"),
        ("purposes.e_marketing.basis=legitimate_interest|consent", "purposes.e_marketing"),
        ("person_kinds=martian", "person_kinds: unknown martian"),
        ("offering=witchcraft", "offering: unknown witchcraft"),
        ("publication=perhaps", "publication: must be true or false"),
        ("dated=yesterday", "dated: must be a date"),
        ("register_name=a\0b", "register_name: holds a character"),
        ("register_name=" + "x" * 30_000, "register_name: longer than"),
        ("fields=[" * 500, "fields: must be words"),
        ("entities.quux.key=other", "the key is the word in the path"),
    ],
)
def test_a_wrong_place_or_value_gets_a_sentence(
    given: str, said: str, running: None, sessions: sessionmaker[Session]
) -> None:
    answer = run("load", "quux", *answers("quux"), "--set", given, "--publish")
    assert answer.exit_code == 2
    assert said in answer.output
    assert "Traceback" not in answer.output
    assert len(answer.output.strip().splitlines()) == 1
    assert len(answer.output) < 700
    assert published(sessions) == 0


def test_what_is_missing_is_told_to_programs_too(file: Path) -> None:
    answer = run("check", str(file), "--json")
    assert answer.exit_code == 0
    assert json.loads(answer.output) == {"complete": True, "missing": []}
    text = file.read_text(encoding="utf-8").replace('authority = "fi"', "")
    file.write_text(text, encoding="utf-8")
    answer = run("check", str(file), "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.output) == {
        "complete": False,
        "missing": [
            {
                "key": "authority",
                "path": "authority",
                "sentence": "The authority that takes complaints is not named.",
                "set": "--set 'authority=fi'",
            }
        ],
    }


def test_the_notice_in_force_is_shown(running: None, sessions: sessionmaker[Session]) -> None:
    none = run("show")
    assert none.exit_code == 1
    assert none.output == "No privacy notice is in force.\n"
    assert run("show", "--json").exit_code == 1
    run("load", "enexus", *answers("enexus"), "--publish")
    lines = run("show").output.splitlines()
    assert lines[0].startswith("Version 1, in force since 20")
    assert "entities.enexus.city = Oulu" in lines
    assert "retention.customer_months = 120" in lines
    told = json.loads(run("show", "--json").output)
    assert told["version"] == 1
    assert told["content"] == in_force(sessions).content
