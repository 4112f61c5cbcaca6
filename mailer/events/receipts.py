"""What Amazon SES says about a mail it received for us, before the mail itself is looked at."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from mailer.events import ses_events

_NAME = re.compile(r"[\x20-\x7e]{1,200}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
LONGEST_KEY = 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """One received mail. Either `content`, or where it lies in S3, or neither."""

    ses_id: str
    source: str  # the envelope's sender
    recipients: tuple[str, ...]
    verdicts: dict[str, str]  # spf, dkim, dmarc, spam, virus -> PASS, FAIL, GRAY …
    content: bytes | None
    headers: bytes = b""  # as SES repeats them, at most 10 KB
    bucket: str = ""
    key: str = ""

    def says(self, check: str) -> str:
        """SES's verdict of one check; empty when it gave none."""
        return self.verdicts.get(check, "")

    def proves(self, sender: str) -> bool:
        """Whether the sender's domain stands behind the mail.

        DMARC says so by itself; where the domain has no DMARC policy (GRAY, or no word of it), SPF
        of the very same domain does. A DKIM verdict alone says nothing about whose key it was.
        """
        if self.says("dmarc") == "PASS":
            return True
        if self.says("dmarc") == "FAIL" or self.says("spf") != "PASS":
            return False
        domain = sender.rpartition("@")[2].lower()
        source = self.source.rpartition("@")[2].strip("<> ").lower()
        return bool(domain) and (source == domain or source.endswith(f".{domain}"))


def is_mail(message: str) -> bool:
    """Whether the Message of a notification is about received mail. Cheap for all others."""
    if '"Received"' not in message:
        return False
    try:
        content = json.loads(message)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("notificationType") == "Received"


def parse(message: str) -> Receipt:
    """The receipt in a notification. Raises ses_events.UnreadableError."""
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        raise ses_events.UnreadableError("not JSON") from None
    content = _part(document if isinstance(document, dict) else {}, "mail")
    receipt = _part(document if isinstance(document, dict) else {}, "receipt")
    action = _part(receipt, "action")
    ses_id = _text(content.get("messageId"))
    if not _NAME.fullmatch(ses_id):
        raise ses_events.UnreadableError("no message id")
    bucket, key = _text(action.get("bucketName")), _text(action.get("objectKey"))
    in_s3 = bool(_BUCKET.fullmatch(bucket)) and 0 < len(key) <= LONGEST_KEY
    return Receipt(
        ses_id=ses_id,
        source=_text(content.get("source")),
        recipients=tuple(_text(each) for each in _list(receipt.get("recipients"))[:50]),
        verdicts={
            name: _text(_part(receipt, f"{name}Verdict").get("status")).upper()[:20]
            for name in ("spf", "dkim", "dmarc", "spam", "virus")
        },
        content=_content(document.get("content"), _text(action.get("encoding"))),
        headers=_headers(content.get("headers")),
        bucket=bucket if in_s3 else "",
        key=key if in_s3 else "",
    )


def without_content(body: str) -> str:
    """The stored envelope of a mail that has been read, with nothing of the mail in it."""
    try:
        envelope = json.loads(body)
        message = json.loads(envelope["Message"])
        kept: dict[str, Any] = {
            "notificationType": "Received",
            "mail": {"messageId": message["mail"]["messageId"]},
        }
        return json.dumps({**envelope, "Message": json.dumps(kept), "Signature": "removed"})
    except (ValueError, RecursionError, TypeError, KeyError):
        return "{}"


def _content(value: Any, encoding: str) -> bytes | None:
    if not isinstance(value, str):
        return None
    if encoding.upper() == "BASE64":
        try:
            return base64.b64decode(value, validate=False)
        except (binascii.Error, ValueError):
            return None
    return value.encode("utf-8", "replace")


def _headers(value: Any) -> bytes:
    lines = []
    for header in _list(value)[:500]:
        if not isinstance(header, dict):
            continue
        name, text = _text(header.get("name")), _text(header.get("value"))
        if re.fullmatch(r"[!-9;-~]{1,80}", name):
            lines.append(f"{name}: {' '.join(text.split())}")
    return "\r\n".join(lines).encode("utf-8", "replace")


def _part(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
