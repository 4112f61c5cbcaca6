"""`mailer certificate`: state a campaign's certificate, and check one that somebody shows."""

import os
from pathlib import Path
from typing import BinaryIO

import click

from mailer.cli import end_with

# Of the largest file that is read.
LONGEST = 20 * 2**20


@click.group()
def certificate() -> None:
    """The reconciliation certificate of a campaign: everybody of its audience accounted for."""


@certificate.command()
@click.argument("campaign_id", type=click.IntRange(1, 2**63 - 1))
def show(campaign_id: int) -> None:
    """Print the signed certificate of a campaign as JSON.

    Exit code 1 when its sums do not add up, or not yet.
    """
    import json

    from mailer import clock, db
    from mailer.campaigns.models import Campaign
    from mailer.cli.connected import connected
    from mailer.events import certificate as stated
    from mailer.events import signing

    with connected() as here, db.snapshot(here.sessions) as session:
        campaign = session.get(Campaign, campaign_id)
        if campaign is None or campaign.launched_at is None:
            end_with(f"Campaign {campaign_id} has not been launched.", 2)
        document = stated.state(
            session, campaign, installation=here.settings.public_url, now=clock.now()
        )
        sealed = signing.sign(document, here.settings.secret_key)
    click.echo(json.dumps(sealed, ensure_ascii=False, indent=1))
    if not document["adds_up"]:
        raise click.exceptions.Exit(1)


@certificate.command()
def key() -> None:
    """Print the public key that this installation's certificates are checked with."""
    keys = _own_keys()
    if not keys:
        end_with("There is no SECRET_KEY here.", 2)
    click.echo(keys[0])


@certificate.command()
@click.argument("file", type=click.File("rb"))
@click.option("--key", "given", metavar="KEY", help="The public key to trust, in Base64.")
def verify(file: BinaryIO, given: str | None) -> None:
    """Check a certificate (JSON or PDF): that nothing was changed, and whose signature it bears.

    Without --key this installation's own keys are trusted. No server is needed. Exit code 0 only
    when the signature is right and the key is trusted.
    """
    from mailer.events import certificate_pdf, signing
    from mailer.events.signing import Finding

    content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        end_with("This file is too large for a certificate.", 2)
    if content.startswith(b"%PDF"):
        content = certificate_pdf.extract(content) or b""
    trusted = [given] if given else _own_keys()
    finding, document = signing.verify(content, trusted)
    click.echo(_SENTENCES[finding.value])
    if finding in (Finding.RIGHT, Finding.UNKNOWN_KEY):
        for line in _lines(document):
            click.echo(line)
    if finding is not Finding.RIGHT:
        raise click.exceptions.Exit(1)


_SENTENCES = {
    "right": "The signature is right, and the key is trusted. It states:",
    "unknown_key": "Nothing was changed since it was signed, but the key is not one that is"
    " trusted here. Compare it with the installation's own (--key). It states:",
    "changed": "This is NOT what was signed: the certificate was changed, or the signature is not"
    " its own.",
    "unreadable": "This is not a signed certificate.",
}


def _lines(document: dict[str, object]) -> list[str]:
    campaign = document.get("campaign")
    name = campaign.get("name") if isinstance(campaign, dict) else None
    checks = document.get("checks")
    failed = [
        f"  does not hold yet: {each.get('name')}"
        for each in (checks if isinstance(checks, list) else [])
        if isinstance(each, dict) and each.get("result") != "holds"
    ]
    return [
        f"  campaign: {name}",
        f"  installation: {document.get('installation')}",
        f"  stated: {document.get('stated_at')}",
        f"  audience: {document.get('audience')}",
        f"  adds up: {'yes' if document.get('adds_up') is True else 'no'}",
        *failed,
    ]


def _own_keys() -> list[str]:
    """The public keys of this installation, the one in use first."""
    from mailer.events import signing
    from mailer.stack.environment import data_directory, keys_of

    secret = os.environ.get("SECRET_KEY")
    file = os.environ.get("SECRET_KEY_FILE")
    if file:
        try:
            secret = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            end_with("SECRET_KEY_FILE cannot be read.", 2)
    if not secret and (data_directory() / "secrets.json").exists():
        secret = keys_of(data_directory())["SECRET_KEY"]
    secrets = [secret] if secret else []
    return [signing.public_key(each) for each in (*secrets, *_retired())]


def _retired() -> list[str]:
    return os.environ.get("RETIRED_SECRET_KEYS", "").split()
