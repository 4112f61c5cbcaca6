"""How sending grows with the number of worker processes, on one machine or on several.

    python -m bench.scale [--processes 1,2,4,8] [--latency MS] [--namespaces]

Real workers (`worker.py`) with two calls in flight each and an SES that takes its time: so SES's
latency is the limit and not the cores, as it is in production. With --namespaces each worker runs
in a network namespace of its own and reaches PostgreSQL, Redis and SES by TCP.
"""

import argparse
import os
import subprocess
import sys
import time
from contextlib import ExitStack

from rq import Worker
from sqlalchemy import func, select

from bench import namespaces
from bench.scratch import counting_stand_in, report, scratch
from bench.send import fill
from mailer import clock
from mailer.adapters.pace import Pace, Quota
from mailer.campaigns.models import Campaign
from mailer.config import ROOT
from mailer.db import transaction
from mailer.sending import launch
from mailer.sending.models import Message

THREADS = 2
SECONDS = 12


def measure(processes: int, latency_ms: int, *, apart: bool) -> dict[str, float]:
    """Messages a second of so many workers, and how many of them took part."""
    people = int(processes * THREADS * 50 * 1000 / latency_ms * SECONDS)
    with (
        scratch(SENDER_THREADS=str(THREADS)) as place,
        counting_stand_in(place.directory / "stand-in", latency_ms=latency_ms) as (url, _),
        ExitStack() as stack,
    ):
        Pace(place.here.redis, 10).set_limit(Quota(1e9, -1, 0, 0), share=1)
        campaign_id = fill(place.here, people, 3)
        environ = {**os.environ, "PYTHONPATH": str(ROOT), **place.environ, "SES_ENDPOINT_URL": url}
        cron = subprocess.Popen([sys.executable, str(ROOT / "worker.py"), "--cron"], env=environ)
        prefixes: list[list[str]] = [[]] * processes
        if apart:
            here, machines = stack.enter_context(namespaces.machines(processes))
            prefixes = [machine.run for machine in machines]
            environ |= namespaces.reach(stack, here, environ)
        workers = [
            subprocess.Popen([*prefix, sys.executable, str(ROOT / "worker.py")], env=environ)
            for prefix in prefixes
        ]
        try:
            while Worker.count(connection=place.here.redis) < processes:
                time.sleep(0.1)
            with transaction(place.here.sessions) as session:
                launch.launch(session, campaign_id, now=clock.now())
            while True:
                time.sleep(0.5)
                with place.here.sessions() as session:
                    if session.get_one(Campaign, campaign_id).state == "sent":
                        break
        finally:
            for process in (*workers, cron):
                process.terminate()
            for process in (*workers, cron):
                process.wait()
        with place.here.sessions() as session:
            took = func.max(Message.sent_at) - func.min(Message.claimed_at)
            sent, seconds = session.execute(
                select(func.count(), func.extract("epoch", took)).where(Message.state == "sent")
            ).one()
    return {"people": people, "sent": sent, "messages_per_second": round(sent / float(seconds))}


def main() -> None:
    """Measure for each number of processes, and print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", default="1,2,4,8")
    parser.add_argument("--latency", type=int, default=250)
    parser.add_argument("--namespaces", action="store_true")
    given = parser.parse_args()
    if given.namespaces and not namespaces.possible():
        sys.exit("Network namespaces cannot be made here: root and `ip` are needed.")
    report(
        "scale",
        latency_ms=given.latency,
        threads=THREADS,
        namespaces=given.namespaces,
        processes={
            number: measure(int(number), given.latency, apart=given.namespaces)
            for number in given.processes.split(",")
        },
    )


if __name__ == "__main__":
    main()
