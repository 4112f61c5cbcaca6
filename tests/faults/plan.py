"""What goes wrong in one campaign, and when: drawn from a seed, the same for ever."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

THREADS = 2  # of a worker, each with a call under way
SECONDS_OF_SENDING = 2.5

Draw = Callable[[random.Random], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of trouble: how it is called in the table of results, and what is drawn for one."""

    label: str
    draw: Draw = lambda _: {}
    weight: int = 2


def _pause(dice: random.Random) -> dict[str, Any]:
    return {"seconds": round(dice.uniform(0.1, 0.9), 2)}


def _worker(dice: random.Random) -> dict[str, Any]:
    return {"worker": dice.randrange(8)}


def _calls(dice: random.Random) -> dict[str, Any]:
    return {"times": dice.randint(1, 3)}


def _clock(sign: int) -> Draw:
    def draw(dice: random.Random) -> dict[str, Any]:
        return {
            "worker": dice.choice([*range(8), None]),
            "by": sign * dice.choice([20, 90, 300, 900]),
            "seconds": round(dice.uniform(0.5, 2.5), 2),
        }

    return draw


def _share(low: float, high: float) -> Draw:
    def draw(dice: random.Random) -> dict[str, Any]:
        return {"rate": round(dice.uniform(low, high), 2), **_pause(dice)}

    return draw


def _people(most: int) -> Draw:
    def draw(dice: random.Random) -> dict[str, Any]:
        return {"people": sorted(dice.sample(range(1000), dice.randint(1, most)))}

    return draw


def _delay(dice: random.Random) -> dict[str, Any]:
    return {"delay_ms": dice.randint(200, 800)}


FAULTS: Mapping[str, Fault] = {
    "worker_killed": Fault("worker killed (-9)", _worker, weight=6),
    "worker_asked_to_stop": Fault("worker asked to stop (TERM)", _worker, weight=3),
    "all_killed": Fault("every worker and the scheduler killed (-9)", weight=2),
    "worker_frozen": Fault(
        "worker frozen and thawed (STOP, CONT)",
        lambda dice: {**_worker(dice), "seconds": round(dice.uniform(0.5, 4.0), 2)},
        weight=2,
    ),
    "redis_lost": Fault("Redis killed, all keys lost", _pause, weight=4),
    "postgres_restarted": Fault("PostgreSQL restarted (fast)", _pause, weight=3),
    "postgres_crashed": Fault("PostgreSQL crashed (immediate)", _pause, weight=3),
    "web_killed": Fault("web server killed (-9)", weight=1),
    "ses_away": Fault("SES refuses connections", _pause),
    "connections_cut": Fault("every connection to SES reset", weight=3),
    "cut_in_body": Fault("reset while the body is sent", _calls),
    "lost_body": Fault("body lost, no answer", _calls),
    "cut_after_body": Fault("reset after SES accepted", _calls, weight=4),
    "no_answer": Fault("accepted, no answer", _calls, weight=3),
    "half_closed": Fault("accepted, connection half closed", _calls),
    "cut_in_answer": Fault("reset in the middle of the answer", _calls),
    "torn_answer": Fault("answer torn in two", _calls),
    "short_answer": Fault("answer lacks entries", _calls),
    "error_after": Fault("accepted, answered 500", _calls),
    "late": Fault("body reaches SES after the worker gave up", _calls),
    "slow_body": Fault("body in trickles", _calls, weight=1),
    "slow_answer": Fault("answer in trickles", _calls, weight=1),
    "latency": Fault(
        "SES slow to answer",
        lambda dice: {"latency_ms": dice.choice([0, 50, 700]), **_pause(dice)},
    ),
    "throttled": Fault("SES throttles (429)", _calls),
    "ses_error": Fault("SES answers 500, nothing accepted", _calls),
    "entries_fail": Fault("some entries fail for the moment", _share(0.1, 0.6)),
    "quota_used_up": Fault("SES's quota for 24 hours used up", _pause, weight=1),
    "dropped": Fault("SES drops the connection after accepting", _calls),
    "lost": Fault("SES drops the connection before accepting", _calls),
    "paused": Fault("paused and resumed", _pause, weight=3),
    "clock_ahead": Fault("a worker's clock jumps ahead (or all)", _clock(1), weight=3),
    "clock_behind": Fault("a worker's clock jumps back (or all)", _clock(-1), weight=3),
    "events_twice": Fault(
        "events come twice", lambda dice: {"rate": round(dice.uniform(0.2, 1.0), 2)}
    ),
    "events_late": Fault("events come late", _delay),
    "events_out_of_order": Fault("events come out of order", _delay),
    "events_lost": Fault("every event lost", weight=1),
    "opt_outs": Fault("opt-outs by header and page", _people(12), weight=4),
    "company_ban": Fault("companies banned", _people(3)),
    "domain_ban": Fault("mail domains banned", _people(3)),
}
# The same in few words, for a reader in a hurry.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "workers killed, stopped, frozen": (
        "worker_killed", "worker_asked_to_stop", "all_killed", "worker_frozen",
    ),
    "Redis killed with all its keys": ("redis_lost",),
    "PostgreSQL restarted or crashed": ("postgres_restarted", "postgres_crashed"),
    "web server killed": ("web_killed",),
    "connection to SES refused or cut before SES had the message": (
        "ses_away", "cut_in_body", "lost_body", "lost",
    ),
    "answer of SES lost, torn or wrong after it accepted": (
        "connections_cut", "cut_after_body", "no_answer", "half_closed", "cut_in_answer",
        "torn_answer", "short_answer", "error_after", "late", "dropped",
    ),
    "SES slow, throttling, failing, quota used up": (
        "slow_body", "slow_answer", "latency", "throttled", "ses_error", "entries_fail",
        "quota_used_up",
    ),
    "paused and resumed": ("paused",),
    "clocks ahead or behind": ("clock_ahead", "clock_behind"),
    "events twice, late, out of order": ("events_twice", "events_late", "events_out_of_order"),
    "every event lost": ("events_lost",),
    "opt-outs and bans in the middle": ("opt_outs", "company_ban", "domain_ban"),
}  # fmt: skip
# What settles messages is gone for the whole campaign: from its first moment.
FROM_THE_START = frozenset({"events_lost"})


@dataclass(frozen=True, slots=True)
class Step:
    """Trouble of one kind once `share` of the people have been accepted by SES."""

    share: float
    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        facts = " ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.share:.0%} {self.kind} {facts}".rstrip()


@dataclass(frozen=True, slots=True)
class Plan:
    """One campaign and its troubles."""

    seed: int
    people: int
    workers: int
    call_size: int
    latency_ms: int
    steps: tuple[Step, ...]

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(step.kind for step in self.steps)

    def __str__(self) -> str:
        head = (
            f"seed {self.seed}: {self.people} people, {self.workers} workers, "
            f"{self.call_size} in a call, {self.latency_ms} ms"
        )
        return "\n".join([head, *(f"  {step}" for step in self.steps)])


def make_plan(seed: int) -> Plan:
    """The plan of a seed."""
    dice = random.Random(seed)
    names = list(FAULTS)
    chosen = dice.choices(names, [FAULTS[n].weight for n in names], k=dice.randint(3, 9))
    steps = [
        Step(
            0.0 if name in FROM_THE_START else round(dice.uniform(0.0, 0.95), 2),
            name,
            FAULTS[name].draw(dice),
        )
        for name in chosen
    ]
    people, workers = dice.randint(200, 280), dice.randint(2, 3)
    call_size = dice.choice([5, 8, 12, 20])
    return Plan(
        seed=seed,
        people=people,
        workers=workers,
        call_size=call_size,
        latency_ms=_latency(people, workers, call_size),
        steps=tuple(sorted(steps, key=lambda step: step.share)),
    )


def _latency(people: int, workers: int, call_size: int) -> int:
    """So slow an SES that the campaign takes a few seconds, in which trouble can come."""
    calls = people / call_size
    return int(min(500, SECONDS_OF_SENDING * 1000 * workers * THREADS / calls))


def single(kind: str, **facts: Any) -> Plan:
    """A plan of one trouble in the middle, for a test of that trouble alone."""
    return Plan(
        seed=0,
        people=200,
        workers=2,
        call_size=10,
        latency_ms=_latency(200, 2, 10),
        steps=(Step(0.0 if kind in FROM_THE_START else 0.4, kind, facts),),
    )
