"""Servers of a benchmark's own, in a temporary directory, gone when it ends; and what it ran on."""

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from mailer import installation
from mailer.config import ROOT, from_environment
from mailer.installation import Installation
from mailer.stack import migrations
from mailer.stack.postgres import Postgres
from mailer.stack.valkey import Valkey


@dataclass
class Scratch:
    """An installation on servers of its own, and the environment that reaches it."""

    here: Installation
    environ: dict[str, str]
    directory: Path
    # Process ids by name, for what each used.
    parts: dict[str, int] = field(default_factory=dict)


@contextmanager
def scratch(**environ: str) -> Iterator[Scratch]:
    """PostgreSQL and Valkey in a temporary directory, migrated and installed in this process."""
    directory = Path(tempfile.mkdtemp(prefix="lupaposti-bench-"))
    postgres = Postgres(directory / "postgres", directory / "postgres.log")
    valkey = Valkey(directory / "valkey", directory / "valkey.log")
    try:
        environ = {
            "DATABASE_URL": postgres.start(),
            "REDIS_URL": valkey.start(),
            "PUBLIC_URL": "https://mail.lupaposti.example",
            "LUPAPOSTI_VAR": str(directory),
            **environ,
        }
        migrations.upgrade(environ["DATABASE_URL"])
        here = installation.install(from_environment(environ))
        servers = {"postgresql": postgres, "valkey": valkey}
        parts = {name: server.process.pid for name, server in servers.items() if server.process}
        yield Scratch(here, environ, directory, parts)
        here.engine.dispose()
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def counting_stand_in(directory: Path, *, latency_ms: int = 0) -> Iterator[tuple[str, int]]:
    """The stand-in as a process of its own that only counts; its URL and process id."""
    code = (
        "from pathlib import Path; from mailer.stand_in.server import serve; "
        f"serve(port=0, directory=Path({str(directory)!r}), webhook_url=None, "
        "topic_arn='arn:aws:sns:eu-north-1:000000000000:bench', rate=1e9, quota=10**9, "
        "verified_domains=['example'], count_only=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        port_file = directory / "port"
        for _ in range(200):
            if port_file.exists() and port_file.read_text().strip():
                break
            time.sleep(0.05)
        url = f"http://127.0.0.1:{port_file.read_text().strip()}"
        if latency_ms:
            post(f"{url}/_stand_in/faults", {"latency_ms": latency_ms})
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(10)


def post(url: str, body: dict[str, Any]) -> None:
    """POST JSON to a server on loopback."""
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request, timeout=10).read()


def get(url: str) -> Any:
    """JSON from a server on loopback."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def report(name: str, **figures: Any) -> None:
    """Print one JSON line: the figures, the machine and the versions."""
    print(
        json.dumps(
            {
                "bench": name,
                **figures,
                "cores": os.cpu_count(),
                "machine": platform.machine(),
                "python": platform.python_version(),
                "versions": {
                    name: metadata.version(name)
                    for name in ("sqlalchemy", "psycopg", "boto3", "flask", "granian")
                },
                "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        )
    )
