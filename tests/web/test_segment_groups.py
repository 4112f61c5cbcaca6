"""Groups inside groups in the builder: opened, changed by buttons and saved without loss."""

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.datastructures import MultiDict

from mailer import clock
from mailer.db import transaction
from mailer.segments.models import Segment
from mailer.segments.rules import MAX_DEPTH, Group, Node, Not, Rule, SegmentError, Tree, dump, parse
from mailer.web import segment_moves
from mailer.web.segment_draft import Draft, DraftGroup, DraftRule, read
from mailer.web.segment_trees import begun, of_tree, whole
from tests.segments.register import publish_notice
from tests.segments.test_rules import good_rules, trees_of
from tests.web.people import Browser, sign_in

Sessions = sessionmaker[Session]

TREE = {"field": "function", "is": "any_of", "value": ["finance"]}
BIG = {"field": "headcount", "is": "at_least", "value": 50}
SWEDISH = {"field": "language", "is": "any_of", "value": ["sv"]}
NESTED = {
    "include": [
        {
            "op": "and",
            "rules": [
                TREE,
                {"op": "or", "rules": [BIG, {"not": {"op": "and", "rules": [SWEDISH, BIG]}}]},
                SWEDISH,
            ],
        },
        {"not": {"op": "or", "rules": [BIG, SWEDISH]}},
    ],
    "exclude": {"op": "and", "rules": [SWEDISH, {"op": "or", "rules": [TREE, BIG]}]},
}


def controls(draft: Draft) -> MultiDict[str, str]:
    """What a browser sends of the form."""
    sent: MultiDict[str, str] = MultiDict([("lifted", draft.lifted)])
    for group in draft.every_group():
        sent.add(f"{group.key}-op", group.op)
    for name, rule in draft.rules():
        sent.add(f"{name}-field", rule.field)
        sent.add(f"{name}-is", rule.comparison)
        sent.add(f"{name}-low", rule.low)
        sent.add(f"{name}-high", rule.high)
        for value in rule.values:
            sent.add(f"{name}-value", value)
    return sent


def plainest(node: Node) -> Any:
    """A node without what says nothing: groups of one, and turning twice."""
    match node:
        case Rule():
            return (node.field.key, node.comparison, node.value)
        case Not(node=Not(node=inner)):
            return plainest(inner)
        case Not():
            inner = plainest(node.node)
            return inner[1] if inner[0] == "not" else ("not", inner)
        case Group():
            parts = [plainest(each) for each in node.nodes]
            return parts[0] if len(parts) == 1 else (node.op, *parts)
    raise AssertionError(node)


def meaning(tree: Tree) -> Any:
    return [plainest(node) for node in tree.include], tree.exclude and plainest(tree.exclude)


def parsed(tree: Any) -> Tree:
    try:
        return parse(tree)
    except SegmentError:
        assume(False)
        raise


@pytest.mark.parametrize(
    "rule",
    [
        TREE,
        {"field": "headcount", "is": "between", "value": [10, 20]},
        {"field": "company", "is": "contains", "value": ["Puutyö Oy, Turku"]},
        {"field": "company", "is": "contains", "value": ["Oy", "Ab"]},
        {"field": "tag", "is": "any_of", "value": ["messut, Turku", "b"]},
        {"field": "level", "is": "at_least", "value": "manager"},
        {"field": "added", "is": "before", "value": "2026-11-24"},
        {"field": "last_marketing", "is": "never"},
        {"field": "source", "is": "none_of", "value": [3, 4]},
    ],
)
def test_the_form_gives_back_the_rules_it_was_made_of(rule: dict[str, Any]) -> None:
    tree = parse({"include": [{"op": "or", "rules": [rule, TREE]}], "exclude": rule})
    again = dump(whole(of_tree(tree)))
    assert again["include"] == dump(tree)["include"]
    assert again["exclude"] == {"op": "or", "rules": [dump(tree)["exclude"]]}


@given(tree=trees_of(good_rules()))
@hypothesis_settings(max_examples=200)
def test_any_tree_is_opened_and_saved_with_its_meaning(tree: Any) -> None:
    stored = parsed(tree)
    saved = whole(read(controls(of_tree(stored))))
    assert meaning(saved) == meaning(stored)
    assert dump(whole(read(controls(of_tree(saved))))) == dump(saved)
    counted, nodes, faults = begun(of_tree(stored))
    assert counted is not None
    assert meaning(counted) == meaning(stored)
    assert not faults
    assert [node for node in nodes.values() if isinstance(node, Rule)] == list(counted.rules())


@given(
    texts=st.lists(
        st.text(' ",;ab\\', min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=4
    )
)
@hypothesis_settings(max_examples=300)
def test_texts_with_any_marks_come_back_from_the_form(texts: list[str]) -> None:
    stored = parse({"field": "company", "is": "contains", "value": texts})
    assert meaning(whole(read(controls(of_tree(stored))))) == meaning(stored)


def deepest(*, turned: bool) -> Any:
    node: Any = TREE
    depth = 1
    while depth < MAX_DEPTH:
        turn = turned and depth % 3 == 0
        node = {"not": node} if turn else {"op": "or", "rules": [node]}
        depth += 1
    return node


@pytest.mark.parametrize("turned", [False, True])
def test_the_deepest_tree_is_opened_and_saved(turned: bool) -> None:
    stored = parse({"include": [deepest(turned=turned)], "exclude": deepest(turned=turned)})
    assert meaning(whole(read(controls(of_tree(stored))))) == meaning(stored)


def test_groups_deeper_than_a_tree_may_be_are_not_read() -> None:
    form = MultiDict({"i0-r0-field": "kind", f"i0{'-g0' * 50}-op": "and", "x-g99999-op": "or"})
    draft = read(form)
    assert [group.key for group in draft.every_group()] == ["i0", "x"]


def test_a_flood_of_controls_is_cut_off() -> None:
    names = [
        f"i{group}-g{inner}-r{row}-field"
        for group in range(60)
        for inner in range(60)
        for row in range(2)
    ]
    draft = read(MultiDict([(name, "kind") for name in names]))
    assert sum(1 for _ in draft.rules()) <= 200
    assert sum(1 for _ in draft.every_group()) <= 1801


def actions(draft: Draft) -> Iterator[str]:
    yield "add-group"
    yield "put:new"
    yield "put-back:"
    for group in draft.every_group():
        for verb in ("add-rule", "add-group", "remove-group", "lift", "put"):
            yield f"{verb}:{group.key}"
    for name, _rule in draft.rules():
        yield f"remove-rule:{name}"
        yield f"lift:{name}"


def contents(draft: Draft) -> Counter[int]:
    return Counter(id(rule) for _name, rule in draft.rules() if rule.field)


@given(tree=trees_of(good_rules()), data=st.data())
@hypothesis_settings(max_examples=100)
def test_buttons_keep_the_form_whole_and_moving_loses_nothing(
    tree: Any, data: st.DataObject
) -> None:
    draft = of_tree(parsed(tree))
    for _ in range(12):
        before = contents(draft)
        action = data.draw(st.sampled_from(sorted(actions(draft))))
        focus = segment_moves.apply(draft, action)
        after = contents(draft)
        assert after <= before
        if not action.startswith("remove"):
            assert after == before
        named = [name for name, _rule in draft.rules()]
        named += [group.key for group in draft.every_group()]
        assert len(named) == len(set(named))
        assert draft.include
        assert all(group.parts for group in draft.every_group() if group is not draft.exclude)
        if focus is not None and not focus.startswith(("put", "lift", "add")):
            assert focus in named
        again = read(controls(draft))
        assert controls(again) == controls(draft)


def rows(*fields: str) -> list[DraftRule | DraftGroup]:
    return [DraftRule(field) for field in fields]


def two_groups() -> Draft:
    inner = DraftGroup("", "or", rows("tag", "city"))
    first = DraftGroup("", "and", [*rows("function"), inner])
    return Draft([first, DraftGroup("", "and", rows("title"))], DraftGroup("x", "or")).numbered()


def shape(group: DraftGroup) -> list[Any]:
    return [part.field if isinstance(part, DraftRule) else shape(part) for part in group.parts]


def test_a_row_is_moved_to_another_group_and_keeps_the_focus() -> None:
    draft = two_groups()
    assert segment_moves.apply(draft, "lift:i0-g1-r0") == "put-i0"
    assert draft.lifted == "i0-g1-r0"
    assert segment_moves.apply(draft, "put:i1") == "i1-r1"
    assert [shape(group) for group in draft.groups()] == [
        ["function", ["city"]],
        ["title", "tag"],
        [],
    ]
    assert draft.lifted == ""


def test_the_last_row_moved_out_takes_its_group_with_it() -> None:
    draft = two_groups()
    segment_moves.apply(draft, "lift:i1-r0")
    assert segment_moves.apply(draft, "put:x") == "x-r0"
    assert [shape(group) for group in draft.groups()] == [["function", ["tag", "city"]], ["title"]]


def test_a_group_is_not_moved_into_itself() -> None:
    draft = two_groups()
    segment_moves.apply(draft, "lift:i0")
    assert segment_moves.apply(draft, "put:i0-g1") is None
    assert segment_moves.apply(draft, "put:i0") is None
    assert segment_moves.apply(draft, "put:i1") == "i0-g1"
    assert [shape(group) for group in draft.groups()] == [
        ["title", ["function", ["tag", "city"]]],
        [],
    ]


def test_what_was_lifted_is_put_back_by_the_button_that_lifted_it() -> None:
    draft = two_groups()
    segment_moves.apply(draft, "lift:i0-r0")
    assert segment_moves.apply(draft, "put-back:") == "lift-i0-r0"
    assert draft.lifted == ""


def test_a_group_is_added_inside_another_no_deeper_than_a_tree_may_be() -> None:
    draft = two_groups()
    key = "i1"
    for _ in range(MAX_DEPTH - 2):
        focus = segment_moves.apply(draft, f"add-group:{key}")
        assert focus is not None
        key = focus.rpartition("-")[0]
    assert segment_moves.apply(draft, f"add-group:{key}") is None
    group = next(group for group in draft.every_group() if group.key == key)
    assert not segment_moves.may_nest(draft, group)


class Controls(HTMLParser):
    """The controls of the builder on a page, as a browser would send them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: MultiDict[str, str] = MultiDict()
        self.labels: list[str] = []
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        name, value = of.get("name") or "", of.get("value") or ""
        if tag in {"select", "input"} and "aria-label" in of:
            self.labels.append(of["aria-label"] or "")
        if tag == "select":
            self._select = name
        elif tag == "option" and "selected" in of:
            self.sent.add(self._select, value)
        elif tag == "input" and (of.get("type") != "checkbox" or "checked" in of):
            self.sent.add(name, value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""


@pytest.fixture
def segment_id(client: Browser, sessions: Sessions) -> int:
    now = clock.now()
    with transaction(sessions) as session:
        publish_notice(session, now)
        segment = Segment(name="Syvä", tree=NESTED, created_at=now, updated_at=now)
        session.add(segment)
        session.flush()
        return segment.id


def test_a_nested_segment_made_elsewhere_is_opened_and_saved_unchanged(
    client: Browser, sessions: Sessions, segment_id: int
) -> None:
    sign_in(client, roles=["marketer"])
    page = client.get(f"/segments/{segment_id}").text
    form = Controls(page)
    assert "Group 1.1: which of its conditions" in form.labels
    assert "Condition 8: field" in form.labels
    assert len(form.labels) == len(set(form.labels))
    data = {name: values for name, values in form.sent.lists() if name != "csrf_token"}
    answer = client.post(f"/segments/{segment_id}", data={**data, "do": "save"})
    assert answer.status_code == 303
    with sessions() as session:
        segment = session.get_one(Segment, segment_id)
        assert segment.tree == dump(parse(NESTED))
        assert segment.version == 2


def test_the_sentence_shows_what_is_inside_what(client: Browser, segment_id: int) -> None:
    sign_in(client, roles=["marketer"])
    page = client.get(f"/segments/{segment_id}").text
    _, _, told = page.partition('id="segment-sentence"')
    told = told.partition('<div class="cols">')[0]
    assert "any of these is true:<ul><li>all of these are true:<ul>" in told
    assert "not all of these are true:<ul>" in told
    assert "none of these is true:<ul>" in told
    assert "Left out:</strong> people for whom all of these are true:<ul>" in told


def test_groups_are_added_moved_and_removed_without_javascript(
    client: Browser, sessions: Sessions, segment_id: int
) -> None:
    sign_in(client, roles=["marketer"])
    data = {"name": "Uusi", "i0-op": "and", "i0-r0-field": "function", "i0-r0-value": "finance"}
    page = client.post("/segments/new", data={**data, "do": "add-group:i0"}).text
    form = Controls(page).sent
    assert form["i0-g1-op"] == "or"
    assert "i0-g1-r0-field" in page
    page = client.post("/segments/new", data={**data, "do": "lift:i0-r0"}).text
    assert "Moving: Condition 1." in page
    assert 'value="put:x"' in page
    assert 'value="put:i0"' not in page
    page = client.post("/segments/new", data={**data, "lifted": "i0-r0", "do": "put:x"}).text
    assert Controls(page).sent["x-r0-field"] == "function"
    assert "Moving:" not in page


def test_a_fault_in_an_inner_group_is_told_at_its_row(
    client: Browser, sessions: Sessions, segment_id: int
) -> None:
    sign_in(client, roles=["marketer"])
    data = {
        "name": "Uusi",
        "do": "save",
        "i0-op": "not_or",
        "i0-r0-field": "function",
        "i0-r0-value": "finance",
        "i0-g1-op": "not_and",
        "i0-g1-r0-field": "headcount",
        "i0-g1-r0-is": "at_least",
        "i0-g1-r0-value": "many",
        "i0-g1-r1-field": "has_phone",
    }
    answer = client.post("/segments/new", data=data)
    assert answer.status_code == 422
    assert 'href="#f-i0-g1-r0"' in answer.text
    assert 'id="e-i0-g1-r0"' in answer.text
    turned_too_often = {"name": "Uusi", "do": "save", f"i0{'-g0' * 8}-r0-field": "has_phone"}
    for depth in range(9):
        turned_too_often[f"i0{'-g0' * depth}-op"] = "not_and"
        turned_too_often[f"i0{'-g0' * depth}-r1-field"] = "has_phone"
    answer = client.post("/segments/new", data=turned_too_often)
    assert answer.status_code == 422
    assert "The groups are nested too deep." in answer.text
