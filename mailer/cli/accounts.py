"""`mailer setup-link`: the one-time link that makes the first administrator."""

import click


@click.command("setup-link")
def setup_link() -> None:
    """Print the one-time link that makes the first administrator.

    It works once, for 24 hours, and only while there is no user.
    """
    from mailer import clock, installation
    from mailer.accounts.setup import is_set_up, issue_token
    from mailer.cli import end_with
    from mailer.config import from_environment
    from mailer.db import transaction
    from mailer.stack.servers import borrowed

    with borrowed() as environ:
        here = installation.install(from_environment(environ))
        with transaction(here.sessions) as session:
            if is_set_up(session):
                end_with("There is a user already; an administrator can add others.", 2)
            token = issue_token(session, now=clock.now())
        click.echo(f"{here.settings.public_url}/setup/{token}")
