"""`mailer events`: the counts of events made anew, and old months of events dropped."""

from datetime import UTC, datetime

import click


@click.group()
def events() -> None:
    """Counts of events, and their retention."""


@events.command()
@click.option("--campaign", type=click.IntRange(1, 2**63 - 1), help="One campaign's id only.")
def recount(campaign: int | None) -> None:
    """Count the events of campaigns anew from what is stored.

    Campaigns of which events were dropped keep the counts they have.
    """
    from sqlalchemy import select

    from mailer import db
    from mailer.campaigns.models import Campaign
    from mailer.cli.connected import connected
    from mailer.events import rollups

    counted = left = 0
    with connected() as here:
        with here.sessions() as session:
            wanted = select(Campaign.id).order_by(Campaign.id)
            if campaign is not None:
                wanted = wanted.where(Campaign.id == campaign)
            ids = list(session.scalars(wanted))
        # One at a time, because nothing can be added while one is counted.
        for campaign_id in ids:
            with db.transaction(here.sessions) as session:
                done = rollups.recount(session, [campaign_id])
            counted += len(done)
            left += 1 - len(done)
    click.echo(f"Counted anew: {counted}. Left as they are, for events were dropped: {left}.")
    if not ids:
        raise click.exceptions.Exit(1)


@events.command()
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), required=True, help="UTC.")
def drop(before: datetime) -> None:
    """Drop the months of events that ended before a day, for good. Reports keep their counts."""
    from mailer import clock, db
    from mailer.cli.connected import connected
    from mailer.events import partitions

    with connected() as here, db.transaction(here.sessions) as session:
        dropped = partitions.drop_before(
            session, before=before.replace(tzinfo=UTC), now=clock.now()
        )
    click.echo(f"Dropped: {', '.join(dropped) or 'no month'}.")
