"""The command that imports a file of contacts, without a web browser or a worker."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from mailer.contacts.merging import RULES
from mailer.languages import LANGUAGES
from mailer.notice.vocabulary import BASES, SOURCE_KINDS


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="Name of where the contacts came from.")
@click.option("--source-kind", required=True, type=click.Choice(sorted(SOURCE_KINDS)))
@click.option("--basis", required=True, type=click.Choice(sorted(BASES)))
@click.option(
    "--dated", type=click.DateTime(["%Y-%m-%d"]), help="Date of the data.  [default: today]"
)
@click.option("--country", default="FI", show_default=True, help="Of companies that tell none.")
@click.option("--language", type=click.Choice(LANGUAGES), default="fi", show_default=True)
@click.option("--rule", type=click.Choice(list(RULES)), default="if_empty", show_default=True)
@click.option("--url", help="Page the data was taken from (public_web).")
@click.option(
    "--assurance", help="The supplier's assurance that the data is lawful (third parties)."
)
@click.option("--assured", type=click.DateTime(["%Y-%m-%d"]), help="Date of the assurance.")
@click.option("--dry-run", is_flag=True, help="Check everything and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as one line of JSON.")
def import_file(
    file: Path, *, dated: datetime | None, dry_run: bool, as_json: bool, **choices: Any
) -> None:
    """Import a CSV file of contacts; each row is created, updated, left as it is, or refused."""
    from mailer import clock
    from mailer.cli.connected import connected
    from mailer.contacts.csv_file import FileError
    from mailer.contacts.import_refusals import REFUSALS, ImportRefusedError

    with connected() as here:
        now = clock.now()
        try:
            result = _run(here.sessions, file, dated or now, {**choices, "dry_run": dry_run})
        except (FileError, ImportRefusedError) as error:
            _end(REFUSALS[error.code])
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else _table(result))


def _run(sessions: Any, file: Path, dated: datetime, choices: dict[str, Any]) -> dict[str, Any]:
    from mailer import clock
    from mailer.contacts import importing
    from mailer.contacts.columns import TARGETS
    from mailer.contacts.csv_file import MAX_BYTES, FileError
    from mailer.contacts.import_runs import take_steps
    from mailer.contacts.models import Import
    from mailer.db import transaction

    if file.stat().st_size > MAX_BYTES:
        raise FileError("too_large")
    assured: datetime | None = choices["assured"]
    country = str(choices["country"]).strip().upper()
    with transaction(sessions) as session:
        entry = importing.upload(session, file.name, file.read_bytes(), now=clock.now())
        importing.name_source(
            session,
            entry,
            importing.SourceFacts(
                kind=choices["source_kind"],
                name=choices["source"],
                dated=dated.date(),
                basis=choices["basis"],
                url=choices["url"],
                assurance=choices["assurance"],
                assured_at=assured.date() if assured else None,
            ),
            now=clock.now(),
        )
        importing.choose(
            session,
            entry,
            importing.Choices(
                rules=dict.fromkeys(TARGETS, choices["rule"]),
                default_country=country or None,
                default_language=choices["language"],
            ),
            now=clock.now(),
        )
        importing.start(
            session, entry, dry_run=choices["dry_run"], now=clock.now(), by_worker=False
        )
        import_id = entry.id
    take_steps(sessions, import_id)
    with transaction(sessions) as session:
        entry = session.get_one(Import, import_id)
        return {
            "import_id": entry.id,
            "state": entry.state,
            "rows": entry.rows,
            **entry.counts.get("numbers", {}),
            "codes": entry.counts.get("codes", {}),
            "dropped_columns": entry.counts.get("dropped", []),
        }


def _table(result: dict[str, Any]) -> str:
    """The numbers as lines for a person to read."""
    from mailer.contacts.columns import DROPPED
    from mailer.contacts.problems import CODES

    plain = {name: value for name, value in result.items() if isinstance(value, int | str)}
    lines = [f"{name.replace('_', ' '):24} {value}" for name, value in plain.items()]
    codes = sorted(result["codes"].items(), key=lambda item: -item[1])
    lines += [f"  {count:8} {code}: {CODES.get(code, '')}" for code, count in codes]
    lines += [f"not imported: {name} ({DROPPED[why]})" for name, why in result["dropped_columns"]]
    return "\n".join(lines)


def _end(sentence: str) -> NoReturn:
    from mailer.cli import end_with
    from mailer.stack.faults import EXPECTED

    end_with(sentence, EXPECTED)
