"""`mailer notice`: write, check and publish the privacy notice, which is the configuration."""

import json
import tomllib
from datetime import date, time
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mailer.notice.gaps import Gap

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def notice() -> None:
    """The privacy notice: what it does not declare is switched off."""


@notice.command()
def template() -> None:
    """Print a complete notice of an invented company, to be changed and published."""
    from mailer.notice import profiles

    click.echo((profiles.FOLDER / "example.toml").read_text(encoding="utf-8"), nl=False)


@notice.command()
@FILE
@click.option("--json", "as_json", is_flag=True, help="Print what is missing as JSON.")
def check(file: Path, *, as_json: bool) -> None:
    """Say what a notice lacks before it can be published. Exit code 1 when something is missing."""
    missing = _gaps(_content(file))
    if as_json:
        _print_json({"complete": not missing, "missing": _told(missing)})
    else:
        _print_gaps(missing)
    if missing:
        raise click.exceptions.Exit(1)
    if not as_json:
        click.echo("Nothing is missing.")


@notice.command()
@FILE
def publish(file: Path) -> None:
    """Publish a notice as the next version, in force at once."""
    content = _content(file)
    missing = _gaps(content)
    if missing:
        click.echo("Not published.", err=True)
        _print_gaps(missing)
        raise click.exceptions.Exit(1)
    _publish(content)


@notice.command()
@click.argument("name")
@click.option(
    "--set", "values", multiple=True, metavar="PATH=VALUE", help="Give what the profile lacks."
)
@click.option("--publish", "wanted", is_flag=True, help="Put it in force when nothing is missing.")
def load(name: str, values: tuple[str, ...], *, wanted: bool) -> None:
    """Take a ready profile, say what it lacks, and publish it when it is complete.

    Nothing is guessed: each missing thing is printed with the --set that gives it. Exit code 1
    while something is missing.
    """
    from mailer.cli import end_with
    from mailer.notice import profiles

    try:
        content = profiles.load(name)
    except KeyError:
        known = ", ".join(profiles.names())
        end_with(f"There is no such profile. These are ready: {known}.", 2)
    _give(content, values)
    missing = _gaps(content)
    if missing:
        click.echo(f"The profile {name} lacks this before it can be published:")
        _print_gaps(missing)
        raise click.exceptions.Exit(1)
    if wanted:
        _publish(content)
    else:
        click.echo("Nothing is missing. Add --publish to put it in force.")


@notice.command()
@click.option("--json", "as_json", is_flag=True, help="Print the whole content as JSON.")
def show(*, as_json: bool) -> None:
    """Print the notice in force. Exit code 1 when none is."""
    from mailer import clock
    from mailer.cli import end_with
    from mailer.cli.connected import connected
    from mailer.notice import switches

    with connected() as here, here.sessions() as session:
        version = switches.version_in_force(session, clock.now())
        if version is None or version.effective_from is None:
            end_with("No privacy notice is in force.", 1)
        content, number, since = version.content, version.number, version.effective_from
    if as_json:
        _print_json({"version": number, "in_force_since": since.isoformat(), "content": content})
    else:
        click.echo(f"Version {number}, in force since {since.date().isoformat()}.")
        for line in _lines(content):
            click.echo(line)


def _lines(content: dict[str, Any], path: str = "") -> list[str]:
    lines = []
    for key, value in content.items():
        if isinstance(value, dict):
            lines += _lines(value, f"{path}{key}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for entry in value:
                lines += _lines(
                    {each: entry[each] for each in entry if each != "key"},
                    f"{path}{key}.{entry.get('key')}.",
                )
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            lines.append(f"{path}{key} = {shown}")
    return lines


def _give(content: dict[str, Any], values: tuple[str, ...]) -> None:
    from mailer.cli import end_with
    from mailer.notice.gaps import PLACEHOLDERS
    from mailer.notice.parsing import NoticeError
    from mailer.notice.paths import assign

    for value in values:
        path, equals, given = value.partition("=")
        if not equals:
            end_with("--set needs a place and a value: --set PATH=VALUE.", 2)
        if given.strip() in PLACEHOLDERS:
            end_with(f"Not set: {path[:200]}: write your own instead of {given.strip()}.", 2)
        try:
            assign(content, path.strip(), given)
        except NoticeError as error:
            end_with(f"Not set: {error}.", 2)


def _gaps(content: dict[str, Any]) -> "list[Gap]":
    """What the content lacks; ends the command when it is no notice at all."""
    from mailer.cli import end_with
    from mailer.notice.gaps import gaps
    from mailer.notice.parsing import NoticeError, parse
    from mailer.notice.paths import unknown
    from mailer.roles.taxonomy import FUNCTIONS

    misspelt = unknown(content)
    if misspelt:
        end_with(f"This is not a notice: {misspelt[0][:200]}: no notice has such a place.", 2)
    try:
        read = parse(content)
    except NoticeError as error:
        end_with(f"This is not a notice: {error}.", 2)
    strange = sorted(read.offering - set(FUNCTIONS))
    if strange:
        end_with(
            f"This is not a notice: offering: unknown {strange[0][:100]}; known work duties are"
            f" {', '.join(FUNCTIONS)}.",
            2,
        )
    return gaps(read)


def _told(missing: "list[Gap]") -> list[dict[str, str]]:
    from mailer.languages import in_language

    with in_language("en"):
        return [
            {"key": gap.key, "path": gap.path, "sentence": str(gap), "set": gap.option}
            for gap in missing
        ]


def _print_gaps(missing: "list[Gap]") -> None:
    for gap in _told(missing):
        click.echo(f"{gap['sentence']}  {gap['set']}")


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _publish(content: dict[str, Any]) -> None:
    from mailer import clock
    from mailer.cli.connected import connected
    from mailer.db import transaction
    from mailer.notice import switches

    with connected() as here, transaction(here.sessions) as session:
        number = switches.publish(session, content, now=clock.now()).number
    click.echo(f"Published as version {number}; it is in force now.")


def _content(file: Path) -> dict[str, Any]:
    from mailer.cli import end_with

    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        end_with(f"{file} is not readable as TOML in UTF-8: {error}", 2)
    return {key: _stored(value) for key, value in read.items()}


def _stored(value: Any) -> Any:
    """As JSON keeps it: TOML knows moments and endless numbers too."""
    if isinstance(value, dict):
        return {key: _stored(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_stored(inner) for inner in value]
    endless = isinstance(value, float) and not isfinite(value)
    return str(value) if endless or isinstance(value, date | time) else value
