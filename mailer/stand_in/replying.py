"""A recipient's answer by mail, and the notification in which SES receiving hands it over."""

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from mailer.stand_in.outbox import moment

VERDICTS: Final = ("spam", "virus", "spf", "dkim", "dmarc")
STATUSES: Final = frozenset({"PASS", "FAIL", "GRAY", "PROCESSING_FAILED"})
# SNS carries no more than this; SES puts longer mail into S3.
LARGEST: Final = 150 * 1024
_MAILTO: Final = re.compile(r"<(mailto:[^>]*)>", re.IGNORECASE)
_TEXTS: Final = ("text", "subject", "sender")


class Answer:
    """What somebody answers to a message, checked."""

    def __init__(self, document: object) -> None:
        """Raises ValueError with a sentence, whatever is wrong: one error for the edge."""
        if not isinstance(document, dict) or not isinstance(document.get("message"), str):
            raise ValueError("Send {message: its id, text: what is answered}.")  # noqa: TRY004
        self.message: str = document["message"]
        for name in _TEXTS:
            if not isinstance(document.get(name, ""), str):
                raise ValueError(f"{name} must be text.")  # noqa: TRY004
        self.text: str = document.get("text", "")
        self.subject: str | None = document.get("subject")
        self.sender: str | None = document.get("sender")
        self.unsubscribe = document.get("unsubscribe") is True
        self.quote = document.get("quote", True) is True
        self.headers = _pairs(document.get("headers", {}), "headers")
        self.verdicts = _pairs(document.get("verdicts", {}), "verdicts")
        if set(self.verdicts) - set(VERDICTS) or set(self.verdicts.values()) - STATUSES:
            raise ValueError(f"verdicts map {', '.join(VERDICTS)} to PASS, FAIL or GRAY.")


def build_received(
    answer: Answer, message: Mapping[str, Any], *, region: str, now: datetime
) -> str:
    """The Message of the notification. Raises ValueError with a sentence."""
    sender = answer.sender or _address(message["to"])
    mailbox, subject = _addressed(answer, message)
    # Long ids are not to be folded: mail programs leave them whole.
    mail = EmailMessage(policy=SMTP.clone(max_line_length=990))
    try:
        mail["From"], mail["To"], mail["Subject"] = sender, mailbox, subject
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<{os.urandom(8).hex()}@answer.example>"
        mail["In-Reply-To"] = f"<{message['id']}@{region}.amazonses.com>"
        for name, value in answer.headers.items():
            mail[name] = value
    except ValueError:
        raise ValueError("A header cannot hold that.") from None
    mail.set_content(_body(answer, message))
    content = mail.as_bytes()
    if len(content) > LARGEST:
        raise ValueError("The mail is too long for a notification.")
    return json.dumps(_notification(mail, content, answer, mailbox=mailbox, region=region, now=now))


def _addressed(answer: Answer, message: Mapping[str, Any]) -> tuple[str, str]:
    """Where the answer goes and under which subject."""
    headers = {name.lower(): value for name, value in message["header_list"]}
    if not answer.unsubscribe:
        to = _address([headers.get("reply-to") or message["from"]])
        return to, f"Re: {message['subject']}" if answer.subject is None else answer.subject
    match = _MAILTO.search(headers.get("list-unsubscribe", ""))
    if match is None:
        raise ValueError("The message has no mailto: in List-Unsubscribe.")
    url = urlsplit(match[1])
    asked = (parse_qs(url.query).get("subject") or [""])[0]
    return unquote(url.path), asked if answer.subject is None else answer.subject


def _body(answer: Answer, message: Mapping[str, Any]) -> str:
    if not answer.quote or answer.unsubscribe:
        return answer.text + "\n"
    quoted = "\n".join(f"> {line}" for line in (message["text"] or "").split("\n"))
    return (
        f"{answer.text}\n\nOn {message['accepted_at'][:10]}, {message['from']} wrote:\n{quoted}\n"
    )


def _notification(
    mail: EmailMessage,
    content: bytes,
    answer: Answer,
    *,
    mailbox: str,
    region: str,
    now: datetime,
) -> dict[str, Any]:
    verdicts = {f"{name}Verdict": {"status": "PASS"} for name in VERDICTS}
    verdicts |= {f"{name}Verdict": {"status": status} for name, status in answer.verdicts.items()}
    return {
        "notificationType": "Received",
        "mail": {
            "timestamp": moment(now),
            "source": _address([str(mail["From"])]),
            "messageId": os.urandom(20).hex(),
            "destination": [mailbox],
            "headersTruncated": False,
            "headers": [{"name": name, "value": str(value)} for name, value in mail.items()],
            "commonHeaders": {
                "from": [str(mail["From"])],
                "to": [mailbox],
                "messageId": str(mail["Message-ID"]),
                "subject": str(mail["Subject"]),
            },
        },
        "receipt": {
            "timestamp": moment(now),
            "processingTimeMillis": 40,
            "recipients": [mailbox],
            **verdicts,
            "action": {
                "type": "SNS",
                "topicArn": f"arn:aws:sns:{region}:000000000000:mail",
                "encoding": "UTF8",
            },
        },
        "content": content.decode("utf-8", "replace"),
    }


def _address(values: list[str]) -> str:
    found = [address for _, address in getaddresses(values) if address]
    if not found:
        raise ValueError("There is no address to answer from or to.")
    return found[0]


def _pairs(value: object, name: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(
        isinstance(key, str) and isinstance(each, str) for key, each in value.items()
    ):
        raise ValueError(f"{name} must map names to texts.")
    return value
