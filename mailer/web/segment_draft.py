"""The builder's form as data: read from a post, changed by its buttons, and turned into rules.

Controls are named after their place: `i0-op` (how the first include group joins its rules),
`i0-r2-field`, `-is`, `-value` (repeated for lists), `-low` and `-high`; `x` is the exclude group.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from werkzeug.datastructures import MultiDict

from mailer.segments import fields, values
from mailer.segments.fields import FIELDS
from mailer.segments.rules import Group, Node, Rule, SegmentError, Tree, parse

MOST_GROUPS = 20
MOST_RULES = 200
EXCLUDE = "x"
_CONTROL = re.compile(r"(i[0-9]{1,4}|x)-(?:op|r([0-9]{1,4})-(?:field|is|value|low|high))")


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
                return [_number(each) for each in self.values if each]
            case fields.NUMBER | fields.DAYS:
                return _number(first)
            case fields.RANGE:
                return [_number(self.low), _number(self.high)]
        return first


@dataclass
class DraftGroup:
    """Rows joined by and/or. `key` is its place in the form: i0, i1, … or x."""

    key: str
    op: str = "and"
    rules: list[DraftRule] = dataclass_field(default_factory=list)


@dataclass
class Draft:
    """The whole form below the name."""

    include: list[DraftGroup]
    exclude: DraftGroup

    def groups(self) -> list[DraftGroup]:
        """Every group in the order shown."""
        return [*self.include, self.exclude]

    def rules(self) -> Iterator[tuple[str, DraftRule]]:
        """Every row with the name its controls begin with."""
        for group in self.groups():
            for place, rule in enumerate(group.rules):
                yield f"{group.key}-r{place}", rule


def empty() -> Draft:
    """One include group with one empty row, and no exclusions."""
    return Draft([DraftGroup("i0", rules=[DraftRule()])], DraftGroup(EXCLUDE, "or"))


def read(form: MultiDict[str, str]) -> Draft:
    """The form as it was posted; what no builder sends is left out."""
    found: dict[str, set[int]] = {}
    for name in form:
        match = _CONTROL.fullmatch(name)
        if match:
            rows = found.setdefault(match[1], set())
            if match[2]:
                rows.add(int(match[2]))
    keys = sorted((key for key in found if key != EXCLUDE), key=lambda key: int(key[1:]))
    include = [_read_group(form, key, found[key]) for key in keys[:MOST_GROUPS]]
    exclude = _read_group(form, EXCLUDE, found.get(EXCLUDE, set()))
    if not include:
        include = empty().include
    return _numbered(Draft(include, exclude))


def _read_group(form: MultiDict[str, str], key: str, rows: set[int]) -> DraftGroup:
    default = "or" if key == EXCLUDE else "and"
    op = form.get(f"{key}-op", default)
    group = DraftGroup(key, op if op in {"and", "or"} else default)
    for row in sorted(rows)[:MOST_RULES]:
        name = f"{key}-r{row}"
        rule = DraftRule(
            form.get(f"{name}-field", ""),
            form.get(f"{name}-is", ""),
            form.getlist(f"{name}-value"),
            form.get(f"{name}-low", ""),
            form.get(f"{name}-high", ""),
        )
        rule.settle()
        group.rules.append(rule)
    return group


def _numbered(draft: Draft) -> Draft:
    for place, group in enumerate(draft.include):
        group.key = f"i{place}"
    return draft


def apply(draft: Draft, action: str) -> str | None:
    """Do what a button asks (`add-rule:i0`, `remove-rule:i0-r2`, `add-group`, `remove-group:i1`).

    The name of the row that takes the focus then; None for a button there is not.
    """
    verb, _, place = action.partition(":")
    if verb == "add-group" and len(draft.include) < MOST_GROUPS:
        draft.include.append(DraftGroup("", rules=[DraftRule()]))
        return f"{_numbered(draft).include[-1].key}-r0"
    if verb == "remove-group":
        return _remove_group(draft, place)
    group = next((each for each in draft.groups() if each.key == place.partition("-")[0]), None)
    if group is None:
        return None
    if verb == "add-rule" and len(list(draft.rules())) < MOST_RULES:
        group.rules.append(DraftRule())
        return f"{group.key}-r{len(group.rules) - 1}"
    if verb == "remove-rule":
        return _remove_rule(draft, group, place)
    return None


def _remove_group(draft: Draft, key: str) -> str | None:
    kept = [group for group in draft.include if group.key != key]
    draft.include = kept or empty().include
    _numbered(draft)
    return f"{draft.include[-1].key}-r0"


def _remove_rule(draft: Draft, group: DraftGroup, place: str) -> str | None:
    row = place.partition("-r")[2]
    if not row.isdecimal() or int(row) >= len(group.rules):
        return None
    del group.rules[int(row)]
    if not group.rules:
        if group.key == EXCLUDE:
            return "add-exclusion"
        return _remove_group(draft, group.key)
    return f"{group.key}-r{min(int(row), len(group.rules) - 1)}"


def whole(draft: Draft) -> Tree:
    """The rules of the form. Raises SegmentError whose path is the name of a row."""
    include = [group for group in draft.include if group.rules]
    tree = {
        "include": [_json(group) for group in include],
        "exclude": _json(draft.exclude) if draft.exclude.rules else None,
    }
    try:
        return parse(tree)
    except SegmentError as error:
        raise SegmentError(error.code, _row(error.path, include), name=error.name) from None


def begun(draft: Draft) -> tuple[Tree | None, dict[str, SegmentError]]:
    """The rules that are ready so far, if any, and what is wrong with the others by row.

    A row that is still being filled in is no fault; rules are in the order of the rows.
    """
    faults: dict[str, SegmentError] = {}
    ready: dict[str, Node] = {}
    for name, row in draft.rules():
        if row.untouched:
            continue
        try:
            (ready[name],) = parse(row.json()).include
        except SegmentError as error:
            faults[name] = SegmentError(error.code, name, name=error.name)
    include = [node for group in draft.include if (node := _group(group, ready)) is not None]
    if not include:
        return None, faults
    return Tree(tuple(include), _group(draft.exclude, ready)), faults


def _group(group: DraftGroup, ready: dict[str, Node]) -> Node | None:
    names = (f"{group.key}-r{place}" for place in range(len(group.rules)))
    nodes = tuple(ready[name] for name in names if name in ready)
    return Group(group.op, nodes) if nodes else None


def _json(group: DraftGroup) -> dict[str, Any]:
    return {"op": group.op, "rules": [rule.json() for rule in group.rules]}


def _row(path: str, include: list[DraftGroup]) -> str:
    match = re.match(r"(?:include\[(\d+)\]|exclude)(?:\.rules\[(\d+)\])?", path)
    if match is None:
        return ""
    key = include[int(match[1])].key if match[1] else EXCLUDE
    return f"{key}-r{match[2] or 0}" if match[0] else ""


def of_tree(tree: Tree) -> Draft | None:
    """The form of saved rules; None for rules nested deeper than the form can show."""
    groups = [_draft_group(node) for node in tree.include]
    exclude = DraftGroup(EXCLUDE, "or")
    if tree.exclude is not None:
        found = _draft_group(tree.exclude)
        if found is None:
            return None
        exclude = DraftGroup(EXCLUDE, found.op if len(found.rules) > 1 else "or", found.rules)
    if any(group is None for group in groups) or len(groups) > MOST_GROUPS:
        return None
    return _numbered(Draft([group for group in groups if group is not None], exclude))


def _draft_group(node: Node) -> DraftGroup | None:
    nodes = node.nodes if isinstance(node, Group) else (node,)
    if not all(isinstance(each, Rule) for each in nodes):
        return None
    op = node.op if isinstance(node, Group) else "and"
    return DraftGroup("", op, [_draft_rule(each) for each in nodes if isinstance(each, Rule)])


def _draft_rule(rule: Rule) -> DraftRule:
    drafted = DraftRule(rule.field.key, rule.comparison)
    value = values.write(rule.value)
    match drafted.shape:
        case fields.RANGE:
            drafted.low, drafted.high = map(str, value)
        case fields.TEXTS if not drafted.ticked:
            drafted.values = [_typed(value)]
        case fields.CHOICES | fields.TEXTS | fields.IDS:
            drafted.values = [str(each) for each in value]
        case fields.NOTHING:
            pass
        case _:
            drafted.values = [str(value)]
    return drafted


def _texts(typed: str) -> list[str]:
    # Commas part values, unless semicolons do: then a comma belongs to the value.
    parting = r"[;\n]" if re.search(r"[;\n]", typed) else ","
    return [text for each in re.split(parting, typed) if (text := each.strip())]


def _typed(texts: list[str]) -> str:
    return "; ".join(texts) + ";" if any("," in text for text in texts) else ", ".join(texts)


def _number(typed: str) -> Any:
    # As people write them: 1 000 000, with any kind of space.
    bare = "".join(typed.split())
    return int(bare) if re.fullmatch(r"-?[0-9]{1,18}", bare) else (typed.strip() or None)
