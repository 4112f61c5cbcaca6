"""`mailer notice`: write, check and publish the privacy notice, which is the configuration."""

import tomllib
from pathlib import Path
from typing import Any

import click


@click.group()
def notice() -> None:
    """The privacy notice: what it does not declare is switched off."""


@notice.command()
def template() -> None:
    """Print a complete notice of an invented company, to be changed and published."""
    from mailer.notice import profiles

    click.echo((profiles.FOLDER / "example.toml").read_text(encoding="utf-8"), nl=False)


@notice.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path) -> None:
    """Say what a notice lacks before it can be published. Exit code 1 when something is missing."""
    from mailer.languages import gettext, in_language
    from mailer.notice.schema import GAPS, gaps

    missing = gaps(_parsed(_content(file)))
    with in_language("en"):
        for gap in missing:
            click.echo(gettext(GAPS[gap]))
    if missing:
        raise click.exceptions.Exit(1)
    click.echo("Nothing is missing.")


@notice.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def publish(file: Path) -> None:
    """Publish a notice as the next version, in force at once."""
    from mailer import clock
    from mailer.cli import end_with
    from mailer.cli.connected import connected
    from mailer.db import transaction
    from mailer.languages import gettext, in_language
    from mailer.notice import switches
    from mailer.notice.schema import GAPS

    content = _content(file)
    _parsed(content)
    with connected() as here:
        try:
            with transaction(here.sessions) as session:
                version = switches.publish(session, content, now=clock.now())
                number = version.number
        except switches.NoticeGapsError as error:
            with in_language("en"):
                sentences = " ".join(gettext(GAPS[gap]) for gap in error.gaps)
            end_with(f"Not published. {sentences}", 1)
    click.echo(f"Published as version {number}; it is in force now.")


def _content(file: Path) -> dict[str, Any]:
    from mailer.cli import end_with

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        end_with(f"{file} is not readable as TOML in UTF-8: {error}", 2)


def _parsed(content: dict[str, Any]) -> Any:
    from mailer.cli import end_with
    from mailer.notice.schema import NoticeError, parse

    try:
        return parse(content)
    except (NoticeError, TypeError, ValueError) as error:
        end_with(f"This is not a notice: {error}", 2)
