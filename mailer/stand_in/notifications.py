"""What SES says about a message, in both dialects: event publishing and identity notifications.

Pure. The shapes follow Amazon's documented examples key by key.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

from mailer.stand_in.addresses import domain_of
from mailer.stand_in.mail import Mail
from mailer.stand_in.outbox import moment

HEADER_BYTES: Final = 10_240
REPORTING_MTA: Final = "dns; mta.stand-in.example"
IDENTITY_KINDS: Final = frozenset({"Bounce", "Complaint", "Delivery"})
VALIDATED: Final = "Successfully validated SNS topic for Amazon SES event publishing."
LISTED: Final = (
    "Amazon SES did not send the message to this address because it is on the suppression list"
    " for your account."
)
USER_AGENT: Final = "Amazon SES Mailbox Simulator"

# outcome of a recipient -> the events that tell of it, in order
EVENTS_OF: Final[Mapping[str, Sequence[str]]] = {
    "success": ("Send", "Delivery"),
    "bounce": ("Send", "Bounce"),
    "softbounce": ("Send", "Bounce"),
    "complaint": ("Send", "Delivery", "Complaint"),
    "ooto": ("Send", "Delivery", "Bounce"),
    "suppressionlist": ("Send", "Bounce"),
    "suppressed": ("Send", "Bounce"),
    "delay": ("Send", "DeliveryDelay", "Delivery"),
    "reject": ("Reject",),
    "rendering failure": ("Rendering Failure",),
}
# outcome -> bounce type, subtype, status, diagnostic text
BOUNCES: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "bounce": ("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown"),
    "softbounce": ("Transient", "MailboxFull", "4.2.2", "smtp; 452 4.2.2 mailbox full"),
    "ooto": ("Transient", "General", "4.0.0", "smtp; out of office"),
    "suppressionlist": ("Permanent", "Suppressed", "5.1.1", "Amazon SES has suppressed sending"),
    "suppressed": ("Permanent", "OnAccountSuppressionList", "5.1.1", LISTED),
}


@dataclass(frozen=True, slots=True)
class Sender:
    """The account that events name."""

    account_id: str
    region: str
    dialect: str = "event"


def build_notifications(mail: Mail, sender: Sender, now: datetime) -> Iterator[str]:
    """The JSON texts of all events about one message, in the order of their happening."""
    described: dict[bool, dict[str, Any]] = {}
    sent = False
    for outcome, addresses in mail.outcomes.items():
        for kind in EVENTS_OF[outcome]:
            if kind == "Send":
                if sent:
                    continue
                sent = True
            if sender.dialect == "identity" and kind not in IDENTITY_KINDS:
                continue
            short = kind in {"Rendering Failure", "DeliveryDelay"}
            if short not in described:
                described[short] = _describe(mail, sender, short=short)
            details = _details(kind, outcome, mail=mail, addresses=addresses, now=now)
            name = "eventType" if sender.dialect == "event" else "notificationType"
            yield json.dumps({name: kind, "mail": described[short], **details})


def _describe(mail: Mail, sender: Sender, *, short: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        "timestamp": moment(mail.accepted_at),
        "source": mail.sender,
        "sourceArn": f"arn:aws:ses:{sender.region}:{sender.account_id}:identity/{_domain(mail)}",
        "sendingAccountId": sender.account_id,
        "messageId": mail.id,
        "destination": list(mail.recipients),
        "headersTruncated": False,
    }
    if short:
        # Amazon's examples of these two carry neither headers nor the sender's own tags.
        described["tags"] = {"ses:configuration-set": [mail.configuration_set]}
        return described
    if sender.dialect == "identity":
        described |= {"sourceIp": mail.source_ip, "callerIdentity": mail.caller}
    headers, described["headersTruncated"] = _headers(mail, identity=sender.dialect == "identity")
    described["headers"] = headers
    described["commonHeaders"] = _common_headers(mail, identity=sender.dialect == "identity")
    if sender.dialect == "event":
        described["tags"] = _tags(mail)
    return described


def _domain(mail: Mail) -> str:
    return domain_of(mail.sender.strip().rstrip(">"))


def _tags(mail: Mail) -> dict[str, list[str]]:
    return {
        "ses:operation": [mail.operation],
        "ses:configuration-set": [mail.configuration_set],
        "ses:source-ip": [mail.source_ip],
        "ses:from-domain": [_domain(mail)],
        "ses:caller-identity": [mail.caller],
        **{name: [value] for name, value in mail.tags.items()},
    }


def _headers(mail: Mail, *, identity: bool) -> tuple[list[dict[str, str]], bool]:
    everything = list(mail.headers)
    if identity:
        everything += [("Message-ID", mail.id), ("Date", format_datetime(mail.accepted_at))]
    headers: list[dict[str, str]] = []
    size = 0
    for name, value in everything:
        size += len(name) + len(value) + 4
        if size > HEADER_BYTES:
            return headers, True
        headers.append({"name": name, "value": value})
    return headers, False


def _common_headers(mail: Mail, *, identity: bool) -> dict[str, Any]:
    common: dict[str, Any] = {
        "from": [mail.sender],
        "to": list(mail.to),
        "messageId": mail.id,
        "subject": mail.subject,
    }
    if identity:
        common["date"] = format_datetime(mail.accepted_at)
    return common


def _details(
    kind: str, outcome: str, *, mail: Mail, addresses: Sequence[str], now: datetime
) -> dict[str, Any]:
    stamp = moment(now)
    match kind:
        case "Send":
            return {"send": {}}
        case "Reject":
            return {"reject": {"reason": "Bad content"}}
        case "Rendering Failure":
            return {"failure": {"errorMessage": mail.error or "", "templateName": ""}}
        case "Delivery":
            return {"delivery": _delivery(mail, addresses, now)}
        case "Bounce":
            return {"bounce": _bounce(outcome, addresses, stamp)}
        case "Complaint":
            return {"complaint": _complaint(addresses, stamp)}
        case "DeliveryDelay":
            return {"deliveryDelay": _delay(addresses, now)}
    raise ValueError(kind)


def _delivery(mail: Mail, addresses: Sequence[str], now: datetime) -> dict[str, Any]:
    return {
        "timestamp": moment(now),
        "processingTimeMillis": max(0, int((now - mail.accepted_at).total_seconds() * 1000)),
        "recipients": list(addresses),
        "smtpResponse": "250 2.6.0 Message received",
        "reportingMTA": "mta.stand-in.example",
    }


def _bounce(outcome: str, addresses: Sequence[str], stamp: str) -> dict[str, Any]:
    kind, subtype, status, diagnostic = BOUNCES[outcome]
    return {
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [
            {
                "emailAddress": address,
                "action": "failed",
                "status": status,
                "diagnosticCode": diagnostic,
            }
            for address in addresses
        ],
        "timestamp": stamp,
        "feedbackId": _feedback_id(),
        "reportingMTA": REPORTING_MTA,
    }


def _complaint(addresses: Sequence[str], stamp: str) -> dict[str, Any]:
    return {
        "complainedRecipients": [{"emailAddress": address} for address in addresses],
        "timestamp": stamp,
        "feedbackId": _feedback_id(),
        "userAgent": USER_AGENT,
        "complaintFeedbackType": "abuse",
        "arrivalDate": stamp,
    }


def _delay(addresses: Sequence[str], now: datetime) -> dict[str, Any]:
    return {
        "timestamp": moment(now),
        "delayType": "TransientCommunicationFailure",
        "expirationTime": moment(now + timedelta(hours=12)),
        "delayedRecipients": [
            {
                "emailAddress": address,
                "status": "4.4.1",
                "diagnosticCode": "smtp; 421 4.4.1 Unable to connect to remote host",
            }
            for address in addresses
        ],
    }


def _feedback_id() -> str:
    noise = os.urandom(24).hex()
    tail = f"{noise[12:20]}-{noise[20:24]}-{noise[24:28]}-{noise[28:32]}-{noise[32:44]}"
    return f"0110{noise[:12]}-{tail}-000000"
