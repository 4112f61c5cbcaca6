"""How many of which messages go in which hour. Pure arithmetic; mailer.sending.plan writes it down.

Messages that are planned alike form a group. Hour by hour each open group gets its share of what
the hour can take: the send rate, the quota of any 24 hours, the day's figure of a warm-up, the cap
of a recipient's domain. A further wave (the cap of a company in a day) begins on the day after the
one before it ended, so that no day has two of them; what went today is of the first wave.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from mailer.languages import TIMEZONE
from mailer.sending import business_hours

HOUR = timedelta(hours=1)
DAY_HOURS = 24
# Whatever does not fit before then goes at that moment; the plan is made anew long before.
HORIZON = timedelta(days=366)


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """Messages planned alike: the same wave, business hours ("" at any time) and capped domain."""

    wave: int = 0
    calendar: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may go: messages a second, in any 24 hours, in an hour to a domain; None is no limit.

    `warmup`: the figures of the coming sending days of the sender's domain, the first for today;
    after the last one there is no limit.
    """

    rate: float | None = None
    per_day: int | None = None
    caps: Mapping[str, int] = field(default_factory=dict)
    warmup: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What else takes room, by UTC hour and by day in Helsinki.

    `sent` lately; `hours` that other campaigns have planned; `domains` and `days` are both, of a
    recipient's domain and of the same sender's domain.
    """

    sent: Mapping[datetime, int] = field(default_factory=dict)
    hours: Mapping[datetime, int] = field(default_factory=dict)
    domains: Mapping[tuple[str, datetime], int] = field(default_factory=dict)
    days: Mapping[date, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slot:
    """So many messages of a group from a moment on; with `seconds` above 0 evenly over them."""

    group: Group
    start: datetime
    number: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Allocation:
    """The slots in the order of time, when the last message goes, and the limits that were felt."""

    slots: list[Slot]
    ends_at: datetime
    limits: frozenset[str] = frozenset()

    def by_day(self) -> list[tuple[date, int]]:
        """Messages of each day in Helsinki, in order."""
        days: dict[date, int] = defaultdict(int)
        for slot in self.slots:
            days[day_of(slot.start)] += slot.number
        return sorted(days.items())


def day_of(moment: datetime) -> date:
    """The day in Helsinki, by which days are counted."""
    return moment.astimezone(TIMEZONE).date()


def day_start(moment: datetime) -> datetime:
    """Midnight in Helsinki at which the day of a moment began."""
    return datetime.combine(day_of(moment), time(), TIMEZONE).astimezone(UTC)


def hour_of(moment: datetime) -> datetime:
    """The beginning of its UTC hour."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def allocate(
    groups: Mapping[Group, int], limits: Limits, load: Load, *, now: datetime
) -> Allocation:
    """Give every message of every group its hour."""
    hours = _Hours(limits, load, now)
    waves: dict[int, dict[Group, int]] = defaultdict(dict)
    for group, number in sorted(groups.items()):
        if number > 0:
            waves[group.wave][group] = number
    start = now
    for wave in sorted(waves):
        if wave > 0:
            # Also when nobody is in the first one: then it went earlier today.
            hours.felt.add("company")
            last = hours.slots[-1].start if hours.slots else now
            start = max(start, _next_day(last))
        hours.fill(waves[wave], start)
    return Allocation(hours.slots, hours.ends_at(), frozenset(hours.felt))


def shares(wants: Sequence[int], most: int) -> list[int]:
    """Divide `most` among wants in proportion to them, to the last one; never more than wanted."""
    total = sum(wants)
    if total <= most:
        return list(wants)
    given = [want * most // total for want in wants]
    left = most - sum(given)
    for place, want in enumerate(wants):
        extra = min(left, want - given[place])
        given[place] += extra
        left -= extra
    return given


def carried(
    hours: Mapping[datetime, int], rate: float | None, now: datetime
) -> defaultdict[datetime, int]:
    """Planned hours as the rate lets them happen: what an hour cannot send goes in the next one."""
    found: defaultdict[datetime, int] = defaultdict(int)
    if not rate:
        found.update(hours)
        return found
    hour, late = hour_of(now), 0
    last = max(hours, default=hour)
    while hour <= last or late:
        seconds = (hour + HOUR - max(hour, now)).total_seconds()
        due = late + hours.get(hour, 0)
        found[hour] = min(due, math.ceil(rate * seconds))
        late = due - found[hour]
        hour += HOUR
    return found


def _next_day(moment: datetime) -> datetime:
    following = day_of(moment) + timedelta(days=1)
    return datetime.combine(following, time(), TIMEZONE).astimezone(UTC)


class _Hours:
    """The hours as they fill up."""

    def __init__(self, limits: Limits, load: Load, now: datetime) -> None:
        self.slots: list[Slot] = []
        self.felt: set[str] = set()
        self._limits = limits
        self._now = now
        self._end = now + HORIZON
        self._planned = carried(load.hours, limits.rate, now)
        self._total: dict[datetime, int] = defaultdict(int, self._planned)
        for hour, number in load.sent.items():
            self._total[hour] += number
        self._to_domain: dict[tuple[str, datetime], int] = defaultdict(int, load.domains)
        self._of_day: dict[date, int] = defaultdict(int, load.days)
        self._step = 0
        self._step_day = day_of(now)
        # Only then can an hour that comes later be in the way of an earlier one.
        self._last_load = max(self._total, default=now)

    def fill(self, groups: Mapping[Group, int], start: datetime) -> None:
        """Put every message of the groups into an hour from `start` on."""
        left = dict(groups)
        hour = hour_of(start)
        while left and hour < self._end:
            self._fill_hour(left, hour, max(hour, start))
            hour += HOUR
        for group, number in left.items():
            self.felt.add("horizon")
            opens = self._end
            if group.calendar:
                opens = business_hours.next_open(group.calendar, self._end)
            self.slots.append(Slot(group, opens, number))
        self.slots.sort(key=lambda slot: slot.start)

    def ends_at(self) -> datetime:
        """When the last message goes at the planned rate."""
        if not self.slots:
            return self._now
        ends = []
        in_hour: dict[datetime, int] = defaultdict(int)
        for slot in self.slots:
            in_hour[slot.start] += slot.number
            ends.append(slot.start + timedelta(seconds=slot.seconds * (1 - 1 / slot.number)))
        if self._limits.rate:
            start, number = max(in_hour.items())
            ends.append(start + timedelta(seconds=number / self._limits.rate))
        return max(ends)

    def _fill_hour(self, left: dict[Group, int], hour: datetime, start: datetime) -> None:
        open_groups = list(self._open(left, hour, start))
        if not open_groups:
            return
        given = shares([want for _, _, _, want in open_groups], self._room(hour, start, left))
        for (group, begins, seconds, _), number in zip(open_groups, given, strict=True):
            if not number:
                continue
            self._total[hour] += number
            self._of_day[day_of(hour)] += number
            if group.domain:
                self._to_domain[group.domain, hour] += number
            spread = seconds if group.domain else 0.0
            self.slots.append(Slot(group, begins, number, spread))
            left[group] -= number
            if not left[group]:
                del left[group]

    def _open(
        self, left: Mapping[Group, int], hour: datetime, start: datetime
    ) -> Iterator[tuple[Group, datetime, float, int]]:
        """Groups that may send in the hour: from when, for how many seconds, and how many."""
        end = hour + HOUR
        domain_room: dict[str, int] = {}
        for group, number in left.items():
            begins, seconds = start, (end - start).total_seconds()
            if group.calendar:
                begins, seconds = business_hours.open_seconds(group.calendar, start, end)
            if seconds <= 0:
                self.felt.add("hours")
                continue
            want = number
            if self._limits.rate:
                want = min(want, math.ceil(self._limits.rate * seconds))
            if group.domain:
                room = domain_room.get(group.domain)
                if room is None:
                    room = self._limits.caps[group.domain] - self._to_domain[group.domain, hour]
                if want > room:
                    self.felt.add("domain")
                want = max(0, min(want, room))
                domain_room[group.domain] = room - want
            yield group, begins, seconds, want

    def _room(self, hour: datetime, start: datetime, left: Mapping[Group, int]) -> int:
        """How many messages of all groups together the hour can take."""
        wanted = sum(left.values())
        room = wanted
        if self._limits.rate:
            seconds = (hour + HOUR - start).total_seconds()
            room = min(room, math.ceil(self._limits.rate * seconds) - self._planned[hour])
        if self._limits.per_day is not None:
            in_quota = self._limits.per_day - self._busiest_day_with(hour)
            if in_quota < room:
                self.felt.add("quota")
            room = min(room, in_quota)
        if self._limits.warmup is not None:
            of_day = self._left_of_warmup(day_of(hour))
            if of_day is not None and of_day < room:
                self.felt.add("warmup")
                room = of_day
        return max(0, room)

    def _busiest_day_with(self, hour: datetime) -> int:
        """The most messages in any 24 hours that the hour belongs to."""
        first = sum(self._total.get(hour - HOUR * back, 0) for back in range(DAY_HOURS))
        if hour >= self._last_load:
            return first
        busiest = window = first
        for ahead in range(1, DAY_HOURS):
            window += self._total.get(hour + HOUR * ahead, 0)
            window -= self._total.get(hour - HOUR * (DAY_HOURS - ahead), 0)
            busiest = max(busiest, window)
        return busiest

    def _left_of_warmup(self, day: date) -> int | None:
        """How many the warm-up still lets go on a day; None when it is over by then."""
        figures = self._limits.warmup or ()
        if day > self._step_day:
            # The next line of the table follows a day on which something was sent.
            if self._of_day[self._step_day] > 0:
                self._step += 1
            self._step_day = day
        if self._step >= len(figures):
            return None
        return figures[self._step] - self._of_day[day]
