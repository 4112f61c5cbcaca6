"""The numbers beside the builder, and the explanation of one person."""

from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import clock
from mailer.contacts.address import PROBLEMS, AddressError, canonical
from mailer.contacts.models import Contact
from mailer.languages import gettext as _
from mailer.segments import build, words
from mailer.segments.build import Audience, Person
from mailer.segments.choices import names
from mailer.segments.rules import SegmentError
from mailer.web.segment_draft import Draft
from mailer.web.segment_trees import begun

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Alone:
    """One rule by itself."""

    words: Markup
    people: int


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
    alone: list[Alone]
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
    tree, _nodes, _faults = begun(draft)
    if tree is None:
        return _uncounted(Markup(), "")
    sentence = words.outline(tree, names(session, [tree]))
    ask = build.usual_ask(session, tree.functions(), now=clock.now())
    try:
        audience, about = build.estimate(session, tree, ask)
        alone = build.alone(session, tree, ask)
        examples = build.people(session, tree, ask, limit=EXAMPLES)
    except SegmentError as error:
        return _uncounted(sentence, error.sentence())
    known = names(session, [tree])
    return Counted(
        sentence=sentence,
        fault="",
        audience=audience,
        total=alone.total,
        about=about,
        alone=[
            Alone(words.clause(rule, known), people)
            for rule, people in zip(tree.rules(), alone.people, strict=True)
        ],
        reasons=[
            (code, build.sentence(code), people)
            for code, people in audience.by_verdict.items()
            if code != build.CLEAR
        ],
        examples=examples,
        emptied_by=_emptied_by(draft, alone.people),
    )


def _emptied_by(draft: Draft, people: tuple[int, ...]) -> int | None:
    # Only where all rows must hold does one that matches nobody leave everybody out.
    if len(draft.include) > 1 or draft.include[0].op != "and":
        return None
    inside = {id(part) for part in draft.include[0].parts}
    counted = iter(people)
    for number, (_name, rule) in enumerate(draft.include[0].rules(), 1):
        if rule.ready and not next(counted) and id(rule) in inside:
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
