"""A segment as a sentence, in the language in force.

Every clause is one whole translated sentence part with the field's name in it; fields are set in
bold. Markup escapes what comes from data; `plain` is the same without markup.
"""

from collections.abc import Callable, Mapping
from datetime import date

from markupsafe import Markup

from mailer.languages import N_, format_date, format_number, gettext, ngettext
from mailer.segments import fields
from mailer.segments.rules import Group, Node, Not, Rule, Tree

# (field key, row id) -> name, for what rules name by id
Names = Mapping[tuple[str, int], str]

_CLAUSES = {
    "any_of": N_("%(field)s is %(value)s"),
    "none_of": N_("%(field)s is not %(value)s"),
    "at_least": N_("%(field)s is at least %(value)s"),
    "at_most": N_("%(field)s is at most %(value)s"),
    "between": N_("%(field)s is %(value)s"),
    "contains": N_("%(field)s contains %(value)s"),
    "starts_with": N_("%(field)s starts with %(value)s"),
    "before": N_("%(field)s is before %(value)s"),
    "after": N_("%(field)s is on %(value)s or later"),
    "never": N_("%(field)s: never"),
    "got": N_("they got the %(field)s %(value)s"),
    "missed": N_("they were to get the %(field)s %(value)s but did not"),
    "open": N_("it is not known whether they got the %(field)s %(value)s"),
    "given": N_("%(field)s is given: %(value)s"),
    "forbidden": N_("%(field)s is forbidden or withdrawn: %(value)s"),
    "unsaid": N_("%(field)s is neither given nor forbidden: %(value)s"),
    "yes": N_("%(field)s is known"),
    "no": N_("%(field)s is not known"),
}


# How a group joins what is in it, and whether that is turned to its opposite
_WAYS = {
    ("and", False): N_("all of these are true:"),
    ("or", False): N_("any of these is true:"),
    ("and", True): N_("not all of these are true:"),
    ("or", True): N_("none of these is true:"),
}


def sentence(tree: Tree, names: Names) -> Markup:
    """Who is included and who is left out."""
    several = len(tree.include) > 1
    groups = [_node(node, names, inside=several) for node in tree.include]
    included = _whole(
        N_("<strong>Included:</strong> people for whom %(rules)s."), _joined(groups, "or")
    )
    if tree.exclude is None:
        return included
    excluded = _whole(
        N_("<strong>Left out:</strong> people for whom %(rules)s."),
        _node(tree.exclude, names, inside=False),
    )
    return Markup("{} {}").format(included, excluded)


def outline(tree: Tree, names: Names) -> Markup:
    """The same with what is nested in lists inside lists, where one sentence would be a riddle."""
    if not any(_is_nested(node) for node in _outermost(tree)):
        return sentence(tree, names)
    include = tree.include[0] if len(tree.include) == 1 else Group("or", tree.include)
    told = _list(N_("<strong>Included:</strong> people for whom"), include, names)
    if tree.exclude is None:
        return told
    return told + _list(N_("<strong>Left out:</strong> people for whom"), tree.exclude, names)


def _outermost(tree: Tree) -> tuple[Node, ...]:
    return tree.include if tree.exclude is None else (*tree.include, tree.exclude)


def _is_nested(node: Node) -> bool:
    inner = node.nodes if isinstance(node, Group) else ()
    return isinstance(node, Not) or any(not isinstance(each, Rule) for each in inner)


def _list(intro: str, node: Node, names: Names) -> Markup:
    told = Markup("<p>{}</p>") if isinstance(node, Rule) else Markup("<div>{}</div>")
    words = Markup(gettext(intro))  # noqa: S704 - our own words
    return told.format(Markup("{} {}").format(words, _listed(node, names)))


def _listed(node: Node, names: Names) -> Markup:
    """A rule as its clause; a group as its way and a list of what is in it."""
    turned = False
    while isinstance(node, Not):
        node, turned = node.node, not turned
    if isinstance(node, Rule):
        if not turned:
            return clause(node, names)
        node = Group("or", (node,))
    if len(node.nodes) == 1 and not turned:
        return _listed(node.nodes[0], names)
    items = (Markup("<li>{}</li>").format(_listed(each, names)) for each in node.nodes)
    way = gettext(_WAYS[node.op, turned])
    return Markup("{}<ul>{}</ul>").format(way, Markup("").join(items))


def plain(markup: Markup) -> str:
    """The same words without markup."""
    return markup.striptags()


def clause(rule: Rule, names: Names) -> Markup:
    """One rule, as a part of a sentence: “job function is Finance or Payroll”."""
    field = Markup("<strong>{}</strong>").format(_lowered(gettext(rule.field.label)))
    if rule.comparison in {"within_days", "not_within_days"}:
        return _days(rule, field)
    template = Markup(gettext(_CLAUSES[rule.comparison]))  # noqa: S704 - our own words
    return template % {"field": field, "value": value_words(rule, names)}


def value_words(rule: Rule, names: Names) -> str:
    """The value of a rule in words; empty where the comparison says it all."""
    shape = rule.field.comparisons[rule.comparison]
    return _VALUES[shape](rule, names)


def _days(rule: Rule, field: Markup) -> Markup:
    if rule.comparison == "within_days":
        text = ngettext(
            "%(field)s is within the last day",
            "%(field)s is within the last %(num)s days",
            rule.value,
            field=field,
        )
    else:
        text = ngettext(
            "%(field)s is not within the last day",
            "%(field)s is not within the last %(num)s days",
            rule.value,
            field=field,
        )
    return Markup(text)  # noqa: S704 - our own words, an escaped name and a number


def _node(node: Node, names: Names, *, inside: bool) -> Markup:
    match node:
        case Rule():
            return clause(node, names)
        case Not():
            return _whole(N_("not (%(rules)s)"), _node(node.node, names, inside=False))
        case Group():
            parts = [_node(each, names, inside=True) for each in node.nodes]
            joined = _joined(parts, node.op)
            return Markup("({})").format(joined) if inside and len(parts) > 1 else joined


def _joined(parts: list[Markup], op: str) -> Markup:
    word = gettext("and") if op == "and" else gettext("or")
    return Markup(" <strong>{}</strong> ").format(word).join(parts)


def _whole(message: str, rules: Markup) -> Markup:
    return Markup(gettext(message)) % {"rules": rules}  # noqa: S704 - our own words


def _lowered(label: str) -> str:
    # "Y-tunnus" and "IT" keep their capitals in the middle of a sentence.
    second = label[1:2]
    return label if second.isupper() or second in {"-", ""} else label[0].lower() + label[1:]


def _choice(rule: Rule, _names: Names) -> str:
    return gettext(rule.field.choices[rule.value])


def _choices(rule: Rule, _names: Names) -> str:
    return _either([gettext(rule.field.choices[each]) for each in rule.value])


def _texts(rule: Rule, _names: Names) -> str:
    return _either([gettext("“%(text)s”", text=each) for each in rule.value])


def _ids(rule: Rule, names: Names) -> str:
    gone = gettext("(does not exist any more)")
    return _either([names.get((rule.field.key, each), gone) for each in rule.value])


def _either(words: list[str]) -> str:
    if len(words) == 1:
        return words[0]
    *first, last = words
    return gettext("%(first)s or %(last)s", first=", ".join(first), last=last)


def _number(rule: Rule, _names: Names) -> str:
    is_year = rule.field.key.endswith("_year")
    return _with_unit(rule, str(rule.value) if is_year else format_number(rule.value))


def _range(rule: Rule, _names: Names) -> str:
    lowest, highest = rule.value
    return _with_unit(rule, f"{format_number(lowest)}–{format_number(highest)}")


def _with_unit(rule: Rule, number: str) -> str:
    unit = rule.field.unit
    return f"{number} {gettext(unit)}" if unit else number


def _date(rule: Rule, _names: Names) -> str:
    day: date = rule.value
    return format_date(day)


def _nothing(_rule: Rule, _names: Names) -> str:
    return ""


_VALUES: dict[str, Callable[[Rule, Names], str]] = {
    fields.CHOICE: _choice,
    fields.CHOICES: _choices,
    fields.TEXTS: _texts,
    fields.IDS: _ids,
    fields.NUMBER: _number,
    fields.RANGE: _range,
    fields.DATE: _date,
    fields.DAYS: lambda rule, _names: format_number(rule.value),
    fields.NOTHING: _nothing,
}
