"""Alembic from code: the same configuration for the command line, the stack and the tests."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from mailer.config import ROOT
from mailer.db import make_engine


def configuration(url: str) -> Config:
    """Alembic's configuration from pyproject.toml, aimed at one database."""
    return Config(toml_file=ROOT / "pyproject.toml", attributes={"url": url})


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to a revision. Safe to run from several processes at once."""
    command.upgrade(configuration(url), revision)


def current(url: str) -> str | None:
    """The revision that the database is at; None for a new one."""
    engine = make_engine(url, pool_size=1)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def head() -> str | None:
    """The newest revision there is."""
    return ScriptDirectory.from_config(configuration("")).get_current_head()
