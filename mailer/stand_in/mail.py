"""An accepted message: what was handed over, and what the recipient would see of it."""

import base64
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from mailer.stand_in.templates import compile_template, fill

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels with a message."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True)
class Content:
    """What many messages may share: literal parts, a template, or a whole raw message."""

    subject: str
    text: str | None
    html: str | None
    attachments: tuple[Attachment, ...] = ()
    raw: bytes | None = None

    @cached_property
    def digest(self) -> str:
        """A key under which equal contents are kept once."""
        sha = hashlib.blake2b(digest_size=16)
        for part in (self.subject, self.text, self.html):
            sha.update(b"\0" if part is None else part.encode("utf-8", "surrogatepass") + b"\1")
        for attachment in self.attachments:
            sha.update(repr((attachment.name, attachment.media_type)).encode())
            sha.update(attachment.data)
        sha.update(self.raw or b"")
        return sha.hexdigest()

    def render(self, data: Mapping[str, Any] | None) -> tuple[str, str | None, str | None]:
        """Subject, text and HTML for one recipient; without data they are literal."""
        if data is None:
            return self.subject, self.text, self.html
        template = compile_template(self.subject, self.text, self.html)
        return (
            fill(template.subject, data),
            None if template.text is None else fill(template.text, data),
            None if template.html is None else fill(template.html, data),
        )


@dataclass(slots=True)
class Mail:
    """One message of one destination, accepted with an id."""

    id: str
    accepted_at: datetime
    operation: str
    sender: str
    to: Sequence[str]
    cc: Sequence[str]
    bcc: Sequence[str]
    recipients: Sequence[str]
    subject: str
    headers: Headers
    tags: Mapping[str, str]
    configuration_set: str
    caller: str
    source_ip: str
    content: Content
    data: Mapping[str, Any] | None = None
    outcome: str = "delivered"
    error: str | None = None
    outcomes: Mapping[str, list[str]] = field(default_factory=dict)


def new_ids(count: int) -> list[str]:
    """Message ids in SES's form, sortable by time."""
    stamp = f"0110{int(time.time() * 1000):012x}"
    noise = os.urandom(16 * count).hex()
    return [
        f"{stamp}-{n[:8]}-{n[8:12]}-{n[12:16]}-{n[16:20]}-{n[20:]}-000000"
        for n in (noise[i : i + 32] for i in range(0, 32 * count, 32))
    ]


def pack_attachments(attachments: Sequence[Attachment]) -> str:
    """Attachments as JSON text for storage."""
    return json.dumps(
        [[a.name, a.media_type, base64.b64encode(a.data).decode()] for a in attachments]
    )


def unpack_attachments(text: str) -> tuple[Attachment, ...]:
    """Attachments from their stored JSON text."""
    return tuple(Attachment(n, m, base64.b64decode(d)) for n, m, d in json.loads(text))
