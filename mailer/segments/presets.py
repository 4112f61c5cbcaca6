"""Ready segments to start from."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mailer.languages import N_
from mailer.notice.schema import Notice
from mailer.segments.rules import SegmentError, Tree, check, parse


@dataclass(frozen=True, slots=True)
class Preset:
    """A name and the rules in JSON."""

    name: str
    tree: Mapping[str, Any]


def _all_of(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"include": [{"op": "and", "rules": list(rules)}], "exclude": None}


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "finance": Preset(
            N_("Finance leads, 50+ staff"),
            _all_of(
                {"field": "function", "is": "any_of", "value": ["finance", "payroll"]},
                {"field": "level", "is": "at_least", "value": "manager"},
                {"field": "headcount", "is": "at_least", "value": 50},
            ),
        ),
        "it": Preset(
            N_("IT decision-makers"),
            _all_of(
                {
                    "field": "function",
                    "is": "any_of",
                    "value": ["it", "software", "data", "security"],
                },
                {"field": "level", "is": "at_least", "value": "manager"},
            ),
        ),
        "purchasing": Preset(
            N_("Purchasing"),
            _all_of({"field": "function", "is": "any_of", "value": ["procurement"]}),
        ),
    }
)


def offered(notice: Notice | None) -> dict[str, Preset]:
    """The presets whose data the notice declares."""
    return {key: preset for key, preset in PRESETS.items() if _usable(preset, notice)}


def tree_of(key: str) -> Tree | None:
    """The rules of a preset; None for a name that is none."""
    preset = PRESETS.get(key)
    return None if preset is None else parse(dict(preset.tree))


def _usable(preset: Preset, notice: Notice | None) -> bool:
    try:
        check(parse(dict(preset.tree)), notice)
    except SegmentError:
        return False
    return True
