"""Whether two requests came from one place, without keeping from where.

An address is cut to its network and hashed with a key of the day, at the moment of the request and
in memory: what is kept says that two requests of one day had the same origin, and nothing else. No
address is stored, cut or whole (R22), and tomorrow's marks have nothing to do with today's.
"""

import hashlib
import hmac
import ipaddress
from datetime import datetime
from functools import lru_cache

_HEX = 8


@lru_cache(maxsize=8192)
def network_of(address: str) -> str:
    """The /24 or /48 that an address lies in; empty for what is no address of the open internet.

    Behind a proxy that nobody told us about, every address is the proxy's own and private: that
    must not make one client of all.
    """
    try:
        parsed = ipaddress.ip_address(address.strip()[:60])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if not parsed.is_global:
        return ""
    length = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, length), strict=False))


class Marker:
    """Marks of networks and programs, with keys made from one secret, one for each day (UTC)."""

    def __init__(self, secret: str) -> None:
        """`secret` is the installation's; nothing is derived before the first mark."""
        self._secret = secret.encode()
        self._key = lru_cache(maxsize=4)(self._make_key)
        self._mark = lru_cache(maxsize=16_384)(self._make_mark)

    def network(self, address: str, at: datetime) -> str:
        """The mark of the network of an address; empty when there is none."""
        network = network_of(address)
        return self._mark(network, at.toordinal()) if network else ""

    def agent(self, user_agent: str, at: datetime) -> str:
        """The mark of a user agent."""
        return self._mark(f"agent:{user_agent[:500]}", at.toordinal())

    def _make_key(self, day: int) -> bytes:
        return hmac.digest(self._secret, f"origins of day {day}".encode(), "sha256")

    def _make_mark(self, text: str, day: int) -> str:
        return hmac.digest(self._key(day), text.encode("utf-8", "replace"), "sha256").hex()[:_HEX]


def within(message_id: int, mark: str) -> str:
    """A mark as it is kept with a hit: comparable among the hits of one message only."""
    if not mark:
        return ""
    return hashlib.blake2b(f"{message_id}:{mark}".encode(), digest_size=_HEX // 2).hexdigest()
