"""Settings, read once from the environment into one frozen object.

In development every value has a default that works on one machine with nothing configured.
In production nothing has a default secret: what is missing stops the start with its name (R74),
and the region must lie in the European Economic Area (R62).
"""

import ipaddress
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T", int, float)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ROOT = Path(__file__).resolve().parent.parent

# Regions with SES inside the EEA (R62). London (eu-west-2) and Zürich (eu-central-2) are not.
EEA_REGIONS = frozenset(
    {
        "eu-central-1",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-3",
        "eusc-de-east-1",
    }
)


class SettingsError(Exception):
    """The environment cannot be used as it is. The text is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between installations. Docs: docs/operations.md."""

    production: bool
    database_url: str
    reports_database_url: str | None
    redis_url: str
    public_url: str
    secret_key: str
    retired_secret_keys: tuple[str, ...]
    suppression_key: str
    aws_region: str
    ses_endpoint_url: str | None
    ses_configuration_set: str | None
    ses_list_handover: bool
    sns_topic_arns: frozenset[str]
    sns_certificate_file: Path | None
    events_queue_url: str | None
    events_queue_raw: bool
    inbound_bucket: str | None
    unsubscribe_mailbox: str
    sender_threads: int
    fallback_rate: float
    hold_seconds: int
    claim_lease_seconds: int
    settle_seconds: int
    networks_file: Path | None
    webhook_networks: tuple[Network, ...]
    var: Path

    @property
    def stand_in(self) -> bool:
        """Whether SES is the loopback stand-in."""
        return self.ses_endpoint_url is not None


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from environment variables. Raises SettingsError naming the variable at fault."""
    production = _one_of(environ, "LUPAPOSTI_ENV", ("development", "production")) == "production"
    settings = Settings(
        production=production,
        database_url=_text(environ, "DATABASE_URL", production, "postgresql:///lupaposti"),
        reports_database_url=_text(environ, "REPORTS_DATABASE_URL", False, "") or None,
        redis_url=_text(environ, "REDIS_URL", production, "redis://127.0.0.1:6379/0"),
        public_url=_text(environ, "PUBLIC_URL", production, "http://127.0.0.1:8000").rstrip("/"),
        secret_key=_text(environ, "SECRET_KEY", production, "development-secret-key"),
        retired_secret_keys=tuple(environ.get("RETIRED_SECRET_KEYS", "").split()),
        suppression_key=_text(
            environ, "SUPPRESSION_KEY", production, "development-suppression-key"
        ),
        aws_region=environ.get("AWS_REGION", "eu-north-1"),
        ses_endpoint_url=environ.get("SES_ENDPOINT_URL") or None,
        ses_configuration_set=environ.get("SES_CONFIGURATION_SET") or None,
        ses_list_handover=_one_of(environ, "SES_LIST_HANDOVER", ("no", "yes")) == "yes",
        sns_topic_arns=frozenset(environ.get("SNS_TOPIC_ARNS", "").replace(",", " ").split()),
        sns_certificate_file=_path(environ, "SNS_CERTIFICATE_FILE"),
        events_queue_url=environ.get("EVENTS_QUEUE_URL") or None,
        events_queue_raw=_one_of(environ, "EVENTS_QUEUE_RAW", ("no", "yes")) == "yes",
        inbound_bucket=environ.get("INBOUND_BUCKET") or None,
        unsubscribe_mailbox=_text(
            environ, "UNSUBSCRIBE_MAILBOX", production, "unsubscribe@lupaposti.example"
        ),
        sender_threads=_number(environ, "SENDER_THREADS", 8, int, least=1),
        fallback_rate=_number(environ, "FALLBACK_RATE", 10.0, float, least=0.01),
        hold_seconds=_number(environ, "HOLD_SECONDS", 60, int, least=0),
        claim_lease_seconds=_number(environ, "CLAIM_LEASE_SECONDS", 120, int, least=1),
        settle_seconds=_number(environ, "SETTLE_SECONDS", 900, int, least=1),
        networks_file=_path(environ, "NETWORKS_FILE"),
        webhook_networks=_networks(environ, "WEBHOOK_NETWORKS"),
        var=_path(environ, "LUPAPOSTI_VAR") or ROOT / "var",
    )
    _check_region(settings)
    _check_header_parts(settings)
    _check_incoming(settings)
    if production:
        _check_production(settings)
    return settings


def _check_region(settings: Settings) -> None:
    if settings.aws_region not in EEA_REGIONS:
        raise SettingsError(
            f"AWS_REGION is {settings.aws_region}, which is not in the European Economic Area. "
            f"Choose one of {', '.join(sorted(EEA_REGIONS))}."
        )


def _check_header_parts(settings: Settings) -> None:
    # Both stand in List-Unsubscribe, where another character would have Amazon SES refuse all mail.
    if not re.fullmatch(r"https?://[^\s<>,?#\x00-\x20\x7f-\U0010ffff]{1,200}", settings.public_url):
        raise SettingsError("PUBLIC_URL must be an address of at most 200 ASCII characters.")
    if not re.fullmatch(
        r"[A-Za-z0-9.!_+=~-]{1,64}@[A-Za-z0-9.-]{1,190}", settings.unsubscribe_mailbox
    ):
        raise SettingsError("UNSUBSCRIBE_MAILBOX must be a plain e-mail address.")


def _check_incoming(settings: Settings) -> None:
    url, bucket = settings.events_queue_url, settings.inbound_bucket
    if url and not re.fullmatch(
        r"https?://[A-Za-z0-9.:-]{1,200}/\d{1,20}/[A-Za-z0-9_-]{1,80}", url
    ):
        raise SettingsError("EVENTS_QUEUE_URL must be the URL of a standard SQS queue.")
    if url and settings.production:
        match = re.fullmatch(r"https://sqs\.([a-z0-9-]+)\.amazonaws\.(?:com|eu)/.*", url)
        if match is None or match[1] not in EEA_REGIONS:
            raise SettingsError(
                "EVENTS_QUEUE_URL must be https://sqs.REGION.amazonaws.com/… with a region in the "
                "European Economic Area."
            )
    if bucket and not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise SettingsError("INBOUND_BUCKET must be the name of an S3 bucket.")


def _check_production(settings: Settings) -> None:
    for name, value in (
        ("SECRET_KEY", settings.secret_key),
        ("SUPPRESSION_KEY", settings.suppression_key),
    ):
        if len(value) < 32:
            raise SettingsError(f"{name} must have at least 32 characters.")
    if settings.secret_key == settings.suppression_key:
        raise SettingsError("SUPPRESSION_KEY must differ from SECRET_KEY.")
    for name, url in (("DATABASE_URL", settings.database_url), ("REDIS_URL", settings.redis_url)):
        if not urlsplit(url).password:
            raise SettingsError(f"{name} must hold a password.")
    if not settings.public_url.startswith("https://"):
        raise SettingsError("PUBLIC_URL must start with https:// (RFC 8058 demands it).")
    if settings.ses_endpoint_url or settings.sns_certificate_file:
        raise SettingsError("SES_ENDPOINT_URL and SNS_CERTIFICATE_FILE are for development only.")
    if settings.settle_seconds < 2 * settings.claim_lease_seconds:
        raise SettingsError(
            "SETTLE_SECONDS must be at least twice CLAIM_LEASE_SECONDS, or a message could be "
            "queued again while it is still being sent."
        )
    if not settings.sns_topic_arns:
        raise SettingsError("SNS_TOPIC_ARNS must name the topic that SES publishes its events to.")


def _text(environ: Mapping[str, str], name: str, required: bool, default: str) -> str:
    # NAME_FILE lets an orchestrator hand over secrets as files.
    file = environ.get(f"{name}_FILE")
    value = environ.get(name)
    if file:
        try:
            value = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}_FILE cannot be read: {type(error).__name__}.") from None
    if value:
        return value
    if required:
        raise SettingsError(f"{name} is not set.")
    return default


def _number(
    environ: Mapping[str, str], name: str, default: T, kind: Callable[[str], T], *, least: float
) -> T:
    value = environ.get(name)
    if not value:
        return default
    try:
        number = kind(value)
    except ValueError:
        raise SettingsError(f"{name} must be a number.") from None
    if not least <= number < math.inf:
        raise SettingsError(f"{name} must be a number from {least} up.")
    return number


def _one_of(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = environ.get(name) or choices[0]
    if value not in choices:
        raise SettingsError(f"{name} must be one of {', '.join(choices)}.")
    return value


def _networks(environ: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return tuple(
            ipaddress.ip_network(text) for text in environ.get(name, "").replace(",", " ").split()
        )
    except ValueError:
        raise SettingsError(f"{name} must be networks, such as 10.20.0.0/24.") from None


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return Path(value) if value else None
