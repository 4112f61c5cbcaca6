"""`mailer demo`: the whole product with an example, played to its end."""

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mailer.stack.demo import Story
    from mailer.stack.supervisor import Stack

# The example should not be waited for; the hold is long enough to be seen.
OVERRIDES = {"HOLD_SECONDS": "3", "CLAIM_LEASE_SECONDS": "10", "SETTLE_SECONDS": "40"}


@click.command()
@click.option("--exit", "leave", is_flag=True, help="End when the example has been played.")
@click.option("--port", type=click.IntRange(1, 65535), help="Else the first free one from 8000.")
def demo(leave: bool, port: int | None) -> None:
    """Start everything, import an example register and run an example campaign to its end.

    With --exit the last line is a JSON summary, and the exit code is 1 when anything is not as
    expected. Without it, everything stays up until Ctrl-C.
    """
    from mailer.cli.up import stop_by_term_too
    from mailer.stack.demo import run
    from mailer.stack.supervisor import Stack

    stop_by_term_too()
    click.echo("Starting …")
    try:
        with Stack(OVERRIDES, port=port, echo=lambda _: None) as stack:
            story = run(stack, click.echo)
            if leave:
                click.echo(json.dumps(story.summary, ensure_ascii=False))
            else:
                _tell(stack, story)
                stack.wait()
    except KeyboardInterrupt:
        click.echo("Stopped.")
        return
    if story.failures:
        raise click.exceptions.Exit(1)


def _tell(stack: "Stack", story: "Story") -> None:
    sign_in = story.summary["sign_in"]
    click.echo(
        f"""
The example has been played in {story.summary["seconds"]} seconds.

Lupaposti        {stack.public_url}
  sign in as     {sign_in["user_name"]}   password   {sign_in["password"]}
Sent messages    {stack.stand_in_url}/mailbox

Stop with Ctrl-C.
"""
    )
