"""The command that imports a file of dealings: notes, calls, offers, orders, invoices, visits."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailer.notice.vocabulary import BASES, SOURCE_KINDS

if TYPE_CHECKING:
    from mailer.contacts.interaction_reading import Result

_SHOWN = 20


@click.group()
def interactions() -> None:
    """What is noted about dealings with people and companies."""


@interactions.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="Name of where the dealings came from.")
@click.option("--source-kind", required=True, type=click.Choice(sorted(SOURCE_KINDS)))
@click.option(
    "--basis", type=click.Choice(sorted(BASES)), default="legitimate_interest", show_default=True
)
@click.option("--dry-run", is_flag=True, help="Check everything and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of it as JSON.")
def import_file(
    file: Path, *, source: str, source_kind: str, basis: str, dry_run: bool, as_json: bool
) -> None:
    """Import dealings from a CSV or XLSX file with a heading row.

    Columns: e-mail or Business ID, kind, date, title, text, amount, currency, reference, financial
    year, external ID; page and seconds for visits to a web site; event, page and seconds for what
    happened to an offer document of that external ID. Nobody is added to the register.
    """
    from mailer import clock
    from mailer.cli import end_with
    from mailer.cli.connected import connected
    from mailer.contacts import interaction_importing as importing
    from mailer.stack.faults import EXPECTED

    with connected() as here, here.sessions() as session, session.begin() as transaction:
        try:
            result = importing.run(
                session,
                _content(file),
                source_name=source,
                source_kind=source_kind,
                basis=basis,
                now=clock.now(),
            )
        except importing.RefusedError as error:
            end_with(importing.REFUSALS[error.code], EXPECTED)
        if dry_run:
            transaction.rollback()
    told = _told(result, dry_run=dry_run)
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else _table(told))


def _content(file: Path) -> bytes:
    from mailer.contacts.csv_file import MAX_BYTES
    from mailer.contacts.interaction_importing import RefusedError

    if file.stat().st_size > MAX_BYTES:
        raise RefusedError("too_large")
    return file.read_bytes()


def _told(result: "Result", *, dry_run: bool) -> dict[str, Any]:
    from mailer.contacts.interaction_rows import PROBLEMS

    return {
        "dry_run": dry_run,
        "rows": result.rows,
        "new": result.new,
        "unchanged": result.unchanged,
        "rejected": len(result.problems),
        "codes": result.codes,
        "dropped_columns": [[dropped.heading, dropped.reason] for dropped in result.dropped],
        "problems": [
            {
                "row": problem.row,
                "column": problem.column,
                "code": problem.code,
                "sentence": PROBLEMS[problem.code],
            }
            for problem in result.problems
        ],
    }


def _table(told: dict[str, Any]) -> str:
    """The numbers as lines for a person to read."""
    from mailer.contacts.columns import DROPPED

    lines = [f"{name:12} {told[name]}" for name in ("rows", "new", "unchanged", "rejected")]
    for problem in told["problems"][:_SHOWN]:
        where = f"row {problem['row']}" + (f", {problem['column']}" if problem["column"] else "")
        lines.append(f"  {where}: {problem['sentence']}")
    if len(told["problems"]) > _SHOWN:
        lines.append(f"  … and {len(told['problems']) - _SHOWN} more; --json names them all")
    lines += [f"not imported: {name} ({DROPPED[why]})" for name, why in told["dropped_columns"]]
    if told["dry_run"]:
        lines.append("Nothing was changed: this was a dry run.")
    return "\n".join(lines)
