"""Signed links to recipients: opaque, hard to forge, one purpose each, valid for ever.

A token carries the message's id and the recipient's suppression key, so an opt-out works even when
the contact and the message are long gone (RFC 8058, R46). It carries no address. The first byte
names the secret it was signed with, so that the secret can be replaced without breaking old links.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import StrEnum

_KEY_BYTES = 16
_MAC_BYTES = 12
_HEAD = struct.Struct(">BQ16s")
_LENGTH = _HEAD.size + _MAC_BYTES
_TOKEN = -(-_LENGTH * 8 // 6)
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Purpose(StrEnum):
    """What a link may be used for; a token of one purpose is refused for another."""

    ONE_CLICK = "one_click"
    STOP = "stop"
    OPEN = "open"
    CLICK = "click"
    TEST = "test"
    # Of a sign-up and no message: `message_id` is the sign-up's, valid as long as it is kept.
    CONFIRM = "confirm"


_PREFIXES = {purpose: purpose.value.encode() + b"\0" for purpose in Purpose}


class TokenError(ValueError):
    """Not a token of ours for this purpose. Says nothing about why."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a link was made for."""

    message_id: int
    address_key: bytes


class Signer:
    """Makes and reads tokens. `secrets`: the one in use first, then retired ones."""

    def __init__(self, *secrets: str) -> None:
        keys = [hashlib.sha256(b"links:" + secret.encode()).digest() for secret in secrets]
        self._current = keys[0]
        # One byte names the key, and two keys may well share it.
        self._by_id: dict[int, list[bytes]] = {}
        for key in keys:
            self._by_id.setdefault(key[0], []).append(key)

    def make(self, purpose: Purpose, recipient: Recipient) -> str:
        """50 characters, safe in a URL."""
        payload = _HEAD.pack(self._current[0], recipient.message_id, recipient.address_key)
        raw = payload + self._mac(self._current, purpose, payload)
        return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE)[:_TOKEN].decode("ascii")

    def read(self, purpose: Purpose, token: str) -> Recipient:
        """The recipient a token was made for. Raises TokenError."""
        try:
            if len(token) > 100:
                raise TokenError
            raw = base64.b64decode(
                token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True
            )
        except (binascii.Error, UnicodeEncodeError, ValueError):
            raise TokenError from None
        if len(raw) != _LENGTH:
            raise TokenError
        payload, mac = raw[: _HEAD.size], raw[_HEAD.size :]
        keys = self._by_id.get(raw[0], ())
        if not any(hmac.compare_digest(mac, self._mac(key, purpose, payload)) for key in keys):
            raise TokenError
        _, message_id, address_key = _HEAD.unpack(payload)
        return Recipient(message_id, address_key)

    @staticmethod
    def _mac(key: bytes, purpose: Purpose, payload: bytes) -> bytes:
        return hmac.digest(key, _PREFIXES[purpose] + payload, "sha256")[:_MAC_BYTES]
