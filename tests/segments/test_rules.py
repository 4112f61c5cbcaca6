"""The rule tree: any JSON is refused with a code or becomes SQL that runs; words and limits."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.contacts.models import Contact
from mailer.gate import scope
from mailer.languages import in_language
from mailer.notice import profiles
from mailer.notice.vocabulary import FIELDS as NOTICE_FIELDS
from mailer.notice.vocabulary import PERSON_KINDS
from mailer.segments import conditions, fields, presets, values, words
from mailer.segments.compiler import Compiler
from mailer.segments.fields import CLICKS, FIELDS
from mailer.segments.rules import (
    MAX_DEPTH,
    MAX_RULES,
    PROBLEMS,
    Group,
    Node,
    Not,
    Rule,
    SegmentError,
    Tree,
    check,
    dump,
    parse,
)
from tests.segments.register import make_company, make_contact, make_source, notice_with

FINANCE = {"field": "function", "is": "any_of", "value": ["finance"]}
ONCE = hypothesis_settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def code_of(tree: Any) -> str:
    with pytest.raises(SegmentError) as caught:
        parse(tree)
    assert caught.value.code in PROBLEMS
    assert caught.value.sentence()
    return caught.value.code


# Any JSON

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(codec=None), max_size=20),
    st.sampled_from(["\x00", "\ud800", "%_\\", "finance", "manager", "2026-11-24", "0001-01-01"]),
)
any_json = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def good_value(field: fields.Field, comparison: str) -> st.SearchStrategy[Any]:
    words_in_use = st.sampled_from(["Helsinki", "62", "x%y", "Ä_ö", "\\"])
    match field.comparisons[comparison]:
        case fields.CHOICE:
            return st.sampled_from([key for key in field.choices if key != "unknown"])
        case fields.CHOICES:
            return st.lists(st.sampled_from(list(field.choices)), min_size=1, max_size=4)
        case fields.TEXTS if field.key == "business_id":
            return st.just(["1234567-1"])
        case fields.TEXTS if field.key == "country":
            return st.just(["FI"])
        case fields.TEXTS:
            return st.lists(words_in_use, min_size=1, max_size=3)
        case fields.IDS:
            return st.lists(st.integers(1, 2**63 - 1), min_size=1, max_size=3)
        case fields.NUMBER | fields.DAYS:
            first = 1900 if field.key.endswith("_year") else 1
            return st.integers(first, first + 99)
        case fields.RANGE:
            return st.tuples(st.integers(0, 40), st.integers(41, 80)).map(list)
        case fields.DATE:
            return st.dates(datetime(1900, 1, 1).date(), datetime(2999, 1, 1).date()).map(str)  # noqa: DTZ001 - a day
    return st.none()


@st.composite
def good_rules(draw: st.DrawFn) -> dict[str, Any]:
    field = FIELDS[draw(st.sampled_from([key for key in FIELDS if key != "segment"]))]
    comparison = draw(st.sampled_from(list(field.comparisons)))
    value = draw(good_value(field, comparison))
    rule = {"field": field.key, "is": comparison}
    return rule if value is None else {**rule, "value": value}


@st.composite
def odd_rules(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(st.sampled_from(list(FIELDS)))
    comparison = draw(st.sampled_from(list(fields.COMPARISONS)))
    return {"field": key, "is": comparison, "value": draw(any_json)}


def nodes_of(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.builds(
                lambda op, rules: {"op": op, "rules": rules},
                st.sampled_from(["and", "or"]),
                st.lists(inner, min_size=1, max_size=3),
            )
            | st.builds(lambda node: {"not": node}, inner)
        ),
        max_leaves=6,
    )


def trees_of(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    nodes = nodes_of(leaves)
    return nodes | st.builds(
        lambda include, exclude: {"include": include, "exclude": exclude},
        st.lists(nodes, min_size=1, max_size=3),
        st.none() | nodes,
    )


def compiler(now: datetime) -> Compiler:
    return Compiler(now=now, lookup=lambda _: {}, notice=notice_with())


def matching(session: Session, tree: Tree, now: datetime) -> set[int]:
    """The people of a tree; counted as well, and both must agree."""
    condition = compiler(now).matches(tree)
    found = list(session.scalars(scope(select(Contact.id).select_from(Contact)).where(condition)))
    counting = scope(select(func.count()).select_from(Contact)).where(condition)
    assert session.scalar(counting) == len(found) == len(set(found))
    return set(found)


@pytest.fixture
def register(session: Session, now: datetime) -> Session:
    source = make_source(session, now)
    known = make_company(
        session,
        source,
        now,
        headcount=60,
        turnover_eur=10**7,
        city="Helsinki",
        industry_code="62010",
        industry_name="Ohjelmistot",
        country="FI",
        postal_code="00100",
        business_id="1234567-1",
    )
    unknown = make_company(session, source, now)
    make_contact(session, source, now, company_id=known.id, tags=["a"], phone="+358401234567")
    make_contact(session, source, now, company_id=unknown.id, functions=[], level=0, title="")
    make_contact(session, source, now, functions=["sales", "it"], level=60, language="sv")
    return session


@given(tree=any_json | trees_of(odd_rules()))
@ONCE
def test_any_json_is_refused_with_a_code_or_runs(
    register: Session, now: datetime, tree: Any
) -> None:
    try:
        parsed = parse(tree)
        matching(register, parsed, now)
        with in_language("en"):
            assert words.plain(words.sentence(parsed, {}))
    except SegmentError as error:
        refused = error
    else:
        return
    assert refused.code in PROBLEMS
    assert refused.sentence()


@given(tree=trees_of(good_rules()))
@ONCE
def test_good_trees_come_back_the_same_from_what_is_stored(tree: Any) -> None:
    parsed = parse(tree)
    assert dump(parse(dump(parsed))) == dump(parsed)


@given(tree=trees_of(good_rules()))
@ONCE
def test_the_database_answers_as_three_valued_logic_does(
    register: Session, now: datetime, tree: Any
) -> None:
    parsed = parse(tree)
    rules = list(parsed.rules())
    asked = compiler(now)
    columns = [column for rule in rules for column in (asked.holds(rule), asked.fails(rule))]
    rows = register.execute(scope(select(Contact.id, *columns).select_from(Contact)))
    expected = set()
    for contact_id, *answers in rows:
        known = {
            rule.path: True if holds else False if fails else None
            for rule, holds, fails in zip(rules, answers[::2], answers[1::2], strict=True)
        }
        if kleene(parsed, known):
            expected.add(contact_id)
    assert matching(register, parsed, now) == expected


def kleene(tree: Tree, known: dict[str, bool | None]) -> bool:
    included = any(value(node, known) is True for node in tree.include)
    return included and not (tree.exclude is not None and value(tree.exclude, known) is True)


def value(node: Node, known: dict[str, bool | None]) -> bool | None:
    match node:
        case Rule():
            return known[node.path]
        case Not():
            inner = value(node.node, known)
            return None if inner is None else not inner
        case Group():
            parts = [value(each, known) for each in node.nodes]
            decides = node.op == "or"
            if decides in parts:
                return decides
            return None if None in parts else not decides
    raise AssertionError(node)


@given(rule=good_rules())
@ONCE
def test_nobody_is_in_a_rule_and_in_its_opposite(
    register: Session, now: datetime, rule: Any
) -> None:
    assert matching(register, parse(rule), now).isdisjoint(
        matching(register, parse({"not": rule}), now)
    )


# Limits


def test_an_empty_tree_is_refused_because_it_would_mean_everybody() -> None:
    assert code_of({"include": [], "exclude": None}) == "empty"
    assert code_of({"op": "and", "rules": []}) == "empty"
    assert code_of({"include": [{"op": "or", "rules": []}]}) == "empty_group"
    assert code_of({"include": [FINANCE], "exclude": {"op": "or", "rules": []}}) == "empty_group"


@pytest.mark.parametrize("tree", [None, [], "", 0, {}, {"exclude": FINANCE}, {"include": FINANCE}])
def test_what_is_no_tree_is_refused(tree: Any) -> None:
    assert code_of(tree) == "not_a_rule"


def test_a_rule_with_something_extra_is_refused() -> None:
    assert code_of({**FINANCE, "sql": "DROP TABLE contacts"}) == "not_a_rule"
    assert code_of({"include": [FINANCE], "limit": 5}) == "not_a_rule"


def test_depth_rules_and_values_have_their_limits() -> None:
    nested: Any = FINANCE
    for _ in range(MAX_DEPTH - 1):
        nested = {"not": nested}
    parse(nested)
    assert code_of({"not": nested}) == "too_deep"
    for _ in range(100_000):
        nested = {"not": nested}
    assert code_of(nested) == "too_deep"
    assert len(list(parse({"op": "or", "rules": [FINANCE] * MAX_RULES}).rules())) == MAX_RULES
    assert code_of({"op": "or", "rules": [FINANCE] * (MAX_RULES + 1)}) == "too_many_rules"
    cities = [f"City {number}" for number in range(values.MAX_VALUES + 1)]
    parse({"field": "city", "is": "any_of", "value": cities[:-1]})
    assert code_of({"field": "city", "is": "any_of", "value": cities}) == "too_many_values"


def test_the_largest_tree_runs(register: Session, now: datetime) -> None:
    cities = [f"City {number}" for number in range(100)]
    rule = {"field": "city", "is": "any_of", "value": cities}
    tree = {"op": "or", "rules": [rule] * MAX_RULES}
    assert matching(register, parse(tree), now) == set()


@pytest.mark.parametrize("key", ["purchases", "clicks", "opens", "score", "id", "email", "note"])
def test_behaviour_purchases_and_raw_columns_are_no_fields(key: str) -> None:
    assert code_of({"field": key, "is": "at_least", "value": 1}) == "unknown_field"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"field": "headcount", "is": "at_least"}, "value_missing"),
        ({"field": "headcount", "is": "at_least", "value": True}, "bad_number"),
        ({"field": "headcount", "is": "at_least", "value": -1}, "bad_number"),
        ({"field": "headcount", "is": "at_least", "value": 2**80}, "bad_number"),
        ({"field": "headcount", "is": "at_least", "value": float("nan")}, "bad_number"),
        ({"field": "headcount", "is": "at_least", "value": float("inf")}, "bad_number"),
        ({"field": "headcount", "is": "between", "value": [5, 1]}, "range_reversed"),
        ({"field": "headcount", "is": "contains", "value": ["5"]}, "unknown_comparison"),
        ({"field": "level", "is": "at_least", "value": "unknown"}, "bad_value"),
        ({"field": "function", "is": "any_of", "value": ["nonsense"]}, "bad_value"),
        ({"field": "function", "is": "any_of", "value": [["finance"]]}, "bad_value"),
        ({"field": "title", "is": "contains", "value": ["a\x00b"]}, "bad_value"),
        ({"field": "title", "is": "contains", "value": ["\ud800"]}, "bad_value"),
        ({"field": "title", "is": "contains", "value": ["x" * 201]}, "bad_value"),
        ({"field": "title", "is": "contains", "value": ["  "]}, "value_missing"),
        ({"field": "industry_code", "is": "starts_with", "value": ["."]}, "bad_value"),
        ({"field": "added", "is": "before", "value": "24.11.2026"}, "bad_date"),
        ({"field": "added", "is": "before", "value": "0001-01-01"}, "bad_date"),
        ({"field": "added", "is": "within_days", "value": 0}, "bad_number"),
        ({"field": "source", "is": "any_of", "value": [2**63]}, "bad_value"),
        ({"field": "source", "is": "any_of", "value": ["1"]}, "bad_value"),
        ({"field": "country", "is": "any_of", "value": ["Finland"]}, "bad_country"),
        ({"field": "business_id", "is": "any_of", "value": ["1234567-8"]}, "bad_business_id"),
        ({"field": "last_marketing", "is": "never", "value": 1}, "bad_value"),
        ({"field": "headcount_year", "is": "at_least", "value": 24}, "bad_number"),
        ({"field": "turnover_year", "is": "at_most", "value": 20_240}, "bad_number"),
        ({"field": "unclicked", "is": "at_least", "value": 0}, "bad_number"),
        ({"field": "consent", "is": "given", "value": ["profiling"]}, "bad_value"),
    ],
)
def test_a_value_that_does_not_fit_is_told_by_its_code(rule: Any, code: str) -> None:
    assert code_of(rule) == code


def test_the_place_of_a_fault_is_told() -> None:
    tree = {"include": [FINANCE, {"op": "and", "rules": [FINANCE, {"field": 1, "is": 2}]}]}
    with pytest.raises(SegmentError) as caught:
        parse(tree)
    assert caught.value.path == "include[1].rules[1]"


# What the notice declares


def test_only_declared_fields_pass() -> None:
    headcount = parse({"field": "headcount", "is": "at_least", "value": 50})
    check(headcount, notice_with())
    for notice in (notice_with(fields=["email"]), None):
        with pytest.raises(SegmentError) as caught:
            check(headcount, notice)
        assert caught.value.code == "field_undeclared"
    offered = {field.key for field in fields.offered(notice_with(fields=["email"]))}
    assert offered == {each.key for each in FIELDS.values() if each.needs in {None, CLICKS}}
    assert fields.offered(None) == []


@pytest.mark.parametrize("key", list(FIELDS))
def test_a_field_withdrawn_by_the_notice_is_refused_with_its_name(key: str) -> None:
    field = FIELDS[key]
    without = {"fields": [each for each in NOTICE_FIELDS if each != field.needs]}
    if field.needs == CLICKS:
        without = {"tracking": tracking_with("aggregate")}
    notice = notice_with(**without)
    assert fields.declared(field, notice) is (field.needs is None)
    comparison = next(iter(field.comparisons))
    rule = Rule(field, comparison, None)
    if field.needs is None:
        check(Tree((rule,)), notice)
        return
    with in_language("en"), pytest.raises(SegmentError) as caught:
        check(Tree((rule,)), notice)
    with in_language("en"):
        assert f"“{field.label}”" in caught.value.sentence()


def tracking_with(mode: str) -> dict[str, Any]:
    tracking = profiles.load("example")["tracking"]
    return {**tracking, "clicks": {**tracking["clicks"], "mode": mode}}


def test_every_field_has_a_condition_and_needs_what_a_notice_can_declare() -> None:
    for field in FIELDS.values():
        assert field.needs in {None, CLICKS, *NOTICE_FIELDS}
        assert field.group in fields.GROUPS
        assert set(field.comparisons) <= set(fields.COMPARISONS)
    assert set(conditions._CONDITIONS) == set(FIELDS) - {"segment"}
    assert set(fields.KIND_LABELS) == set(PERSON_KINDS)


def test_the_duties_that_include_rules_ask_for_are_known() -> None:
    tree = {
        "include": [
            {
                "op": "and",
                "rules": [FINANCE, {"field": "level", "is": "at_least", "value": "manager"}],
            },
            {"field": "function", "is": "any_of", "value": ["it"]},
            {"not": {"field": "function", "is": "any_of", "value": ["sales"]}},
        ],
        "exclude": {"field": "function", "is": "any_of", "value": ["hr"]},
    }
    assert parse(tree).functions() == {"finance", "it"}
    assert parse({"field": "has_phone", "is": "yes"}).functions() == frozenset()


def test_ready_segments_are_good_trees() -> None:
    for key in presets.PRESETS:
        tree = presets.tree_of(key)
        assert tree is not None
        assert tree.functions()
    assert presets.tree_of("nonsense") is None
    assert set(presets.offered(notice_with())) == set(presets.PRESETS)
    assert "finance" not in presets.offered(notice_with(fields=["email", "title"]))


# Words


def test_a_segment_is_told_as_a_sentence() -> None:
    tree = parse(
        {
            "include": [
                {
                    "op": "and",
                    "rules": [
                        {"field": "function", "is": "any_of", "value": ["finance", "payroll"]},
                        {"field": "level", "is": "at_least", "value": "manager"},
                        {"field": "headcount", "is": "at_least", "value": 1000},
                    ],
                },
                {"field": "source", "is": "any_of", "value": [7, 8]},
            ],
            "exclude": {"field": "added", "is": "within_days", "value": 1},
        }
    )
    with in_language("en"):
        told = words.plain(words.sentence(tree, {("source", 7): "Fair"}))
    assert told == (
        "Included: people for whom (job function is Finance or Payroll and level is at least"
        " Manager and head-count is at least 1,000 employees) or source is Fair or"
        " (does not exist any more). Left out: people for whom added to the register is within"
        " the last day."
    )


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (("headcount_year", "at_least", 2024), "year of the head-count is at least 2024"),
        (("consent", "given", ["events"]), "consent is given: Events"),
        (("consent", "unsaid", ["events"]), "consent is neither given nor forbidden: Events"),
        (("clicked", "within_days", 90), "last click by a person is within the last 90 days"),
        (("clicked", "never", None), "last click by a person: never"),
        (
            ("unclicked", "at_least", 1000),
            "messages got without ever clicking is at least 1,000 messages",
        ),
    ],
)
def test_years_consents_and_clicks_are_told_as_words(rule: tuple[str, str, Any], told: str) -> None:
    field, comparison, value = rule
    (node,) = parse(
        {"field": field, "is": comparison} | ({} if value is None else {"value": value})
    ).include
    assert isinstance(node, Rule)
    with in_language("en"):
        assert words.plain(words.clause(node, {})) == told


def test_what_comes_from_data_is_escaped() -> None:
    tree = parse({"field": "tag", "is": "any_of", "value": ["<b>%(field)s"]})
    told = words.sentence(tree, {})
    assert isinstance(told, Markup)
    assert "<b>" not in told
    assert "%(field)s" in words.plain(told)
