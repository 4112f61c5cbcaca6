"""Signing what we state, so that others can check it with a public key (Ed25519, RFC 8032).

The key is derived from the installation's secret, so that there is nothing more to keep. What was
signed before the secret was replaced stays ours through RETIRED_SECRET_KEYS.
"""

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALGORITHM = "Ed25519"
_INFO = b"lupaposti certificate signing 1"


class Finding(Enum):
    """What the check of a signed document found."""

    RIGHT = "right"  # unchanged, and signed with a key that is trusted
    UNKNOWN_KEY = "unknown_key"  # unchanged since it was signed, but by whom is not known
    CHANGED = "changed"  # not what was signed
    UNREADABLE = "unreadable"  # not a signed document


def public_key(secret: str) -> str:
    """The key that others check with, in Base64."""
    return _encode(_private_key(secret).public_key().public_bytes_raw())


def canonical(document: Mapping[str, Any]) -> bytes:
    """The bytes that are signed: JSON with sorted keys, no spaces, UTF-8. No floats may occur."""
    text = json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def sign(document: Mapping[str, Any], secret: str) -> dict[str, Any]:
    """The document with its signature beside it."""
    key = _private_key(secret)
    return {
        "certificate": dict(document),
        "signature": {
            "algorithm": ALGORITHM,
            "public_key": _encode(key.public_key().public_bytes_raw()),
            "value": _encode(key.sign(canonical(document))),
        },
    }


def verify(text: str | bytes, trusted: Collection[str]) -> tuple[Finding, dict[str, Any]]:
    """Check a signed document; `trusted` are public keys as `public_key` gives them.

    Gives the document too, empty when it cannot be read.
    """
    try:
        sealed = json.loads(text, object_pairs_hook=_without_repeats, parse_float=_refuse)
        document, signature = sealed["certificate"], sealed["signature"]
        given, value = signature["public_key"], signature["value"]
        if set(sealed) != {"certificate", "signature"} or signature["algorithm"] != ALGORITHM:
            return Finding.UNREADABLE, {}
        signed = canonical(document)
        key = Ed25519PublicKey.from_public_bytes(_decode(given))
        seal = _decode(value)
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        return Finding.UNREADABLE, {}
    if not isinstance(document, dict):
        return Finding.UNREADABLE, {}
    try:
        key.verify(seal, signed)
    except InvalidSignature:
        return Finding.CHANGED, document
    return (Finding.RIGHT if given in trusted else Finding.UNKNOWN_KEY), document


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Another reader might take the other one of two members with one name.
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member occurs twice")
    return found


def _refuse(number: str) -> Any:
    raise ValueError(f"{number:.20} is no whole number")


def _private_key(secret: str) -> Ed25519PrivateKey:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_INFO)
    return Ed25519PrivateKey.from_private_bytes(derived.derive(secret.encode()))


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _decode(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return base64.b64decode(value, validate=True)
