"""Addresses as SES takes them: ASCII local part, Punycode domain, display name or none."""

import re
from collections.abc import Iterable
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import parseaddr
from typing import Final

from mailer.stand_in.errors import ApiError

BARE: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9_](?:[A-Za-z0-9-]{0,62})\.)*[A-Za-z0-9-]{1,63}"
)
SIMULATOR: Final = "@simulator.amazonses.com"


def bare_address(value: str) -> str:
    """The address alone, case kept. Raises BadRequestException for what SES would refuse."""
    if BARE.fullmatch(value) and len(value) <= 254:
        return value
    # The parser mends what SES refuses, so it only gets to take a display name off.
    named = value.endswith(">") and value.isascii() and value.isprintable()
    address = parseaddr(value)[1] if named else ""
    if len(address) > 254 or not BARE.fullmatch(address):
        raise ApiError("BadRequestException", _refusal(value))
    return address


def _refusal(value: str) -> str:
    if "@" not in value:
        return "Missing final '@domain'"
    if not value.isascii():
        return "Local address and domain must be ASCII; use Punycode and encoded words."
    if not value.isprintable():
        return "Address contains control or whitespace"
    return "Address contains an illegal character"


def bare_addresses(values: Iterable[str]) -> list[str]:
    """Each address alone. Raises BadRequestException at the first that SES would refuse."""
    return [bare_address(value) for value in values]


def domain_of(address: str) -> str:
    """The domain in lower case."""
    return address.rpartition("@")[2].lower()


def at_simulator(address: str) -> bool:
    """Whether Amazon's mailbox simulator would take it (no quota, no reputation)."""
    return address.lower().endswith(SIMULATOR)


def decode_words(value: str) -> str:
    """Encoded words (RFC 2047) as a reader sees them; what cannot be decoded stays as it is."""
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeDecodeError, ValueError):
        return value
