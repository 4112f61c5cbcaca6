"""One trouble at a time, and what it must and must not cost."""

from typing import Any

import pytest

from tests.faults.place import Place
from tests.faults.plan import FAULTS, Plan, Step, single
from tests.faults.run import Outcome, Run, play

pytestmark = pytest.mark.slow


def attempts(place: Place) -> list[int]:
    return sorted(
        {row.attempt for row in place.look("SELECT attempt FROM messages WHERE kind = 'campaign'")}
    )


def states(place: Place) -> dict[str, int]:
    rows = place.look(
        "SELECT state, count(*) AS messages FROM messages WHERE kind = 'campaign' GROUP BY state"
    )
    return {row.state: row.messages for row in rows}


def go_through(place: Place, kind: str, **facts: Any) -> Outcome:
    outcome = play(place, single(kind, **facts))
    assert not outcome.problems, f"\n{outcome}"
    return outcome


def test_every_kind_of_trouble_can_be_met() -> None:
    kinds_of_the_network = {step for step in FAULTS if not hasattr(Run, f"_{step}")}
    from tests.faults.network import TROUBLES

    assert kinds_of_the_network <= TROUBLES.keys()


def test_a_connection_cut_after_acceptance_is_settled_by_the_events_and_not_by_sending_again(
    place: Place,
) -> None:
    outcome = go_through(place, "cut_after_body", times=3)
    assert "cut_after_body" in outcome.met
    assert outcome.uncertain == 0


def test_a_body_that_was_lost_is_sent_once_that_is_proven_and_else_waits_for_a_person(
    place: Place,
) -> None:
    outcome = go_through(place, "lost_body", times=2)
    assert "lost_body" in outcome.met
    # Proof needs witnesses in time, which a machine under load may miss: then nobody guesses.
    assert max(attempts(place)) >= 2 or outcome.uncertain > 0


def test_without_events_nothing_uncertain_is_ever_sent_again(place: Place) -> None:
    plan = single("events_lost")
    outcome = play(
        place,
        Plan(
            seed=0,
            people=plan.people,
            workers=plan.workers,
            call_size=plan.call_size,
            latency_ms=plan.latency_ms,
            steps=(*plan.steps, Step(0.4, "cut_after_body", {"times": 1})),
        ),
    )
    assert not outcome.problems, f"\n{outcome}"
    assert outcome.uncertain > 0


def test_throttling_costs_time_only(place: Place) -> None:
    outcome = go_through(place, "throttled", times=2)
    assert states(place).keys() <= {"sent", "delivered"}
    assert "throttled" in outcome.met
    assert max(attempts(place)) >= 2


def test_entries_that_fail_for_the_moment_are_sent_again(place: Place) -> None:
    go_through(place, "entries_fail", rate=0.3, seconds=0.5)
    assert states(place).keys() <= {"sent", "delivered"}


def test_redis_may_be_lost_with_everything_in_it(place: Place) -> None:
    go_through(place, "redis_lost", seconds=0.5)
    assert states(place).keys() <= {"sent", "delivered"}


def test_the_database_may_crash(place: Place) -> None:
    go_through(place, "postgres_crashed", seconds=0.3)


def test_every_process_may_be_killed_at_once(place: Place) -> None:
    go_through(place, "all_killed")


def test_a_used_up_quota_waits_and_loses_nobody(place: Place) -> None:
    go_through(place, "quota_used_up", seconds=2)
    # It may have gone on before anybody could see it wait.
    assert place.look("SELECT FROM audit_entries WHERE action = 'campaign.paused'")
    assert states(place).keys() <= {"sent", "delivered"}
