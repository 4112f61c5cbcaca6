"""`mailer api-token`: tokens for other systems, made, listed and ended by the operator."""

import click


@click.group("api-token")
def api_token() -> None:
    """Make, list and revoke tokens of the API."""


@api_token.command("create")
@click.option("--user", "user_name", required=True, help="User name in whose name it acts.")
@click.option("--name", required=True, help="The system that will use it.")
@click.option("--scope", "scopes", required=True, multiple=True, help="May be repeated.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366))
def create(user_name: str, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a token and print its secret, which cannot be shown again.

    It may never do more than its user may at that moment.
    """
    from sqlalchemy import select

    from mailer import clock, db
    from mailer.accounts import api_tokens, names
    from mailer.accounts.models import User
    from mailer.accounts.sign_in import is_open
    from mailer.cli import end_with
    from mailer.cli.connected import connected

    now, wanted = clock.now(), api_tokens.Wanted(name, scopes, days)
    unknown = [scope for scope in scopes if scope not in api_tokens.SCOPES]
    if unknown:
        end_with(f"There is no scope {unknown[0]}. Scopes: {', '.join(api_tokens.SCOPES)}.", 2)
    with connected() as here, db.transaction(here.sessions) as session:
        user = session.scalar(
            select(User).where(User.user_name == names.normal_user_name(user_name))
        )
        if user is None or not is_open(user, now):
            end_with("There is no such user, or the account is closed.", 1)
        problems = api_tokens.problems(wanted, user)
        if problems:
            end_with(next(iter(problems.values())), 1)
        token, secret = api_tokens.create(session, wanted, user=user, now=now, actor_id=None)
        number, until = token.id, token.expires_at
    # The secret alone on standard output, so that it can be piped to where it belongs.
    click.echo(f"Token {number}, valid until {until.date().isoformat()}.", err=True)
    click.echo(secret)


@api_token.command("list")
def list_tokens() -> None:
    """Print every token with what it may and whether it works; never its secret."""
    from mailer import clock, db
    from mailer.accounts import api_tokens, undertaking
    from mailer.cli.connected import connected
    from mailer.notice import switches

    now = clock.now()
    with connected() as here, db.transaction(here.sessions) as session:
        notice = switches.in_force(session, now)
        version = max(notice.undertaking_version if notice else 1, undertaking.VERSION)
        for token, user in api_tokens.listed(session):
            why = api_tokens.why_dead(token, user, undertaking_version=version, now=now)
            used = token.last_used_at.date().isoformat() if token.last_used_at else "never used"
            click.echo(
                f"{token.id}\t{why or 'in force'}\t{token.name}\t{user.user_name}"
                f"\t{','.join(token.scopes)}\t{token.expires_at.date().isoformat()}\t{used}"
            )


@api_token.command("revoke")
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
def revoke(number: int) -> None:
    """End token NUMBER for good. Exit code 1 when there is none in force."""
    from mailer import clock, db
    from mailer.accounts import api_tokens
    from mailer.cli import end_with
    from mailer.cli.connected import connected

    with connected() as here, db.transaction(here.sessions) as session:
        if not api_tokens.revoke(session, number, now=clock.now(), actor_id=None):
            end_with(f"There is no token {number}, or it was revoked already.", 1)
    click.echo(f"Token {number} is revoked.")
