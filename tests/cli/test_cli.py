import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mailer.cli import COMMANDS, cli
from mailer.config import ROOT
from mailer.stack.process import any_free_port

UNREACHABLE = {"DATABASE_URL": "postgresql://x:secret@127.0.0.1:1/x"}


def run(*words: str, **environ: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "mailer.cli", *words],
        env={"PATH": os.environ["PATH"], **environ},
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_every_command_in_the_table_can_be_asked_for_help() -> None:
    for name in COMMANDS:
        outcome = CliRunner().invoke(cli, [name, "--help"])
        assert outcome.exit_code == 0, name


def test_an_unknown_command_is_a_usage_error() -> None:
    outcome = CliRunner().invoke(cli, ["nonsense"])
    assert outcome.exit_code == 2
    assert "No such command" in outcome.output


@pytest.mark.parametrize("command", [["db", "current"], ["db", "upgrade"]])
def test_a_database_that_does_not_answer_is_one_sentence(command: list[str]) -> None:
    done = run(*command, **UNREACHABLE)
    assert done.returncode == 2
    assert done.stderr.decode().count("\n") == 1
    assert b"The database does not answer" in done.stderr
    assert b"secret" not in done.stderr + done.stdout


@pytest.mark.parametrize("command", [["web"], ["worker"], ["db", "current"], ["up"]])
def test_a_production_without_settings_names_what_is_wrong(command: list[str]) -> None:
    done = run(*command, LUPAPOSTI_ENV="production")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"DATABASE_URL is not set." in done.stderr or b"Procfile" in done.stderr


def test_a_data_directory_that_cannot_be_is_one_sentence() -> None:
    done = run("up", LUPAPOSTI_VAR="/proc/nowhere")
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"LUPAPOSTI_VAR" in done.stderr


def test_the_first_start_makes_a_link_for_the_first_administrator_only_once(
    tmp_path: Path,
) -> None:
    # The whole product, once: what a newcomer sees.
    environ = {
        "PATH": os.environ["PATH"],
        "LUPAPOSTI_VAR": str(tmp_path / "var"),
        "PYTHONUNBUFFERED": "1",
    }
    port = str(any_free_port())
    with subprocess.Popen(
        [sys.executable, "-m", "mailer.cli", "up", "--workers", "1", "--port", port],
        env=environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as product:  # fmt: skip
        assert product.stdout is not None
        seen = []
        for line in product.stdout:
            seen.append(line)
            if "Ctrl-C" in line:
                product.terminate()
    text = "".join(seen)
    assert product.returncode == 0, text
    assert "/setup/" in text
    assert "Stopped." in text
    assert "Traceback" not in text


def classify(titles: bytes) -> list[dict[str, object]]:
    outcome = CliRunner().invoke(cli, ["roles", "classify"], input=titles)
    assert outcome.exit_code == 0, outcome.output
    return [json.loads(line) for line in outcome.stdout_bytes.decode().split("\n")[:-1]]


def test_classify_answers_line_by_line_in_order() -> None:
    answers = classify(b"Talousjohtaja\r\nVD\n")
    assert [answer["title"] for answer in answers] == ["Talousjohtaja", "VD"]
    assert set(answers[0]) == {"title", "functions", "level", "confidence", "rule"}
    assert answers[0]["functions"] == ["finance"]


@given(st.binary(max_size=300))
def test_classify_answers_once_for_each_line_of_any_bytes(titles: bytes) -> None:
    lines = titles.split(b"\n")
    expected = len(lines) - (lines[-1] == b"")
    assert len(classify(titles)) == expected


def test_classify_ends_quietly_when_nobody_reads_any_more() -> None:
    pipeline = f"yes Talousjohtaja | head -50000 | {sys.executable} -m mailer.cli roles classify"
    done = subprocess.run(
        ["sh", "-c", f"{pipeline} | head -1"], cwd=ROOT, capture_output=True, check=False
    )
    assert json.loads(done.stdout)["level"]
    assert done.stderr.replace(b"yes: standard output: Broken pipe\n", b"") == b""
