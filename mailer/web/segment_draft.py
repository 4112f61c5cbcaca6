"""The builder's form as data, read from a post.

Controls are named after their place: `i0-op` (how the first include group joins what is in it),
`i0-r2-field`, `-is`, `-value` (repeated for lists), `-low` and `-high`; `i0-g1-op` and
`i0-g1-r0-field` for a group inside it. `x` is the exclude group. Rows and groups of one group share
their numbers, so that their order is kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from werkzeug.datastructures import MultiDict

from mailer.segments import fields
from mailer.segments.fields import FIELDS
from mailer.segments.rules import MAX_DEPTH, MAX_RULES, SegmentError, parse

# Groups inside one another: the rule itself is the last level that the parser allows.
MOST_LEVELS = MAX_DEPTH - 1
# No tree of so many rules has more, however it is nested.
MOST_GROUPS = MAX_RULES * MOST_LEVELS
EXCLUDE = "x"
OPS = ("and", "or", "not_and", "not_or")
_GROUP = rf"(?:i[0-9]{{1,4}}|x)(?:-g[0-9]{{1,4}}){{0,{MOST_LEVELS - 1}}}"
_CONTROL = re.compile(rf"({_GROUP})-(?:op|r([0-9]{{1,4}})-(?:field|is|value|low|high))")
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_ALL_QUOTED = re.compile(rf"\s*{_QUOTED.pattern}(?:\s*[,;]\s*{_QUOTED.pattern})*\s*[,;]?\s*")


@dataclass
class DraftRule:
    """A row of the form, as typed."""

    field: str = ""
    comparison: str = ""
    values: list[str] = dataclass_field(default_factory=list)
    low: str = ""
    high: str = ""

    @property
    def shape(self) -> str:
        """The shape of the value, once the field and the comparison are chosen."""
        known = FIELDS.get(self.field)
        return known.comparisons.get(self.comparison, "") if known else ""

    @property
    def untouched(self) -> bool:
        """Nothing is chosen, or no value is given yet."""
        if not self.shape:
            return not self.field
        if self.shape == fields.NOTHING:
            return False
        return not any(each.strip() for each in [*self.values, self.low, self.high])

    @property
    def ticked(self) -> bool:
        """The values are ticked on a list read from the register, and more may be typed."""
        known = FIELDS.get(self.field)
        return (
            bool(known and known.listed)
            and self.shape in {fields.TEXTS, fields.IDS}
            and (self.comparison != "contains")
        )

    @property
    def ready(self) -> bool:
        """The row is a rule that can be counted."""
        if self.untouched:
            return False
        try:
            parse(self.json())
        except SegmentError:
            return False
        return True

    def settle(self) -> None:
        """Give a chosen field its first comparison, and forget values that cannot be its."""
        known = FIELDS.get(self.field)
        if known is not None and self.comparison not in known.comparisons:
            self.comparison = next(iter(known.comparisons))
        if self.shape in {fields.CHOICE, fields.CHOICES} and known is not None:
            self.values = [each for each in self.values if each in known.choices]

    def json(self) -> dict[str, Any]:
        """The rule as mailer.segments.rules reads it; odd values stay odd and are refused there."""
        rule: dict[str, Any] = {"field": self.field, "is": self.comparison}
        if self.shape != fields.NOTHING:
            rule["value"] = self._value()
        return rule

    def _value(self) -> Any:
        first = self.values[0].strip() if self.values else ""
        match self.shape:
            case fields.CHOICES:
                return self.values
            case fields.TEXTS:
                if self.ticked:
                    return [*self.values, *_texts(self.low)]
                return [text for each in self.values for text in _texts(each)]
            case fields.IDS:
                return [_whole_number(each) for each in self.values if each]
            case fields.NUMBER | fields.DAYS:
                return _whole_number(first)
            case fields.RANGE:
                return [_whole_number(self.low), _whole_number(self.high)]
        return first


@dataclass
class DraftGroup:
    """Rows and groups that are joined. `op`: one of OPS; `key`: its place in the form."""

    key: str
    op: str = "and"
    parts: list["DraftRule | DraftGroup"] = dataclass_field(default_factory=list)

    @property
    def negated(self) -> bool:
        """What is in it must not all, or not at all, be true."""
        return self.op.startswith("not_")

    @property
    def joins(self) -> str:
        """`and` or `or`."""
        return self.op.removeprefix("not_")

    def named(self) -> Iterator[tuple[str, "DraftRule | DraftGroup"]]:
        """What is in it, with the name its controls begin with."""
        for place, part in enumerate(self.parts):
            kind = "r" if isinstance(part, DraftRule) else "g"
            yield f"{self.key}-{kind}{place}", part

    def rules(self) -> Iterator[tuple[str, DraftRule]]:
        """Every row in it and in its groups, with the name its controls begin with."""
        for name, part in self.named():
            if isinstance(part, DraftRule):
                yield name, part
            else:
                yield from part.rules()

    def groups(self) -> Iterator["DraftGroup"]:
        """Itself and every group inside."""
        yield self
        for part in self.parts:
            if isinstance(part, DraftGroup):
                yield from part.groups()

    def levels(self) -> int:
        """How many groups are inside one another, itself included."""
        inner = (part.levels() for part in self.parts if isinstance(part, DraftGroup))
        return 1 + max(inner, default=0)


@dataclass
class Draft:
    """The whole form below the name. `lifted`: what is being moved to another group, if anything"""

    include: list[DraftGroup]
    exclude: DraftGroup
    lifted: str = ""

    def groups(self) -> list[DraftGroup]:
        """The outermost groups in the order shown."""
        return [*self.include, self.exclude]

    def every_group(self) -> Iterator[DraftGroup]:
        """Every group in the order shown, inner ones too."""
        for group in self.groups():
            yield from group.groups()

    def rules(self) -> Iterator[tuple[str, DraftRule]]:
        """Every row with the name its controls begin with."""
        for group in self.groups():
            yield from group.rules()

    def numbered(self) -> "Draft":
        """Itself, with each group's key saying where it is now."""
        for place, group in enumerate(self.include):
            _number(group, f"i{place}")
        _number(self.exclude, EXCLUDE)
        return self


def _number(group: DraftGroup, key: str) -> None:
    group.key = key
    for name, part in group.named():
        if isinstance(part, DraftGroup):
            _number(part, name)


def empty() -> Draft:
    """One include group with one empty row, and no exclusions."""
    return Draft([DraftGroup("i0", parts=[DraftRule()])], DraftGroup(EXCLUDE, "or"))


def read(form: MultiDict[str, str]) -> Draft:
    """The form as it was posted; what no builder sends is left out."""
    names = _Names()
    for control in form:
        match = _CONTROL.fullmatch(control)
        if match:
            names.add(match[1], match[2])
    reader = _Reader(form, names)
    include = [reader.group(key) for key in names.outermost()]
    draft = Draft(include or empty().include, reader.group(EXCLUDE))
    lifted = form.get("lifted", "")
    if any(lifted == name for group in draft.every_group() for name, _part in group.named()) or any(
        lifted == group.key for group in draft.include
    ):
        draft.lifted = lifted
    return draft.numbered()


class _Names:
    """Which groups a form has, and what is in each, by the names of its controls."""

    def __init__(self) -> None:
        self._inside: dict[str, set[tuple[int, str]]] = {}
        self._rules = 0

    def add(self, key: str, row: str | None) -> None:
        self._add_group(key)
        place = (int(row), "r") if row else None
        if place and place not in self._inside.get(key, ()) and self._rules < MAX_RULES:
            self._rules += 1
            self._inside[key].add(place)

    def _add_group(self, key: str) -> None:
        if key in self._inside or len(self._inside) >= MOST_GROUPS:
            return
        self._inside[key] = set()
        outer, _, place = key.rpartition("-g")
        if outer:
            self._add_group(outer)
            self._inside.get(outer, set()).add((int(place), "g"))

    def outermost(self) -> list[str]:
        keys = (key for key in self._inside if re.fullmatch(r"i[0-9]+", key))
        return sorted(keys, key=lambda key: int(key[1:]))

    def inside(self, key: str) -> list[tuple[int, str]]:
        return sorted(self._inside.get(key, ()))


class _Reader:
    def __init__(self, form: MultiDict[str, str], names: _Names) -> None:
        self._form = form
        self._names = names

    def group(self, key: str) -> DraftGroup:
        default = "or" if key == EXCLUDE else "and"
        op = self._form.get(f"{key}-op", default)
        group = DraftGroup(key, op if op in OPS else default)
        for place, kind in self._names.inside(key):
            name = f"{key}-{kind}{place}"
            group.parts.append(self._rule(name) if kind == "r" else self.group(name))
        return group

    def _rule(self, name: str) -> DraftRule:
        rule = DraftRule(
            self._form.get(f"{name}-field", ""),
            self._form.get(f"{name}-is", ""),
            self._form.getlist(f"{name}-value"),
            self._form.get(f"{name}-low", ""),
            self._form.get(f"{name}-high", ""),
        )
        rule.settle()
        return rule


def _texts(typed: str) -> list[str]:
    if _ALL_QUOTED.fullmatch(typed):
        found = (match[1].replace('""', '"') for match in _QUOTED.finditer(typed))
        return [text for text in found if text.strip()]
    # Commas part values, unless semicolons do: then a comma belongs to the value.
    parting = r"[;\n]" if re.search(r"[;\n]", typed) else ","
    return [text for each in re.split(parting, typed) if (text := each.strip())]


def typed(texts: list[str]) -> str:
    """Texts as they are typed into one field: commas or semicolons between, else quoted."""
    if any(";" in text or text.startswith('"') for text in texts):
        return ", ".join('"' + text.replace('"', '""') + '"' for text in texts)
    return "; ".join(texts) + ";" if any("," in text for text in texts) else ", ".join(texts)


def _whole_number(typed: str) -> Any:
    # As people write them: 1 000 000, with any kind of space.
    bare = "".join(typed.split())
    return int(bare) if re.fullmatch(r"-?[0-9]{1,19}", bare) else (typed.strip() or None)
