"""Values that rules can name and that live in the register: sources, imports, tags, segments,
fixed lists, and campaigns that have been sent."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, column, func, select, table
from sqlalchemy.orm import Session

from mailer.contacts.models import Company, Contact, Import, Source
from mailer.segments import fixing
from mailer.segments.models import FixedList, Segment
from mailer.segments.rules import Tree

# More than a list to tick can hold; the rest is found by typing.
LONGEST_LIST = 500
# Tags and industries are looked for among the newest rows: a list to tick need not be complete.
LOOKED_THROUGH = 50_000

# Above segments, so named here and not imported.
_campaigns = table("campaigns", column("id", BigInteger), column("name"), column("launched_at"))

# field -> the columns of the id and of the name
_NAMED: dict[str, tuple[Any, Any]] = {
    "source": (Source.id, Source.name),
    "import": (Import.id, Import.file_name),
    "segment": (Segment.id, Segment.name),
    "fixed_list": (FixedList.id, FixedList.name),
    "campaign": (_campaigns.c.id, _campaigns.c.name),
    "clicked_in": (_campaigns.c.id, _campaigns.c.name),
}


def listed(session: Session, field: str, *, without: int | None = None) -> list[tuple[str, str]]:
    """The choices of a listed field as (value, label). `without`: the segment being edited."""
    if field == "tag":
        return _found(session, _newest_tags())
    if field == "industry":
        return _found(session, _newest_industries())
    if field == "fixed_list":
        return [(str(key), label) for key, label in _lists(session).items()]
    id_, name = _NAMED[field]
    statement = select(id_, name).order_by(name).limit(LONGEST_LIST)
    if field in {"campaign", "clicked_in"}:
        launched_at = _campaigns.c.launched_at
        newest = launched_at.desc()
        statement = statement.where(launched_at.is_not(None)).order_by(None).order_by(newest)
    if field == "segment" and without is not None:
        statement = statement.where(Segment.id != without)
    if field == "import":
        statement = statement.where(Import.state == "done")
    return [(str(row[0]), row[1]) for row in session.execute(statement)]


def names(session: Session, trees: Iterable[Tree]) -> dict[tuple[str, int], str]:
    """The names of what the rules of these trees name by id; what is gone is left out."""
    wanted: dict[str, set[int]] = {}
    for tree in trees:
        for rule in tree.rules():
            if rule.field.key in _NAMED:
                wanted.setdefault(rule.field.key, set()).update(rule.value)
    found: dict[tuple[str, int], str] = {}
    for field, ids in wanted.items():
        if field == "fixed_list":
            found.update(((field, key), label) for key, label in _lists(session, ids).items())
            continue
        id_, name = _NAMED[field]
        rows = session.execute(select(id_, name).where(id_.in_(ids)))
        found.update({(field, row[0]): row[1] for row in rows})
    return found


def _lists(session: Session, ids: set[int] | None = None) -> dict[int, str]:
    statement = select(FixedList.id, FixedList.name, FixedList.fixed_at, FixedList.people)
    if ids is not None:
        statement = statement.where(FixedList.id.in_(ids))
    newest = statement.order_by(FixedList.fixed_at.desc(), FixedList.id).limit(LONGEST_LIST)
    return {row[0]: fixing.label(row[1], row[2], row[3]) for row in session.execute(newest)}


def _newest_tags() -> ColumnElement[str]:
    newest = (
        select(Contact.tags)
        .where(func.cardinality(Contact.tags) > 0)
        .order_by(Contact.id.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    )
    return func.unnest(newest.c.tags)


def _newest_industries() -> ColumnElement[str]:
    newest = (
        select(Company.industry_name.label("name"))
        .where(Company.industry_name != "")
        .order_by(Company.id.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    )
    return newest.c.name


def _found(session: Session, value: ColumnElement[str]) -> list[tuple[str, str]]:
    distinct = select(value.label("value")).distinct().subquery()
    rows = session.scalars(select(distinct.c.value).order_by("value").limit(LONGEST_LIST))
    return [(each, each) for each in rows]
