import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailer.stack.children import MOST_FAST_DEATHS, Child, Children
from mailer.stack.faults import ChildLostError


class Watched:
    """Children with what they said."""

    def __init__(self, logs: Path) -> None:
        self.said: list[str] = []
        self.children = Children(self.said.append)
        self._logs = logs

    def add(self, program: str, name: str = "child") -> Child:
        child = Child(
            name=name,
            argv=[sys.executable, "-u", "-c", program],
            environ=dict(os.environ),
            log=self._logs / f"{name}.log",
        )
        self.children.add(child)
        return child

    def until(self, condition: Callable[[], bool], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.said
            self.children.watch(0.02)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    watched.children.stop(1)


def test_output_is_forwarded_under_the_name_and_kept_in_a_log(
    watched: Watched, tmp_path: Path
) -> None:
    watched.add("print('hyvää päivää'); import time; time.sleep(30)")
    watched.until(lambda: bool(watched.said))
    assert watched.said == ["child    | hyvää päivää"]
    assert (tmp_path / "child.log").read_text() == "hyvää päivää\n"


def test_output_that_is_no_text_and_has_no_end_harms_nothing(watched: Watched) -> None:
    watched.add(
        "import sys, time; sys.stdout.buffer.write(b'\\xff' * 200_000); "
        "sys.stdout.flush(); print(); print('after'); time.sleep(30)"
    )
    watched.until(lambda: "child    | after" in watched.said)


def test_a_terminal_that_has_gone_stops_nothing(watched: Watched, tmp_path: Path) -> None:
    def broken(_: str) -> None:
        raise BrokenPipeError

    watched.children.echo = broken
    watched.add("print('first'); print('second'); import time; time.sleep(30)")
    log = tmp_path / "child.log"
    watched.until(lambda: log.exists() and log.read_text() == "first\nsecond\n")


def test_a_child_that_was_killed_starts_again(watched: Watched) -> None:
    child = watched.add("import time; time.sleep(60)")
    first = watched.children.kill("child")
    watched.until(lambda: child.process is not None and child.process.pid != first)


def test_killing_who_does_not_run_is_told(watched: Watched) -> None:
    with pytest.raises(LookupError):
        watched.children.kill("nobody")


def test_a_child_that_keeps_dying_is_given_up_with_its_last_words(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.stack.children.LONGEST_PAUSE", 0.01)
    watched.add("import sys; print('no such table'); sys.exit(1)")
    with pytest.raises(ChildLostError, match=rf"died {MOST_FAST_DEATHS} times.*no such table"):
        watched.until(lambda: False)


def test_a_child_that_says_what_is_wrong_is_not_tried_again(watched: Watched) -> None:
    watched.add("import sys; print('SECRET_KEY is not set.'); sys.exit(2)")
    with pytest.raises(ChildLostError, match=r"child cannot run: SECRET_KEY is not set\."):
        watched.until(lambda: False)


def test_what_a_dead_child_left_behind_is_ended_too(watched: Watched) -> None:
    child = watched.add(
        "import subprocess, sys, time; "
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid); "
        "time.sleep(60)"
    )
    watched.until(lambda: bool(watched.said))
    left_behind = int(watched.said[0].split()[-1])
    assert child.process is not None
    child.process.kill()
    watched.until(lambda: is_gone(left_behind))


def test_a_child_that_ignores_term_is_killed_in_time(watched: Watched) -> None:
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on'); time.sleep(60)"
    child = watched.add(program)
    watched.until(lambda: bool(watched.said))
    process = child.process
    assert process is not None
    began = time.monotonic()
    watched.children.stop(0.5)
    assert time.monotonic() - began < 5
    assert process.returncode == -signal.SIGKILL


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
