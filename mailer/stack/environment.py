"""The environment that the stack gives its processes: generated keys, private servers, stand-in."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from mailer.config import ROOT, SettingsError
from mailer.stack.faults import StackError
from mailer.stack.process import directory_problem

STAND_IN_TOPIC = "arn:aws:sns:eu-north-1:000000000000:lupaposti-stand-in"
# The queue of the stand-in, where one is wanted in place of the webhook.
STAND_IN_QUEUE = "lupaposti-events"
GENERATED = ("SECRET_KEY", "SUPPRESSION_KEY")
# Only what is said in the environment counts: a credentials file in the home directory must not
# make a trial run send real mail.
AWS_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def data_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where everything that the stack keeps lies: LUPAPOSTI_VAR, else var/ of the product."""
    return Path(environ.get("LUPAPOSTI_VAR") or ROOT / "var").absolute()


def refuse_production(environ: Mapping[str, str]) -> None:
    """Raises SettingsError in production, where nothing is embedded or generated (R74)."""
    if environ.get("LUPAPOSTI_ENV") == "production":
        raise SettingsError(
            "`mailer up` is for development; in production run the processes of the Procfile."
        )


def wants_stand_in(environ: Mapping[str, str]) -> bool:
    """Whether SES is to be played by the stand-in: no endpoint and no credentials are named."""
    return not environ.get("SES_ENDPOINT_URL") and not any(map(environ.get, AWS_CREDENTIALS))


def keys_of(var: Path) -> dict[str, str]:
    """The generated keys of this data directory, made at first use.

    Raises StackError when the file is damaged. It is never replaced then: with another suppression
    key every opt-out of the register would be forgotten.
    """
    file = var / "secrets.json"
    try:
        if not file.exists():
            write_private(file, json.dumps({name: secrets.token_urlsafe(48) for name in GENERATED}))
        keys = json.loads(file.read_text(encoding="utf-8"))
        return {name: str(keys[name]) for name in GENERATED}
    except OSError as error:
        raise StackError(directory_problem(file, error)) from None
    except (ValueError, KeyError, TypeError):
        raise StackError(
            f"{file} is damaged; put it back from a backup, because opt-outs are found by its keys."
        ) from None


def write_private(file: Path, text: str) -> None:
    """Write a file for the owner only, whole or not at all."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(text)
    draft.replace(file)


def with_defaults(environ: Mapping[str, str], var: Path) -> dict[str, str]:
    """The environment with generated keys and quick timings where nothing else is said."""
    chosen = {
        "HOLD_SECONDS": "5",
        "CLAIM_LEASE_SECONDS": "15",
        "SETTLE_SECONDS": "60",
        "PYTHONUNBUFFERED": "1",
    }
    chosen |= {
        name: value for name, value in keys_of(var).items() if not environ.get(f"{name}_FILE")
    }
    chosen |= {name: value for name, value in environ.items() if value}
    return chosen | {"LUPAPOSTI_VAR": str(var)}


def with_stand_in(environ: Mapping[str, str], var: Path, port: int) -> dict[str, str]:
    """The environment aimed at the stand-in on this port, with credentials that mean nothing.

    Its events come over its own queue when EVENTS_QUEUE_URL is set to anything, else by webhook.
    """
    chosen = {name: value for name, value in environ.items() if name not in AWS_CREDENTIALS}
    chosen |= {
        "SES_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "SES_CONFIGURATION_SET": environ.get("SES_CONFIGURATION_SET") or "lupaposti",
        "SNS_TOPIC_ARNS": STAND_IN_TOPIC,
        "SNS_CERTIFICATE_FILE": str(var / "stand-in" / "sns-cert.pem"),
        "AWS_ACCESS_KEY_ID": "stand-in",
        "AWS_SECRET_ACCESS_KEY": "stand-in",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if chosen.get("EVENTS_QUEUE_URL"):
        # Whichever queue is named: a trial must not read the messages of a real one.
        account = STAND_IN_TOPIC.split(":")[4]
        chosen["EVENTS_QUEUE_URL"] = f"http://127.0.0.1:{port}/{account}/{STAND_IN_QUEUE}"
    return chosen
