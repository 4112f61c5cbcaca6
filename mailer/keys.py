"""The suppression key of this process, and the hashes made with it.

The key comes from the environment and is never in the database, so that a copy of the database
does not tell who has opted out (R90).
"""

import hashlib
import hmac

_key: list[bytes] = []


def use_suppression_key(secret: str) -> None:
    """Set the key hashes are made with (settings.suppression_key)."""
    _key[:] = [hashlib.sha256(secret.encode()).digest()]


def keyed_hash(text: str) -> bytes:
    """128 bits of HMAC-SHA256. Raises IndexError if no key was set: never a hash without one."""
    return hmac.digest(_key[0], text.encode("utf-8", "surrogatepass"), "sha256")[:16]
