"""Whose clock counts. Leases are moments, and several machines compare them.

A machine whose clock is wrong would take other machines' calls for lost, or have its own taken for
lost, and a message could go twice. So a claim, an expiry and a requeue happen only while the
process's clock agrees with the database's, which is asked in the very statement. With a wrong clock
nothing is sent and nothing is swept: unknown means no. What SES answered must be written all the
same, and is written at the database's moment then.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, DateTime, cast, func, select
from sqlalchemy.orm import Session

# Far below every lease, far above what a synchronised clock is off by.
TOLERANCE = timedelta(seconds=10)

# SQL: the moment `:now`, or the database's own when the two differ by more than `:tolerance`.
RIGHT_NOW = """
    CASE WHEN CAST(:now AS timestamptz) BETWEEN now() - CAST(:tolerance AS interval)
            AND now() + CAST(:tolerance AS interval)
        THEN CAST(:now AS timestamptz) ELSE now() END
"""


def agrees(now: Any) -> ColumnElement[bool]:
    """SQL: whether `now`, a moment or an expression, is now for the database too."""
    here = cast(now, DateTime(timezone=True))
    return here.between(func.now() - TOLERANCE, func.now() + TOLERANCE)


def check(session: Session, *, now: datetime) -> bool:
    """Whether this process's clock agrees with the database's."""
    return bool(session.scalar(select(agrees(now))))
