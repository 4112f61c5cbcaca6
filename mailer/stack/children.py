"""Child processes of the stack: started, listened to, started again when they die."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mailer.config import ROOT
from mailer.stack.faults import EXPECTED, ChildLostError
from mailer.stack.process import start_process

Echo = Callable[[str], None]

FAST_DEATH_SECONDS = 10.0
MOST_FAST_DEATHS = 5
LONGEST_PAUSE = 10.0
LARGEST_LOG = 10 * 1024 * 1024


def _say_nothing(_line: str) -> None:
    pass


@dataclass
class Child:
    """One process of the stack, by name, with its log and its history."""

    name: str
    argv: list[str]
    environ: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    fast_deaths: int = 0
    started: float = 0.0
    start_at: float = 0.0
    last_line: str = ""
    _unfinished: bytes = b""

    def start(self) -> None:
        """Start the process; its output comes back through a pipe."""
        self.started = time.monotonic()
        self.process = start_process(
            self.argv, environ=self.environ, output=subprocess.PIPE, directory=ROOT
        )

    def take(self, data: bytes) -> list[str]:
        """Keep output in the log; the whole lines in it."""
        with suppress(OSError):  # a full disk must not stop the product
            if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
                self.log.replace(self.log.with_suffix(".log.1"))
            with self.log.open("ab") as output:
                output.write(data)
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        if len(self._unfinished) > 65_536:
            lines, self._unfinished = [self._unfinished], b""
        texts = [line.decode("utf-8", "replace").rstrip() for line in lines]
        self.last_line = next((text for text in reversed(texts) if text), self.last_line)
        return texts

    def kill_group(self, number: int) -> None:
        """Signal the process and all that it started."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def bury(self) -> str | None:
        """After a death: plan the next start and tell it. Raises ChildLostError to give up."""
        if self.process is None:
            return None
        code = self.process.wait()
        self.kill_group(signal.SIGKILL)  # what it left behind would hold its port
        self.process = None
        lived = time.monotonic() - self.started
        self.fast_deaths = self.fast_deaths + 1 if lived < FAST_DEATH_SECONDS else 0
        if code == EXPECTED and self.fast_deaths:
            raise ChildLostError(f"{self.name} cannot run: {self.last_line}")
        if self.fast_deaths >= MOST_FAST_DEATHS:
            raise ChildLostError(
                f"{self.name} died {self.fast_deaths} times in a row soon after its start; "
                f"its log {self.log} ends with: {self.last_line}"
            )
        pause = min(0.25 * 2**self.fast_deaths, LONGEST_PAUSE)
        self.start_at = time.monotonic() + pause
        return f"ended with code {code}; it starts again in {pause:.0f} s"


@dataclass
class Children:
    """All children. Every method is for one thread, the one that may start processes."""

    echo: Echo
    members: list[Child] = field(default_factory=list)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def say(self, name: str, line: str) -> None:
        """Show one line under a name. A terminal that has gone stops nothing."""
        try:
            self.echo(f"{name:<9}| {line}")
        except (OSError, ValueError):
            self.echo = _say_nothing

    def add(self, child: Child) -> None:
        """Start a child and watch it from now on."""
        self.members.append(child)
        self._start(child)

    def watch(self, seconds: float) -> None:
        """Forward output for a while and start again who died. Raises ChildLostError."""
        self._forward(seconds)
        for child in self.members:
            if child.process is None:
                if time.monotonic() >= child.start_at:
                    self._start(child)
            elif child.process.poll() is not None:
                self._drain(child)
                told = child.bury()
                if told:
                    self.say(child.name, told)

    def kill(self, name: str) -> int:
        """Kill a child with SIGKILL, all its processes included; its process id.

        Raises LookupError when none is running. Safe from any thread.
        """
        for child in self.members:
            process = child.process
            if process is None or child.name not in {name, f"{name}-1"}:
                continue
            child.kill_group(signal.SIGKILL)
            return process.pid
        raise LookupError(f"no {name} is running")

    def stop(self, seconds: float) -> None:
        """Ask all to end, wait, then kill who is left."""
        deadline = time.monotonic() + seconds
        for child in self.members:
            if child.process is not None:
                with suppress(ProcessLookupError):
                    child.process.terminate()
        while self._alive() and time.monotonic() < deadline:
            self._forward(0.05)
        for child in self.members:
            if child.process is not None:
                child.kill_group(signal.SIGKILL)
                child.process.wait()
                self._drain(child)
                child.process = None
        self.members.clear()
        self._selector.close()

    def _alive(self) -> bool:
        return any(child.process and child.process.poll() is None for child in self.members)

    def _start(self, child: Child) -> None:
        child.start()
        if child.process is not None and child.process.stdout is not None:
            os.set_blocking(child.process.stdout.fileno(), False)
            self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _forward(self, seconds: float) -> None:
        if not self._selector.get_map():
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            self._read(key.data)

    def _drain(self, child: Child) -> None:
        """Read what is left and close the pipe."""
        self._read(child)
        output = child.process.stdout if child.process is not None else None
        if output is not None:
            if output in {key.fileobj for key in self._selector.get_map().values()}:
                self._selector.unregister(output)
            output.close()

    def _read(self, child: Child) -> None:
        output = child.process.stdout if child.process is not None else None
        if output is None or output.closed:
            return
        while True:
            try:
                data = os.read(output.fileno(), 65_536)
            except BlockingIOError:
                return
            if not data:
                if output in {key.fileobj for key in self._selector.get_map().values()}:
                    self._selector.unregister(output)
                return
            for line in child.take(data):
                self.say(child.name, line)
