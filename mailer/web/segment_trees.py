"""The builder's form turned into rules, and rules into the form, without loss.

What is not the same afterwards is how it is written: a rule outside all groups gets a group of its
own, and a rule turned twice is not turned.
"""

from typing import Any

from mailer.segments import fields, values
from mailer.segments.rules import Group, Node, Not, Rule, SegmentError, Tree, parse
from mailer.web.segment_draft import EXCLUDE, Draft, DraftGroup, DraftRule, typed


def whole(draft: Draft) -> Tree:
    """The rules of the form. Raises SegmentError whose path is the name of a row."""
    include = [group for group in draft.include if group.parts]
    # Where each node is in the JSON, to tell whose fault a fault is.
    names: dict[str, str] = {}
    tree = {
        "include": [_json(g, f"include[{place}]", names) for place, g in enumerate(include)],
        "exclude": _json(draft.exclude, "exclude", names) if draft.exclude.parts else None,
    }
    try:
        return parse(tree)
    except SegmentError as error:
        raise SegmentError(error.code, names.get(error.path, ""), name=error.name) from None


def _json(group: DraftGroup, path: str, names: dict[str, str]) -> dict[str, Any]:
    names[path] = group.key
    if not group.negated:
        return _joined_json(group, path, names)
    inner = f"{path}.not"
    if len(group.parts) == 1:
        ((name, only),) = group.named()
        return {"not": _part_json(only, name, inner, names)}
    return {"not": _joined_json(group, inner, names)}


def _joined_json(group: DraftGroup, path: str, names: dict[str, str]) -> dict[str, Any]:
    names[path] = group.key
    parts = [
        _part_json(part, name, f"{path}.rules[{place}]", names)
        for place, (name, part) in enumerate(group.named())
    ]
    return {"op": group.joins, "rules": parts}


def _part_json(
    part: DraftRule | DraftGroup, name: str, path: str, names: dict[str, str]
) -> dict[str, Any]:
    if isinstance(part, DraftGroup):
        return _json(part, path, names)
    names[path] = name
    return part.json()


def begun(draft: Draft) -> tuple[Tree | None, dict[str, Node], dict[str, SegmentError]]:
    """The rules that are ready so far, if any; their nodes, and what is wrong with others, by name.

    A row that is still being filled in is no fault; nodes are in the order shown.
    """
    faults: dict[str, SegmentError] = {}
    nodes: dict[str, Node] = {}
    include = [node for group in draft.include if (node := _begun(group, nodes, faults))]
    exclude = _begun(draft.exclude, nodes, faults)
    return Tree(tuple(include), exclude) if include else None, nodes, faults


def _begun(
    group: DraftGroup, nodes: dict[str, Node], faults: dict[str, SegmentError]
) -> Node | None:
    nodes[group.key] = Group("and", ())  # keeps its place before what is in it
    ready: list[Node] = []
    for name, part in group.named():
        if isinstance(part, DraftGroup):
            node = _begun(part, nodes, faults)
        else:
            node = _ready(part, name, faults)
        if node is not None:
            nodes[name] = node
            ready.append(node)
    if not ready:
        del nodes[group.key]
        return None
    joined = Group(group.joins, tuple(ready))
    nodes[group.key] = Not(joined) if group.negated else joined
    return nodes[group.key]


def _ready(rule: DraftRule, name: str, faults: dict[str, SegmentError]) -> Node | None:
    if rule.untouched:
        return None
    try:
        (node,) = parse(rule.json()).include
    except SegmentError as error:
        faults[name] = SegmentError(error.code, name, name=error.name)
        return None
    return node


def of_tree(tree: Tree) -> Draft:
    """The form of saved rules."""
    exclude = DraftGroup(EXCLUDE, "or")
    if tree.exclude is not None:
        exclude = _group(tree.exclude, alone="or")
    return Draft([_group(node, alone="and") for node in tree.include], exclude).numbered()


def _group(node: Node, *, alone: str) -> DraftGroup:
    """A node as a group. `alone`: how a single rule is joined to those added later."""
    turned = False
    while True:
        if isinstance(node, Not):
            node, turned = node.node, not turned
        elif turned and isinstance(node, Group) and len(node.nodes) == 1:
            node = node.nodes[0]  # the opposite of one thing needs no group around it
        else:
            break
    if isinstance(node, Rule):
        return DraftGroup("", "not_or" if turned else alone, [_rule(node)])
    op = node.op if len(node.nodes) > 1 or turned or alone == "and" else alone
    return DraftGroup("", f"not_{op}" if turned else op, [_part(each) for each in node.nodes])


def _part(node: Node) -> DraftRule | DraftGroup:
    return _rule(node) if isinstance(node, Rule) else _inner(node)


def _inner(node: Node) -> DraftRule | DraftGroup:
    group = _group(node, alone="and")
    only = group.parts[0] if len(group.parts) == 1 and not group.negated else None
    # Turned twice: the rule as it was.
    return only if isinstance(node, Not) and isinstance(only, DraftRule) else group


def _rule(rule: Rule) -> DraftRule:
    drafted = DraftRule(rule.field.key, rule.comparison)
    value = values.write(rule.value)
    match drafted.shape:
        case fields.RANGE:
            drafted.low, drafted.high = map(str, value)
        case fields.TEXTS if not drafted.ticked:
            drafted.values = [typed(value)]
        case fields.CHOICES | fields.TEXTS | fields.IDS:
            drafted.values = [str(each) for each in value]
        case fields.NOTHING:
            pass
        case _:
            drafted.values = [str(value)]
    return drafted
