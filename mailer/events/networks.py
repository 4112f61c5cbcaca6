"""Which networks are a data centre's or a mail gateway's, as a list that the operator keeps says.

Asked in memory at the moment of a request; what goes further is the class. No list is built in:
providers publish theirs, they change every week, and an old one would call people machines.
"""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from mailer.config import SettingsError

CLASSES = ("data_centre", "gateway_network")
_WORDS = dict(zip(("data-centre", "gateway"), CLASSES, strict=True))


class Networks:
    """Ranges of addresses with their classes; where two overlap, the narrower one holds."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        """Each line: a network, a blank, `data-centre` or `gateway`. Raises ValueError with the
        number of the line."""
        found: dict[tuple[int, int, int], str] = {}
        for number, line in enumerate(lines, start=1):
            entry = line.partition("#")[0].split()
            if not entry:
                continue
            try:
                network, word = entry
                parsed = ipaddress.ip_network(network)
                found[parsed.version, int(parsed.network_address), parsed.prefixlen] = _WORDS[word]
            except (ValueError, KeyError):
                raise ValueError(f"line {number}") from None
        self._classes = found
        self._class_of = lru_cache(maxsize=8192)(self._find)

    def class_of(self, address: str) -> str | None:
        """The class of the network an address lies in; None where nobody said."""
        return self._class_of(address) if self._classes else None

    def _find(self, address: str) -> str | None:
        try:
            parsed = ipaddress.ip_address(address.strip()[:60])
        except ValueError:
            return None
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        bits = parsed.max_prefixlen
        for length in range(bits, -1, -1):  # the narrowest first
            begins = int(parsed) >> (bits - length) << (bits - length)
            key = (parsed.version, begins, length)
            if key in self._classes:
                return self._classes[key]
        return None


def load(path: Path | None) -> Networks:
    """The networks in a file; none without one. Raises SettingsError."""
    if path is None:
        return Networks()
    try:
        with path.open(encoding="utf-8") as file:
            return Networks(file)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"NETWORKS_FILE cannot be read: {type(error).__name__}.") from None
    except ValueError as error:
        raise SettingsError(
            f"NETWORKS_FILE, {error}: expected a network and data-centre or gateway."
        ) from None
