"""The rule tree of a segment: its stored form and its checks. Pure.

Stored as JSON. A rule is `{"field": "function", "is": "any_of", "value": ["finance"]}`; nodes are
joined by `{"op": "and"|"or", "rules": [...]}` and turned by `{"not": node}`. The whole is
`{"include": [node, ...], "exclude": node | null}`: in if any include node holds, unless the exclude
node does. A bare node stands for itself as the only include node.

What is not known (R51: unknown means no):

- A rule about a fact that the register does not have is neither true nor false. A person of unknown
  head-count is in "head-count at least 50" no more than in its opposite: neither `not` nor "none
  of" turns ignorance into a match.
- `exclude` leaves out those who are *known* to match it. "Leave out Helsinki" keeps a person whose
  city nobody knows; otherwise one sparse field would silently empty a segment. Who wants only those
  known to be elsewhere says so in an include node: "city is none of Helsinki".

An empty tree is refused: it would mean everybody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mailer.languages import N_, gettext
from mailer.notice.schema import Notice
from mailer.segments import values
from mailer.segments.fields import FIELDS, Field, declared

MAX_DEPTH = 10
MAX_RULES = 200

PROBLEMS = {
    "empty": N_("Add at least one rule: an empty segment would mean everybody."),
    "empty_group": N_("This group has no rules. Add one, or remove the group."),
    "not_a_rule": N_("This is not a rule that segments know."),
    "unknown_field": N_("Choose what the rule is about."),
    "unknown_comparison": N_("Choose how to compare."),
    "value_missing": N_("Give the rule a value."),
    "bad_value": N_("The value does not fit this rule."),
    "bad_number": N_("Write a whole number that fits this rule, for example 50."),
    "bad_date": N_("Write a date, for example 2026-11-24."),
    "bad_business_id": N_("This is not a Business ID. Write it as 1234567-1."),
    "bad_country": N_("Write countries as two letters, for example FI or SE."),
    "range_reversed": N_("The first number must not be larger than the second."),
    "too_many_values": N_("A rule can have at most 500 values."),
    "too_many_rules": N_("A segment can have at most 200 rules."),
    "too_deep": N_("The groups are nested too deep."),
    "too_large": N_("With the segments it refers to, this segment has too many rules."),
    "field_undeclared": N_("The notice does not declare the data that “%(name)s” is about."),
    "segment_missing": N_("A segment that this rule refers to does not exist any more."),
    "segment_broken": N_("The segment “%(name)s” that this rule refers to cannot be used."),
    "list_missing": N_("A fixed list that this rule names does not exist any more."),
    "segment_cycle": N_("The segment “%(name)s” refers back to itself through its rules."),
}


class SegmentError(ValueError):
    """A tree cannot be used. `code`: a key of PROBLEMS; `path`: where, as `include[0].rules[2]`."""

    def __init__(self, code: str, path: str = "", *, name: str = "") -> None:
        super().__init__(f"{code} at {path or 'the root'}")
        self.code = code
        self.path = path
        self.name = name

    def sentence(self) -> str:
        """What is wrong, in the language in force."""
        text = PROBLEMS[self.code]
        return gettext(text, name=self.name) if "%(name)s" in text else gettext(text)


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition. `value` is what mailer.segments.values.read gives."""

    field: Field
    comparison: str
    value: Any
    path: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes joined by `and` or `or`."""

    op: str
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a node, as far as it is known."""

    node: "Node"


Node = Rule | Group | Not


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole segment: in if any of `include` holds, unless `exclude` does."""

    include: tuple[Node, ...]
    exclude: Node | None = None

    def rules(self) -> Iterator[Rule]:
        """Every rule, in the order it is read."""
        for node in self.include:
            yield from _rules(node)
        if self.exclude is not None:
            yield from _rules(self.exclude)

    def references(self) -> frozenset[int]:
        """Ids of the segments that rules refer to."""
        return frozenset(
            each for rule in self.rules() if rule.field.key == "segment" for each in rule.value
        )

    def fixed_lists(self) -> frozenset[int]:
        """Ids of the fixed lists that rules name."""
        return frozenset(
            each for rule in self.rules() if rule.field.key == "fixed_list" for each in rule.value
        )

    def functions(self) -> frozenset[str]:
        """The job functions that include rules ask for (R45); empty if none does."""
        return frozenset[str]().union(*(_functions(node) for node in self.include))


@dataclass(frozen=True, slots=True)
class Saved:
    """A segment that another one may refer to."""

    id: int
    name: str
    tree: Any


@dataclass(slots=True)
class _Budget:
    rules: int


def parse(tree: Any) -> Tree:
    """The tree in JSON. Raises SegmentError for anything else, however wrong."""
    budget = _Budget(MAX_RULES)
    if not isinstance(tree, dict) or not ({"include", "exclude"} & tree.keys()):
        return Tree((_node(tree, "", 1, budget),))
    if not tree.keys() <= {"include", "exclude"}:
        raise SegmentError("not_a_rule")
    groups = tree.get("include")
    if not isinstance(groups, list):
        raise SegmentError("not_a_rule", "include")
    if not groups:
        raise SegmentError("empty", "include")
    include = tuple(
        _node(group, f"include[{place}]", 1, budget) for place, group in enumerate(groups)
    )
    exclude = tree.get("exclude")
    return Tree(include, None if exclude is None else _node(exclude, "exclude", 1, budget))


def _node(node: Any, path: str, depth: int, budget: _Budget) -> Node:
    if depth > MAX_DEPTH:
        raise SegmentError("too_deep", path)
    if not isinstance(node, dict):
        raise SegmentError("not_a_rule", path)
    match frozenset(node):
        case keys if keys == {"op", "rules"}:
            return _group(node, path, depth, budget)
        case keys if keys == {"not"}:
            return Not(_node(node["not"], _inside(path, "not"), depth + 1, budget))
        case keys if {"field", "is"} <= keys <= {"field", "is", "value"}:
            budget.rules -= 1
            if budget.rules < 0:
                raise SegmentError("too_many_rules", path)
            return _rule(node, path)
    raise SegmentError("not_a_rule", path)


def _group(node: dict[str, Any], path: str, depth: int, budget: _Budget) -> Group:
    op, nodes = node["op"], node["rules"]
    if not isinstance(op, str) or op not in {"and", "or"} or not isinstance(nodes, list):
        raise SegmentError("not_a_rule", path)
    if not nodes:
        raise SegmentError("empty_group" if path else "empty", path)
    return Group(
        op,
        tuple(
            _node(each, _inside(path, f"rules[{place}]"), depth + 1, budget)
            for place, each in enumerate(nodes)
        ),
    )


def _rule(node: dict[str, Any], path: str) -> Rule:
    key, comparison = node["field"], node["is"]
    field = FIELDS.get(key) if isinstance(key, str) else None
    if field is None:
        raise SegmentError("unknown_field", path)
    if not isinstance(comparison, str) or comparison not in field.comparisons:
        raise SegmentError("unknown_comparison", path)
    try:
        return Rule(field, comparison, values.read(field, comparison, node.get("value")), path)
    except values.ValueProblem as problem:
        raise SegmentError(problem.code, path) from None


def _inside(path: str, step: str) -> str:
    return f"{path}.{step}" if path else step


def _rules(node: Node) -> Iterator[Rule]:
    match node:
        case Rule():
            yield node
        case Not():
            yield from _rules(node.node)
        case Group():
            for each in node.nodes:
                yield from _rules(each)


def without(tree: Tree, node: Node) -> tuple[tuple[Node, ...], Node | None]:
    """What is left to include and to exclude when this very node goes, and groups it empties."""
    kept = (_without(each, node) for each in tree.include)
    exclude = None if tree.exclude is None else _without(tree.exclude, node)
    return tuple(each for each in kept if each is not None), exclude


def _without(tree: Node, node: Node) -> Node | None:
    if tree is node:
        return None
    match tree:
        case Rule():
            return tree
        case Not():
            inner = _without(tree.node, node)
            return None if inner is None else Not(inner)
        case Group():
            kept = (_without(each, node) for each in tree.nodes)
            nodes = tuple(each for each in kept if each is not None)
            return Group(tree.op, nodes) if nodes else None


def _functions(node: Node) -> frozenset[str]:
    match node:
        case Group():
            return frozenset[str]().union(*(_functions(each) for each in node.nodes))
        case Rule() if node.field.key == "function" and node.comparison == "any_of":
            return frozenset(node.value)
    return frozenset()  # the opposite of a function is no duty


def dump(tree: Tree) -> dict[str, Any]:
    """The canonical JSON of a tree: what is stored."""
    return {
        "include": [_dump(node) for node in tree.include],
        "exclude": None if tree.exclude is None else _dump(tree.exclude),
    }


def _dump(node: Node) -> dict[str, Any]:
    match node:
        case Not():
            return {"not": _dump(node.node)}
        case Group():
            return {"op": node.op, "rules": [_dump(each) for each in node.nodes]}
        case Rule():
            dumped = {"field": node.field.key, "is": node.comparison}
            return dumped if node.value is None else {**dumped, "value": values.write(node.value)}


def check(tree: Tree, notice: Notice | None) -> None:
    """Raises SegmentError for the first rule on data the notice does not declare (R110)."""
    for rule in tree.rules():
        if not declared(rule.field, notice):
            raise SegmentError("field_undeclared", rule.path, name=gettext(rule.field.label))
