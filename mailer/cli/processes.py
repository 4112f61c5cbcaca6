"""Commands that become one process of the product each: for production, and for the supervisor."""

import os
import sys
from pathlib import Path
from typing import Literal

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True)
def web(host: str, port: int, workers: int) -> None:
    """Serve the screens, public pages, tracking and webhooks."""
    from mailer.config import from_environment
    from mailer.stack.supervisor import APPLICATION, web_command

    from_environment()  # a missing setting is named here, once
    command = web_command(APPLICATION, host=host, port=port, workers=workers)
    command.append("--respawn-failed-workers")  # under `mailer up` the supervisor does it
    os.execv(command[0], command)  # noqa: S606 - the web server takes the place of this process


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def worker(options: tuple[str, ...]) -> None:
    """Take jobs; all options of worker.py are understood."""
    from mailer.config import ROOT

    script = str(ROOT / "worker.py")
    os.execv(sys.executable, [sys.executable, script, *options])  # noqa: S606 - the same


@click.command("ses-stand-in")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8025, show_default=True)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("var/stand-in"),
    show_default=True,
    help="Where messages and the signing key are kept.",
)
@click.option("--webhook", default=None, help="URL that gets the signed notifications.")
@click.option("--queue", default=None, help="Name of an SQS queue that gets them instead.")
@click.option("--topic", default=None, help="ARN of the topic that signs them.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=1000, show_default=True)
@click.option("--quota", type=click.IntRange(0), default=1_000_000, show_default=True)
@click.option(
    "--verified-domain",
    "verified_domains",
    multiple=True,
    default=("example",),
    show_default=True,
    help="Senders below this domain are accepted; may be repeated.",
)
@click.option("--dialect", type=click.Choice(["event", "identity"]), default="event")
@click.option("--count-only", is_flag=True, help="Keep no messages, for benchmarks.")
def ses_stand_in(
    host: str,
    port: int,
    directory: Path,
    webhook: str | None,
    queue: str | None,
    topic: str | None,
    rate: float,
    quota: int,
    verified_domains: tuple[str, ...],
    dialect: Literal["event", "identity"],
    count_only: bool,
) -> None:
    """Play Amazon SES on this machine; every message can be read in the browser."""
    from mailer.stack.environment import STAND_IN_TOPIC
    from mailer.stack.faults import StackError
    from mailer.stack.process import make_private_directory, port_is_free
    from mailer.stand_in.errors import StandInError
    from mailer.stand_in.server import serve

    make_private_directory(directory)
    if port and not port_is_free(port):
        raise StackError(f"Port {port} of 127.0.0.1 is taken; choose another one with --port.")
    try:
        serve(
            host=host,
            port=port,
            directory=directory,
            webhook_url=webhook,
            queue=queue,
            topic_arn=topic or STAND_IN_TOPIC,
            rate=rate,
            quota=quota,
            verified_domains=verified_domains,
            count_only=count_only,
            dialect=dialect,
        )
    except StandInError as error:
        raise StackError(str(error)) from None
