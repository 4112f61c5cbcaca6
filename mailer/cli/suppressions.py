"""`mailer suppressions`: lists that come in, and our own list going out as codes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mailer.contacts.suppression_list import BY_HAND

if TYPE_CHECKING:
    from mailer.contacts.suppression_files import Listed


@click.group()
def suppressions() -> None:
    """Who is never mailed. Nothing is ever taken off the list here."""


@suppressions.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--reason",
    "kind",
    required=True,
    type=click.Choice(BY_HAND),
    help="Why, for addresses; domains and companies are bans, and codes bring their own reason.",
)
@click.option("--evidence", required=True, help="Where the list comes from, and when.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as one line of JSON.")
def import_list(file: Path, *, kind: str, evidence: str, as_json: bool) -> None:
    """Put everything in FILE on the list, known or not: addresses, mail domains, Business IDs
    (CSV, XLSX or a line each), or codes that another installation with the same key exported."""
    from mailer import clock
    from mailer.cli.connected import connected
    from mailer.contacts import suppression_files
    from mailer.db import transaction

    if not evidence.strip() or len(evidence) > 2000:
        raise click.UsageError("--evidence needs some words, at most 2000 characters.")
    if file.stat().st_size > suppression_files.MOST_BYTES:
        _end("too_large")
    with connected() as here, transaction(here.sessions) as session:
        try:
            listed = suppression_files.read(file.read_bytes())
        except suppression_files.ListError as error:
            _end(error.code)
        added = suppression_files.add(
            session, listed, kind, evidence=evidence.strip(), now=clock.now(), actor_id=None
        )
    _tell(listed, added, as_json=as_json)


def _tell(listed: "Listed", added: int, *, as_json: bool) -> None:
    from mailer.contacts.suppression_files import PROBLEMS

    result: dict[str, Any] = {
        "lines": listed.lines,
        "added": added,
        "on_the_list_already": len(listed.entries) - added,
        "passed_over": listed.passed_over,
        **listed.numbers(),
    }
    if as_json:
        problems = [
            {"line": each.line, "value": each.shown, "code": each.code} for each in listed.problems
        ]
        click.echo(json.dumps({**result, "problems": problems}, ensure_ascii=False))
        return
    for name, number in result.items():
        click.echo(f"{name.replace('_', ' '):20} {number}")
    for each in listed.problems:
        click.echo(f"  line {each.line}: {each.shown} {PROBLEMS[each.code]}")


@suppressions.command()
@click.option("--hashed", is_flag=True, help="As codes: addresses are not stored, so needed.")
@click.option("--output", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def export(*, hashed: bool, output: Path | None) -> None:
    """Write the list in force as CSV, to standard output or a file."""
    from mailer import audit, clock
    from mailer.cli.connected import connected
    from mailer.contacts import suppression_files
    from mailer.db import transaction

    if not hashed:
        raise click.UsageError("Addresses are not stored, only codes of them: give --hashed.")
    with connected() as here, transaction(here.sessions) as session:
        audit.record(session, "suppressions.exported", "suppression", None, now=clock.now())
        lines = suppression_files.export(session)
        if output is None:
            for line in lines:
                click.echo(line, nl=False)
        else:
            with output.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)


@suppressions.command()
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as one line of JSON.")
def sync(*, as_json: bool) -> None:
    """Read Amazon SES's account-level list into ours now. Nothing is ever deleted at Amazon."""
    from dataclasses import asdict

    from mailer import clock
    from mailer.cli import end_with
    from mailer.cli.connected import connected
    from mailer.contacts import suppression_sync
    from mailer.stack.faults import EXPECTED

    with connected() as here:
        outcome = suppression_sync.sync(here.sessions, here.settings, now=clock.now())
    if as_json:
        click.echo(json.dumps(asdict(outcome)))
    else:
        for name in ("read", "added", "handed_over"):
            click.echo(f"{name.replace('_', ' '):20} {getattr(outcome, name)}")
    if outcome.failure:
        end_with(f"Amazon SES did not answer as it should: {outcome.failure}.", EXPECTED)


def _end(code: str) -> NoReturn:
    from mailer.cli import end_with
    from mailer.contacts.suppression_files import PROBLEMS
    from mailer.stack.faults import EXPECTED

    end_with(PROBLEMS[code], EXPECTED)
