"""`mailer reclassify`: judge kept opens and clicks anew."""

import click


@click.command()
@click.option("--campaign", "campaign_id", type=click.IntRange(1, 2**63 - 1), metavar="ID")
def reclassify(campaign_id: int | None) -> None:
    """Judge opens and clicks by the rules of this version: of one campaign, or of all.

    The kept hits stay as they are; whether they count as a person's may change. Interrupted, it is
    gone on with by the workers.
    """
    from mailer import clock, db
    from mailer.cli.connected import connected
    from mailer.events import rejudging, rules

    with connected() as here:
        if campaign_id is not None:
            with db.transaction(here.sessions) as session:
                judged = rejudging.of_campaign(session, campaign_id)
        else:
            with db.transaction(here.sessions) as session:
                rejudging.begin(session, now=clock.now())
            judged = 0
            while True:
                with db.transaction(here.sessions) as session:
                    step = rejudging.go_on(session, now=clock.now())
                judged += step.judged if step else 0
                if step is None or step.done:
                    break
    click.echo(f"Judged the opens and clicks of {judged} messages by rule set {rules.RULESET}.")
