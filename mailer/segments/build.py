"""Who is in a segment and may be mailed: the audience, its counts, and the reasons why not.

The one place (besides the sender's claim) that asks the gate, so what a screen counts is what a
launch freezes. Trees come as stored JSON or parsed; all functions raise SegmentError for a tree
that cannot be used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Session

from mailer import gate
from mailer.contacts.models import Company, Contact
from mailer.notice import switches
from mailer.notice.vocabulary import PURPOSES
from mailer.roles.models import Title
from mailer.segments import sampling
from mailer.segments.compiler import Compiler, Lookup
from mailer.segments.models import Segment
from mailer.segments.rules import Rule, Saved, Tree, parse

CLEAR = gate.CLEAR
sentence = gate.sentence


def is_reason(verdict: str) -> bool:
    """Whether the gate knows this code as a reason to leave somebody out."""
    return verdict in gate.SENTENCES and verdict != CLEAR


def _no_segments(_ids: frozenset[int]) -> Mapping[int, Saved]:
    return {}


@dataclass(frozen=True, slots=True)
class Question(gate.Ask):
    """An Ask that can also find the segments that rules refer to."""

    lookup: Lookup = field(default=_no_segments, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Audience:
    """How many may be mailed, at how many companies, and why the others may not.

    `by_verdict`: code -> people, in the order of the gate, `clear` first; only codes that occur.
    """

    people: int
    companies: int
    by_verdict: dict[str, int]

    @property
    def matching(self) -> int:
        """How many the rules match, whether they may be mailed or not."""
        return sum(self.by_verdict.values())


@dataclass(frozen=True, slots=True)
class Person:
    """One row of a list of an audience."""

    contact_id: int
    first_name: str
    last_name: str
    email: str
    title: str
    company: str | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one rule says of one person; None where the register does not know."""

    rule: Rule
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a person is in a segment or not, and what the gate says."""

    matches: bool
    answers: tuple[Answer, ...]
    verdict: str


def ask_for(
    session: Session,
    *,
    purpose: str,
    functions: frozenset[str],
    now: datetime,
    campaign_id: int | None = None,
    sender_verified: bool = True,
    paused: bool = False,
    corrects: int | None = None,
) -> Question:
    """The question under the notice in force. Keeps the session, to read segments referred to."""
    return Question(
        purpose=purpose,
        functions=functions,
        notice=switches.in_force(session, now),
        now=now,
        campaign_id=campaign_id,
        sender_verified=sender_verified,
        paused=paused,
        corrects=corrects,
        lookup=lookup_in(session),
    )


def usual_ask(session: Session, functions: frozenset[str], *, now: datetime) -> Question:
    """The question of a campaign that is not there yet: to these functions, else the offering's.

    The purpose is electronic direct marketing, or the first that the notice declares instead.
    """
    notice = switches.in_force(session, now)
    declared = notice.purposes if notice else {}
    ordered = ("e_marketing", *PURPOSES)
    purpose = next((key for key in ordered if key in declared), "e_marketing")
    offering = notice.offering if notice else frozenset[str]()
    return ask_for(session, purpose=purpose, functions=functions or offering, now=now)


def lookup_in(session: Session) -> Lookup:
    """Finds saved segments in the database, each once."""
    found: dict[int, Saved] = {}

    def lookup(ids: frozenset[int]) -> Mapping[int, Saved]:
        missing = ids - found.keys()
        if missing:
            rows = session.execute(
                select(Segment.id, Segment.name, Segment.tree).where(Segment.id.in_(missing))
            )
            found.update((row.id, Saved(row.id, row.name, row.tree)) for row in rows)
        return found

    return lookup


def audience(tree: Tree | Any, ask: gate.Ask) -> Select[tuple[int, str, str, dict[str, Any]]]:
    """SQL: contact_id, language, verdict and duties (R45) of everybody the rules match."""
    statement = (
        select(
            Contact.id.label("contact_id"),
            Contact.language.label("language"),
            gate.verdict(ask).label("verdict"),
            _duties(ask).label("duties"),
        )
        .select_from(Contact)
        .where(_belongs(tree, ask))
    )
    found: Select[tuple[int, str, str, dict[str, Any]]] = gate.scope(statement).outerjoin(
        Title, Title.id == Contact.title_id
    )
    return found


def counts(session: Session, tree: Tree | Any, ask: gate.Ask) -> Audience:
    """The numbers of an audience, in one pass over it."""
    return _count(session, _belongs(tree, ask), ask)


def estimate(session: Session, tree: Tree | Any, ask: gate.Ask) -> tuple[Audience, bool]:
    """The same quickly, for numbers that follow the typing; and whether they are estimates.

    They are in a register of more than 200,000 people: then counted from a sample and rounded.
    """
    sample = sampling.take(session)
    if sample is None:
        return counts(session, tree, ask), False
    seen = _count(session, and_(sample.within, _belongs(tree, ask)), ask)
    by_verdict = {code: sample.scaled(number) for code, number in seen.by_verdict.items()}
    # Companies do not grow in step with people; those seen in the sample are a lower bound.
    return Audience(sample.scaled(seen.people), seen.companies, by_verdict), True


def _count(session: Session, belonging: ColumnElement[bool], ask: gate.Ask) -> Audience:
    prepare(session)
    # Asked once per person, then counted twice: grouping by verdict and company in one go would
    # sort a large audience on disk.
    asked = (
        gate.scope(
            select(
                gate.verdict(ask).label("verdict"), Contact.company_id.label("company_id")
            ).select_from(Contact)
        )
        .where(belonging)
        .cte("asked")
        .prefix_with("MATERIALIZED")
    )
    reached = select(asked.c.company_id).where(asked.c.verdict == CLEAR).distinct().subquery()
    companies = select(func.count(reached.c.company_id)).scalar_subquery()
    rows = session.execute(
        select(asked.c.verdict, func.count(), companies).group_by(asked.c.verdict)
    )
    found = {verdict: (people, at_companies) for verdict, people, at_companies in rows}
    people, reached_companies = found.get(CLEAR, (0, 0))
    by_verdict = {code: found[code][0] for code in gate.SENTENCES if code in found}
    return Audience(people, reached_companies, by_verdict)


def prepare(session: Session) -> None:
    """Make counting quick, for this transaction only."""
    # Groups of a large audience fit in memory instead of being sorted on disk, and a count of
    # milliseconds is not compiled to machine code first.
    session.execute(
        select(func.set_config("work_mem", "64MB", True), func.set_config("jit", "off", True))
    )


def people(
    session: Session,
    tree: Tree | Any,
    ask: gate.Ask,
    *,
    verdict: str | None = None,
    limit: int = 50,
    after: int = 0,
) -> list[Person]:
    """People of an audience by contact id from `after` on; only those with `verdict` if given."""
    asked = gate.verdict(ask)
    statement = gate.scope(
        select(
            Contact.id,
            Contact.first_name,
            Contact.last_name,
            Contact.email,
            Contact.title,
            Company.name,
            asked,
        ).select_from(Contact)
    ).where(_belongs(tree, ask), Contact.id > after)
    if verdict is not None:
        statement = statement.where(asked == verdict)
    rows = session.execute(statement.order_by(Contact.id).limit(limit))
    return [Person(*row) for row in rows]


def check(session: Session, contact_id: int, ask: gate.Ask) -> str:
    """What the gate says of one contact; `erased` for one that is not there."""
    statement = gate.scope(select(gate.verdict(ask)).select_from(Contact))
    verdict: str | None = session.scalar(statement.where(Contact.id == contact_id))
    return verdict or "erased"


def explain(session: Session, tree: Tree | Any, contact_id: int, ask: gate.Ask) -> Explanation:
    """What each rule and the gate say of one contact. Raises LookupError if there is none."""
    parsed = _parsed(tree)
    rules = tuple(parsed.rules())
    compiler = compiler_for(ask)
    answers = [
        case((compiler.holds(rule), True), (compiler.fails(rule), False), else_=None)
        for rule in rules
    ]
    statement = gate.scope(
        select(
            gate.verdict(ask),
            func.coalesce(_belongs(parsed, ask), False),
            *answers,
        ).select_from(Contact)
    )
    row = session.execute(statement.where(Contact.id == contact_id)).one_or_none()
    if row is None:
        raise LookupError("no such contact")
    verdict, matches, *held = row
    paired = zip(rules, held, strict=True)
    return Explanation(matches, tuple(Answer(rule, holds) for rule, holds in paired), verdict)


def everybody(*columns: Any) -> Select[Any]:
    """SQL: columns of everybody in the register, with what rules read beside them."""
    statement: Select[Any] = gate.scope(select(*columns).select_from(Contact))
    return statement.where(Contact.erased_at.is_(None))


def _parsed(tree: Tree | Any) -> Tree:
    return tree if isinstance(tree, Tree) else parse(tree)


def compiler_for(ask: gate.Ask) -> Compiler:
    """Writes trees in SQL over `everybody`, under the notice of the question."""
    lookup = ask.lookup if isinstance(ask, Question) else _no_segments
    return Compiler(now=ask.now, lookup=lookup, notice=ask.notice)


def _belongs(tree: Tree | Any, ask: gate.Ask) -> ColumnElement[bool]:
    # Who was erased is in no segment; the empty row stays only for the ledger's sake.
    return and_(Contact.erased_at.is_(None), compiler_for(ask).matches(_parsed(tree)))


def _duties(ask: gate.Ask) -> ColumnElement[Any]:
    targeted = cast(literal(sorted(ask.functions), ARRAY(TEXT)), ARRAY(TEXT))
    function = (
        func.unnest(Contact.functions).table_valued("key", with_ordinality="place").render_derived()
    )
    # The first of the person's functions that the message concerns, else simply their first.
    first = (
        select(function.c.key)
        .order_by((function.c.key == func.any(targeted)).desc(), function.c.place)
        .limit(1)
        .correlate(Contact)
        .scalar_subquery()
    )
    # Most people have one, and looking through it took a third of the freeze.
    only = case((func.cardinality(Contact.functions) <= 1, Contact.functions[1]), else_=first)
    return func.jsonb_build_object(
        "function", only,
        "title", Contact.title,
        "rule", func.coalesce(Title.rule, "by_hand"),
        "confidence", Contact.role_confidence,
        "evidence", Contact.role_evidence,
        "version", Title.ruleset_version,
    )  # fmt: skip
