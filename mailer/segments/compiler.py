"""The SQL of a rule tree, over Contact outer-joined to Company and Source.

Two questions are asked of each node, "is it known to be true" and "is it known to be false", so
that what the register does not know is neither (see mailer.segments.rules).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import datetime

from sqlalchemy import ColumnElement, and_, not_, or_

from mailer.languages import gettext
from mailer.notice.schema import Notice
from mailer.segments import conditions
from mailer.segments.fields import declared
from mailer.segments.rules import (
    MAX_DEPTH,
    Group,
    Node,
    Not,
    Rule,
    Saved,
    SegmentError,
    Tree,
    parse,
)

# Rules of a tree with the segments it refers to written out in full.
MAX_RULES_WRITTEN_OUT = 1000

# Finds segments by id; ids that are not there are left out.
Lookup = Callable[[frozenset[int]], Mapping[int, Saved]]


@dataclass(slots=True)
class _Budget:
    rules: int


@dataclass(frozen=True, slots=True)
class Compiler:
    """Turns trees into conditions over Contact, outer-joined to Company and Source.

    Rules on data that `notice` does not declare are refused, also in segments referred to. (With
    no notice at all the gate says no to everybody.)
    `within`: the segments being written out, so that one that refers to itself is found.
    `answered`: by the id() of a rule, a column that already holds its answer (NULL: not known).
    """

    now: datetime
    lookup: Lookup
    notice: Notice | None
    within: tuple[int, ...] = ()
    answered: Mapping[int, ColumnElement[bool]] = dataclass_field(default_factory=dict)
    budget: _Budget = dataclass_field(default_factory=lambda: _Budget(MAX_RULES_WRITTEN_OUT))

    def matches(self, tree: Tree) -> ColumnElement[bool]:
        """SQL: the contact belongs to the tree."""
        included = or_(*(self.holds(node) for node in tree.include))
        if tree.exclude is None:
            return included
        return and_(included, self.holds(tree.exclude).is_not(True))

    def misses(self, tree: Tree) -> ColumnElement[bool]:
        """SQL: the contact is known not to belong to the tree."""
        out = and_(*(self.fails(node) for node in tree.include))
        return out if tree.exclude is None else or_(out, self.holds(tree.exclude))

    def holds(self, node: Node) -> ColumnElement[bool]:
        """SQL: the node is known to be true of the contact."""
        match node:
            case Rule():
                return self._rule(node, true_wanted=True)
            case Not():
                return self.fails(node.node)
            case Group():
                parts = (self.holds(each) for each in node.nodes)
                return and_(*parts) if node.op == "and" else or_(*parts)

    def fails(self, node: Node) -> ColumnElement[bool]:
        """SQL: the node is known to be false of the contact."""
        match node:
            case Rule():
                return self._rule(node, true_wanted=False)
            case Not():
                return self.holds(node.node)
            case Group():
                parts = (self.fails(each) for each in node.nodes)
                return or_(*parts) if node.op == "and" else and_(*parts)

    def _rule(self, rule: Rule, *, true_wanted: bool) -> ColumnElement[bool]:
        answer = self.answered.get(id(rule))
        if answer is not None:
            return answer if true_wanted else answer.is_(False)
        self.budget.rules -= 1
        if self.budget.rules < 0:
            raise SegmentError("too_large", rule.path)
        if self.notice is not None and not declared(rule.field, self.notice):
            raise SegmentError("field_undeclared", rule.path, name=gettext(rule.field.label))
        if rule.field.key == "segment":
            return self._membership(rule, member=true_wanted == (rule.comparison == "any_of"))
        asked = (rule.field, rule.comparison, rule.value)
        condition = conditions.holds(*asked, self.now, self.notice)
        if true_wanted:
            return condition
        return and_(conditions.known(*asked, self.notice), not_(condition))

    def _membership(self, rule: Rule, *, member: bool) -> ColumnElement[bool]:
        parts = (
            inner.matches(tree) if member else inner.misses(tree)
            for inner, tree in self._referred(rule)
        )
        return or_(*parts) if member else and_(*parts)

    def _referred(self, rule: Rule) -> Iterator[tuple["Compiler", Tree]]:
        if len(self.within) >= MAX_DEPTH:
            raise SegmentError("too_deep", rule.path)
        found = self.lookup(frozenset(rule.value))
        for each in rule.value:
            saved = found.get(each)
            if saved is None:
                raise SegmentError("segment_missing", rule.path)
            if each in self.within:
                raise SegmentError("segment_cycle", rule.path, name=saved.name)
            try:
                tree = parse(saved.tree)
            except SegmentError:
                raise SegmentError("segment_broken", rule.path, name=saved.name) from None
            yield replace(self, within=(*self.within, each)), tree
