"""`mailer up`: the whole product on this machine."""

import signal
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from mailer.stack.supervisor import Stack


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Else the first free one from 8000.")
@click.option("--workers", type=click.IntRange(1, 32), default=2, show_default=True)
def up(port: int | None, workers: int) -> None:
    """Start everything, and stay until Ctrl-C.

    Starts a private PostgreSQL and Valkey under var/ where DATABASE_URL and REDIS_URL are not set,
    and a stand-in for Amazon SES where no credentials are.
    """
    from mailer.stack.supervisor import Stack

    stop_by_term_too()
    click.echo("Starting …")
    try:
        with Stack(port=port, workers=workers, echo=click.echo) as stack:
            _tell(stack)
            stack.wait()
    except KeyboardInterrupt:
        click.echo("Stopped.")


def stop_by_term_too() -> None:
    """Let TERM and a closed terminal end the command as Ctrl-C does: in order."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        # Once is enough: a second one would interrupt the closing.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def _tell(stack: "Stack") -> None:
    click.echo(f"\nLupaposti        {stack.public_url}")
    if stack.stand_in_url is not None:
        click.echo(f"Sent messages    {stack.stand_in_url}")
    link = setup_link(stack)
    if link is not None:
        click.echo(f"Open this once to make the first administrator:\n                 {link}")
    click.echo("Stop with Ctrl-C.\n")


def setup_link(stack: "Stack") -> str | None:
    """The one-time link that makes the first administrator; None when there is a user."""
    from mailer import clock, db
    from mailer.accounts.setup import is_set_up, issue_token

    engine = db.make_engine(stack.settings.database_url, pool_size=1)
    try:
        with db.transaction(db.make_sessions(engine)) as session:
            if is_set_up(session):
                return None
            return f"{stack.public_url}/setup/{issue_token(session, now=clock.now())}"
    finally:
        engine.dispose()
