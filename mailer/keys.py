"""The suppression key of this process, and the hashes made with it.

The key comes from the environment and is never in the database, so that a copy of the database
does not tell who has opted out (R90).
"""

import hashlib

_BLOCK = 64
# SHA-256 that has taken in the key's inner and outer form (RFC 2104). Copying both costs half of
# what setting HMAC up anew does, and an import makes two hashes for every row.
_begun: list[tuple["hashlib._Hash", "hashlib._Hash"]] = []


def use_suppression_key(secret: str) -> None:
    """Set the key hashes are made with (settings.suppression_key)."""
    key = hashlib.sha256(secret.encode()).digest().ljust(_BLOCK, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in key)) for pad in (0x36, 0x5C))
    _begun[:] = [(inner, outer)]


def keyed_hash(text: str) -> bytes:
    """128 bits of HMAC-SHA256. Raises IndexError if no key was set: never a hash without one."""
    inner, outer = _begun[0]
    inner = inner.copy()
    inner.update(text.encode("utf-8", "surrogatepass"))
    outer = outer.copy()
    outer.update(inner.digest())
    return outer.digest()[:16]
