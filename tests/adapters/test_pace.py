"""The shared send rate, in a real Valkey and without one."""

import threading
import time
from collections.abc import Iterator

import pytest
from redis import Redis

from mailer.adapters import pace as pacing
from mailer.adapters.pace import Pace, Quota


def quota(rate: float, **facts: float) -> Quota:
    return Quota(
        **{"rate": rate, "per_day": 50_000.0, "used": 7.0, "checked_at": 1_795_000_000.0, **facts}
    )


@pytest.fixture
def away() -> Iterator[Redis]:
    with Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2) as client:
        yield client


def taken_within(pace: Pace, seconds: float) -> int:
    total, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        granted, wait = pace.take(50)
        total += granted
        if not granted:
            time.sleep(min(wait, 0.02))
    return total


class Stopwatch:
    """How long something truly took: a busy machine stretches half a second at will."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


def test_without_redis_each_process_keeps_to_the_small_rate(away: Redis) -> None:
    pace = Pace(away, fallback_rate=20)
    watch = Stopwatch()
    assert 1 <= taken_within(pace, 0.5) <= 20 * watch.seconds + 2
    pace.give_back(3)
    pace.slow_down()
    assert pace.quota() is None


def test_before_the_limit_is_known_the_small_rate_holds(redis: Redis) -> None:
    pace = Pace(redis, fallback_rate=20)
    watch = Stopwatch()
    assert 1 <= taken_within(pace, 0.5) <= 20 * watch.seconds + 2


def test_no_more_than_the_share_of_the_limit_is_granted(redis: Redis) -> None:
    pace = Pace(redis, fallback_rate=1)
    pace.set_limit(quota(100))
    watch = Stopwatch()
    # One second's worth at once, and the rate after it.
    assert 90 <= taken_within(pace, 0.5) <= 90 + 90 * watch.seconds + 2


def test_all_processes_share_one_bucket(redis: Redis) -> None:
    first, second = Pace(redis, 1), Pace(redis, 1)
    first.set_limit(quota(100))
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda pace=pace: counts.append(taken_within(pace, 0.5)))
        for pace in (first, second)
    ]
    watch = Stopwatch()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) <= 90 + 90 * watch.seconds + 3


def test_what_was_not_used_can_be_taken_again_but_not_piled_up(redis: Redis) -> None:
    pace = Pace(redis, 1)
    pace.set_limit(quota(10 / 0.9))
    watch = Stopwatch()
    assert pace.take(50)[0] == 10
    pace.give_back(5)
    assert 5 <= pace.take(50)[0] <= 5 + 10 * watch.seconds + 1
    pace.give_back(100_000)
    assert pace.take(50)[0] <= 10


def test_a_wait_is_told_when_nothing_is_granted(redis: Redis) -> None:
    pace = Pace(redis, 1)
    pace.set_limit(quota(2 / 0.9))
    pace.take(50)
    granted, wait = pace.take(1)
    assert granted == 0
    assert 0 < wait <= 0.6


def test_a_rate_below_one_message_a_second_still_lets_one_go(redis: Redis) -> None:
    pace = Pace(redis, 1)
    pace.set_limit(quota(0.5))
    assert pace.take(50)[0] == 1


def test_throttling_halves_the_rate_for_everybody_and_it_comes_back_slowly(redis: Redis) -> None:
    pace = Pace(redis, 1)
    pace.set_limit(quota(1000))
    pace.take(1)
    pace.slow_down()
    watch = Stopwatch()
    pace.take(50)
    halved = float(redis.hget("lupaposti:pace", "rate") or 0)
    assert 450 <= halved <= 450 * (1 + 0.05 * (watch.seconds + 0.1)) ** 2
    time.sleep(0.3)
    pace.take(1)
    later = float(redis.hget("lupaposti:pace", "rate") or 0)
    assert halved < later < 900


def test_many_workers_that_hear_of_one_throttling_halve_the_rate_once(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long, so that a machine that stops for a while between two threads changes nothing.
    monkeypatch.setattr(pacing, "SLOWED_SECONDS", 600.0)
    Pace(redis, 1).set_limit(quota(1000))
    heard = threading.Barrier(8)
    halved: list[bool] = []

    def hear(pace: Pace) -> None:
        heard.wait()
        halved.append(pace.slow_down())

    threads = [threading.Thread(target=hear, args=(Pace(redis, 1),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(halved) == [False] * 7 + [True]
    assert float(redis.hget("lupaposti:pace", "rate") or 0) == 450


def test_throttling_that_goes_on_halves_the_rate_again(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "SLOWED_SECONDS", 0.0)
    pace = Pace(redis, 1)
    pace.set_limit(quota(1000))
    assert [pace.slow_down(), pace.slow_down()] == [True, True]
    assert float(redis.hget("lupaposti:pace", "rate") or 0) == 225


def test_a_server_whose_clock_went_back_is_still_slowed_down(redis: Redis) -> None:
    pace = Pace(redis, 1)
    pace.set_limit(quota(1000))
    redis.hset("lupaposti:pace", "slowed", int((time.time() + 3600) * 1000))
    assert pace.slow_down()


def test_a_rate_that_is_not_known_cannot_be_halved(redis: Redis) -> None:
    assert not Pace(redis, 1).slow_down()


def test_a_rate_never_rises_above_a_limit_that_was_lowered(redis: Redis) -> None:
    pace = Pace(redis, 1)
    pace.set_limit(quota(1000))
    pace.take(1)
    pace.set_limit(quota(10))
    assert pace.take(50)[0] <= 9


def test_a_rate_that_fell_to_nothing_comes_back_with_the_limit(redis: Redis) -> None:
    pace = Pace(redis, fallback_rate=0.01)
    pace.set_limit(quota(1000))
    pace.take(1)
    pace.set_limit(quota(0))
    pace.take(1)
    assert taken_within(pace, 0.1) == 0
    pace.set_limit(quota(1000))
    assert pace.take(50)[0] == 50


def test_a_rate_that_began_with_nothing_comes_when_sending_is_enabled(redis: Redis) -> None:
    pace = Pace(redis, fallback_rate=0.01)
    pace.set_limit(quota(0))
    pace.set_limit(quota(1000))
    assert pace.take(50)[0] == 50


def test_the_quota_as_last_read_is_shared(redis: Redis) -> None:
    Pace(redis, 1).set_limit(quota(14, used=123.0))
    assert Pace(redis, 1).quota() == quota(14, used=123.0)


def test_half_a_quota_in_redis_is_no_quota(redis: Redis) -> None:
    redis.hset("lupaposti:quota", "rate", "14")
    assert Pace(redis, 1).quota() is None


def test_a_flushed_redis_costs_speed_and_nothing_else(redis: Redis) -> None:
    pace = Pace(redis, fallback_rate=1000)
    pace.set_limit(quota(1000))
    redis.flushall()
    assert pace.take(50) == (1, 0.0)
