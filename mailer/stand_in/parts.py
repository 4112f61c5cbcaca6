"""The members that the requests to send have in common."""

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from mailer.stand_in.addresses import bare_addresses
from mailer.stand_in.errors import ApiError
from mailer.stand_in.mail import Attachment, Headers

Params = Mapping[str, Any]
DESTINATIONS: Final = 50
HEADERS: Final = 15
# Given elsewhere in the request or written by SES itself.
RESERVED: Final = frozenset(
    {
        "bcc",
        "cc",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "return-path",
        "sender",
        "subject",
        "to",
    }
)


def read_destination(destination: Params) -> tuple[list[str], list[str], list[str], list[str]]:
    """To, Cc, Bcc as given, and all bare addresses. Raises BadRequestException."""
    to = destination.get("ToAddresses") or []
    cc = destination.get("CcAddresses") or []
    bcc = destination.get("BccAddresses") or []
    recipients = bare_addresses([*to, *cc, *bcc])
    if not recipients:
        raise ApiError("BadRequestException", "At least one recipient is required.")
    if len(recipients) > DESTINATIONS:
        raise ApiError("BadRequestException", f"Recipient count exceeds {DESTINATIONS}.")
    return to, cc, bcc, recipients


def read_sender(params: Params) -> str:
    """FromEmailAddress. Raises BadRequestException when it is missing."""
    sender: str | None = params.get("FromEmailAddress")
    if not sender:
        raise ApiError("BadRequestException", "FromEmailAddress is required.")
    return sender


def read_reply_to(params: Params) -> str:
    """The value of the Reply-To header, empty without one. Raises BadRequestException."""
    addresses = params.get("ReplyToAddresses") or []
    bare_addresses(addresses)
    return ", ".join(addresses)


def read_attachments(source: Params) -> tuple[Attachment, ...]:
    """The attachments of Simple or Template content, decoded."""
    return tuple(
        Attachment(
            item["FileName"],
            item.get("ContentType") or "application/octet-stream",
            base64.b64decode(item["RawContent"]),
        )
        for item in source.get("Attachments") or ()
    )


def read_tags(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Tags as a dictionary; a name given twice keeps its last value."""
    return {tag["Name"]: tag["Value"] for tag in tags} if tags else {}


def read_headers(headers: Sequence[Mapping[str, str]] | None) -> Headers:
    """Custom headers. Raises BadRequestException for those that cannot be set."""
    if not headers:
        return []
    problem = _name_problem(tuple([header["Name"] for header in headers]))
    if problem:
        raise ApiError("BadRequestException", problem)
    return [(header["Name"], header["Value"]) for header in headers]


@lru_cache(maxsize=256)  # one campaign's messages all have the same header names
def _name_problem(names: tuple[str, ...]) -> str | None:
    for name in names:
        if name.lower() in RESERVED:
            return f"The header {name} cannot be set here."
    if len({name.lower() for name in names}) != len(names):
        return "A header occurs twice."
    return None


def replace_headers(defaults: Headers, headers: Sequence[Mapping[str, str]] | None) -> Headers:
    """An entry's own headers over the template's, by name. Raises BadRequestException."""
    own = read_headers(headers)
    if not defaults:
        return own
    replaced = {name.lower() for name, _ in own}
    merged = [header for header in defaults if header[0].lower() not in replaced] + own
    if len(merged) > HEADERS:
        raise ApiError("BadRequestException", f"A message can have at most {HEADERS} headers.")
    return merged
