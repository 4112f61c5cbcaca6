"""The whole product as `mailer up` runs it, and the recipients' side of the stand-in."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from mailer.cli.demo import OVERRIDES
from mailer.config import ROOT
from mailer.installation import Installation, install
from mailer.stack.environment import AWS_CREDENTIALS
from mailer.stack.process import any_free_port
from mailer.stack.supervisor import Stack
from tests.e2e.watch import PROBLEMS

NOTHING_GIVEN = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "SES_ENDPOINT_URL", *AWS_CREDENTIALS)


class Product:
    """A running stack with the database behind it and the mailbox beside it."""

    def __init__(self, stack: Stack, here: Installation) -> None:
        self.url = stack.public_url
        self.stand_in_url = str(stack.stand_in_url)
        self.sessions = here.sessions
        self.here = here
        self._var = stack.var

    @property
    def problems(self) -> list[str]:
        """What was wrong with the documents it gave out, to browsers and to everybody else."""
        file = self._var / PROBLEMS
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def command(self, *words: str) -> str:
        """What a `mailer` command prints in another terminal beside the running product."""
        given = {name: value for name, value in os.environ.items() if name not in NOTHING_GIVEN}
        done = subprocess.run(
            [sys.executable, "-m", "mailer.cli", *words],
            cwd=ROOT,
            env=given | {"LUPAPOSTI_VAR": str(self._var)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.strip()

    def behave(self, behaviours: dict[str, str]) -> None:
        """Make addresses bounce, complain and so on."""
        self._ask("behaviours", json.dumps(behaviours).encode())

    def counts(self) -> dict[str, Any]:
        """What the stand-in was handed."""
        counts: dict[str, Any] = self._ask("counts")
        return counts

    def mails_to(self, address: str) -> list[dict[str, Any]]:
        """Messages to an address, newest first."""
        mails: list[dict[str, Any]] = self._ask("messages?" + urlencode({"address": address}))[
            "messages"
        ]
        return mails

    def mail(self, message_id: str) -> dict[str, Any]:
        """One message with its bodies and headers."""
        mail: dict[str, Any] = self._ask(f"messages/{message_id}")
        return mail

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        url = f"{self.stand_in_url}/_stand_in/{path}"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)


@contextmanager
def running_product() -> Iterator[Product]:
    """A product of its own: new servers, an empty register, nobody signed up."""
    var = Path(tempfile.mkdtemp(prefix="lp-"))
    overrides = {**dict.fromkeys(NOTHING_GIVEN, ""), **OVERRIDES, "LUPAPOSTI_VAR": str(var)}
    try:
        with Stack(
            overrides,
            port=any_free_port(),
            stand_in_port=any_free_port(),
            application="tests.e2e.watch:create_app",
        ) as stack:
            here = install(stack.settings)
            try:
                yield Product(stack, here)
            finally:
                here.engine.dispose()
                here.redis.close()
    finally:
        shutil.rmtree(var, ignore_errors=True)
