"""What of a notice is public, for programs."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

from mailer.notice.schema import Notice

# Internal: how interests were weighed, and how carefully titles are read.
_KEPT_BACK = frozenset(
    {"balancing_test", "evidence_minimum", "confidence_minimum", "undertaking_version"}
)


def of(notice: Notice) -> dict[str, Any]:
    """Everything that is declared but what is kept back, as JSON knows it."""
    told: dict[str, Any] = _plain(notice)
    return told


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        names = [each.name for each in fields(value) if each.name not in _KEPT_BACK]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value
