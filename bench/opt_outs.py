"""How soon an opt-out holds while a campaign runs, and whether anybody is mailed after theirs.

    python -m bench.opt_outs [--people N] [--opt-outs N] [--bans N] [--workers N]

Half of the opt-outs come by header and half by the page, through the web server; bans of companies
and of mail domains come on top. A claim that saw the opt-out of a person it took is counted as
`mailed_after_commit`, told by the snapshot of the claiming statement (tests.faults.witness).
"""

import argparse
import sys
import time

from bench.scratch import report
from tests.faults.opt_outs import Opposition
from tests.faults.place import place


def main() -> int:
    """Run the benchmark and print its line; 1 when anybody was mailed after their opt-out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=60_000)
    parser.add_argument("--opt-outs", type=int, default=600)
    parser.add_argument("--bans", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=2_000, help="messages a second at SES")
    given = parser.parse_args()
    with place(rate=given.rate, quiet=True) as here:
        opposition = Opposition(here, people=given.people, opt_outs=given.opt_outs, bans=given.bans)
        began = time.perf_counter()
        figures = opposition.play(workers=given.workers)
        report(
            "opt_outs",
            people=figures.people,
            by_header=figures.by_header,
            by_page=figures.by_page,
            company_bans=figures.company_bans,
            domain_bans=figures.domain_bans,
            not_answered=figures.not_answered,
            mailed_after_commit=figures.mailed_after_commit,
            handed_over_before=figures.handed_over_before,
            blocked=figures.blocked,
            effect_p50_ms=round(figures.effect(0.5), 1),
            effect_p99_ms=round(figures.effect(0.99), 1),
            effect_max_ms=round(figures.effect(1), 1),
            seconds=round(time.perf_counter() - began),
        )
    return 1 if figures.mailed_after_commit or figures.not_answered else 0


if __name__ == "__main__":
    sys.exit(main())
