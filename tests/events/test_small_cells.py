"""No figure of a report tells about fewer than five people."""

from hypothesis import given
from hypothesis import strategies as st

from mailer.events.small_cells import FEWEST, OTHERS, Group, protect


def make_group(name: str, people: int, clicked: int = 0) -> Group:
    return Group(name, people, (clicked,))


def test_five_people_are_shown_and_four_are_not() -> None:
    groups = protect([make_group("finance", 5), make_group("hr", 4), make_group("it", 3)])
    assert [(g.name, g.people) for g in groups] == [("finance", 5), (OTHERS, 7)]


def test_one_small_group_takes_another_with_it_so_that_the_total_does_not_tell() -> None:
    groups = protect([make_group("finance", 20), make_group("it", 9), make_group("hr", 4)])
    assert [(g.name, g.people) for g in groups] == [("finance", 20), (OTHERS, 13)]


def test_fewer_than_five_people_in_all_are_not_shown() -> None:
    assert protect([make_group("finance", 3), make_group("hr", 1)]) == []
    assert protect([]) == []


def test_small_counts_are_hidden_with_a_companion() -> None:
    groups = protect([make_group("a", 100, 50), make_group("b", 90, 3), make_group("c", 80, 20)])
    assert [g.counts for g in groups] == [(50,), (None,), (None,)]


def test_zero_is_no_secret_and_several_hidden_counts_hide_each_other() -> None:
    groups = protect(
        [
            make_group("a", 100, 50),
            make_group("b", 90, 3),
            make_group("c", 80, 2),
            make_group("d", 70),
        ]
    )
    assert [g.counts for g in groups] == [(50,), (None,), (None,), (0,)]


_GROUPS = st.lists(
    st.integers(1, 30).flatmap(
        lambda people: st.tuples(st.just(people), st.integers(0, people), st.integers(0, people))
    ),
    max_size=8,
).map(
    lambda rows: [
        Group(f"g{index}", people, (clicked, out))
        for index, (people, clicked, out) in enumerate(rows)
    ]
)


@given(_GROUPS)
def test_nothing_small_can_be_read_or_reckoned(groups: list[Group]) -> None:
    shown = protect(groups)
    everybody = sum(group.people for group in groups)
    assert all(group.people >= FEWEST for group in shown)
    # What is missing from the rows, if anything, is not a small group of its own.
    assert sum(group.people for group in shown) in (everybody, 0)
    for column in range(2):
        counts = [group.counts[column] for group in shown]
        assert all(count is None or count == 0 or count >= FEWEST for count in counts)
        hidden = counts.count(None)
        if hidden == 1:  # only where nobody else in the column did anything
            assert all(not count for count in counts)
