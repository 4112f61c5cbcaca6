"""Values that rules can name and that live in the register: sources, imports, tags, segments."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from mailer.contacts.models import Company, Contact, Import, Source
from mailer.segments.models import Segment
from mailer.segments.rules import Tree

# More than a list to tick can hold; the rest is found by typing.
LONGEST_LIST = 500
# Tags and industries are looked for among the newest rows: a list to tick need not be complete.
LOOKED_THROUGH = 50_000

_NAMED: dict[str, tuple[type, ColumnElement[str]]] = {
    "source": (Source, Source.name),  # type: ignore[dict-item]  # a mapped column is one
    "import": (Import, Import.file_name),  # type: ignore[dict-item]
    "segment": (Segment, Segment.name),  # type: ignore[dict-item]
}


def listed(session: Session, field: str, *, without: int | None = None) -> list[tuple[str, str]]:
    """The choices of a listed field as (value, label). `without`: the segment being edited."""
    if field == "tag":
        return _found(session, _newest_tags())
    if field == "industry":
        return _found(session, _newest_industries())
    model, name = _NAMED[field]
    statement = select(model.id, name).order_by(name).limit(LONGEST_LIST)  # type: ignore[attr-defined]
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
    found = {}
    for field, ids in wanted.items():
        model, name = _NAMED[field]
        rows = session.execute(select(model.id, name).where(model.id.in_(ids)))  # type: ignore[attr-defined]
        found.update({(field, row[0]): row[1] for row in rows})
    return found


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
