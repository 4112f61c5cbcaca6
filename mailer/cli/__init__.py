"""The console command `mailer`. Commands import what they need when they run, so help is quick."""

import importlib
from typing import Any, NoReturn

import click

from mailer.config import SettingsError
from mailer.stack.faults import StackError

# name -> where the command is
COMMANDS = {
    "api-token": "mailer.cli.api_tokens:api_token",
    "certificate": "mailer.cli.certificate:certificate",
    "contacts": "mailer.cli.contacts:contacts",
    "db": "mailer.cli.database:db",
    "demo": "mailer.cli.demo:demo",
    "events": "mailer.cli.events:events",
    "import": "mailer.cli.importing:import_file",
    "interactions": "mailer.cli.interactions:interactions",
    "notice": "mailer.cli.notice:notice",
    "reclassify": "mailer.cli.reclassify:reclassify",
    "roles": "mailer.cli.roles:roles",
    "ses-stand-in": "mailer.cli.processes:ses_stand_in",
    "setup-link": "mailer.cli.accounts:setup_link",
    "stop-all": "mailer.cli.stopping:stop_all",
    "suppressions": "mailer.cli.suppressions:suppressions",
    "uncertain": "mailer.cli.uncertain:uncertain",
    "up": "mailer.cli.up:up",
    "web": "mailer.cli.processes:web",
    "why": "mailer.cli.why:why",
    "worker": "mailer.cli.processes:worker",
}


def end_with(sentence: str, exit_code: int) -> NoReturn:
    """End the command with one sentence on standard error: no traceback for what is expected."""
    click.echo(sentence, err=True)
    raise click.exceptions.Exit(exit_code)


class Commands(click.Group):
    """Commands that are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what is expected to go wrong becomes a sentence and exit code 2."""
        try:
            return super().invoke(ctx)
        except StackError as error:
            end_with(str(error), error.exit_code)
        except SettingsError as error:
            end_with(str(error), StackError.exit_code)
        except Exception as error:
            sentence = _sentence(error)
            if sentence is None:
                raise
            end_with(sentence, StackError.exit_code)


def _sentence(error: Exception) -> str | None:
    from redis import ConnectionError as RedisAway
    from sqlalchemy.exc import OperationalError

    if isinstance(error, OperationalError):
        return "The database does not answer; is DATABASE_URL right, and is the server running?"
    if isinstance(error, RedisAway):
        return "Redis does not answer; is REDIS_URL right, and is the server running?"
    return None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lupaposti", prog_name="Lupaposti")
def cli() -> None:
    """Lupaposti: the manager of a B2B e-mail marketing register."""


def main() -> None:
    """Run the console command. Exit codes: mailer/stack/faults.py."""
    cli(prog_name="mailer")
