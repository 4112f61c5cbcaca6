"""`mailer uncertain`: messages of which nobody knows whether they left, and deciding them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from mailer.config import Settings
    from mailer.sending.proof import Margins

ID = click.IntRange(1, 2**63 - 1)
Decide = Callable[..., int]


@click.group()
def uncertain() -> None:
    """Messages handed to Amazon SES whose answer was lost, and what a person decides of them."""


@uncertain.command("list")
@click.option("--campaign", "campaign_id", type=ID, metavar="ID", help="Only this campaign.")
def show_list(campaign_id: int | None) -> None:
    """List what is open, by message id, with its age and cause. No addresses are shown."""
    from mailer import db, languages
    from mailer.cli.connected import connected
    from mailer.sending import uncertain as open_ones

    with (
        connected() as here,
        languages.in_language("en"),
        db.transaction(here.sessions) as session,
    ):
        for found in open_ones.campaigns(session):
            if campaign_id in (None, found.campaign.id):
                click.echo(
                    f"Campaign {found.campaign.id} ({found.campaign.state}): {found.number} open"
                )
                _list(session, found.campaign.id, _margins(here.settings))
        if not open_ones.campaigns(session):
            click.echo("Nothing is open.")


def _margins(settings: "Settings") -> "Margins":
    from mailer.sending.proof import Margins

    return Margins.of(
        lease_seconds=settings.claim_lease_seconds, settle_seconds=settings.settle_seconds
    )


def _list(session: "Session", campaign_id: int, margins: "Margins") -> None:
    from mailer import clock
    from mailer.languages import gettext
    from mailer.sending import proof
    from mailer.sending import uncertain as open_ones

    after, now = 0, clock.now()
    while found := open_ones.messages(
        session, margins=margins, now=now, campaign_id=campaign_id, after=after
    ):
        for each in found:
            age = int((now - each.claimed_at).total_seconds() // 60) if each.claimed_at else 0
            click.echo(
                f"  {each.message_id}  {age} min  {gettext(open_ones.CAUSES[each.cause])}"
                f" {gettext(proof.STANDINGS[each.standing])}"
            )
        after = found[-1].message_id


def _decision(name: str, word: str, explanation: str) -> click.Command:
    @click.command(name, help=explanation)
    @click.argument("ids", nargs=-1, type=ID, metavar="[MESSAGE_ID]...")
    @click.option("--campaign", "campaign_id", type=ID, metavar="ID", help="All of a campaign.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    def command(ids: tuple[int, ...], campaign_id: int | None, yes: bool) -> None:
        from mailer import clock, db
        from mailer.cli.connected import connected
        from mailer.sending import uncertain as open_ones

        if bool(ids) == (campaign_id is not None):
            raise click.UsageError("Name either messages or a campaign.")
        if not yes:
            click.confirm(explanation + " Go on?", abort=True)
        decide: Decide = getattr(open_ones, word)
        with connected() as here, db.transaction(here.sessions) as session:
            chosen: dict[int, list[int] | None] = (
                {campaign_id: None} if campaign_id else {**open_ones.by_campaign(session, ids)}
            )
            number = sum(
                decide(session, each, named, now=clock.now(), actor_id=None)
                for each, named in chosen.items()
            )
        click.echo(f"{number} decided.")
        if number < max(1, len(set(ids))):
            click.echo("The others were not open, or their campaign has ended.", err=True)
            raise click.exceptions.Exit(1)

    return command


uncertain.add_command(
    _decision(
        "treat-as-sent",
        "treat_as_sent",
        "Count the messages as sent. Whoever did not get one never gets it.",
    )
)
uncertain.add_command(
    _decision(
        "send-again",
        "send_again",
        "Send the messages again, through the gate. Whoever got one already gets it twice.",
    )
)
uncertain.add_command(
    _decision(
        "treat-as-not-sent",
        "treat_as_not_sent",
        "Count the messages as not sent, without sending them. Some may have arrived.",
    )
)
