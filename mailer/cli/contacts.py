"""`mailer contacts`: what the register owes the people in it, in numbers."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ID = click.IntRange(1, 2**63 - 1)
SHOWN = ("informed", "waiting", "soon", "overdue", "blocked")


@click.group()
def contacts() -> None:
    """The people of the register. Only numbers are shown, never names or addresses."""


@contacts.command()
@click.option("--due", is_flag=True, help="Say how many must still be informed, and by when.")
@click.option("--source", "source_id", type=ID, metavar="ID", help="Those of one source.")
@click.option("--way", help="How they were informed: letter, email, phone, in_person, has_it.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="On which day.  [default: today]")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as one line of JSON.")
def inform(
    *, due: bool, source_id: int | None, way: str | None, on: datetime | None, as_json: bool
) -> None:
    """Count those who must still be told where their data came from (GDPR 14), or, with --way and
    --source, write down that they have been."""
    from mailer.cli.connected import connected
    from mailer.db import transaction

    if due == (way is not None) or (way is not None and source_id is None):
        raise click.UsageError("Give --due to count, or --way and --source to write it down.")
    with connected() as here, transaction(here.sessions) as session:
        result: dict[str, Any] = {}
        if way is not None and source_id is not None:
            result["informed"] = _record(session, source_id, way, on)
        result |= _numbers(session)
    if as_json:
        click.echo(json.dumps(result))
        return
    for name in SHOWN:
        if name in result:
            click.echo(f"{name:10} {result[name]}")
    for line in result["sources"]:
        click.echo(f"  source {line['source_id']}: {line['people']}")


def _record(session: "Session", source_id: int, way: str, on: datetime | None) -> int:
    from mailer import clock
    from mailer.contacts import informing

    now = clock.now()
    try:
        return informing.record(
            session,
            informing.Which(source_id=source_id),
            way=way,
            on=(on or now).date(),
            now=now,
            actor_id=None,
        )
    except ValueError:
        raise click.UsageError("The way is not known, or the day has not come yet.") from None


def _numbers(session: "Session") -> dict[str, Any]:
    from mailer import clock
    from mailer.contacts import informing

    now = clock.now()
    lines = [
        {"source_id": source.id, "people": people}
        for source, people in informing.sources(session, now=now)
    ]
    return {**asdict(informing.numbers(session, now=now)), "sources": lines}
