"""How long counting a typical role segment takes, gate included: one JSON line.

    python -m bench.segments [--people N] [--rounds N] [--explain]

Finance and payroll, managers and above, companies of fifty and more, without competitors.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

from sqlalchemy import event, text

from bench import register
from bench.scratch import report, scratch
from mailer import clock
from mailer.db import transaction
from mailer.segments import build

TYPICAL = {
    "include": [
        {
            "op": "and",
            "rules": [
                {"field": "function", "is": "any_of", "value": ["finance", "payroll"]},
                {"field": "level", "is": "at_least", "value": "manager"},
                {"field": "headcount", "is": "at_least", "value": 50},
            ],
        }
    ],
    "exclude": {"field": "tag", "is": "any_of", "value": ["kilpailija"]},
}
EVERYBODY = {"field": "kind", "is": "any_of", "value": ["organisation_contact"]}


def main() -> None:
    """Fill a register, count again and again, and print the figures."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--people", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=30)
    arguments.add_argument("--explain", action="store_true")
    given = arguments.parse_args()
    with scratch() as made:
        now = clock.now()
        started = time.perf_counter()
        with transaction(made.here.sessions) as session:
            key = made.here.settings.suppression_key
            register.fill(session, given.people, now=now, suppression_key=key)
        filled = time.perf_counter() - started
        with made.here.engine.connect() as raw:
            raw.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")
        with made.here.sessions() as session:
            ask = build.ask_for(
                session, purpose="e_marketing", functions=frozenset({"finance"}), now=now
            )
            if given.explain:
                explain(session, ask)
            figures = {
                "people": given.people,
                "filled_s": round(filled, 1),
                "typical": measure(session, TYPICAL, ask, given.rounds),
                "typical_while_typing": measure(
                    session, TYPICAL, ask, given.rounds, lambda *of: build.estimate(*of)[0]
                ),
                "everybody": measure(session, EVERYBODY, ask, max(3, given.rounds // 10)),
            }
    report("segments", **figures)


def measure(session, tree, ask, rounds: int, count=build.counts) -> dict[str, float]:
    """Milliseconds of counting a tree, and the counts.

    `cpu_ms` is the processor time of the database's process for one count, with no helper
    processes: what remains of the figure when other work keeps the machine busy.
    """
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        counted = count(session, tree, ask)
        taken.append((time.perf_counter() - started) * 1000)
    cuts = statistics.quantiles(taken, n=20, method="inclusive")
    return {
        "matching": counted.matching,
        "clear": counted.people,
        "p50_ms": round(statistics.median(taken), 1),
        "p95_ms": round(cuts[18], 1),
        "first_ms": round(taken[0], 1),
        "cpu_ms": round(cpu(session, lambda: count(session, tree, ask), max(3, rounds // 4)), 1),
    }


def cpu(session, work, rounds: int) -> float:
    """Milliseconds of processor time of this session's database process per round."""
    pid = session.scalar(text("SELECT pg_backend_pid()"))
    session.execute(text("SET max_parallel_workers_per_gather = 0"))
    before = ticks(pid)
    for _ in range(rounds):
        work()
    spent = ticks(pid) - before
    session.execute(text("RESET max_parallel_workers_per_gather"))
    return 1000 * spent / os.sysconf("SC_CLK_TCK") / rounds


def ticks(pid: int) -> int:
    """Clock ticks a process has run, in its own code and for it in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def explain(session, ask) -> None:
    """Print how the database does it."""

    def prefixed(_c, _cur, statement, parameters, _ctx, _many):
        return "EXPLAIN (ANALYZE, BUFFERS, SUMMARY) " + statement, parameters

    for tree in (TYPICAL, EVERYBODY):
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", prefixed, retval=True)
        try:
            build.counts(PlanReader(session), tree, ask)
        finally:
            event.remove(engine, "before_cursor_execute", prefixed)


class PlanReader:
    """A session whose answers are plans: prints them and gives no rows."""

    def __init__(self, session) -> None:
        self._session = session

    def execute(self, statement):
        for row in self._session.connection().execute(statement).cursor:
            print(row[0])
        return self

    def __iter__(self):
        return iter(())


if __name__ == "__main__":
    main()
