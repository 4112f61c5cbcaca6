"""How many events of Amazon SES a second are stored and applied: one JSON line.

    python -m bench.events [--messages N] [--workers W] [--profile]

For every message a Send and a Delivery, as SES publishes them; three in a hundred bounce instead,
one in a thousand complains; one in twenty notifications comes twice under another SNS id; all in
random order. Stored by the webhook's function, a transaction each; the rest in bulk, for the
figure is that of applying: by W processes that run the job of the product. At the end the ledger
and the counts are compared with what was told.
"""

import argparse
import cProfile
import json
import multiprocessing
import os
import pstats
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from multiprocessing.synchronize import Barrier
from typing import Any

from sqlalchemy import text

from bench.cpu import cpu_seconds
from bench.scratch import Scratch, report, scratch
from mailer import clock, installation, models  # noqa: F401 - all tables are known to workers
from mailer.adapters import sns
from mailer.config import from_environment
from mailer.db import transaction
from mailer.events import intake, jobs

TOPIC = "arn:aws:sns:eu-north-1:000000000000:bench"
STORED_SINGLY = 3000
THREADS = 8  # as many as one process of the web server has
MAKE = """
INSERT INTO sources (kind, name, dated, basis, created_at)
    VALUES ('form', 'bench', now(), '', now());
INSERT INTO contacts (email, address_key, domain_key, countries, source_id, collected_at,
    created_at, updated_at)
    SELECT 'n' || i || '@yritys.example', decode(md5('a' || i), 'hex'), decode(md5('d'), 'hex'),
        '{FI}', 1, now(), now(), now() FROM generate_series(1, :count) AS i;
INSERT INTO campaigns (name, created_at, updated_at) VALUES ('bench', now(), now());
INSERT INTO messages (campaign_id, contact_id, state, created_at, claimed_at, sent_at,
    ses_message_id)
    SELECT 1, id, 'sent', now(), now(), now(), '0110-' || id FROM contacts ORDER BY id
"""


def notifications(count: int, now: datetime, dice: random.Random) -> list[tuple[str, str]]:
    """SNS ids and bodies for `count` messages, shuffled, with repetitions."""
    made: list[str] = []
    for number in range(1, count + 1):
        accepted = now - timedelta(seconds=dice.uniform(60, 600))
        made.append(_told("Send", number, accepted, accepted, {}))
        later = accepted + timedelta(seconds=dice.uniform(0.5, 30))
        if dice.random() < 0.03:
            made.append(_told("Bounce", number, accepted, later, _bounce(number)))
            continue
        made.append(_told("Delivery", number, accepted, later, {"smtpResponse": "250 OK"}))
        if dice.random() < 0.001:
            part = {
                "complainedRecipients": [{"emailAddress": f"n{number}@yritys.example"}],
                "feedbackId": f"c-{number}",
            }
            made.append(_told("Complaint", number, accepted, later, part))
    made += dice.sample(made, len(made) // 20)
    dice.shuffle(made)
    return [_wrapped(f"sns-{index}", message, now) for index, message in enumerate(made)]


def _bounce(number: int) -> dict[str, Any]:
    return {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": f"n{number}@yritys.example",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "feedbackId": f"b-{number}",
    }


def _told(kind: str, number: int, accepted: datetime, at: datetime, part: dict[str, Any]) -> str:
    address = f"n{number}@yritys.example"
    headers = [
        {"name": name, "value": "x" * 60}
        for name in ("From", "Reply-To", "To", "Subject", "MIME-Version", "List-Unsubscribe")
    ]
    mail = {
        "timestamp": accepted.isoformat(),
        "source": "uutiset@esimerkki.example",
        "sourceArn": "arn:aws:ses:eu-north-1:000000000000:identity/esimerkki.example",
        "messageId": f"0110-{number}",
        "destination": [address],
        "headersTruncated": False,
        "headers": headers,
        "commonHeaders": {"from": ["uutiset@esimerkki.example"], "to": [address]},
        "tags": {"ses:configuration-set": ["lupaposti"], "message": [str(number)]},
    }
    name = {"Send": "send", "Delivery": "delivery", "Bounce": "bounce", "Complaint": "complaint"}
    return json.dumps(
        {"eventType": kind, "mail": mail, name[kind]: {"timestamp": at.isoformat(), **part}}
    )


def _wrapped(sns_id: str, message: str, now: datetime) -> tuple[str, str]:
    return sns_id, json.dumps(
        {
            "Type": "Notification",
            "MessageId": sns_id,
            "TopicArn": TOPIC,
            "Message": message,
            "Timestamp": now.isoformat(),
            "SignatureVersion": "2",
            "Signature": "x" * 344,
            "SigningCertURL": "https://sns.eu-north-1.amazonaws.com/x.pem",
            "UnsubscribeURL": "https://sns.eu-north-1.amazonaws.com/?Action=Unsubscribe",
        }
    )


def store(bench: Scratch, bodies: list[tuple[str, str]], now: datetime) -> float:
    """Store all; notifications a second of those that were stored as the webhook does."""

    def one(body: str) -> None:
        with transaction(bench.here.sessions) as session:
            intake.store(session, sns.parse(body), body, now=now)

    begin = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(one, (body for _, body in bodies[:STORED_SINGLY])))
    elapsed = time.perf_counter() - begin
    with bench.here.engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with (
            driver.cursor() as cursor,
            cursor.copy(
                "COPY raw_notifications (sns_message_id, topic_arn, body, received_at) FROM STDIN"
            ) as copy,
        ):
            for sns_id, body in bodies[STORED_SINGLY:]:
                copy.write_row((sns_id, TOPIC, body, now))
    with bench.here.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("VACUUM ANALYZE raw_notifications"))
        connection.execute(text("VACUUM ANALYZE messages"))
    return STORED_SINGLY / elapsed


def work(environ: dict[str, str], ready: Barrier) -> None:
    """What a worker does until nothing waits."""
    here = installation.install(from_environment(environ))
    ready.wait()
    waiting = text("SELECT EXISTS (SELECT 1 FROM raw_notifications WHERE state = 'new')")
    while True:
        jobs.apply_waiting()
        with here.sessions() as session:
            if not session.scalar(waiting):
                return


def apply_all(bench: Scratch, workers: int) -> dict[str, float]:
    """Apply everything with `workers` processes: seconds, and the CPU seconds of each side."""
    server = int((bench.directory / "postgres/cluster/postmaster.pid").read_text().split()[0])
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(workers + 1)
    processes = [
        context.Process(target=work, args=({**os.environ, **bench.environ}, ready))
        for _ in range(workers)
    ]
    for process in processes:
        process.start()
    ready.wait()
    begin, before = time.perf_counter(), cpu_seconds(server)
    at_start = sum(cpu_seconds(process.pid or 0) for process in processes)
    used = 0.0
    while any(process.is_alive() for process in processes):
        used = max(used, sum(cpu_seconds(process.pid or 0) for process in processes) - at_start)
        time.sleep(0.1)
    return {
        "seconds": round(time.perf_counter() - begin, 2),
        "cpu_of_workers": round(used, 2),
        "cpu_of_postgres": round(cpu_seconds(server) - before, 2),
    }


FOUND = {
    "applied": "SELECT count(*) FROM raw_notifications WHERE state = 'applied'",
    "events": "SELECT count(*) FROM events",
    "counted": "SELECT sum(hits) FROM event_counts",
    "delivered": "SELECT count(*) FROM messages WHERE delivered_at IS NOT NULL",
    "bounced": "SELECT count(*) FROM messages WHERE state = 'bounced'",
    "complained": "SELECT count(*) FROM messages WHERE state = 'complained'",
    "suppressed": "SELECT count(*) FROM suppressions",
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    now = clock.now()
    bodies = notifications(options.messages, now, random.Random(7))
    with scratch() as bench:
        with transaction(bench.here.sessions) as session:
            for statement in MAKE.split(";"):
                values = {"count": options.messages} if ":count" in statement else {}
                session.execute(text(statement), values)
        stored = store(bench, bodies, now)
        if options.profile:
            profile = cProfile.Profile()
            begin = time.perf_counter()
            profile.runcall(jobs.apply_waiting)
            took = {"seconds": time.perf_counter() - begin}
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        else:
            took = apply_all(bench, options.workers)
        with bench.here.sessions() as session:
            found = {name: int(session.scalar(text(sql)) or 0) for name, sql in FOUND.items()}
        report(
            "events",
            messages=options.messages,
            notifications=len(bodies),
            workers=options.workers,
            stored_per_second_by_one_process=round(stored),
            applied_per_second=round(found["applied"] / took["seconds"]),
            # What two cores could apply if nobody else wanted them.
            applied_per_second_of_cpu=round(
                2 * found["applied"] / (took["cpu_of_workers"] + took["cpu_of_postgres"])
            )
            if "cpu_of_workers" in took
            else None,
            **took,
            body_bytes=round(sum(len(body) for _, body in bodies) / len(bodies)),
            found=found,
        )


if __name__ == "__main__":
    main()
