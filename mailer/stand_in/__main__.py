"""`python -m mailer.stand_in`: the stand-in by itself, with every option."""

import json
import sys
from pathlib import Path

import click

from mailer.config import ROOT
from mailer.stand_in.behaviours import read_behaviours
from mailer.stand_in.errors import StandInError
from mailer.stand_in.server import TOPIC_ARN, serve


def read_simulation(text: str) -> dict[str, str]:
    """The map from address to behaviour: JSON, or the name of a file of it. Raises ValueError."""
    source = text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8")
    return read_behaviours(json.loads(source))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, help="0 takes any free port.")
@click.option("--directory", type=click.Path(path_type=Path), default=ROOT / "var" / "stand-in")
@click.option("--webhook-url", help="Where events are posted; without it there are none.")
@click.option("--queue", help="Name of an SQS queue that gets the events instead.")
@click.option("--topic-arn", default=TOPIC_ARN, show_default=True)
@click.option("--rate", default=1000.0, show_default=True, help="Messages a second.")
@click.option("--quota", default=1_000_000, show_default=True, help="Recipients in 24 hours.")
@click.option("--verified-domain", multiple=True, default=["example"], show_default=True)
@click.option("--configuration-set", multiple=True, help="Accept only these; default: any name.")
@click.option("--count-only", is_flag=True, help="Count messages and keep none.")
@click.option("--keep", default=20_000, show_default=True, help="Messages that stay readable.")
@click.option("--dialect", type=click.Choice(["event", "identity"]), default="event")
@click.option("--subscribe", is_flag=True, help="Ask the webhook to confirm its subscription.")
@click.option("--labels/--no-labels", default=True, help="+bounce and the like in any address.")
@click.option("--simulate", help="JSON, or a file of it: address or @domain to behaviour.")
def main(
    *,
    simulate: str | None,
    verified_domain: tuple[str, ...],
    configuration_set: tuple[str, ...],
    **options: object,
) -> None:
    """Amazon SES v2 on loopback, until SIGTERM."""
    try:
        serve(
            behaviours=read_simulation(simulate) if simulate else None,
            verified_domains=verified_domain,
            configuration_sets=configuration_set or None,
            **options,  # type: ignore[arg-type]  # click has converted them
        )
    except (StandInError, OSError, ValueError) as problem:
        click.echo(str(problem), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
