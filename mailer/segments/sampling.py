"""A part of a large register to count quickly, the same part each time.

Windows of ids spread evenly over the register: found by the primary key, read in one piece each,
and fair to every import because imports follow one another by id.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, column, func, or_, select, table
from sqlalchemy.orm import Session

from mailer.contacts.models import Contact

# Registers up to this size are counted whole.
LARGE = 200_000
PEOPLE = 50_000
WINDOWS = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """Who is in the sample, and how many of the register each of them stands for."""

    within: ColumnElement[bool]
    weight: float

    def scaled(self, seen: int) -> int:
        """The number in the whole register, to two digits: more would be pretended."""
        number = int(seen * self.weight)
        return int(round(number, 2 - len(str(number)))) if number else 0


def take(session: Session, *, large: int = LARGE) -> Sample | None:
    """The sample of this register; None when it is small enough to be counted whole."""
    register = _people_in_statistics(session)
    if register <= large:
        return None
    first = session.scalar(select(func.min(Contact.id)))
    last = session.scalar(select(func.max(Contact.id)))
    if first is None or last is None:  # emptied since the planner looked
        return None
    step = max(1, (last - first + 1) // WINDOWS)
    width = max(1, step * PEOPLE // max(register, PEOPLE))
    starts = range(first, last + 1, step)
    within = or_(*(Contact.id.between(start, start + width - 1) for start in starts))
    return Sample(within, step / width)


def _people_in_statistics(session: Session) -> int:
    # The planner's own number: close enough to choose a way, and free.
    guess = session.scalar(
        select(column("reltuples"))
        .select_from(table("pg_class", schema="pg_catalog"))
        .where(column("oid") == func.to_regclass("contacts"))
    )
    return max(0, int(guess or 0))
