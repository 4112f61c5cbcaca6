"""The numbers beside the builder, and the explanation of one person."""

import re
from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import clock
from mailer.contacts.address import PROBLEMS, AddressError, canonical
from mailer.contacts.models import Contact
from mailer.languages import gettext as _
from mailer.segments import build, shares, words
from mailer.segments.build import Audience, Person
from mailer.segments.choices import names
from mailer.segments.rules import Node, Not, Rule, SegmentError
from mailer.segments.shares import Share
from mailer.web.segment_draft import Draft
from mailer.web.segment_form import titles
from mailer.web.segment_trees import begun

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Part:
    """What one rule or group does; `is_group` for those that hold others."""

    words: Markup
    share: Share
    is_group: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """What the builder shows beside the rules. `audience` is None when there is nothing to count.

    `reasons`: why people cannot be mailed, with how many. `emptied_by`: the number of the row that
    leaves everybody out by itself.
    """

    sentence: Markup
    fault: str
    audience: Audience | None
    total: int
    about: bool
    parts: list[Part]
    reasons: list[tuple[str, str, int]]
    examples: list[Person]
    emptied_by: int | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """Why one person is in a segment or not; `fault` when that cannot be told."""

    fault: str
    matches: bool
    rules: list[tuple[Markup, bool | None]]
    clear: bool
    verdict: str


def count_draft(session: Session, draft: Draft) -> Counted:
    """Count the rules that are ready; what is wrong with the others is told in the rows."""
    tree, nodes, _faults = begun(draft)
    if tree is None:
        return _uncounted(Markup(), "")
    known = names(session, [tree])
    sentence = words.outline(tree, known)
    ask = build.usual_ask(session, tree.functions(), now=clock.now())
    told = {name: node for name, node in nodes.items() if not _says_nothing(name, nodes)}
    try:
        audience, about = build.estimate(session, tree, ask)
        counted = shares.count(session, tree, list(told.values()), ask)
        examples = build.people(session, tree, ask, limit=EXAMPLES)
    except SegmentError as error:
        return _uncounted(sentence, error.sentence())
    groups = titles(draft)
    shared = dict(zip(told, counted.parts, strict=True))
    return Counted(
        sentence=sentence,
        fault="",
        audience=audience,
        total=counted.total,
        about=about,
        parts=[
            Part(words.clause(node, known), shared[name], is_group=False)
            if isinstance(node, Rule)
            else Part(Markup("{}").format(groups[name]), shared[name], is_group=True)
            for name, node in told.items()
        ],
        reasons=[
            (code, build.sentence(code), people)
            for code, people in audience.by_verdict.items()
            if code != build.CLEAR
        ],
        examples=examples,
        emptied_by=_emptied_by(draft, shared),
    )


def _says_nothing(name: str, nodes: dict[str, Node]) -> bool:
    """A group that is all there is, or that holds one part only: the part says the same."""
    node = nodes[name]
    if isinstance(node, Rule):
        return False
    if isinstance(node, Not):
        return False
    only_included = name == "i0" and not any(re.fullmatch(r"i[1-9][0-9]*", each) for each in nodes)
    return only_included or len(node.nodes) == 1


def _emptied_by(draft: Draft, shared: dict[str, Share]) -> int | None:
    # Only where all rows must hold does one that matches nobody leave everybody out.
    first = draft.include[0]
    if len(draft.include) > 1 or first.op != "and":
        return None
    outermost = {name for name, _part in first.named()}
    for number, (name, _rule) in enumerate(draft.rules(), 1):
        if name in outermost and name in shared and not shared[name].alone:
            return number
    return None


def _uncounted(sentence: Markup, fault: str) -> Counted:
    return Counted(sentence, fault, None, 0, False, [], [], [])


def explain_address(session: Session, draft: Draft, typed: str) -> Explained:
    """What each rule and the gate say of the person with an address."""
    tree, _nodes, _faults = begun(draft)
    try:
        address = canonical(typed)
        if tree is None:
            return _unexplained(_("Start from a preset or add a rule."))
        contact_id = session.scalar(select(Contact.id).where(Contact.email == str(address)))
        if contact_id is None:
            return _unexplained(_("Nobody in the register has this address."))
        ask = build.usual_ask(session, tree.functions(), now=clock.now())
        explained = build.explain(session, tree, contact_id, ask)
    except AddressError as error:
        return _unexplained(_(PROBLEMS[error.code]))
    except SegmentError as error:
        return _unexplained(error.sentence())
    known = names(session, [tree])
    return Explained(
        fault="",
        matches=explained.matches,
        rules=[(words.clause(each.rule, known), each.holds) for each in explained.answers],
        clear=explained.verdict == build.CLEAR,
        verdict=build.sentence(explained.verdict),
    )


def _unexplained(fault: str) -> Explained:
    return Explained(fault, False, [], False, "")
