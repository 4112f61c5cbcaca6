"""How long freezing an audience into the ledger takes: the launch of a campaign.

python -m bench.freeze [--people N] [--explain]
"""

import argparse
import time

from sqlalchemy import event, func, select

from bench.cpu import used_by
from bench.scratch import report, scratch
from bench.send import fill
from mailer import clock
from mailer.db import transaction
from mailer.sending import launch
from mailer.sending.models import Message


def main() -> None:
    """Fill a register, launch a campaign to all of it, and print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--explain", action="store_true", help="print the plan of the freeze")
    given = parser.parse_args()
    with scratch() as place:
        began = time.perf_counter()
        campaign_id = fill(place.here, given.people)
        filled = time.perf_counter() - began
        if given.explain:
            event.listen(place.here.engine, "before_cursor_execute", _explaining, retval=True)
        with used_by(place.parts) as used:
            began = time.perf_counter()
            with transaction(place.here.sessions) as session:
                launch.launch(session, campaign_id, now=clock.now())
            frozen = time.perf_counter() - began
        with place.here.sessions() as session:
            queued = session.scalar(select(func.count()).where(Message.state == "queued"))
        report(
            "freeze",
            people=given.people,
            filled_s=round(filled, 1),
            freeze_s=round(frozen, 2),
            people_per_second=round(given.people / frozen),
            database_cpu_s=used["postgresql"],
            queued=queued,
        )


def _explaining(connection, _cursor, statement, parameters, _context, _many):  # type: ignore[no-untyped-def]
    if statement.lstrip().startswith("INSERT INTO messages"):
        point = connection.connection.cursor()
        point.execute("SAVEPOINT explained")
        point.execute("EXPLAIN (ANALYZE, BUFFERS, SETTINGS) " + statement, parameters)
        print("\n".join(row[0] for row in point.fetchall()))
        point.execute("ROLLBACK TO SAVEPOINT explained")
    return statement, parameters


if __name__ == "__main__":
    main()
