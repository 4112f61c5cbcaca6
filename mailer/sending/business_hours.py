"""When offices are open: weekdays, hours and public holidays of a country. Pure.

The calendar of a recipient is that of a country in ZONES; somebody whose country is not known, or
not here, keeps the default's hours (mailer.sending.plan_rows).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

OPENS, CLOSES = time(8), time(17)
DEFAULT_COUNTRY = "FI"
# One clock for each country; where a country has several, that of most of its offices.
ZONES = {
    "AT": "Europe/Vienna",
    "BE": "Europe/Brussels",
    "BG": "Europe/Sofia",
    "CA": "America/Toronto",
    "CH": "Europe/Zurich",
    "CY": "Asia/Nicosia",
    "CZ": "Europe/Prague",
    "DE": "Europe/Berlin",
    "DK": "Europe/Copenhagen",
    "EE": "Europe/Tallinn",
    "ES": "Europe/Madrid",
    "FI": "Europe/Helsinki",
    "FR": "Europe/Paris",
    "GB": "Europe/London",
    "GR": "Europe/Athens",
    "HR": "Europe/Zagreb",
    "HU": "Europe/Budapest",
    "IE": "Europe/Dublin",
    "IN": "Asia/Kolkata",
    "IS": "Atlantic/Reykjavik",
    "IT": "Europe/Rome",
    "LT": "Europe/Vilnius",
    "LU": "Europe/Luxembourg",
    "LV": "Europe/Riga",
    "MT": "Europe/Malta",
    "NL": "Europe/Amsterdam",
    "NO": "Europe/Oslo",
    "PL": "Europe/Warsaw",
    "PT": "Europe/Lisbon",
    "RO": "Europe/Bucharest",
    "SE": "Europe/Stockholm",
    "SI": "Europe/Ljubljana",
    "SK": "Europe/Bratislava",
    "UA": "Europe/Kyiv",
    "US": "America/New_York",
}
# Offices close on these eves although some calendars do not call them public holidays.
_MIDSUMMER_EVE_CLOSED = frozenset({"FI", "SE"})


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """A time during which offices are open, in UTC; `end` does not belong to it."""

    start: datetime
    end: datetime


def is_working_day(calendar: str, day: date) -> bool:
    """Whether offices are open on a day at all."""
    return day.weekday() < 5 and day not in _closed_days(calendar, day.year)


def opening_on(calendar: str, day: date) -> Opening | None:
    """The opening of one day of the country's own clock, None when offices stay closed."""
    if not is_working_day(calendar, day):
        return None
    zone = _zone(calendar)
    start, end = (datetime.combine(day, at, zone).astimezone(UTC) for at in (OPENS, CLOSES))
    return Opening(start, end)


def openings(calendar: str, after: datetime) -> Iterator[Opening]:
    """Openings that end after a moment, in order and without end; the first may have begun."""
    day = after.astimezone(_zone(calendar)).date()
    while True:
        opening = opening_on(calendar, day)
        if opening is not None and opening.end > after:
            yield opening
        day += timedelta(days=1)


def open_seconds(calendar: str, start: datetime, end: datetime) -> tuple[datetime, float]:
    """From when within [start, end) offices are open, and for how many seconds (0: not at all).

    The stretch must be shorter than a night.
    """
    day = start.astimezone(_zone(calendar)).date()
    opening = _opening_of(calendar, day)
    if opening is None:
        return start, 0.0
    first, last = max(start, opening.start), min(end, opening.end)
    return first, max(0.0, (last - first).total_seconds())


def is_open(calendar: str, moment: datetime) -> bool:
    """Whether offices are open at a moment."""
    opening = _opening_of(calendar, moment.astimezone(_zone(calendar)).date())
    return opening is not None and opening.start <= moment < opening.end


def next_open(calendar: str, moment: datetime) -> datetime:
    """The moment itself when offices are open, else when they open next."""
    return max(moment, next(openings(calendar, moment)).start)


def closed(calendars: Iterable[str], moment: datetime) -> frozenset[str]:
    """Those of the calendars by which offices are closed at a moment."""
    return frozenset(calendar for calendar in calendars if not is_open(calendar, moment))


@cache
def _zone(calendar: str) -> ZoneInfo:
    return ZoneInfo(ZONES[calendar])


@cache
def _opening_of(calendar: str, day: date) -> Opening | None:
    return opening_on(calendar, day)


@cache
def _closed_days(calendar: str, year: int) -> frozenset[date]:
    # Here and not on top: it takes 40 MB, which workers that only send need not carry.
    import holidays  # noqa: PLC0415

    public = frozenset(holidays.country_holidays(calendar, years=year))
    # Library calendars agree on Christmas Eve less than offices do.
    eves = {date(year, 12, 24)}
    if calendar in _MIDSUMMER_EVE_CLOSED:
        eves.add(_midsummer_eve(year))
    return public | eves


def _midsummer_eve(year: int) -> date:
    """The Friday of 19 to 25 June."""
    first = date(year, 6, 19)
    return first + timedelta(days=(4 - first.weekday()) % 7)
