import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailer.config import ROOT, SettingsError, from_environment
from mailer.stack import migrations
from mailer.stack.faults import RunningAlreadyError, StackError
from mailer.stack.process import any_free_port, free_port
from mailer.stack.servers import borrowed
from mailer.stack.supervisor import Stack

pytestmark = pytest.mark.slow

HELLO = "tests.stack.hello:create_app"


@pytest.fixture
def var() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="lp-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def make_stack(var: Path, *, port: int | None = None, **more: str) -> Stack:
    overrides = {
        "LUPAPOSTI_VAR": str(var),
        "SES_ENDPOINT_URL": "http://127.0.0.1:1",
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "PUBLIC_URL": "",
        **more,
    }
    # Other test processes start stacks at the same time: never the first free port of all.
    return Stack(overrides, application=HELLO, port=port or any_free_port(), workers=1)


def answers(url: str) -> bool:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def wait_for(condition: object, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_of(var: Path) -> list[str]:
    """Command lines of living processes whose environment or arguments name the directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(var).encode() in text and state != "Z":
            found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


def test_the_stack_comes_up_survives_kills_and_goes_down_in_time(var: Path) -> None:
    with make_stack(var) as stack:
        assert answers(stack.public_url)
        assert migrations.current(stack.settings.database_url) == migrations.head()

        first = stack.kill("web")
        wait_for(lambda: answers(stack.public_url) and stack.kill("web") != first)
        wait_for(lambda: answers(stack.public_url))

        with pytest.raises(RunningAlreadyError, match=r"Lupaposti of .* is running already"):
            make_stack(var).__enter__()

        # Another terminal finds the database of the running stack.
        with borrowed({"LUPAPOSTI_VAR": str(var)}) as environ:
            assert from_environment(environ) == stack.settings

        began = time.monotonic()
    assert time.monotonic() - began < 60
    assert not answers(stack.public_url)
    assert processes_of(var) == []


def test_a_command_alone_gets_a_migrated_database_and_leaves_nothing_running(var: Path) -> None:
    with borrowed({"LUPAPOSTI_VAR": str(var)}) as environ:
        assert migrations.current(environ["DATABASE_URL"]) == migrations.head()
    assert processes_of(var) == []


def test_a_taken_port_is_passed_over_and_a_wanted_one_is_told(var: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port
        with pytest.raises(StackError, match=rf"Port {port} of 127.0.0.1 is taken.*--port"):
            make_stack(var, port=port).__enter__()
    assert processes_of(var) == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"DATABASE_URL": "postgresql://x:secret@127.0.0.1:1/y"}, "database of DATABASE_URL"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "Redis of REDIS_URL"),
        ({"REDIS_URL": "nonsense"}, "Redis of REDIS_URL"),
    ],
)
def test_a_server_that_does_not_answer_is_a_sentence_without_its_password(
    var: Path, more: dict[str, str], sentence: str
) -> None:
    with pytest.raises(StackError, match=sentence) as refused:
        make_stack(var, **more).__enter__()
    assert "secret" not in str(refused.value)
    assert processes_of(var) == []


def test_a_wrong_setting_is_named_and_nothing_stays(var: Path) -> None:
    with pytest.raises(SettingsError, match="SENDER_THREADS must be a number"):
        make_stack(var, SENDER_THREADS="many").__enter__()
    assert processes_of(var) == []


def test_production_is_refused_before_anything_starts(var: Path) -> None:
    with pytest.raises(SettingsError, match="Procfile"):
        make_stack(var, LUPAPOSTI_ENV="production").__enter__()
    assert list(var.iterdir()) == []


def test_everything_dies_with_a_supervisor_that_was_killed(var: Path) -> None:
    program = f"""
import time
from mailer.stack.supervisor import Stack
with Stack({{"LUPAPOSTI_VAR": {str(var)!r}, "SES_ENDPOINT_URL": "http://127.0.0.1:1"}},
           application={HELLO!r}, workers=1, port={any_free_port()}):
    print("up", flush=True)
    time.sleep(60)
"""
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT, env=environ
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"up\n"
        assert len(processes_of(var)) >= 4
        supervisor.send_signal(signal.SIGKILL)
    wait_for(lambda: processes_of(var) == [], 15)
    # And the next one is not held up by what the dead one left.
    with make_stack(var) as stack:
        assert answers(stack.public_url)


def test_a_running_stack_tells_other_terminals_for_the_owner_only(var: Path) -> None:
    with make_stack(var):
        file = var / "environment.json"
        assert file.stat().st_mode & 0o077 == 0
        assert "DATABASE_URL" in json.loads(file.read_text())
    assert not file.exists()
