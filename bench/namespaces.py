"""Machines of a kind: network namespaces that reach this one by a wire of their own.

For the proof that workers on several machines share one PostgreSQL and one Redis. Needs root and
`ip`; `possible()` says whether they can be had here.
"""

import itertools
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import make_url

NETWORK = "10.231"
_made = itertools.count()


@dataclass(frozen=True, slots=True)
class Machine:
    """One namespace: what to put before a command to run it there, and its wire."""

    name: str
    wire: str

    @property
    def run(self) -> list[str]:
        """The beginning of a command that runs on this machine."""
        return ["ip", "netns", "exec", self.name]

    def cut(self) -> None:
        """Cut its wire: packets are lost, nobody is told."""
        _ip("link", "set", self.wire, "down")

    def mend(self) -> None:
        """Put the wire back."""
        _ip("link", "set", self.wire, "up")


def possible() -> bool:
    """Whether namespaces can be made here."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    try:
        with machines(1):
            return True
    except subprocess.CalledProcessError:
        return False


@contextmanager
def machines(number: int) -> Iterator[tuple[str, list[Machine]]]:
    """So many machines on one bridge; the address at which they reach this one, and they."""
    # A name is never used twice: the kernel takes its time to forget a wire. Two processes that
    # make machines at the same time have a network each.
    time = next(_made)
    bridge = f"lp{os.getpid() % 100_000}.{time % 1000}"
    network = f"{NETWORK}.{(os.getpid() + time) % 256}"
    here = f"{network}.1"
    with ExitStack() as undo:
        _ip("link", "add", bridge, "type", "bridge")
        undo.callback(_ip, "link", "del", bridge)
        _ip("addr", "add", f"{here}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        yield (
            here,
            [_add(undo, bridge, f"{bridge}.{n}", f"{network}.{n + 2}") for n in range(number)],
        )


def _add(undo: ExitStack, bridge: str, name: str, address: str) -> Machine:
    _ip("netns", "add", name)
    undo.callback(_ip, "netns", "del", name)
    wire = f"{name}w"
    _ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("link", "set", wire, "master", bridge, "up")
    for words in (
        ("addr", "add", f"{address}/24", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
        ("link", "set", "lo", "up"),
    ):
        _ip("-n", name, *words)
    return Machine(name, wire)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def reach(stack: ExitStack, here: str, environ: Mapping[str, str]) -> dict[str, str]:
    """DATABASE_URL, REDIS_URL and SES_ENDPOINT_URL as the machines see them, by TCP."""
    database = make_url(environ["DATABASE_URL"])
    redis, ses = urlsplit(environ["REDIS_URL"]), urlsplit(environ["SES_ENDPOINT_URL"])
    directory = database.query.get("host")
    targets = (
        f"{directory}/.s.PGSQL.5432" if directory else (str(database.host), database.port or 5432),
        redis.path if redis.scheme == "unix" else (str(redis.hostname), redis.port or 6379),
        (str(ses.hostname), ses.port or 80),
    )
    postgres, valkey, endpoint = (
        stack.enter_context(forwarded(here, target)) for target in targets
    )
    moved = database.set(host=here, port=postgres, query={})
    return {
        "DATABASE_URL": moved.render_as_string(hide_password=False),
        "REDIS_URL": f"redis://{here}:{valkey}/0",
        "SES_ENDPOINT_URL": f"http://{here}:{endpoint}",
    }


@contextmanager
def forwarded(address: str, target: str | tuple[str, int]) -> Iterator[int]:
    """A port on `address` that leads to a Unix socket's path or to a host and port of this one."""
    listener = socket.create_server((address, 0), backlog=256)
    stopped = threading.Event()

    def accept() -> None:
        while not stopped.is_set():
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_join, args=(caller, target), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopped.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _join(caller: socket.socket, target: str | tuple[str, int]) -> None:
    family = socket.AF_UNIX if isinstance(target, str) else socket.AF_INET
    with caller, socket.socket(family, socket.SOCK_STREAM) as server:
        try:
            server.connect(target)
        except OSError:
            return
        back = threading.Thread(target=_copy, args=(server, caller), daemon=True)
        back.start()
        _copy(caller, server)
        back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
