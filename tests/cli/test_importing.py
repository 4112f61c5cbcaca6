"""`mailer import`: numbers for a program, a sentence for a person, and never a traceback."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.adapters.queue import connect
from mailer.cli import cli
from mailer.config import Settings
from mailer.contacts.models import Contact, Source
from mailer.db import transaction
from tests.contacts.files import make_file, make_row, publish

SOURCE = ["--source", "Rekisteri", "--source-kind", "update_service"]
BASIS = ["--basis", "legitimate_interest"]


@pytest.fixture
def environ(connected_settings: Settings, redis: Redis) -> dict[str, str]:
    connect(redis)
    return {
        "DATABASE_URL": connected_settings.database_url,
        "REDIS_URL": connected_settings.redis_url,
        "SECRET_KEY": "test-secret-key-of-enough-characters",
        "SUPPRESSION_KEY": "test-suppression-key-of-enough-characters",
        "PUBLIC_URL": connected_settings.public_url,
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "yhteydet.csv"
    bad = make_row(Sähköposti="ei ole")
    path.write_bytes(make_file(make_row(), bad, encoding="cp1252"))
    return path


@pytest.fixture
def with_notice(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        publish(session, clock.now() - timedelta(minutes=1))


def run(environ: dict[str, str], *words: object) -> Result:
    return CliRunner().invoke(cli, ["import", *map(str, words)], env=environ)


def people(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(Contact)) or 0


@pytest.mark.usefixtures("with_notice")
def test_the_numbers_come_by_code_as_one_line_of_json(
    environ: dict[str, str], sessions: sessionmaker[Session], file: Path
) -> None:
    dry = run(environ, file, *SOURCE, *BASIS, "--dry-run", "--json")
    assert dry.exit_code == 0, dry.output
    told = json.loads(dry.output)
    assert (told["state"], told["created"], people(sessions)) == ("checked", 1, 0)
    done = json.loads(run(environ, file, *SOURCE, *BASIS, "--dated", "2026-01-15", "--json").output)
    assert (done["state"], done["rows"], done["created"], done["rejected"]) == ("done", 2, 1, 1)
    assert done["codes"] == {"bad_address": 1}
    assert people(sessions) == 1
    with sessions() as session:
        dates = session.scalars(select(Source.dated).order_by(Source.id)).all()
        assert dates[-1].isoformat() == "2026-01-15"


@pytest.mark.usefixtures("with_notice")
def test_without_json_a_person_can_read_it(environ: dict[str, str], file: Path) -> None:
    outcome = run(environ, file, *SOURCE, *BASIS)
    assert "This is not an e-mail address" in outcome.output
    assert "rejected" in outcome.output


def test_without_a_notice_one_sentence_says_so(
    environ: dict[str, str], sessions: sessionmaker[Session], file: Path
) -> None:
    outcome = run(environ, file, *SOURCE, *BASIS, "--json")
    assert outcome.exit_code == 2
    assert outcome.output == (
        "No privacy notice is in force, so nothing may be imported. Publish the notice first.\n"
    )
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Source)) == 0


@pytest.mark.usefixtures("with_notice")
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04", "Save it as XLSX or CSV"),
        (b"Nimi;Yritys\nA B;C Oy\n", "No column is chosen as the e-mail address."),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_sentence(
    environ: dict[str, str], tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    outcome = run(environ, path, *SOURCE, *BASIS)
    assert outcome.exit_code == 2
    assert sentence in outcome.output
    assert outcome.output.count("\n") == 1


@pytest.mark.usefixtures("with_notice")
def test_two_gigabytes_are_refused_without_being_read(
    environ: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as made:
        made.truncate(2 << 30)
    answer = run(environ, path, *SOURCE, *BASIS)
    assert answer.exit_code != 0
    assert "larger than 50 MB" in answer.output
    assert "Traceback" not in answer.output


@pytest.mark.parametrize(
    "words",
    [
        [*BASIS],
        [*SOURCE],
        ["--source", "X", "--source-kind", "rumour", *BASIS],
        [*SOURCE, *BASIS, "--dated", "15.1.2026"],
    ],
)
def test_source_kind_and_basis_are_asked_for(
    environ: dict[str, str], file: Path, words: list[str]
) -> None:
    outcome = run(environ, file, *words)
    assert outcome.exit_code == 2
    assert "Usage:" in outcome.output
