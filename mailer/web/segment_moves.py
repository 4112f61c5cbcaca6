"""What the buttons of the builder do to its form."""

from mailer.segments.rules import MAX_RULES
from mailer.web.segment_draft import (
    MOST_GROUPS,
    MOST_LEVELS,
    Draft,
    DraftGroup,
    DraftRule,
    empty,
)

Part = DraftRule | DraftGroup


def apply(draft: Draft, action: str) -> str | None:
    """Do what a button asks, as `add-rule:i0`, `remove-rule:i0-r2`, `lift:i0-g1`, `put:x`.

    The name of the row, group or button that takes the focus then; None for a button there is not.
    """
    verb, _, name = action.partition(":")
    does = _VERBS.get(verb)
    return does(draft, name) if does else None


def may_nest(draft: Draft, group: DraftGroup) -> bool:
    """Whether one more group fits into this one."""
    return _depth(group.key) < MOST_LEVELS and _has_room(draft)


def may_put(draft: Draft, group: DraftGroup) -> bool:
    """Whether what is lifted can be put down in this group."""
    found = _find(draft, draft.lifted)
    if found is None or found[1] is group.parts:
        return False
    part = found[0]
    if isinstance(part, DraftRule):
        return True
    within = any(group is each for each in part.groups())
    return not within and _depth(group.key) + part.levels() <= MOST_LEVELS


def _depth(key: str) -> int:
    return 1 + key.count("-g")


def _has_room(draft: Draft) -> bool:
    rules, groups = sum(1 for _ in draft.rules()), sum(1 for _ in draft.every_group())
    return rules < MAX_RULES and groups < MOST_GROUPS


def _find(draft: Draft, name: str) -> tuple[Part, list[Part] | list[DraftGroup]] | None:
    """What has a name, and the list it is in."""
    for group in draft.include:
        if group.key == name:
            return group, draft.include
    for group in draft.every_group():
        for each, part in group.named():
            if each == name:
                return part, group.parts
    return None


def _group(draft: Draft, key: str) -> DraftGroup | None:
    return next((group for group in draft.every_group() if group.key == key), None)


def _name_of(draft: Draft, wanted: Part) -> str:
    for group in draft.every_group():
        if group is wanted:
            return group.key
        for name, part in group.named():
            if part is wanted:
                return name
    return draft.include[0].key


def _add_rule(draft: Draft, key: str) -> str | None:
    group = _group(draft, key)
    if group is None or sum(1 for _ in draft.rules()) >= MAX_RULES:
        return None
    rule = DraftRule()
    group.parts.append(rule)
    return _name_of(draft.numbered(), rule)


def _add_group(draft: Draft, key: str) -> str | None:
    if not _has_room(draft):
        return None
    rule = DraftRule()
    if not key:
        draft.include.append(DraftGroup("", parts=[rule]))
        return _name_of(draft.numbered(), rule)
    group = _group(draft, key)
    if group is None or not may_nest(draft, group):
        return None
    # The same way of joining inside another would say nothing new.
    group.parts.append(DraftGroup("", "or" if group.joins == "and" else "and", [rule]))
    return _name_of(draft.numbered(), rule)


def _remove(draft: Draft, name: str) -> str | None:
    found = _find(draft, name)
    if found is None:
        return None
    part, around = found
    place = next(place for place, each in enumerate(around) if each is part)
    neighbour = around[place + 1] if place + 1 < len(around) else None
    if neighbour is None and place:
        neighbour = around[place - 1]
    outer = _around(draft, name)
    del around[place]
    _tidy(draft)
    if neighbour is not None:
        return _name_of(draft, neighbour)
    while outer is not None and outer is not draft.exclude:
        # Its group went with it: the nearest that is still there.
        if any(outer is group for group in draft.every_group()):
            return outer.key
        outer = _around(draft, outer.key)
    return "add-exclusion" if outer is draft.exclude else draft.include[-1].key


def _around(draft: Draft, name: str) -> DraftGroup | None:
    key = name.rpartition("-")[0]
    return _group(draft, key) if key else None


def _tidy(draft: Draft) -> None:
    """Drop groups that became empty, and name the others after their places."""
    draft.lifted = ""
    draft.include = [group for group in draft.include if _keeps_something(group)]
    _keeps_something(draft.exclude)
    if not draft.include:
        draft.include = empty().include
    draft.numbered()


def _keeps_something(group: DraftGroup) -> bool:
    group.parts = [
        part for part in group.parts if isinstance(part, DraftRule) or _keeps_something(part)
    ]
    return bool(group.parts)


def _lift(draft: Draft, name: str) -> str | None:
    if _find(draft, name) is None:
        return None
    draft.lifted = name
    first = next((group for group in draft.every_group() if may_put(draft, group)), None)
    return f"put-{first.key}" if first else "put-new"


def _put(draft: Draft, key: str) -> str | None:
    found = _find(draft, draft.lifted)
    group = None if key == "new" else _group(draft, key)
    if found is None or (key != "new" and (group is None or not may_put(draft, group))):
        return None
    part, around = found
    place = next(place for place, each in enumerate(around) if each is part)
    del around[place]
    if group is not None:
        group.parts.append(part)
    elif isinstance(part, DraftGroup):
        draft.include.append(part)
    else:
        draft.include.append(DraftGroup("", parts=[part]))
    _tidy(draft)
    return _name_of(draft, part)


def _put_back(draft: Draft, _name: str) -> str | None:
    lifted, draft.lifted = draft.lifted, ""
    return f"lift-{lifted}" if lifted else None


_VERBS = {
    "add-rule": _add_rule,
    "add-group": _add_group,
    "remove-rule": _remove,
    "remove-group": _remove,
    "lift": _lift,
    "put": _put,
    "put-back": _put_back,
}
