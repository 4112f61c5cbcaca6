"""A plan is the same each time, and random plans leave out no kind of trouble."""

from tests.faults.plan import FAULTS, GROUPS, make_plan


def test_a_seed_makes_the_same_plan_again() -> None:
    assert make_plan(1234) == make_plan(1234)
    assert str(make_plan(1234)) == str(make_plan(1234))
    assert make_plan(1234) != make_plan(1235)


def test_five_hundred_plans_meet_every_kind_of_trouble_often() -> None:
    plans = [make_plan(seed) for seed in range(500)]
    met = {kind: sum(kind in plan.kinds for plan in plans) for kind in FAULTS}
    assert min(met.values()) >= 10, met


def test_troubles_come_in_the_order_of_their_moments() -> None:
    for seed in range(50):
        shares = [step.share for step in make_plan(seed).steps]
        assert shares == sorted(shares)
        assert all(0 <= share < 1 for share in shares)


def test_every_kind_is_in_one_group() -> None:
    assert sorted(kind for kinds in GROUPS.values() for kind in kinds) == sorted(FAULTS)
