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

    titles = io.TextIOWrapper(
        sys.stdin.buffer, encoding="utf-8-sig", errors="replace", newline="\n"
    )
    for line in titles:
        title = line.rstrip("\r\n")
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
