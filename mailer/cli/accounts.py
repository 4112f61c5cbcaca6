"""`mailer setup-link`: the one-time link that makes the first administrator."""

import click


@click.command("setup-link")
def setup_link() -> None:
    """Print the one-time link that makes the first administrator.

    It works once, for 24 hours, and only while there is no user.
    """
    from mailer import clock
    from mailer.accounts.setup import is_set_up, issue_token
    from mailer.cli import end_with
    from mailer.cli.connected import connected
    from mailer.db import transaction

    with connected() as here:
        with transaction(here.sessions) as session:
            if is_set_up(session):
                end_with("There is a user already; an administrator can add others.", 2)
            token = issue_token(session, now=clock.now())
        click.echo(f"{here.settings.public_url}/setup/{token}")
