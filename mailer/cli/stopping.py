"""`mailer stop-all`: nothing more is handed to Amazon SES, by any worker on any machine."""

import click


@click.command("stop-all")
@click.option("--lift", is_flag=True, help="Let every campaign go on where it was.")
def stop_all(lift: bool) -> None:
    """Stop all sending at once, or lift the stop.

    Exit code 1 when there was nothing to do.
    """
    from mailer import clock, db
    from mailer.cli.connected import connected
    from mailer.sending import stops

    with connected() as here, db.transaction(here.sessions) as session:
        if lift:
            done = stops.lift(session, now=clock.now())
        else:
            done = stops.stop_all(session, reason="user", now=clock.now())
    click.echo(_SENTENCES[lift, done])
    if not done:
        raise click.exceptions.Exit(1)


_SENTENCES = {
    (False, True): "All sending is stopped. `mailer stop-all --lift` lets it go on.",
    (False, False): "All sending was stopped already.",
    (True, True): "Sending goes on.",
    (True, False): "Sending was not stopped.",
}
