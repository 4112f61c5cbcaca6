"""When offices are open: holidays, clocks that are moved, midnights, countries nobody knows."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.sending import business_hours
from mailer.sending.business_hours import ZONES, is_open, is_working_day, next_open, opening_on

HELSINKI = ZoneInfo("Europe/Helsinki")
START = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.datetimes(
    min_value=START.replace(tzinfo=None),
    max_value=START.replace(tzinfo=None, year=2029),
    timezones=st.just(UTC),
)


def helsinki(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=HELSINKI)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 1, 1), "New Year's Day"),
        (date(2026, 1, 6), "Epiphany"),
        (date(2026, 4, 3), "Good Friday"),
        (date(2026, 4, 6), "Easter Monday"),
        (date(2026, 5, 1), "vappu"),
        (date(2026, 5, 14), "Ascension Day"),
        (date(2026, 6, 19), "juhannusaatto: no holiday in law, but offices are closed"),
        (date(2026, 12, 24), "jouluaatto: the same"),
        (date(2026, 12, 25), "Christmas Day"),
        (date(2027, 12, 6), "Independence Day on a Monday"),
    ],
)
def test_finnish_offices_are_closed(day: date, name: str) -> None:
    assert not is_working_day("FI", day), name


@pytest.mark.parametrize(
    "day", [date(2026, 4, 30), date(2026, 6, 18), date(2026, 12, 23), date(2026, 12, 31)]
)
def test_finnish_offices_are_open_on_the_day_before(day: date) -> None:
    assert is_working_day("FI", day)


def test_each_country_has_its_own_holidays() -> None:
    estonian_independence = date(2026, 2, 24)
    assert not is_working_day("EE", estonian_independence)
    assert is_working_day("FI", estonian_independence)
    assert not is_working_day("SE", date(2026, 6, 19))
    assert not is_working_day("GB", date(2026, 12, 28)), "Boxing Day moved to a Monday"


@pytest.mark.parametrize("calendar", sorted(ZONES))
def test_every_country_of_the_table_has_a_clock_and_holidays(calendar: str) -> None:
    assert not is_working_day(calendar, date(2026, 12, 24))
    closed = [
        day
        for offset in range(365)
        if (day := date(2026, 1, 1) + timedelta(days=offset)).weekday() < 5
        and not is_working_day(calendar, day)
    ]
    # No fewer than one: Ukraine keeps no holidays under martial law.
    assert 1 <= len(closed) <= 25


def test_what_is_sent_on_friday_evening_goes_on_monday_at_eight() -> None:
    evening = helsinki(2026, 11, 27, 18, 30)
    assert next_open("FI", evening) == helsinki(2026, 11, 30, 8)
    # Swedish clocks are an hour behind.
    assert next_open("SE", evening) == helsinki(2026, 11, 30, 9)


def test_the_last_minute_is_in_and_the_closing_is_not() -> None:
    assert is_open("FI", helsinki(2026, 11, 24, 8))
    assert is_open("FI", helsinki(2026, 11, 24, 16, 59, 59))
    assert not is_open("FI", helsinki(2026, 11, 24, 17))
    assert not is_open("FI", helsinki(2026, 11, 24, 7, 59, 59))


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        (helsinki(2026, 11, 24, 0), helsinki(2026, 11, 24, 8)),
        (helsinki(2026, 11, 23, 23, 59, 59), helsinki(2026, 11, 24, 8)),
        (helsinki(2026, 12, 31, 23, 59), helsinki(2027, 1, 4, 8)),
    ],
)
def test_at_midnight_the_day_that_begins_counts(moment: datetime, opens: datetime) -> None:
    assert next_open("FI", moment) == opens


def test_offices_open_at_eight_before_and_after_the_clocks_are_moved() -> None:
    friday, monday = date(2026, 10, 23), date(2026, 10, 26)
    before, after = opening_on("FI", friday), opening_on("FI", monday)
    assert before is not None
    assert after is not None
    assert before.start == datetime(2026, 10, 23, 5, tzinfo=UTC)
    assert after.start == datetime(2026, 10, 26, 6, tzinfo=UTC)
    assert opening_on("FI", date(2026, 3, 30)) == business_hours.Opening(
        datetime(2026, 3, 30, 5, tzinfo=UTC), datetime(2026, 3, 30, 14, tzinfo=UTC)
    )


@given(moment=moments, calendar=st.sampled_from(sorted(ZONES)))
def test_the_next_opening_is_open_and_nothing_before_it_is(moment: datetime, calendar: str) -> None:
    opens = next_open(calendar, moment)
    assert is_open(calendar, opens)
    assert opens >= moment
    if opens > moment:
        assert not is_open(calendar, moment)
        assert not is_open(calendar, opens - timedelta(seconds=1))
    local = opens.astimezone(ZoneInfo(ZONES[calendar]))
    assert local.weekday() < 5
    assert 8 <= local.hour < 17


@given(moment=moments, calendar=st.sampled_from(sorted(ZONES)), minutes=st.integers(1, 60))
def test_open_seconds_are_those_within_the_hours(
    moment: datetime, calendar: str, minutes: int
) -> None:
    moment = moment.replace(microsecond=0)
    end = moment + timedelta(minutes=minutes)
    start, seconds = business_hours.open_seconds(calendar, moment, end)
    counted = sum(
        60 for minute in range(minutes) if is_open(calendar, moment + timedelta(minutes=minute))
    )
    assert abs(seconds - counted) <= 60
    if seconds:
        assert moment <= start < end
        assert is_open(calendar, start)
        assert is_open(calendar, start + timedelta(seconds=seconds - 0.001))
