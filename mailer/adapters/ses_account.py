"""Reading calls to SES: quota and state of the account, state of a sending identity."""

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from mailer.config import Settings

# The stand-in takes any signature; real credentials must not leave for it.
STAND_IN_CREDENTIALS = {"aws_access_key_id": "stand-in", "aws_secret_access_key": "stand-in"}


class SesAccountError(Exception):
    """SES could not be asked. The text is a short code, without addresses."""


@dataclass(frozen=True, slots=True)
class Account:
    """What GetAccount says: messages a second, messages in 24 hours (-1 = no limit), used."""

    rate: float
    per_day: float
    used: float
    sending_enabled: bool
    production_access: bool
    enforcement: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What GetEmailIdentity says of a domain."""

    verified: bool
    dkim: str
    mail_from: str


def reading_client(settings: Settings) -> Any:
    """A client whose calls may be repeated: none of them sends mail."""
    return boto3.client(
        "sesv2",
        region_name=settings.aws_region,
        endpoint_url=settings.ses_endpoint_url,
        config=Config(
            retries={"total_max_attempts": 3, "mode": "standard"},
            connect_timeout=5,
            read_timeout=15,
        ),
        **(STAND_IN_CREDENTIALS if settings.stand_in else {}),
    )


def account(settings: Settings) -> Account:
    """The account's limits and state now. Raises SesAccountError."""
    try:
        answer = reading_client(settings).get_account()
    except (BotoCoreError, ClientError) as error:
        raise SesAccountError(code_of(error)) from None
    quota = answer.get("SendQuota", {})
    return Account(
        rate=float(quota.get("MaxSendRate", 0)),
        per_day=float(quota.get("Max24HourSend", 0)),
        used=float(quota.get("SentLast24Hours", 0)),
        sending_enabled=bool(answer.get("SendingEnabled", False)),
        production_access=bool(answer.get("ProductionAccessEnabled", False)),
        enforcement=str(answer.get("EnforcementStatus", "")),
    )


def identity(settings: Settings, domain: str) -> Identity | None:
    """The state of a sending domain; None when SES does not know it. Raises SesAccountError."""
    try:
        answer = reading_client(settings).get_email_identity(EmailIdentity=domain)
    except ClientError as error:
        if code_of(error) == "NotFoundException":
            return None
        raise SesAccountError(code_of(error)) from None
    except BotoCoreError as error:
        raise SesAccountError(code_of(error)) from None
    return Identity(
        verified=bool(answer.get("VerifiedForSendingStatus", False)),
        dkim=str(answer.get("DkimAttributes", {}).get("Status", "")),
        mail_from=str(answer.get("MailFromAttributes", {}).get("MailFromDomainStatus", "")),
    )


def code_of(error: Exception) -> str:
    """Why a call failed, as a short code without addresses."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "ClientError"))
    return type(error).__name__
