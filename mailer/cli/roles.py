"""Commands about job titles."""

import io
import json
import sys

import click


@click.group()
def roles() -> None:
    """Look at how job titles are read."""


@roles.command()
def classify() -> None:
    """Read titles from standard input, one a line; print a JSON object a line."""
    from mailer.roles.titles import classify as classify_title

    # Not utf-8-sig: that swallows a lone first byte of a byte-order mark.
    titles = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace", newline="\n")
    for number, line in enumerate(titles):
        title = line.rstrip("\r\n")
        title = title.removeprefix("\ufeff") if number == 0 else title
        role = classify_title(title)
        click.echo(
            json.dumps(
                {
                    "title": title,
                    "functions": list(role.functions),
                    "level": role.level,
                    "confidence": role.confidence,
                    "rule": role.rule,
                },
                ensure_ascii=False,
            )
        )
