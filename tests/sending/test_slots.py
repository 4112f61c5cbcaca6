"""The arithmetic of the plan: nobody forgotten, no limit passed, at every hour and every day."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.sending import business_hours, slots
from mailer.sending.slots import (
    HOUR,
    Allocation,
    Group,
    Limits,
    Load,
    allocate,
    carried,
    day_of,
    hour_of,
    shares,
)

HELSINKI = ZoneInfo("Europe/Helsinki")
TUESDAY = datetime(2026, 11, 24, 9, tzinfo=UTC)
FRIDAY_EVENING = datetime(2026, 11, 27, 18, 30, tzinfo=HELSINKI).astimezone(UTC)
DOMAINS = {"gmail.example": 40, "outlook.example": 25}

groups = st.builds(
    Group,
    wave=st.integers(0, 2),
    calendar=st.sampled_from(["", "FI", "SE", "US", "IN"]),
    domain=st.sampled_from(["", *DOMAINS]),
)
demands = st.dictionaries(groups, st.integers(1, 400), max_size=8)
moments = st.datetimes(
    min_value=TUESDAY.replace(tzinfo=None),
    max_value=TUESDAY.replace(tzinfo=None, year=2028),
    timezones=st.just(UTC),
)
limits = st.builds(
    Limits,
    rate=st.none() | st.floats(0.05, 500),
    per_day=st.none() | st.integers(20, 2_000),
    caps=st.just(DOMAINS),
    warmup=st.none() | st.lists(st.integers(10, 300), min_size=1, max_size=4),
)


def per_hour(found: Allocation) -> Counter[datetime]:
    counted: Counter[datetime] = Counter()
    for slot in found.slots:
        counted[hour_of(slot.start)] += slot.number
    return counted


def loads(now: datetime) -> st.SearchStrategy[Load]:
    hours = st.integers(-23, 40).map(lambda offset: hour_of(now) + HOUR * offset)
    numbers = st.integers(0, 60)
    return st.builds(
        Load,
        sent=st.dictionaries(hours.filter(lambda hour: hour <= hour_of(now)), numbers, max_size=5),
        hours=st.dictionaries(hours.filter(lambda hour: hour >= hour_of(now)), numbers, max_size=5),
        domains=st.dictionaries(st.tuples(st.sampled_from(sorted(DOMAINS)), hours), numbers),
        days=st.dictionaries(hours.map(day_of), numbers, max_size=3),
    )


@st.composite
def questions(draw: st.DrawFn) -> tuple[dict[Group, int], Limits, Load, datetime]:
    now = draw(moments)
    return draw(demands), draw(limits), draw(loads(now)), now


@settings(max_examples=150)
@given(question=questions())
def test_everyone_gets_a_moment_and_no_limit_is_passed(
    question: tuple[dict[Group, int], Limits, Load, datetime],
) -> None:
    wanted, limit, load, now = question
    found = allocate(wanted, limit, load, now=now)

    given_to: Counter[Group] = Counter()
    for slot in found.slots:
        assert slot.number > 0
        assert slot.start >= now
        given_to[slot.group] += slot.number
    assert given_to == Counter(wanted)
    assert [slot.start for slot in found.slots] == sorted(slot.start for slot in found.slots)
    assert found.ends_at >= max((slot.start for slot in found.slots), default=now)
    assert sum(number for _, number in found.by_day()) == sum(wanted.values())
    if "horizon" in found.limits:
        return

    _assert_hours(found)
    _assert_domains(found, limit, load)
    _assert_quota(found, limit, load, now)
    _assert_waves(found)


def _assert_hours(found: Allocation) -> None:
    for slot in found.slots:
        if slot.group.calendar:
            assert business_hours.is_open(slot.group.calendar, slot.start)
            last = slot.start + timedelta(seconds=slot.seconds * (1 - 1 / slot.number))
            assert business_hours.is_open(slot.group.calendar, last)


def _assert_domains(found: Allocation, limit: Limits, load: Load) -> None:
    by_domain: Counter[tuple[str, datetime]] = Counter()
    for slot in found.slots:
        if slot.group.domain:
            by_domain[slot.group.domain, hour_of(slot.start)] += slot.number
            # Also its last message is in this very hour.
            assert hour_of(slot.start + timedelta(seconds=slot.seconds - 0.001)) == hour_of(
                slot.start
            )
    for (domain, hour), number in by_domain.items():
        assert number + load.domains.get((domain, hour), 0) <= limit.caps[domain]


def _assert_quota(found: Allocation, limit: Limits, load: Load, now: datetime) -> None:
    own = per_hour(found)
    others = carried(load.hours, limit.rate, now)
    total = Counter(own) + Counter(others) + Counter(load.sent)
    if limit.rate:
        for hour, number in own.items():
            seconds = (hour + HOUR - max(hour, now)).total_seconds()
            assert number + others[hour] <= limit.rate * seconds + 1
    if limit.per_day is not None:
        for hour in own:
            for end in range(24):
                window = [hour + HOUR * (end - back) for back in range(24)]
                assert sum(total[each] for each in window) <= limit.per_day
    if limit.warmup is not None:
        own_days = dict(found.by_day())
        used = {day for day in (*own_days, *load.days) if day >= day_of(now)}
        for day, number in own_days.items():
            step = sum(1 for earlier in used if earlier < day)
            if step < len(limit.warmup):
                assert number + load.days.get(day, 0) <= max(limit.warmup[: step + 1])


def _assert_waves(found: Allocation) -> None:
    days: dict[int, set[date]] = {}
    for slot in found.slots:
        days.setdefault(slot.group.wave, set()).add(day_of(slot.start))
    ordered = [days[wave] for wave in sorted(days)]
    for earlier, later in pairwise(ordered):
        assert max(earlier) < min(later), "two waves on one day"


@given(wants=st.lists(st.integers(0, 10_000), max_size=20), most=st.integers(0, 50_000))
def test_shares_use_all_there_is_and_give_nobody_too_much(wants: list[int], most: int) -> None:
    given_out = shares(wants, most)
    assert sum(given_out) == min(most, sum(wants))
    assert all(0 <= got <= want for got, want in zip(given_out, wants, strict=True))


@given(
    hours=st.dictionaries(st.integers(0, 30), st.integers(0, 5_000), max_size=8),
    rate=st.floats(0.1, 10),
)
def test_work_that_is_late_is_carried_on_and_none_of_it_is_lost(
    hours: dict[int, int], rate: float
) -> None:
    planned = {hour_of(TUESDAY) + HOUR * hour: number for hour, number in hours.items()}
    found = carried(planned, rate, TUESDAY)
    assert sum(found.values()) == sum(planned.values())
    assert all(number <= rate * 3600 + 1 for number in found.values())


def test_with_no_limits_all_of_it_goes_now() -> None:
    found = allocate({Group(): 1_000_000}, Limits(), Load(), now=TUESDAY)
    assert [(slot.start, slot.number) for slot in found.slots] == [(TUESDAY, 1_000_000)]
    assert found.limits == frozenset()
    assert found.ends_at == TUESDAY


def test_nobody_makes_no_plan() -> None:
    found = allocate({}, Limits(), Load(), now=TUESDAY)
    assert found.slots == []
    assert found.by_day() == []


def test_a_campaign_of_friday_evening_begins_on_monday_at_eight_at_the_pace() -> None:
    found = allocate({Group(calendar="FI"): 5_000}, Limits(rate=1), Load(), now=FRIDAY_EVENING)
    monday = datetime(2026, 11, 30, 8, tzinfo=HELSINKI)
    assert [(slot.start, slot.number) for slot in found.slots] == [
        (monday, 3_600),
        (monday + HOUR, 1_400),
    ]
    assert found.ends_at == monday + HOUR + timedelta(seconds=1_400)
    assert found.limits == {"hours"}


def test_the_quota_spreads_a_sending_over_three_days() -> None:
    found = allocate({Group(): 120_000}, Limits(rate=14, per_day=50_000), Load(), now=TUESDAY)
    assert len(found.by_day()) == 3
    assert found.limits == {"quota"}
    # A day's messages leave in the hours after those of the day before have left the window.
    assert found.ends_at > TUESDAY + timedelta(days=2)
    assert found.ends_at < TUESDAY + timedelta(days=3)


def test_what_was_sent_yesterday_evening_keeps_its_part_of_the_quota_until_this_evening() -> None:
    evening = hour_of(TUESDAY) - HOUR * 14
    found = allocate({Group(): 100}, Limits(per_day=100), Load(sent={evening: 60}), now=TUESDAY)
    assert [(slot.start, slot.number) for slot in found.slots] == [
        (TUESDAY, 40),
        (evening + HOUR * 24, 60),
    ]


def test_the_quota_that_another_campaign_has_planned_is_not_given_twice() -> None:
    tonight = hour_of(TUESDAY) + HOUR * 10
    found = allocate({Group(): 100}, Limits(per_day=100), Load(hours={tonight: 80}), now=TUESDAY)
    assert [(slot.start, slot.number) for slot in found.slots] == [
        (TUESDAY, 20),
        (TUESDAY + HOUR * 24, 20),
        (tonight + HOUR * 24, 60),
    ]


def test_a_warm_up_goes_up_a_line_after_each_day_with_messages_and_then_ends() -> None:
    found = allocate(
        {Group(calendar="FI"): 10_000},
        Limits(warmup=(200, 500, 1_000)),
        Load(days={day_of(TUESDAY): 150}),
        now=TUESDAY,
    )
    assert found.by_day() == [
        (date(2026, 11, 24), 50),
        (date(2026, 11, 25), 500),
        (date(2026, 11, 26), 1_000),
        (date(2026, 11, 27), 8_450),
    ]


def test_a_day_without_messages_does_not_go_up_a_line() -> None:
    found = allocate(
        {Group(calendar="FI"): 300}, Limits(warmup=(200, 500)), Load(), now=FRIDAY_EVENING
    )
    assert found.by_day() == [(date(2026, 11, 30), 200), (date(2026, 12, 1), 100)]


def test_a_capped_domain_gets_its_messages_evenly_over_the_hour() -> None:
    found = allocate(
        {Group(domain="gmail.example"): 60, Group(): 500},
        Limits(caps={"gmail.example": 40}),
        Load(),
        now=TUESDAY,
    )
    capped = [slot for slot in found.slots if slot.group.domain]
    assert [(slot.start, slot.number, slot.seconds) for slot in capped] == [
        (TUESDAY, 40, 3_600),
        (TUESDAY + HOUR, 20, 3_600),
    ]
    assert found.limits == {"domain"}


def test_two_countries_share_the_cap_of_a_domain() -> None:
    found = allocate(
        {
            Group(calendar="FI", domain="gmail.example"): 30,
            Group(calendar="SE", domain="gmail.example"): 30,
        },
        Limits(caps={"gmail.example": 40}),
        Load(domains={("gmail.example", TUESDAY): 5}),
        now=TUESDAY,
    )
    assert per_hour(found) == {TUESDAY: 35, TUESDAY + HOUR: 25}


def test_a_second_wave_never_goes_today_even_when_the_first_one_is_through() -> None:
    found = allocate({Group(wave=1): 5}, Limits(), Load(), now=TUESDAY)
    assert found.by_day() == [(date(2026, 11, 25), 5)]
    assert found.limits == {"company"}


def test_what_can_never_be_done_is_planned_for_a_year_ahead_and_said() -> None:
    found = allocate({Group(calendar="FI"): 500}, Limits(warmup=(0,)), Load(), now=TUESDAY)
    assert "horizon" in found.limits
    assert sum(slot.number for slot in found.slots) == 500
    assert found.slots[0].start >= TUESDAY + slots.HORIZON


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # the hour that comes twice in Helsinki
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),  # the hour before the one left out
        datetime(2026, 11, 23, 22, 0, tzinfo=UTC),  # midnight in Helsinki
        datetime(2026, 12, 31, 21, 59, 59, tzinfo=UTC),
    ],
)
def test_hours_and_days_stay_whole_when_clocks_are_moved(now: datetime) -> None:
    found = allocate({Group(): 30}, Limits(per_day=10, rate=0.001), Load(), now=now)
    assert sum(number for _, number in found.by_day()) == 30
    hours = per_hour(found)
    for hour in hours:
        window = [hour + HOUR * back for back in range(-23, 1)]
        assert sum(hours[each] for each in window) <= 10
