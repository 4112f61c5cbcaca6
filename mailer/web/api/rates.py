"""How many calls a token may make: so many in a minute, counted in Redis for all processes.

When Redis is away each process counts for itself and allows less: calls go on, and no system can
use an outage to run the register dry.
"""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime

from redis import Redis, RedisError

log = logging.getLogger(__name__)

PER_MINUTE = 300
PER_MINUTE_ALONE = 60
WINDOW = 60
# A Redis that did not answer is left in peace for so long.
AWAY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Rate:
    """Where a token stands in this minute. `seconds`: until the next one begins."""

    limit: int
    used: int
    seconds: int

    @property
    def is_exceeded(self) -> bool:
        """Whether this call was one too many."""
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        """As the IETF's draft on RateLimit headers writes it."""
        left = max(0, self.limit - self.used)
        found = {
            "RateLimit-Policy": f'"token";q={self.limit};w={WINDOW}',
            "RateLimit": f'"token";r={left};t={self.seconds}',
        }
        return found | ({"Retry-After": str(self.seconds)} if self.is_exceeded else {})


class Counter:
    """Counts calls, in Redis or, while that is away, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alone: dict[int, tuple[int, int]] = {}
        self._asked_in_vain: float | None = None

    def take(self, redis: Redis, token_id: int, *, now: datetime) -> Rate:
        """Count one call of a token."""
        window, second = divmod(int(now.timestamp()), WINDOW)
        used = self._shared(redis, token_id, window)
        if used is not None:
            return Rate(PER_MINUTE, used, WINDOW - second)
        return Rate(PER_MINUTE_ALONE, self._count_alone(token_id, window), WINDOW - second)

    def forget(self) -> None:
        """Begin anew, and ask Redis again."""
        with self._lock:
            self._alone.clear()
            self._asked_in_vain = None

    def _shared(self, redis: Redis, token_id: int, window: int) -> int | None:
        last = self._asked_in_vain
        if last is not None and time.monotonic() - last < AWAY_SECONDS:
            return None
        key = f"api:rate:{token_id}:{window}"
        try:
            with redis.pipeline() as pipe:
                pipe.incr(key)
                pipe.expire(key, 2 * WINDOW)
                used = int(pipe.execute()[0])
        except RedisError as error:
            self._asked_in_vain = time.monotonic()
            log.warning("api_rate_counted_alone", extra={"error": type(error).__name__})
            return None
        self._asked_in_vain = None
        return used

    def _count_alone(self, token_id: int, window: int) -> int:
        with self._lock:
            counted_in, used = self._alone.get(token_id, (window, 0))
            used = used + 1 if counted_in == window else 1
            if len(self._alone) > 1000:
                self._alone.clear()
            self._alone[token_id] = (window, used)
            return used


COUNTER = Counter()
