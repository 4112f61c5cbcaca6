"""The shared send rate: one token bucket in Redis for all workers on all machines.

Redis is a brake here, not the truth: when it is away each process keeps to a small local rate.
The rate follows SES's limit: halved when SES throttles, raised slowly back.
"""

import threading
import time
from dataclasses import dataclass

from redis import Redis, RedisError

_BUCKET = "lupaposti:pace"
_QUOTA = "lupaposti:quota"
# How much of SES's rate we use.
SHARE = 0.9
# Longer than a call to SES usually takes, so that one event is not counted again.
SLOWED_SECONDS = 1.0

# KEYS[1] bucket; ARGV: wanted, least. Answers {granted, milliseconds until `least` are there}.
# A bucket holds at most one second's worth, and never less than one call's.
_TAKE = """
local rate = tonumber(redis.call('HGET', KEYS[1], 'rate') or '0')
if rate <= 0 then return {0, -1} end
local limit = tonumber(redis.call('HGET', KEYS[1], 'limit') or rate)
if limit <= 0 then return {0, -1} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local at = tonumber(redis.call('HGET', KEYS[1], 'at') or now)
local tokens = tonumber(redis.call('HGET', KEYS[1], 'tokens') or rate)
local passed = math.max(0, now - at)
rate = math.min(limit, rate * (1 + 0.05 * passed / 1000))
local cap = math.max(rate, 1)
tokens = math.min(cap, tokens + passed * rate / 1000)
local wanted = math.min(tonumber(ARGV[1]), math.max(1, math.floor(cap)))
local granted = math.min(wanted, math.floor(tokens))
local wait = 0
if granted < 1 then wait = math.ceil((1 - tokens) * 1000 / rate) end
redis.call('HSET', KEYS[1], 'tokens', tokens - granted, 'at', now, 'rate', rate)
return {granted, wait}
"""
# KEYS[1] bucket; ARGV: milliseconds. One event of throttling answers every call in flight, of every
# worker: it must halve the rate once and not once for each answer. Answers whether it did.
_SLOW = """
local rate = tonumber(redis.call('HGET', KEYS[1], 'rate') or '0')
if rate <= 0 then return 0 end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local slowed = tonumber(redis.call('HGET', KEYS[1], 'slowed') or '-1')
if slowed >= 0 and slowed <= now and now - slowed < tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'rate', math.max(1, rate / 2), 'tokens', 0, 'slowed', now)
return 1
"""
_RECOVER = """
local rate = tonumber(redis.call('HGET', KEYS[1], 'rate') or '0')
if rate <= 0 then redis.call('HSET', KEYS[1], 'rate', ARGV[1]) end
return 1
"""


@dataclass(frozen=True, slots=True)
class Quota:
    """SES's limits as last read: messages a second, in 24 hours (-1 = no limit), used, epoch s."""

    rate: float
    per_day: float
    used: float
    checked_at: float


class Pace:
    """The bucket as one process uses it. Safe to share between threads."""

    def __init__(self, redis: Redis, fallback_rate: float) -> None:
        self._redis = redis
        self._take = redis.register_script(_TAKE)
        self._slow = redis.register_script(_SLOW)
        self._recover = redis.register_script(_RECOVER)
        self._fallback_rate = fallback_rate
        self._local_lock = threading.Lock()
        self._local_next = 0.0

    def take(self, wanted: int) -> tuple[int, float]:
        """Up to `wanted` messages may go now; when 0, the seconds to wait before asking again."""
        try:
            granted, wait = self._take(keys=[_BUCKET], args=[wanted])
        except RedisError:
            return self._take_locally()
        if granted == 0 and wait < 0:
            return self._take_locally()  # the limit of the account is not known yet
        return int(granted), max(float(wait) / 1000, 0.005) if granted == 0 else 0.0

    def give_back(self, unused: int) -> None:
        """Return what was taken and not used."""
        if unused > 0:
            try:
                self._redis.hincrbyfloat(_BUCKET, "tokens", unused)
            except RedisError:
                return

    def slow_down(self) -> bool:
        """SES said too fast: halve the rate for everybody, once in SLOWED_SECONDS. Whether it was.

        Answers to calls that were under way when the rate was halved say nothing of the new rate.
        """
        try:
            return bool(self._slow(keys=[_BUCKET], args=[int(SLOWED_SECONDS * 1000)]))
        except RedisError:
            return False

    def set_limit(self, quota: Quota, share: float = SHARE) -> None:
        """Take over SES's limits, using `share` of its rate. Raises RedisError."""
        limit = max(quota.rate * share, 1.0) if quota.rate > 0 else 0.0
        with self._redis.pipeline() as pipeline:
            pipeline.hset(_BUCKET, "limit", str(limit))
            # A rate that fell to nothing with the limit must not stay there when it comes back.
            self._recover(keys=[_BUCKET], args=[limit], client=pipeline)
            pipeline.hset(
                _QUOTA,
                mapping={
                    "rate": str(quota.rate),
                    "per_day": str(quota.per_day),
                    "used": str(quota.used),
                    "checked_at": str(quota.checked_at),
                },
            )
            pipeline.execute()

    def quota(self) -> Quota | None:
        """SES's limits as last read by any process, or None."""
        try:
            stored = self._redis.hgetall(_QUOTA)
        except RedisError:
            return None
        values = {_text(key): float(value) for key, value in stored.items()}
        return Quota(**values) if len(values) == 4 else None

    def _take_locally(self) -> tuple[int, float]:
        with self._local_lock:
            now = time.monotonic()
            if now < self._local_next:
                return 0, self._local_next - now
            self._local_next = now + 1 / self._fallback_rate
            return 1, 0.0


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
