"""Campaigns through trouble: nobody missed, nobody twice, and the ledger says what happened.

    python -m bench.faults [--seeds N] [--jobs N] [--minutes N] [--seed N]

Plays plans of `tests.faults.plan` on servers of its own: real workers, PostgreSQL, Valkey and web
server, and the stand-in for Amazon SES behind a network that breaks. Prints every run that is not
as promised, a JSON line, and a table in Markdown.
"""

import argparse
import multiprocessing
import queue
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from bench.scratch import report
from tests.faults import judge, processes
from tests.faults.place import place
from tests.faults.plan import FAULTS, GROUPS, make_plan
from tests.faults.run import Outcome, play


def play_seeds(seeds: "multiprocessing.Queue[int]", done: "multiprocessing.Queue[Outcome]") -> None:
    """Play one seed after another in a place of its own, until none is left."""
    # Whoever ends the run ends its servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    processes.end_with_parent(signal.SIGTERM)
    with place() as here:
        while True:
            try:
                seed = seeds.get(timeout=1)
            except queue.Empty:
                return
            done.put(play(here, make_plan(seed)))


def play_all(chosen: Sequence[int], jobs: int, seconds: float) -> Iterator[Outcome]:
    """The outcomes of all seeds as they come; after `seconds` no further ones are begun."""
    end = time.monotonic() + seconds
    context = multiprocessing.get_context("spawn")
    seeds: multiprocessing.Queue[int] = context.Queue()
    done: multiprocessing.Queue[Outcome] = context.Queue()
    for seed in chosen:
        seeds.put(seed)
    lanes = [context.Process(target=play_seeds, args=(seeds, done)) for _ in range(jobs)]
    for lane in lanes:
        lane.start()
    left = len(chosen)
    while left:
        try:
            yield done.get(timeout=5)
            left -= 1
            if time.monotonic() > end:
                left -= _take_back(seeds)
        except queue.Empty:
            if not any(lane.is_alive() for lane in lanes):
                print(f"{left} seeds were not played: see above.", file=sys.stderr)
                break
    for lane in lanes:
        lane.join()


def _take_back(seeds: "multiprocessing.Queue[int]") -> int:
    """Seeds that nobody has begun; how many."""
    count = 0
    while True:
        try:
            seeds.get(timeout=0.5)
        except queue.Empty:
            return count
        count += 1


def table(outcomes: Sequence[Outcome], rows: Mapping[str, Collection[str]]) -> str:
    """Markdown: by trouble, in how many runs it was and what was wrong in those runs."""
    head = ("what goes wrong", "runs", "missed", "twice", "mailed after opt-out", "wrong state")
    lines = [_row(*head, "left uncertain"), "|---|" + "---:|" * len(head)]
    for label, kinds in rows.items():
        runs = [outcome for outcome in outcomes if outcome.met.intersection(kinds)]
        lines.append(_line(label, runs))
    return "\n".join([*lines, _line("**all runs**", outcomes)])


def _line(label: str, runs: Sequence[Outcome]) -> str:
    counts = Counter(problem.kind for run in runs for problem in run.problems)
    return _row(
        label,
        len(runs),
        counts["missed"],
        counts["twice"],
        counts["mailed_after_opt_out"],
        counts["wrong_state"] + counts["left_uncertain"],
        sum(run.uncertain for run in runs),
    )


def _row(*cells: str | int) -> str:
    texts = (f"{cell:,}" if isinstance(cell, int) else cell for cell in cells)
    return "| " + " | ".join(texts) + " |"


def main() -> int:
    """Play, and print what came of it; 1 when anything was not as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many random seeds")
    parser.add_argument("--seed", type=int, action="append", help="play this one; may be repeated")
    parser.add_argument("--jobs", type=int, default=1, help="how many campaigns at once")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no run after so long")
    given = parser.parse_args()
    chosen = given.seed or [secrets.randbelow(2**32) for _ in range(given.seeds)]
    began = time.perf_counter()
    outcomes: list[Outcome] = []
    for outcome in play_all(chosen, min(given.jobs, len(chosen)), 60 * given.minutes):
        outcomes.append(outcome)
        if outcome.problems or given.seed:
            print(outcome, flush=True)
        print(f"{len(outcomes)}/{len(chosen)} {outcome.seconds:.1f} s", file=sys.stderr, flush=True)
    counts = Counter(problem.kind for outcome in outcomes for problem in outcome.problems)
    report(
        "faults",
        runs=len(outcomes),
        failed=[outcome.plan.seed for outcome in outcomes if outcome.problems],
        people=sum(outcome.plan.people for outcome in outcomes),
        troubles=sum(len(outcome.plan.steps) for outcome in outcomes),
        **{kind: counts[kind] for kind in judge.KINDS},
        uncertain=sum(outcome.uncertain for outcome in outcomes),
        seconds=round(time.perf_counter() - began),
        seconds_each=round(sum(o.seconds for o in outcomes) / max(1, len(outcomes)), 1),
        jobs=given.jobs,
    )
    print(table(outcomes, {fault.label: [kind] for kind, fault in FAULTS.items()}))
    print("\nThe same in few words:\n")
    print(table(outcomes, GROUPS))
    return 1 if counts else 0


if __name__ == "__main__":
    sys.exit(main())
