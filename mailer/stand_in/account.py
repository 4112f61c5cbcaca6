"""The account: send rate, 24 hour quota, identities, configuration sets, suppression list."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

from mailer import clock
from mailer.stand_in.addresses import domain_of
from mailer.stand_in.database import Database
from mailer.stand_in.errors import ApiError

MINUTES_A_DAY: Final = 24 * 60
DEFAULT_SET: Final = "stand-in-default"


class Pace:
    """A token bucket of one second's worth of messages."""

    def __init__(self, rate: float, ticks: Callable[[], float] = monotonic) -> None:
        """`rate` in messages a second; at least one message fits the bucket."""
        self.rate = rate
        self._ticks = ticks
        self._capacity = max(rate, 1.0)
        self._tokens = self._capacity
        self._filled_at = ticks()
        self._lock = threading.Lock()

    def take(self, wanted: int) -> int:
        """Takes up to `wanted` tokens and says how many."""
        with self._lock:
            now = self._ticks()
            self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self.rate)
            self._filled_at = now
            granted = min(wanted, int(self._tokens))
            self._tokens -= granted
            return granted

    def give_back(self, unused: int) -> None:
        """Returns tokens that were taken and not needed."""
        with self._lock:
            self._tokens = min(self._capacity, self._tokens + unused)


class Quota:
    """Recipients in the last 24 hours, counted by the minute and kept over restarts."""

    def __init__(self, limit: int, database: Database) -> None:
        """`limit` -1 means no limit, as Amazon reports it."""
        self.limit = limit
        self._database = database
        self._lock = threading.Lock()
        with database.reading() as connection:
            self._minutes: dict[int, int] = dict(
                connection.execute("SELECT minute, count FROM sent_minute")
            )
        self._sent = sum(self._minutes.values())

    def used(self) -> int:
        """Recipients accepted in the last 24 hours."""
        with self._lock:
            self._forget(self._minute())
            return self._sent

    def take(self, wanted: int) -> int:
        """Takes up to `wanted` from the quota and says how many."""
        with self._lock:
            minute = self._minute()
            self._forget(minute)
            granted = wanted if self.limit < 0 else max(0, min(wanted, self.limit - self._sent))
            if granted:
                if minute not in self._minutes:
                    self._save()  # so that a crash forgets at most the current minute
                self._minutes[minute] = self._minutes.get(minute, 0) + granted
                self._sent += granted
            return granted

    def give_back(self, unused: int) -> None:
        """Returns what was taken and not needed."""
        with self._lock:
            minute = self._minute()
            self._minutes[minute] = self._minutes.get(minute, 0) - unused
            self._sent -= unused

    def clear(self) -> None:
        """Forgets what was sent."""
        with self._lock:
            self._minutes.clear()
            self._sent = 0

    def save(self) -> None:
        """Writes the counters to the file."""
        with self._lock:
            self._save()

    def _save(self) -> None:
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sent_minute")
            connection.executemany("INSERT INTO sent_minute VALUES (?, ?)", self._minutes.items())

    def _forget(self, minute: int) -> None:
        # Insertion order is time order, except that a clock set back only delays forgetting.
        while self._minutes:
            oldest = next(iter(self._minutes))
            if oldest > minute - MINUTES_A_DAY:
                break
            self._sent -= self._minutes.pop(oldest)

    @staticmethod
    def _minute() -> int:
        return int(clock.now().timestamp() // 60)


class Account:
    """Identities, configuration sets and the account-level suppression list."""

    def __init__(
        self,
        database: Database,
        *,
        verified_domains: Sequence[str],
        configuration_sets: Sequence[str] | None,
    ) -> None:
        """`verified_domains` match as suffixes; `configuration_sets` None accepts every name."""
        self._database = database
        self._verified_domains = tuple(d.lower().strip(".") for d in verified_domains)
        self._configuration_sets = configuration_sets
        self._lock = threading.Lock()
        with database.reading() as connection:
            self._identities: dict[str, bool] = {
                name: bool(verified)
                for name, verified in connection.execute("SELECT name, verified FROM identity")
            }
            self._suppressed: dict[str, tuple[str, float]] = {
                address: (reason, at)
                for address, reason, at in connection.execute("SELECT * FROM suppressed")
            }
        self._folded = {address.lower() for address in self._suppressed}

    # Identities

    def is_verified(self, identity: str) -> bool:
        """Whether mail may be sent from this address or domain."""
        identity = identity.lower()
        if self._identities.get(identity):
            return True
        domain = domain_of(identity)
        if self._identities.get(domain):
            return True
        # What was registered and set unverified stays so, whatever the suffixes say.
        if self._identities.get(domain) is False:
            return False
        return any(domain == d or domain.endswith("." + d) for d in self._verified_domains)

    def knows(self, identity: str) -> bool:
        """Whether the identity exists: registered, or verified by suffix."""
        return identity.lower() in self._identities or self.is_verified(identity)

    def create_identity(self, identity: str) -> bool:
        """Registers an identity and says whether it is verified. Raises AlreadyExistsException."""
        identity = identity.lower()
        verified = self.is_verified(identity)
        with self._lock:
            if identity in self._identities:
                raise ApiError("AlreadyExistsException", "The email identity already exists.")
            self._store_identity(identity, verified=verified)
        return verified

    def set_identity(self, identity: str, *, verified: bool) -> None:
        """Makes an identity verified or not, registering it when new."""
        with self._lock:
            self._store_identity(identity.lower(), verified=verified)

    def _store_identity(self, identity: str, *, verified: bool) -> None:
        self._identities[identity] = verified
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO identity VALUES (?, ?)", (identity, verified)
            )

    def identities(self) -> list[str]:
        """Registered identities and the verified suffixes, in order."""
        return sorted({*self._identities, *self._verified_domains})

    # Configuration sets

    def check_configuration_set(self, name: str | None) -> str:
        """The configuration set in force. Raises NotFoundException."""
        if name is None:
            return DEFAULT_SET
        if self._configuration_sets is not None and name not in {
            DEFAULT_SET,
            *self._configuration_sets,
        }:
            raise ApiError("NotFoundException", f"Configuration set <{name}> does not exist.")
        return name

    # Suppression list: the API compares exactly, sending folds case (as SES does).

    def is_suppressed(self, address: str) -> bool:
        """Whether SES would accept mail to the address and not send it."""
        return bool(self._folded) and address.lower() in self._folded

    def suppress(self, address: str, reason: str) -> None:
        """Puts an address on the list, case kept; `reason` is BOUNCE or COMPLAINT."""
        updated_at = clock.now().timestamp()
        with self._lock:
            self._suppressed[address] = (reason, updated_at)
            self._folded.add(address.lower())
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO suppressed VALUES (?, ?, ?)",
                    (address, reason, updated_at),
                )

    def release(self, address: str) -> None:
        """Takes an address off the list. Raises NotFoundException."""
        with self._lock:
            if self._suppressed.pop(address, None) is None:
                raise ApiError("NotFoundException", _not_listed(address))
            self._folded = {other.lower() for other in self._suppressed}
            with self._database.transaction() as connection:
                connection.execute("DELETE FROM suppressed WHERE address = ?", (address,))

    def suppression(self, address: str) -> dict[str, Any]:
        """The list's entry for exactly this address. Raises NotFoundException."""
        entry = self._suppressed.get(address)
        if entry is None:
            raise ApiError("NotFoundException", _not_listed(address))
        return _summary(address, *entry)

    def suppressions(self) -> list[dict[str, Any]]:
        """All entries by address."""
        with self._lock:
            return [
                _summary(address, *entry) for address, entry in sorted(self._suppressed.items())
            ]

    def clear(self) -> None:
        """Forgets registered identities and suppressed addresses."""
        with self._lock, self._database.transaction() as connection:
            self._identities.clear()
            self._suppressed.clear()
            self._folded.clear()
            connection.execute("DELETE FROM identity")
            connection.execute("DELETE FROM suppressed")


def _not_listed(address: str) -> str:
    return f"Email address {address} does not exist on your suppression list."


def _summary(address: str, reason: str, updated_at: float) -> dict[str, Any]:
    return {
        "EmailAddress": address,
        "Reason": reason,
        "LastUpdateTime": datetime.fromtimestamp(updated_at, UTC),
    }
