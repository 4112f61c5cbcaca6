"""`mailer interactions import`: numbers for a program, sentences for a person, no traceback."""

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
from mailer.audit import AuditEntry
from mailer.cli import cli
from mailer.config import Settings
from mailer.contacts.interaction_models import Interaction
from mailer.contacts.models import Contact, Source
from mailer.db import transaction
from mailer.stack.faults import EXPECTED
from tests.contacts.dealings import publish_with_all_kinds
from tests.segments.register import make_contact, make_source

SOURCE = ["--source", "CRM", "--source-kind", "system_entry"]
FILE = """E-mail;Kind;Date;Title;External ID;Weather
anna.lehtonen@puutyo.example;call;2026-01-15;Soitto;A1;aurinko
tuntematon@puutyo.example;call;2026-01-15;Soitto;A2;sade
anna.lehtonen@puutyo.example;Invoice;2026-01-16;Lasku;A3;pilvi
"""


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
    path = tmp_path / "tapahtumat.csv"
    path.write_text(FILE, encoding="utf-8")
    return path


@pytest.fixture
def with_anna(sessions: sessionmaker[Session]) -> None:
    now = clock.now() - timedelta(minutes=1)
    with transaction(sessions) as session:
        publish_with_all_kinds(session, now)
        make_contact(session, make_source(session, now), now, email="anna.lehtonen@puutyo.example")


def run(environ: dict[str, str], *words: object) -> Result:
    words = ("interactions", "import", *words)
    return CliRunner().invoke(cli, list(map(str, words)), env=environ)


def amounts(sessions: sessionmaker[Session]) -> tuple[int | None, ...]:
    with sessions() as session:
        return tuple(
            session.scalar(select(func.count()).select_from(table))
            for table in (Interaction, Contact, Source)
        )


@pytest.mark.usefixtures("with_anna")
def test_a_dry_run_tells_everything_and_changes_nothing_and_twice_is_once(
    environ: dict[str, str], sessions: sessionmaker[Session], file: Path
) -> None:
    before = amounts(sessions)
    dry = json.loads(run(environ, file, *SOURCE, "--dry-run", "--json").output)
    assert amounts(sessions) == before == (0, 1, 1)
    assert (dry["dry_run"], dry["rows"], dry["new"], dry["rejected"]) == (True, 3, 2, 1)
    done = json.loads(run(environ, file, *SOURCE, "--json").output)
    assert {**done, "dry_run": True} == dry
    assert done["problems"] == [
        {
            "row": 3,
            "column": "E-mail",
            "code": "unknown_person",
            "sentence": (
                "There is nobody with this address in the register. People come by the import of"
                " contacts."
            ),
        }
    ]
    assert done["codes"] == {"unknown_person": 1}
    assert done["dropped_columns"] == [["Weather", "unknown_column"]]
    assert amounts(sessions) == (2, 1, 2)
    again = json.loads(run(environ, file, *SOURCE, "--json").output)
    assert (again["new"], again["unchanged"], again["rejected"]) == (0, 2, 1)
    assert amounts(sessions) == (2, 1, 2)
    with sessions() as session:
        lines = session.scalars(select(AuditEntry).filter_by(action="interactions.imported")).all()
    assert [line.details["new"] for line in lines] == [2, 0]


@pytest.mark.usefixtures("with_anna")
def test_a_person_reads_numbers_and_sentences_and_no_address(
    environ: dict[str, str], file: Path
) -> None:
    shown = run(environ, file, *SOURCE, "--dry-run")
    assert shown.exit_code == 0
    assert "row 3, E-mail: There is nobody with this address" in shown.output
    assert "Nothing was changed: this was a dry run." in shown.output
    assert "not imported: Weather" in shown.output
    assert "@puutyo" not in shown.output


@pytest.mark.usefixtures("with_anna")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"\x89PNG\r\n\x1a\n....", "a file of another kind"),
        (b"Kind;Date\ncall;2026-01-01\n", "No column holds the e-mail address"),
    ],
)
def test_a_wrong_file_ends_in_one_sentence(
    environ: dict[str, str],
    sessions: sessionmaker[Session],
    tmp_path: Path,
    content: bytes,
    words: str,
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    ended = run(environ, path, *SOURCE)
    assert ended.exit_code == EXPECTED
    assert words in ended.output
    assert "Traceback" not in ended.output
    assert amounts(sessions) == (0, 1, 1)


def test_without_a_notice_and_with_an_unfit_source_nothing_happens(
    environ: dict[str, str], sessions: sessionmaker[Session], file: Path
) -> None:
    ended = run(environ, file, *SOURCE)
    assert "No privacy notice is in force" in ended.output
    assert ended.exit_code == EXPECTED
    with transaction(sessions) as session:
        publish_with_all_kinds(session, clock.now())
    ended = run(environ, file, "--source", "Lista", "--source-kind", "b2b_supplier")
    assert "do not come from sources of this kind" in ended.output
    assert amounts(sessions) == (0, 0, 0)
