"""What each rule and group of a segment does: alone, and among the others."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from mailer.contacts.models import Contact
from mailer.gate import scope
from mailer.segments import build, shares
from mailer.segments.compiler import Compiler
from mailer.segments.rules import Group, Node, Not, Rule, SegmentError, Tree, parse, without
from mailer.segments.shares import Share
from tests.segments.register import make_company, make_contact, make_source, publish_notice
from tests.segments.test_rules import good_rules, trees_of

FINANCE = {"field": "function", "is": "any_of", "value": ["finance"]}
BIG = {"field": "headcount", "is": "at_least", "value": 50}
SWEDISH = {"field": "language", "is": "any_of", "value": ["sv"]}


@pytest.fixture
def register(session: Session, now: datetime) -> Session:
    """Six people: finance at a large, small and unknown company, two in Swedish, one in sales."""
    publish_notice(session, now)
    source = make_source(session, now)
    large = make_company(session, source, now, headcount=60, city="Helsinki")
    small = make_company(session, source, now, headcount=10, country="FI")
    make_contact(session, source, now, company_id=large.id, tags=["a"])
    make_contact(session, source, now, company_id=large.id, language="sv")
    make_contact(session, source, now, company_id=small.id, language="sv", phone="+358401234567")
    make_contact(session, source, now)
    make_contact(session, source, now, functions=["sales"], company_id=large.id, title="")
    make_contact(session, source, now, functions=[], level=0)
    make_contact(session, source, now, erased_at=now)
    return session


def question(session: Session, now: datetime) -> build.Question:
    return build.usual_ask(session, frozenset({"finance"}), now=now)


def told(session: Session, now: datetime, tree: Any) -> tuple[Share, ...]:
    parsed = parse(tree)
    return shares.count(session, parsed, every_node(parsed), question(session, now)).parts


def every_node(tree: Tree) -> list[Node]:
    found: list[Node] = []

    def walk(node: Node) -> None:
        found.append(node)
        for inner in node.nodes if isinstance(node, Group) else ():
            walk(inner)
        if isinstance(node, Not):
            walk(node.node)

    for node in (*tree.include, *([tree.exclude] if tree.exclude else [])):
        walk(node)
    return found


def test_a_tree_on_undeclared_data_is_refused(session: Session, now: datetime) -> None:
    publish_notice(session, now, fields=["email", "title"])
    with pytest.raises(SegmentError, match="field_undeclared"):
        told(session, now, BIG)


def test_a_rule_that_must_hold_leaves_out_those_only_it_refuses(
    register: Session, now: datetime
) -> None:
    group, finance, big, swedish = told(
        register, now, {"op": "and", "rules": [FINANCE, BIG, SWEDISH]}
    )
    assert finance == Share(alone=4, leaves_out=0)
    assert big == Share(alone=3, leaves_out=1)
    assert swedish == Share(alone=2, leaves_out=1)
    assert group == Share(alone=1, leaves_out=5)


def test_an_alternative_brings_people_in(register: Session, now: datetime) -> None:
    _group, finance, swedish, big = told(
        register, now, {"op": "or", "rules": [FINANCE, SWEDISH, BIG]}
    )
    assert finance == Share(alone=4, leaves_out=-1)
    assert swedish == Share(alone=2, leaves_out=0)
    assert big == Share(alone=3, leaves_out=-1)


def test_an_exclusion_leaves_out_those_it_matches_among_the_included(
    register: Session, now: datetime
) -> None:
    finance, big = told(register, now, {"include": [FINANCE], "exclude": BIG})
    # Without its only rule everybody would be in, but those left out.
    assert finance == Share(alone=4, leaves_out=1)
    assert big == Share(alone=3, leaves_out=2)


def test_what_is_turned_counts_the_known_only(register: Session, now: datetime) -> None:
    turned, big = told(register, now, {"not": BIG})
    assert big == Share(alone=3, leaves_out=5)
    assert turned == Share(alone=1, leaves_out=5)


def test_parts_without_number_cost_one_statement(register: Session, now: datetime) -> None:
    tree = parse({"op": "or", "rules": [FINANCE, BIG, SWEDISH] * 15})
    asked = question(register, now)
    statements: list[str] = []
    connection = register.connection()
    event.listen(connection, "before_cursor_execute", lambda *seen: statements.append(str(seen[2])))
    counted = shares.count(register, tree, every_node(tree), asked)
    assert sum("alike" in each for each in statements) == 1
    assert counted.total == 6
    assert not counted.about


def test_of_very_many_parts_only_what_each_matches_is_told(
    register: Session, now: datetime
) -> None:
    parts = told(register, now, {"op": "or", "rules": [FINANCE, BIG] * 100})
    assert {part.leaves_out for part in parts} == {None}
    assert [part.alone for part in parts[1:3]] == [4, 3]


@given(tree=trees_of(good_rules()))
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_numbers_are_those_of_counting_each_by_itself(
    register: Session, now: datetime, tree: Any
) -> None:
    try:
        parsed = parse(tree)
    except SegmentError:
        return
    asked = question(register, now)
    compiler = build.compiler_for(asked)

    def people(condition: Any) -> int:
        statement = scope(select(func.count()).select_from(Contact))
        return register.scalar(statement.where(condition, Contact.erased_at.is_(None))) or 0

    nodes = every_node(parsed)
    matching = people(compiler.matches(parsed))
    expected = tuple(
        Share(people(compiler.holds(node)), left(compiler, parsed, node, people) - matching)
        for node in nodes
    )
    assert shares.count(register, parsed, nodes, asked).parts == expected


def left(compiler: Compiler, tree: Tree, node: Node, people: Any) -> int:
    include, exclude = without(tree, node)
    if include:
        return int(people(compiler.matches(Tree(include, exclude))))
    everyone = Contact.id > 0
    return int(people(everyone if exclude is None else compiler.holds(exclude).is_not(True)))


def test_a_group_emptied_goes_with_its_last_rule() -> None:
    tree = parse({"op": "and", "rules": [FINANCE, {"not": {"op": "or", "rules": [BIG]}}]})
    (first,) = tree.include
    assert isinstance(first, Group)
    big = next(rule for rule in tree.rules() if rule.field.key == "headcount")
    assert without(tree, big) == ((Group("and", (first.nodes[0],)),), None)
    assert isinstance(big, Rule)
