"""Messages counted and not kept: for benchmarks, where storing them would be what is measured."""

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from mailer.stand_in.mail import Mail
from mailer.stand_in.messages import Filter


class CountingStore:
    """Counts per tag value and per address hash, in memory; a restart forgets them."""

    def __init__(self) -> None:
        """Starts at zero."""
        self._lock = threading.Lock()
        self.clear()

    def add(self, mails: Sequence[Mail]) -> None:
        """Counts accepted messages."""
        with self._lock:
            self._accepted += len(mails)
            tags, addresses = self._tags, self._addresses
            for mail in mails:
                for name, value in mail.tags.items():
                    tags[name][value] += 1
                for address in mail.recipients:
                    addresses[hash(address.lower())] += 1

    def count(self, addresses: Sequence[str], tags: Sequence[Sequence[Mapping[str, str]]]) -> None:
        """Counts accepted messages by their addresses and tags, in the same order."""
        with self._lock:
            self._accepted += len(addresses)
            counters = self._tags
            for own in tags:
                for tag in own:
                    counters[tag["Name"]][tag["Value"]] += 1
            self._addresses.update([hash(address.lower()) for address in addresses])

    def find(self, wanted: Filter, *, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:  # noqa: ARG002
        """Nothing: no message is kept."""
        return [], 0

    def get(self, message_id: str) -> None:  # noqa: ARG002
        """Nothing: no message is kept."""
        return

    def counts(self) -> dict[str, Any]:
        """Totals since the start or the last reset."""
        with self._lock:
            return {
                "accepted": self._accepted,
                "addresses": _summary(self._addresses),
                "tags": {name: _summary(counter) for name, counter in self._tags.items()},
                "outcomes_of_kept": {},
            }

    def repeated(self, name: str, *, limit: int) -> dict[str, int]:
        """Values of a tag that were seen more than once."""
        with self._lock:
            counter = self._tags.get(name, Counter())
            return dict([item for item in counter.items() if item[1] > 1][:limit])

    def clear(self) -> None:
        """Back to zero."""
        self._accepted = 0
        self._tags: dict[str, Counter[str]] = defaultdict(Counter)
        self._addresses: Counter[int] = Counter()


def _summary(counter: Counter[Any]) -> dict[str, int]:
    return {
        "distinct": len(counter),
        "total": counter.total(),
        "repeated": sum(count > 1 for count in counter.values()),
    }
