"""Incoming mail, and the notification in which Amazon SES hands it over."""

import json
from typing import Any

from mailer.events.receipts import Receipt
from mailer.tokens import Signer

SIGNER = Signer("test-secret-key-of-enough-characters")
PUBLIC_URL = "https://mail.lupaposti.example"
MAILBOX = "unsubscribe@lupaposti.example"
ANNA = "anna.aalto@puutyo.example"
PASS = dict.fromkeys(("spf", "dkim", "dmarc", "spam", "virus"), "PASS")
# The end of every message of ours, as a mail program repeats it.
FOOTER = """You get this message because of your duties at Puutyö Oy.
Source of your address: Yritystieto, 1.10.2026.
Unsubscribe: https://mail.lupaposti.example/s/{token}
Lopeta viestit · Avregistrera dig · Privacy notice"""


def raw_mail(
    text: str = "",
    *,
    sender: str = f"Anna Aalto <{ANNA}>",
    to: str = MAILBOX,
    subject: str = "Re: Mitä palkanlaskennassa muuttuu?",
    headers: dict[str, str] | None = None,
    content_type: str = 'text/plain; charset="utf-8"',
) -> bytes:
    lines = {
        "From": sender,
        "To": to,
        "Subject": subject,
        "MIME-Version": "1.0",
        "Content-Type": content_type,
        "Content-Transfer-Encoding": "8bit",
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return (head + "\r\n" + text.replace("\n", "\r\n")).encode()


def receipt(
    content: bytes | None = None,
    *,
    verdicts: dict[str, str] | None = None,
    source: str = ANNA,
    recipients: tuple[str, ...] = (MAILBOX,),
    ses_id: str = "d6iitobk75ur44p8kdnnp7g2n800",
    **more: Any,
) -> Receipt:
    return Receipt(
        ses_id=ses_id,
        source=source,
        recipients=recipients,
        verdicts=PASS | (verdicts or {}),
        content=content,
        **more,
    )


def notification(
    content: bytes | None,
    *,
    ses_id: str = "d6iitobk75ur44p8kdnnp7g2n800",
    source: str = ANNA,
    verdicts: dict[str, str] | None = None,
    action: dict[str, str] | None = None,
    headers: list[dict[str, str]] | None = None,
) -> str:
    """The Message of a notification as SES writes it: by an SNS action, or by an S3 action."""
    document: dict[str, Any] = {
        "notificationType": "Received",
        "receipt": {
            "timestamp": "2026-11-24T09:00:00.000Z",
            "processingTimeMillis": 222,
            "recipients": [MAILBOX],
            **{
                f"{name}Verdict": {"status": status}
                for name, status in (PASS | (verdicts or {})).items()
            },
            "action": action or {"type": "SNS", "topicArn": "arn:aws:sns:eu-west-1:1:a"},
        },
        "mail": {
            "timestamp": "2026-11-24T09:00:00.000Z",
            "source": source,
            "messageId": ses_id,
            "destination": [MAILBOX],
            "headersTruncated": False,
            "headers": headers or [],
            "commonHeaders": {},
        },
    }
    if content is not None:
        document["content"] = content.decode("utf-8", "replace")
    return json.dumps(document)
