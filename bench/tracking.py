"""How many opens and clicks a second are answered, and whether each is kept: one JSON line.

    python -m bench.tracking [--messages N] [--seconds S] [--connections C]

granian with two workers on loopback, kept connections, every request with a token of its own
message; then the job that moves the hits to PostgreSQL, and a count of what arrived. The client
shares the cores with the server.
"""

import argparse
import itertools
import os
import select
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from bench.cpu import used_by
from bench.scratch import Scratch, report, scratch
from mailer import clock
from mailer.config import ROOT
from mailer.db import transaction
from mailer.events import jobs
from mailer.notice import profiles, switches
from mailer.stack.supervisor import APPLICATION, web_command
from mailer.tokens import Purpose, Recipient, Signer

LINKS = 5
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36"
)

MAKE = """
INSERT INTO sources (kind, name, dated, basis, created_at)
    VALUES ('form', 'bench', now(), '', now());
INSERT INTO contacts (email, address_key, domain_key, countries, source_id, collected_at,
    created_at, updated_at)
    SELECT 'n' || i || '@yritys.example', decode(md5('a' || i), 'hex'), decode(md5('d'), 'hex'),
        '{FI}', 1, now(), now(), now() FROM generate_series(1, :count) AS i;
INSERT INTO campaigns (name, created_at, updated_at) VALUES ('bench', now(), now());
INSERT INTO links (campaign_id, language, position, url)
    SELECT 1, 'fi', i, 'https://yritys.example/' || i FROM generate_series(1, 5) AS i;
INSERT INTO messages (campaign_id, contact_id, state, created_at, sent_at, delivered_at)
    SELECT 1, id, 'delivered', now(), now(), now() - interval '1 hour' FROM contacts ORDER BY id
"""


def make_messages(bench: Scratch, count: int) -> tuple[list[bytes], list[bytes]]:
    """A campaign of `count` delivered messages; the requests for their pixels and links."""
    with transaction(bench.here.sessions) as session:
        switches.publish(session, profiles.load("example"), now=clock.now())
        for statement in MAKE.split(";"):
            session.execute(text(statement), {"count": count} if ":count" in statement else {})
        ids = session.execute(
            text("SELECT m.id, c.address_key FROM messages m JOIN contacts c ON c.id = contact_id")
        ).all()
    signer = Signer(bench.here.settings.secret_key)
    opens, clicks = [], []
    for index, (message_id, key) in enumerate(ids):
        recipient = Recipient(message_id, key)
        opens.append(_request(f"/o/{signer.make(Purpose.OPEN, recipient)}.gif"))
        token = signer.make(Purpose.CLICK, recipient)
        clicks.append(_request(f"/c/{token}/{index % LINKS + 1}"))
    return opens, clicks


def _request(path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {AGENT}\r\n"
        "Accept-Language: fi\r\nSec-Fetch-Mode: navigate\r\n\r\n"
    ).encode()


@contextmanager
def server(bench: Scratch, port: int) -> Iterator[int]:
    """The web server as in production, two workers; its process id."""
    process = subprocess.Popen(
        web_command(APPLICATION, host="127.0.0.1", port=port, workers=2),
        cwd=ROOT,
        env={**os.environ, **bench.environ},
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the web server did not come up") from None
                time.sleep(0.1)
        time.sleep(2)  # the second worker
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def load(
    port: int, requests: list[bytes], *, connections: int, seconds: float, expect: bytes
) -> dict[str, float]:
    """Keep every connection busy; answers a second and their times in milliseconds.

    On bare descriptors, because the client's share of the cores is taken from the server's.
    """
    poll = select.epoll()
    supply = itertools.cycle(requests)
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    started = [0.0] * (max(each.fileno() for each in sockets) + 1)
    clock = time.perf_counter
    for each in sockets:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(each.fileno(), select.EPOLLIN)
        started[each.fileno()] = clock()
        each.sendall(next(supply))
    times: list[float] = []
    wrong, busy = 0, connections
    begin = clock()
    end = begin + seconds
    while busy:
        for descriptor, _ in poll.poll(1):
            answer = os.read(descriptor, 4096)
            moment = clock()
            times.append(moment - started[descriptor])
            wrong += not answer.startswith(expect)
            if moment < end:
                started[descriptor] = moment
                os.write(descriptor, next(supply))
            else:
                poll.unregister(descriptor)
                busy -= 1
    elapsed = clock() - begin
    for each in sockets:
        each.close()
    times.sort()
    return {
        "answered": len(times),
        "per_second": round(len(times) / elapsed),
        "median_ms": round(statistics.median(times) * 1000, 2),
        "p99_ms": round(times[int(len(times) * 0.99)] * 1000, 2),
        "wrong": wrong,
    }


def measured(parts: dict[str, int], *args: Any, **named: Any) -> dict[str, float]:
    """`load`, and the microseconds of CPU that each part spent on an answer."""
    own = time.process_time()
    with used_by(parts) as used:
        found = load(*args, **named)
    used["client"] = time.process_time() - own
    return found | {
        f"cpu_us_{name}": round(seconds / found["answered"] * 1e6) for name, seconds in used.items()
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    with scratch() as bench:
        opens, clicks = make_messages(bench, options.messages)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        how = {"connections": options.connections, "seconds": options.seconds}
        with server(bench, port) as process:
            parts = {
                "web": process,
                "redis": int(bench.here.redis.info("server")["process_id"]),
            }
            load(port, opens[:100], connections=8, seconds=1, expect=b"HTTP/1.1 200")
            bench.here.redis.flushall()
            opened = measured(parts, port, opens, expect=b"HTTP/1.1 200", **how)
            clicked = measured(parts, port, clicks, expect=b"HTTP/1.1 302", **how)
        answered = opened["answered"] + clicked["answered"]
        begin = time.perf_counter()
        while bench.here.redis.xlen("lupaposti:hits"):
            jobs.apply_tracking()
        elapsed = time.perf_counter() - begin
        with bench.here.sessions() as session:
            kept = session.scalar(text("SELECT count(*) FROM events")) or 0
        report(
            "tracking",
            opens=opened,
            clicks=clicked,
            kept_per_second=round(answered / elapsed),
            lost=round(answered - kept),
            **how,
        )


if __name__ == "__main__":
    main()
