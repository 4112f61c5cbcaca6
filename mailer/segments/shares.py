"""What each rule and group of a segment does: how many it matches alone, how many it leaves out.

One statement for a whole tree: each rule is asked once of each person, people who answer alike are
counted together, and the tree with and without each part is then asked of these few groups.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, case, cast, func, literal, select, true
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger, Boolean

from mailer.segments import sampling
from mailer.segments.build import Question, compiler_for, everybody, prepare
from mailer.segments.compiler import Compiler
from mailer.segments.rules import Group, Node, Not, Rule, Tree, without

# With more parts, what each leaves out would take longer to write down than to read.
MOST_PARTS = 60


@dataclass(frozen=True, slots=True)
class Share:
    """One part. `alone`: how many it matches by itself.

    `leaves_out`: how many more would match without it; less than nobody where it brings people in.
    None where there are too many parts to tell.
    """

    alone: int
    leaves_out: int | None


@dataclass(frozen=True, slots=True)
class Shares:
    """Every part in the order asked, of how many people. `about`: estimated from a sample."""

    parts: tuple[Share, ...]
    total: int
    about: bool


def count(session: Session, tree: Tree, parts: Sequence[Node], ask: Question) -> Shares:
    """What these very nodes of a tree do. Raises SegmentError."""
    sample = sampling.take(session)
    told = len(parts) <= MOST_PARTS
    statement = _statement(tree, parts, ask, sample.within if sample else true(), told=told)
    prepare(session)
    total, matching, *numbers = session.execute(statement).one()
    alone, rest = numbers[: len(parts)], numbers[len(parts) :]
    scaled = sample.scaled if sample else int
    return Shares(
        tuple(
            Share(scaled(number), _scaled(rest[place] - matching, scaled) if told else None)
            for place, number in enumerate(alone)
        ),
        scaled(total),
        about=sample is not None,
    )


def _scaled(difference: int, scaled: Any) -> int:
    # The difference is taken first: that of two rounded numbers would be nonsense.
    return int(scaled(difference)) if difference >= 0 else -int(scaled(-difference))


def _statement(
    tree: Tree, parts: Sequence[Node], ask: Question, within: ColumnElement[bool], *, told: bool
) -> Select[Any]:
    asking = compiler_for(ask)
    rules = [*_asked(tree)]
    answers = [
        _answer(asking, rule, turned=turned).label(f"rule_{place}")
        for place, (rule, turned) in enumerate(rules)
    ]
    asked = everybody(*answers).where(within).subquery("asked")
    alike = select(*asked.c, func.count().label("people")).group_by(*asked.c)
    groups = alike.cte("alike").prefix_with("MATERIALIZED")
    answered = {id(rule): groups.c[f"rule_{place}"] for place, (rule, _) in enumerate(rules)}
    reading = replace(asking, answered=answered)

    def people(condition: ColumnElement[bool]) -> ColumnElement[int]:
        total = func.sum(groups.c.people).filter(condition)
        return func.coalesce(cast(total, BigInteger), 0)

    rest = [people(_left(reading, tree, part)) for part in parts] if told else []
    columns: list[ColumnElement[Any]] = [
        people(true()),
        people(reading.matches(tree)),
        *(people(reading.holds(part)) for part in parts),
        *rest,
    ]
    return select(*columns)


def _answer(asking: Compiler, rule: Rule, *, turned: bool) -> ColumnElement[bool]:
    # Only what is turned needs to be known false; the less is told apart, the fewer the groups.
    holds = asking.holds(rule)
    false = (asking.fails(rule), False) if turned else (true(), False)
    return case((holds, True), false, else_=cast(literal(None), Boolean))


def _asked(tree: Tree) -> Iterator[tuple[Rule, bool]]:
    for node in (*tree.include, *([tree.exclude] if tree.exclude is not None else [])):
        yield from _asked_in(node, turned=False)


def _asked_in(node: Node, *, turned: bool) -> Iterator[tuple[Rule, bool]]:
    match node:
        case Rule():
            yield node, turned
        case Not():
            yield from _asked_in(node.node, turned=True)
        case Group():
            for each in node.nodes:
                yield from _asked_in(each, turned=turned)


def _left(reading: Compiler, tree: Tree, part: Node) -> ColumnElement[bool]:
    include, exclude = without(tree, part)
    if include:
        return reading.matches(Tree(include, exclude))
    # The last rule gone: everybody would be left, but those left out.
    return true() if exclude is None else reading.holds(exclude).is_not(True)
