"""Seconds of CPU that each part of a benchmark used, its ended children included."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Of a process, its living descendants and those they have waited for. 0 when it is gone."""
    used: dict[int, float] = {}
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name before it may hold anything, so the fields are counted from its end.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        one = int(stat.parent.name)
        # utime, stime, cutime, cstime
        used[one] = sum(int(field) for field in fields[11:15]) / _TICKS
        children.setdefault(int(fields[1]), []).append(one)
    return _of_family(pid, used, children)


def _of_family(pid: int, used: Mapping[int, float], children: Mapping[int, list[int]]) -> float:
    return used.get(pid, 0.0) + sum(
        _of_family(child, used, children) for child in children.get(pid, ())
    )


@contextmanager
def used_by(parts: Mapping[str, int]) -> Iterator[dict[str, float]]:
    """What each named process used while the block ran, filled in at its end."""
    before = {name: cpu_seconds(pid) for name, pid in parts.items()}
    used: dict[str, float] = {}
    yield used
    for name, pid in parts.items():
        used[name] = round(cpu_seconds(pid) - before[name], 2)
