"""Campaigns through random trouble. A seed that fails is printed with its plan.

`pytest tests/faults --seed 1234` or `python -m bench.faults --seed 1234` plays the same plan again;
what the processes do at the same time differs, of course.
"""

import secrets

import pytest

from tests.faults.place import Place
from tests.faults.plan import make_plan
from tests.faults.run import play

SEEDS = 20
GROUPS = 10


@pytest.mark.slow
@pytest.mark.parametrize("group", range(GROUPS))
def test_random_trouble_loses_nobody_and_doubles_nobody(
    place: Place, group: int, request: pytest.FixtureRequest
) -> None:
    given = request.config.getoption("--seed", default=None)
    if given is not None and group:
        pytest.skip("one seed was asked for")
    seeds = [secrets.randbelow(2**32) for _ in range(SEEDS // GROUPS)] if given is None else [given]
    for seed in seeds:
        print(make_plan(seed), flush=True)
        outcome = play(place, make_plan(seed))
        assert not outcome.problems, f"\n{outcome}"
