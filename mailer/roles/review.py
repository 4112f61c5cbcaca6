"""The review of job titles: a person's word on what a title means, for everybody who bears it.

Contacts carry a copy of their title's role, so that a segment is one indexed condition; every
decision here sets the title and the copies in one statement each. A role that was set for one
contact by hand has no title behind it and is never touched.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    table,
    update,
    values,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, REAL, SMALLINT, TEXT
from sqlalchemy.orm import Session

from mailer import audit
from mailer.roles.models import Title
from mailer.roles.taxonomy import FUNCTIONS, LEVEL_RANKS, UNKNOWN, rank_level
from mailer.roles.titles import RULESET_VERSION, classify

SURE = 0.9
# Evidence of mailer.contacts: a person's word on a title is as good as a title and a rule.
TITLE_ONLY, TITLE_AND_RULE = 1, 2
_KNOWS = 0.5  # as at import: below it the rules are guessing
_BATCH = 2_000
_LEVELS = {rank: key for key, rank in LEVEL_RANKS.items()}

# Roles lie below the register, so its table is named instead of importing its model.
_contacts = table(
    "contacts",
    column("title_id"),
    column("functions", ARRAY(TEXT)),
    column("level"),
    column("role_confidence", REAL),
    column("role_evidence"),
    column("role_set_at"),
)
_PEOPLE = (
    select(_contacts.c.title_id, func.count().label("people"))
    .where(_contacts.c.title_id.is_not(None))
    .group_by(_contacts.c.title_id)
    .subquery("bearers")
)


@dataclass(frozen=True, slots=True)
class Row:
    """One title of the queue, with how many people bear it."""

    title: Title
    people: int

    @property
    def level(self) -> str:
        """The key of the level."""
        return level_key(self.title.level)


@dataclass(frozen=True, slots=True)
class Amount:
    """How many titles, and how many people bear them."""

    titles: int
    people: int


def level_key(rank: int) -> str:
    """The key of a stored rank; unknown for one that no key has."""
    return _LEVELS.get(rank, UNKNOWN)


def page(
    session: Session,
    *,
    waiting: bool = True,
    text: str = "",
    limit: int = 50,
    offset: int = 0,
) -> list[Row]:
    """Titles by people affected, then by confidence, the least sure first."""
    people = func.coalesce(_PEOPLE.c.people, 0)
    rows = session.execute(
        _listed(select(Title, people), waiting=waiting, text=text)
        .order_by(people.desc(), Title.confidence, Title.id)
        .limit(limit)
        .offset(offset)
    )
    return [Row(title, count) for title, count in rows]


@dataclass(frozen=True, slots=True)
class Queue:
    """How much there is in a list of titles, and how much of it the rules are sure of."""

    all: Amount
    sure: Amount


def measure(session: Session, *, waiting: bool = True, text: str = "") -> Queue:
    """How much `page` lists in all."""
    people = func.coalesce(_PEOPLE.c.people, 0)
    row = session.execute(
        _listed(
            select(
                func.count(Title.id),
                func.coalesce(func.sum(people), 0),
                func.count(Title.id).filter(_is_sure()),
                func.coalesce(func.sum(people).filter(_is_sure()), 0),
            ),
            waiting=waiting,
            text=text,
        )
    ).one()
    return Queue(Amount(row[0], int(row[1])), Amount(row[2], int(row[3])))


def accept(session: Session, title: Title, *, now: datetime, actor_id: int) -> int:
    """Confirm what the rules read; how many people bear the title."""
    return decide(
        session,
        title,
        functions=title.functions,
        level=level_key(title.level),
        now=now,
        actor_id=actor_id,
        action="title.accepted",
    )


def decide(
    session: Session,
    title: Title,
    *,
    functions: Collection[str],
    level: str,
    now: datetime,
    actor_id: int,
    action: str = "title.changed",
) -> int:
    """Say what a title means; how many people bear it. Raises ValueError for unknown keys."""
    chosen = [key for key in FUNCTIONS if key in set(functions)]
    if not chosen or len(chosen) != len(set(functions)) or level not in LEVEL_RANKS:
        raise ValueError("unknown function or level")
    # Functions stand in the order of the title: the first is the one it is mostly about.
    ordered = [*dict.fromkeys(key for key in title.functions if key in chosen)]
    ordered += [key for key in chosen if key not in ordered]
    return _settle(session, title, ordered, rank_level(level), now, actor_id, action)


def mark_not_relevant(session: Session, title: Title, *, now: datetime, actor_id: int) -> int:
    """Say that no message concerns the work behind a title; how many people bear it."""
    return _settle(session, title, [], title.level, now, actor_id, "title.not_relevant")


def reopen(session: Session, title: Title, *, now: datetime, actor_id: int) -> int:
    """Take a decision back: the title means what the rules read, and waits again."""
    role = classify(title.text)
    title.functions, title.level = list(role.functions), rank_level(role.level)
    title.flags, title.confidence, title.rule = sorted(role.flags), role.confidence, role.rule
    title.ruleset_version, title.origin = RULESET_VERSION, "rules"
    title.not_relevant, title.reviewed_by, title.reviewed_at = False, None, None
    session.flush()
    people = _copy(session, Title.id == title.id, now)
    audit.record(
        session, "title.reopened", "title", title.id, now=now, actor_id=actor_id, people=people
    )
    return people


def accept_sure(session: Session, *, now: datetime, actor_id: int) -> Amount:
    """Confirm every waiting title that the rules are sure of."""
    ids = session.scalars(
        update(Title)
        .where(_waits(), _is_sure(), _is_borne())
        .values(confidence=1.0, origin="review", reviewed_by=actor_id, reviewed_at=now)
        .returning(Title.id)
        .execution_options(synchronize_session=False)
    ).all()
    people = _copy(session, _is_one_of(ids), now)
    audit.record(
        session, "titles.accepted_in_bulk", "title", None, now=now, actor_id=actor_id,
        titles=len(ids), people=people,
    )  # fmt: skip
    session.expire_all()
    return Amount(len(ids), people)


def reclassify(session: Session, now: datetime) -> Amount:
    """Read again, by the rules of today, every title that an older set of rules has read.

    What a person has decided stays. Safe to repeat: it goes on where it was stopped.
    """
    titles = people = 0
    while batch := _outdated(session):
        read = [(title_id, classify(text)) for title_id, text in batch]
        new = values(
            column("id", BIGINT),
            column("functions", TEXT),
            column("level", SMALLINT),
            column("flags", TEXT),
            column("confidence", REAL),
            column("rule", TEXT),
            name="new",
        ).data(
            [
                (
                    title_id,
                    ",".join(role.functions),
                    rank_level(role.level),
                    ",".join(sorted(role.flags)),
                    role.confidence,
                    role.rule,
                )
                for title_id, role in read
            ]
        )
        session.execute(
            update(Title)
            .where(Title.id == new.c.id)
            .values(
                functions=func.string_to_array(new.c.functions, ","),
                level=new.c.level,
                flags=func.string_to_array(new.c.flags, ","),
                confidence=new.c.confidence,
                rule=new.c.rule,
                ruleset_version=RULESET_VERSION,
            )
            .execution_options(synchronize_session=False)
        )
        ids = [title_id for title_id, _ in batch]
        people += _copy(session, _is_one_of(ids), now)
        titles += len(ids)
    if titles:
        audit.record(
            session, "titles.reclassified", "title", None, now=now, titles=titles, people=people,
            version=RULESET_VERSION,
        )  # fmt: skip
        session.expire_all()
    return Amount(titles, people)


def _outdated(session: Session) -> Sequence[tuple[int, str]]:
    rows = session.execute(
        select(Title.id, Title.text)
        .where(Title.origin == "rules", Title.ruleset_version < RULESET_VERSION)
        .order_by(Title.id)
        .limit(_BATCH)
    )
    return [(row.id, row.text) for row in rows]


def _settle(
    session: Session,
    title: Title,
    functions: list[str],
    level: int,
    now: datetime,
    actor_id: int,
    action: str,
) -> int:
    title.functions, title.level, title.confidence = functions, level, 1.0
    title.not_relevant, title.origin = not functions, "review"
    title.reviewed_by, title.reviewed_at = actor_id, now
    session.flush()
    people = _copy(session, Title.id == title.id, now)
    audit.record(
        session, action, "title", title.id, now=now, actor_id=actor_id, people=people,
        functions=functions, level=level,
    )  # fmt: skip
    return people


def _copy(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    """Give everybody who bears the titles their role; to how many that is news.

    Stronger evidence than a title stays.
    """
    known = or_(Title.origin == "review", Title.confidence >= _KNOWS)
    evidence = case(
        (_contacts.c.role_evidence > TITLE_AND_RULE, _contacts.c.role_evidence),
        (known, TITLE_AND_RULE),
        else_=TITLE_ONLY,
    )
    done = session.execute(
        update(_contacts)
        .where(
            _contacts.c.title_id == Title.id,
            which,
            # A row of the register is costly to write: a new set of rules reads most titles alike.
            or_(
                _contacts.c.functions != Title.functions,
                _contacts.c.level != Title.level,
                _contacts.c.role_confidence != Title.confidence,
                _contacts.c.role_evidence != evidence,
            ),
        )
        .values(
            functions=Title.functions,
            level=Title.level,
            role_confidence=Title.confidence,
            role_evidence=evidence,
            role_set_at=literal(now),
        )
    )
    return done.rowcount  # type: ignore[attr-defined,no-any-return] # a cursor's


def _listed(statement: Any, *, waiting: bool, text: str) -> Any:
    statement = statement.outerjoin(_PEOPLE, _PEOPLE.c.title_id == Title.id)
    if waiting:
        # A title that nobody bears any more can wait for ever.
        statement = statement.where(_waits(), _PEOPLE.c.people.is_not(None))
    for word in text[:200].lower().split()[:8]:
        escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        statement = statement.where(Title.key.like(f"%{escaped}%"))
    return statement


def _is_one_of(ids: Sequence[int]) -> ColumnElement[bool]:
    # One array instead of as many parameters as there are ids.
    wanted: ColumnElement[bool] = Title.id == func.any(
        cast(literal(list(ids), ARRAY(BIGINT)), ARRAY(BIGINT))
    )
    return wanted


def _is_borne() -> ColumnElement[bool]:
    return exists().where(_contacts.c.title_id == Title.id).correlate(Title)


def _waits() -> ColumnElement[bool]:
    return Title.reviewed_at.is_(None)


def _is_sure() -> ColumnElement[bool]:
    # Compared as REAL: 0.9 stored in four bytes is less than 0.9 in eight.
    return Title.confidence >= cast(literal(SURE), REAL)
