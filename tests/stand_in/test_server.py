"""Starting and stopping."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from mailer.stand_in.errors import StandInError
from mailer.stand_in.server import Options, StandIn
from tests.stand_in.sample import simple


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.invalid", ""])
def test_only_loopback_is_listened_on(tmp_path: Path, host: str) -> None:
    with pytest.raises(StandInError, match="loopback"):
        StandIn(Options(directory=tmp_path, host=host))


@pytest.mark.parametrize(
    "options",
    [
        {"topic_arn": "events"},
        {"rate": 0.0},
        {"keep": 0},
        {"webhook_url": "ftp://127.0.0.1/"},
        {"webhook_url": "/webhooks"},
    ],
)
def test_options_that_cannot_work_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(StandInError, match=r"\.$"):
        StandIn(Options(directory=tmp_path, **options))


def test_a_taken_port_is_told_and_leaves_the_directory_free(
    start: Callable[..., StandIn], tmp_path: Path
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(StandInError, match="Port"),
    ):
        start(port=other.getsockname()[1])

    assert start().counts()["accepted"] == 0


def test_two_stand_ins_cannot_share_a_directory(start: Callable[..., StandIn]) -> None:
    start()

    with pytest.raises(StandInError, match="already uses"):
        start()


@pytest.mark.parametrize("content", [b"not a database" * 100, None])
def test_a_foreign_file_in_place_of_the_database_is_told(
    start: Callable[..., StandIn], tmp_path: Path, content: bytes | None
) -> None:
    directory = tmp_path / "stand-in"
    directory.mkdir()
    file = directory / "stand-in.sqlite3"
    if content is None:
        import sqlite3

        connection = sqlite3.connect(file)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        file.write_bytes(content)

    with pytest.raises(StandInError, match="Delete it"):
        start()


def test_a_broken_key_is_told(start: Callable[..., StandIn], tmp_path: Path) -> None:
    other = tmp_path / "other"
    first = start(directory=other)
    first.stop()
    (other / "sns-key.pem").write_text("nonsense")

    stand_in = StandIn(Options(directory=other))
    with pytest.raises(StandInError, match="key"):
        stand_in.start()


def test_stopping_frees_port_and_directory(start: Callable[..., StandIn]) -> None:
    first = start()
    port = int(first.url.rpartition(":")[2])
    first.stop()

    assert start(port=port).url == first.url


def test_a_request_under_way_is_answered_before_the_stop(
    stand_in: StandIn, client_for: Callable[..., Any]
) -> None:
    import threading

    stand_in.faults(latency_ms=400)
    answers: list[Any] = []
    ses = client_for(stand_in.url)
    thread = threading.Thread(target=lambda: answers.append(ses.send_email(**simple())))
    thread.start()
    threading.Event().wait(0.2)

    stand_in.stop()
    thread.join()

    assert answers[0]["MessageId"]


def test_the_process_prints_its_port_and_stops_at_sigterm(tmp_path: Path) -> None:
    simulate = tmp_path / "simulate.json"
    simulate.write_text(json.dumps({"a@yritys.example": "bounce"}))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mailer.stand_in", "--directory", str(tmp_path / "s")),
            *("--simulate", str(simulate)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": ""},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        port = (tmp_path / "s" / "port").read_text()
        assert f"http://127.0.0.1:{port}/mailbox" in line
        with urlopen(f"http://127.0.0.1:{port}/_stand_in/behaviours") as response:
            assert json.load(response) == {"a@yritys.example": "bounce"}
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""


@pytest.mark.parametrize(
    "arguments", [["--host", "0.0.0.0"], ["--simulate", "{"], ["--simulate", "/no/such/file"]]
)
def test_the_process_says_in_a_sentence_why_it_will_not_start(
    tmp_path: Path, arguments: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mailer.stand_in", "--directory", str(tmp_path), *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
