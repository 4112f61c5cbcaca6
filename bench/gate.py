"""How long the gate takes: one page of people, and the claim of one SES call's worth.

    python -m bench.gate [--people N] [--rounds N] [--explain]

A claim is the whole transaction that picks 50 messages, asks the gate about each and moves it.
`cpu_ms` is the processor time of the database's own process.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from bench.cpu import cpu_seconds
from bench.scratch import report, scratch
from bench.send import fill
from mailer import clock
from mailer.campaigns.models import Campaign
from mailer.db import transaction
from mailer.segments import build
from mailer.segments.models import Segment
from mailer.sending import launch
from mailer.sending.claims import AT_MOST, Claims


def main() -> None:
    """Fill a register, freeze a campaign to it, ask again and again, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--explain", action="store_true", help="print the plans of a claim")
    given = parser.parse_args()
    if given.people < (given.rounds + 20) * AT_MOST:
        parser.error(f"--rounds claims need {(given.rounds + 20) * AT_MOST} people")
    with scratch() as place:
        campaign_id = fill(place.here, given.people)
        with transaction(place.here.sessions) as session:
            launch.launch(session, campaign_id, now=clock.now())
        with place.here.sessions() as session:
            campaign = session.get_one(Campaign, campaign_id)
            ask = launch.ask(session, campaign, now=clock.now(), asks_ledger=False)
            segment = session.get_one(Segment, campaign.segment_id)

            def page() -> int:
                rows = build.people(session, segment.tree, ask, limit=AT_MOST)
                session.rollback()
                return len(rows)

            claims = Claims(campaign, ask)

            def claim() -> int:
                taken = claims.take(session, limit=AT_MOST, now=clock.now())
                session.commit()
                return len(taken.messages)

            if given.explain:
                explain(session, claim)
            report(
                "gate",
                people=given.people,
                page_of_50=measure(session, page, given.rounds),
                claim_of_50=measure(session, claim, given.rounds),
            )


def measure(session: Session, work: Callable[[], int], rounds: int) -> dict[str, float]:
    """Milliseconds of one round, and what it took of the database's processor."""
    for _ in range(10):
        work()
    backend = session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    session.rollback()
    used, taken, done = cpu_seconds(backend), [], 0
    for _ in range(rounds):
        began = time.perf_counter()
        done += work()
        taken.append((time.perf_counter() - began) * 1000)
    return {
        "p50_ms": round(statistics.median(taken), 2),
        "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 2),
        "cpu_ms": round((cpu_seconds(backend) - used) * 1000 / rounds, 2),
        "people": round(done / rounds),
    }


def explain(session: Session, work: Callable[[], Any]) -> None:
    """Print the plans of what `work` runs."""
    for setting in ("LOAD 'auto_explain'", *_EXPLAIN):
        session.connection().execute(text(setting))
    driver = session.connection().connection.driver_connection
    driver.add_notice_handler(lambda notice: print(notice.message_primary))
    work()
    session.connection().execute(text("SET client_min_messages = warning"))
    session.commit()


_EXPLAIN = (
    "SET auto_explain.log_min_duration = 0",
    "SET auto_explain.log_analyze = on",
    "SET auto_explain.log_buffers = on",
    "SET client_min_messages = log",
)

if __name__ == "__main__":
    main()
