"""Whether somebody takes jobs from a queue right now."""

from redis import Redis, RedisError
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

# A worker renews this key while it lives (worker.py); RQ's own heartbeat is minutes apart.
ALIVE = "lupaposti:worker:"
_RQ_WORKER = "rq:worker:"


def is_served(redis: Redis, queue: str) -> bool:
    """Whether a living worker takes jobs from the queue. False when Redis is away."""
    try:
        keys = [_text(key) for key in redis.smembers(WORKERS_BY_QUEUE_KEY % queue)]
        return any(redis.exists(ALIVE + key.removeprefix(_RQ_WORKER)) for key in keys)
    except RedisError:
        return False


def _text(key: bytes | str) -> str:
    return key.decode() if isinstance(key, bytes) else key
