"""Whether the time of a report depends on how many events there are: one JSON line.

    python -m bench.reports [--people N] [--events N] [--rounds N]

One campaign to N people, who did what people do; its report is read part by part. Then events of
other campaigns are added, over twelve months, until there are as many as asked for, all are counted
by the command that rebuilds the counts, and the same report is read again; so is the list.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from bench.cpu import cpu_seconds
from bench.scratch import Scratch, report, scratch
from mailer import clock
from mailer.db import transaction
from mailer.events import partitions, report_tables, reports, rollups

OTHERS = 20
MAKE = """
INSERT INTO sources (kind, name, dated, basis, created_at)
    VALUES ('form', 'bench', now(), '', now());
INSERT INTO contacts (email, address_key, domain_key, countries, source_id, collected_at,
    created_at, updated_at)
    SELECT 'n' || i || '@yritys' || i % 5000 || '.example', decode(md5('a' || i), 'hex'),
        decode(md5('d'), 'hex'), '{FI}', 1, now(), now(), now()
    FROM generate_series(1, :people) AS i;
INSERT INTO campaigns (name, state, launched_at, created_at, updated_at)
    SELECT 'bench ' || i, 'sent', now() - i * interval '10 days', now(), now()
    FROM generate_series(1, :others + 1) AS i;
INSERT INTO links (campaign_id, language, position, url)
    SELECT c, 'fi', i, 'https://yritys.example/' || i
    FROM generate_series(1, :others + 1) AS c, generate_series(1, 8) AS i;
INSERT INTO messages (campaign_id, contact_id, state, duties, created_at, claimed_at, sent_at,
    confirmed_at, delivered_at, ses_message_id)
    SELECT 1, id, CASE WHEN id % 33 = 0 THEN 'bounced' ELSE 'delivered' END,
        jsonb_build_object('function', 'f' || id % 20), now(), now(), now(), now(), now(), 'x' || id
    FROM contacts ORDER BY id;
INSERT INTO messages (campaign_id, contact_id, state, created_at, sent_at)
    SELECT 2 + id % :others, id, 'delivered', now(), now() FROM contacts ORDER BY id
"""
# What people do with a message: nearly all get it, a third opens, one in thirty clicks.
HAPPEN = """
INSERT INTO events (message_id, campaign_id, kind, at, link_id, actor, dedupe_key, details)
SELECT m.id, m.campaign_id, k.kind,
    {at} + hashint8(m.id) % 86400 * interval '0.5 second',
    CASE k.kind WHEN 'click' THEN (m.campaign_id - 1) * 8 + 1 + m.id % 8 END,
    CASE WHEN k.kind IN ('open', 'click')
        THEN (ARRAY['human', 'human', 'machine', 'unknown'])[1 + m.id % 4] ELSE 'ses' END,
    {round} || k.kind || m.id, CAST(k.details AS jsonb)
FROM messages AS m, (VALUES ('send', 1, '{{}}'), ('delivery', 1, '{{}}'), ('open', 3, '{{}}'),
    ('click', 30, '{{}}'), ('delay', 50, '{{"type": "MailboxFull", "status": "4.2.2"}}'),
    ('hard_bounce', 33, '{{"subtype": "General", "status": "5.1.1"}}'), ('opt_out', 300, '{{}}')
) AS k(kind, every, details)
WHERE m.id % k.every = 0 AND m.campaign_id {which}
"""


def fill(bench: Scratch, people: int) -> None:
    """The campaign that is measured, with its events counted as they come."""
    with transaction(bench.here.sessions) as session:
        partitions.make_ahead(session, now=clock.now() - timedelta(days=365), months=12)
        for statement in MAKE.split(";"):
            wanted = {"people": people, "others": OTHERS}
            session.execute(
                text(statement), {k: v for k, v in wanted.items() if f":{k}" in statement}
            )
        session.execute(text(_happen("now() - interval '2 days'", 0, "= 1")))
    _settle(bench)


def _happen(at: str, number: int, which: str) -> str:
    return HAPPEN.format(at=at, round=number, which=which)


def grow(bench: Scratch, events: int) -> float:
    """Add events of other campaigns until there are so many; seconds to count them all."""
    number = 0
    while True:
        with bench.here.sessions() as session:
            if (session.scalar(text("SELECT count(*) FROM events")) or 0) >= events:
                break
        number += 1
        with transaction(bench.here.sessions) as session:
            # As a load from elsewhere: without triggers, so counted afterwards.
            session.execute(text("SET LOCAL session_replication_role = replica"))
            session.execute(text(_happen(f"now() - {number} * interval '9 days'", number, "> 1")))
    _settle(bench)
    begin = time.perf_counter()
    for campaign_id in range(2, OTHERS + 2):
        with transaction(bench.here.sessions) as session:
            rollups.recount(session, [campaign_id])
    elapsed = time.perf_counter() - begin
    _settle(bench)
    return elapsed


def _settle(bench: Scratch) -> None:
    with bench.here.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("VACUUM ANALYZE"))


def measure(bench: Scratch, rounds: int) -> dict[str, float]:
    """The median milliseconds of each part of a report, and those of CPU on both sides."""
    begins = clock.now() - timedelta(days=2)
    parts: dict[str, Callable[[Session], object]] = {
        "funnel": lambda session: reports.funnel(session, 1),
        "timeline": lambda session: report_tables.timeline(session, 1, begins=begins),
        "links": lambda session: report_tables.link_lines(session, 1),
        "groups": lambda session: report_tables.groups(session, 1, "function"),
        "problems": lambda session: report_tables.problems(session, 1),
        "reasons": lambda session: report_tables.reasons(session, 1),
        "list": lambda session: reports.lines(session, limit=20, offset=0),
    }
    found = {}
    cpu = 0.0
    for name, read in parts.items():
        times = []
        with bench.here.sessions() as session:
            server = int(session.scalar(text("SELECT pg_backend_pid()")) or 0)
            read(session)  # what is remembered by every server that is not new
            before = cpu_seconds(server) + time.process_time()
            for _ in range(rounds):
                begin = time.perf_counter()
                read(session)
                times.append((time.perf_counter() - begin) * 1000)
            used = (cpu_seconds(server) + time.process_time() - before) * 1000 / rounds
        found[name] = round(statistics.median(times), 1)
        cpu += used if name != "list" else 0
    found["report"] = round(sum(value for name, value in found.items() if name != "list"), 1)
    found["report_cpu"] = round(cpu, 1)
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with scratch() as bench:
        fill(bench, options.people)
        few = measure(bench, options.rounds)
        with bench.here.sessions() as session:
            at_first = session.scalar(text("SELECT count(*) FROM events"))
        elapsed = grow(bench, options.events)
        many = measure(bench, options.rounds)
        with bench.here.sessions() as session:
            events = int(session.scalar(text("SELECT count(*) FROM events")) or 0)
            rows = session.scalar(text("SELECT count(*) FROM event_counts"))
        report(
            "reports",
            people=options.people,
            events_at_first=at_first,
            ms_at_first=few,
            events=events,
            ms=many,
            rows_of_counts=rows,
            recounted_per_second=round(events / elapsed),
        )


if __name__ == "__main__":
    main()
