"""Whole MIME messages, as SendEmail takes them in Content.Raw."""

import base64
from datetime import datetime
from email import policy
from email.message import Message
from email.parser import BytesParser
from email.utils import formataddr, getaddresses

from mailer.stand_in.errors import ApiError
from mailer.stand_in.mail import Attachment, Content, Headers, Mail, new_ids
from mailer.stand_in.parts import Params, read_destination, read_tags
from mailer.stand_in.protocol import Caller


def compose_raw(params: Params, caller: Caller, now: datetime, configuration_set: str) -> Mail:
    """The message of a SendEmail request with raw content. Raises ApiError."""
    try:
        content, headers = parse_raw(base64.b64decode(params["Content"]["Raw"]["Data"]))
    except (RecursionError, ValueError, LookupError):
        raise ApiError("BadRequestException", "The raw message cannot be read.") from None
    if not headers:
        raise ApiError("BadRequestException", "The raw message has no headers.")
    found: dict[str, str] = {}
    for name, value in headers:
        found.setdefault(name.lower(), value)
    sender = params.get("FromEmailAddress") or found.get("from")
    if not sender:
        raise ApiError("BadRequestException", "The raw message has no From header.")
    destination = params.get("Destination") or {
        f"{kind}Addresses": _split(found.get(kind.lower())) for kind in ("To", "Cc", "Bcc")
    }
    to, cc, bcc, recipients = read_destination(destination)
    tags = dict(
        part.strip().partition("=")[::2]
        for part in found.get("x-ses-message-tags", "").split(",")
        if part.strip()
    )
    return Mail(
        new_ids(1)[0],
        now,
        "SendEmail",
        sender,
        to,
        cc,
        bcc,
        recipients,
        content.subject,
        [h for h in headers if h[0].lower() != "bcc"],
        {**tags, **read_tags(params.get("EmailTags"))},
        configuration_set,
        caller.identity,
        caller.ip,
        content,
    )


def _split(value: str | None) -> list[str]:
    return [formataddr(pair) for pair in getaddresses([value])] if value else []


def parse_raw(raw: bytes) -> tuple[Content, Headers]:
    """Content and headers of a MIME message as a mail client would read them."""
    # The older policy leaves broken headers as they are; the newer one stumbles over some.
    message = BytesParser(policy=policy.compat32).parsebytes(raw)
    headers = [(name, _header_text(value)) for name, value in message.items()]
    subject = next((value for name, value in headers if name.lower() == "subject"), "")
    attachments: list[Attachment] = []
    texts: dict[str, str] = {}
    for part in message.walk():
        if not part.is_multipart():
            _sort_part(part, texts, attachments)
    content = Content(
        subject, texts.get("text/plain"), texts.get("text/html"), tuple(attachments), raw
    )
    return content, headers


def _header_text(value: object) -> str:
    return " ".join(clean(str(value)).split())


def clean(text: str) -> str:
    """The text without half characters, which undecodable bytes become and no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _sort_part(part: Message, texts: dict[str, str], attachments: list[Attachment]) -> None:
    media_type = part.get_content_type()
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        payload = b""
    if part.get_content_disposition() != "attachment" and media_type in {"text/plain", "text/html"}:
        charset = part.get_content_charset("utf-8") or "utf-8"
        try:
            text = payload.decode(charset, "replace")
        except LookupError:
            text = payload.decode("utf-8", "replace")
        texts.setdefault(media_type, text)
        return
    attachments.append(Attachment(clean(part.get_filename() or "unnamed"), media_type, payload))
