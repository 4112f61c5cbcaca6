"""Commands about the database schema."""

import click


@click.group()
def db() -> None:
    """Bring the database up to date, or see where it is."""


@db.command()
def upgrade() -> None:
    """Run all migrations that are missing."""
    from mailer.config import from_environment
    from mailer.stack import migrations, servers

    with servers.borrowed() as environ:
        url = from_environment(environ).database_url
        migrations.upgrade(url)
        click.echo(f"The database is at {migrations.current(url) or 'its beginning'}.")


@db.command()
def current() -> None:
    """Print the migration that the database is at, and whether it is the newest."""
    from mailer.config import from_environment
    from mailer.stack import migrations, servers

    with servers.borrowed() as environ:
        at = migrations.current(from_environment(environ).database_url)
    newest = migrations.head()
    click.echo(f"{at or 'none'}{' (newest)' if at == newest else f', newest is {newest}'}")
