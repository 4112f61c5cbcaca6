"""Clocks that a test can move while the process runs: one offset in seconds for each process."""

import mmap
import struct
from datetime import datetime, timedelta
from pathlib import Path

from mailer import clock

PROCESSES = 64
_OFFSET = struct.Struct("d")


class Clocks:
    """The offsets, in a file that the harness writes and every process reads."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            file.write_bytes(bytes(_OFFSET.size * PROCESSES))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), 0)

    def move(self, process: int, seconds: float) -> None:
        """Let the clock of one process be wrong by so much from now on."""
        _OFFSET.pack_into(self._map, _OFFSET.size * process, seconds)

    def offset(self, process: int) -> float:
        value: float = _OFFSET.unpack_from(self._map, _OFFSET.size * process)[0]
        return value

    def set_right(self) -> None:
        """Let every clock be right."""
        self._map[:] = bytes(len(self._map))

    def close(self) -> None:
        self._map.close()


def wear(file: Path, process: int) -> None:
    """Let this process read its time with the offset that the harness gives it."""
    clocks = Clocks(file)
    right = clock.now

    def now() -> datetime:
        return right() + timedelta(seconds=clocks.offset(process))

    clock.now = now
