"""Processes that die with their parent, directories with one owner, and free ports."""

import ctypes
import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from mailer.stack.faults import RunningAlreadyError, StackError

# sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero byte included.
LONGEST_SOCKET_PATH = 100
LEAST_FREE_BYTES = 200 * 1024 * 1024

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def make_private_directory(path: Path) -> Path:
    """Make `path` for the owner only. Raises StackError when it cannot be written or is full."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path):
            pass
        free = shutil.disk_usage(path).free
    except OSError as error:
        raise StackError(directory_problem(path, error)) from None
    if free < LEAST_FREE_BYTES:
        raise StackError(
            f"The disk that holds {path} has {free // 1024**2} MB left and "
            f"{LEAST_FREE_BYTES // 1024**2} MB are needed; free some room or set LUPAPOSTI_VAR."
        )
    return path


def directory_problem(path: Path, error: OSError) -> str:
    """One sentence on why the data directory cannot be used."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"The disk that holds {path} is full; free some room or set LUPAPOSTI_VAR."
    reason = (error.strerror or type(error).__name__).lower()
    return (
        f"{path} cannot be used for data ({reason}); "
        "set LUPAPOSTI_VAR to a directory that you may write to."
    )


def lock_directory(path: Path, owned: str) -> int:
    """Take the lock of `path` and return its descriptor, to be handed to the server process.

    The lock belongs to whoever holds the descriptor, so it lasts as long as the server lives, even
    when the supervisor was killed. Raises RunningAlreadyError when another process holds it.
    """
    try:
        descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StackError(directory_problem(path, error)) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RunningAlreadyError(
            f"{owned} of {path} is running already; stop it first, or set LUPAPOSTI_VAR to "
            "another directory for a second one."
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise StackError(directory_problem(path, error)) from None
    return descriptor


def die_with_parent(death_signal: int) -> Callable[[], None]:
    """A function for `preexec_fn`: the kernel sends the signal when the parent dies, however."""
    parent = os.getpid()

    def ask_the_kernel() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return ask_the_kernel


def start_process(
    argv: Sequence[str | Path],
    *,
    environ: Mapping[str, str],
    output: IO[bytes] | int,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    lock: int | None = None,
    death_signal: int = signal.SIGTERM,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that Ctrl-C reaches the supervisor alone.

    Call it from the main thread: the kernel sends the death signal when the calling thread ends.
    """
    return subprocess.Popen(  # noqa: S603 - argv comes from the stack's own tables
        [str(word) for word in argv],
        env=dict(environ),
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=() if lock is None else (lock,),
        preexec_fn=die_with_parent(death_signal),  # noqa: PLW1509 - one libc call, resolved before
        start_new_session=True,
        cwd=directory,
    )


def stop_process(
    process: subprocess.Popen[bytes], signals: Sequence[int], *, seconds: float
) -> None:
    """Send the signals in turn, each with its share of the time, and collect the process."""
    for number in signals:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(seconds / len(signals))
        except subprocess.TimeoutExpired:
            continue
    if process.poll() is None:
        process.kill()
    process.wait()


def free_port(wanted: int, *, tries: int = 50) -> int:
    """The first port from `wanted` up that nothing on 127.0.0.1 holds. Raises StackError."""
    for port in range(wanted, min(wanted + tries, 65536)):
        if port_is_free(port):
            return port
    raise StackError(f"No port from {wanted} to {wanted + tries - 1} is free on 127.0.0.1.")


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are only winding down counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def any_free_port() -> int:
    """A port that the kernel gives out and that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def last_lines(log: Path, count: int = 3) -> str:
    """The end of a log on one line, for a sentence that tells why a server did not start."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return " ".join(line.strip() for line in lines[-count:] if line.strip())[-150 * count :]
