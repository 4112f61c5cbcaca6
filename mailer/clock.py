"""What time it is. The only place that asks the operating system, so that tests can move it."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current moment, timezone-aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the one permitted call
