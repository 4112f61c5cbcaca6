"""Rows that may be told more than once: stored once under a source and an external id.

For imports and the API, set-wise; a row without an external id is always new.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.contacts.interaction_entry import Refused
from mailer.contacts.interaction_models import Interaction, OfferDocumentEvent

Told = type[Interaction] | type[OfferDocumentEvent]


@dataclass(frozen=True, slots=True)
class Recorded:
    """It is in the register; `new` when it was not before."""

    id: int
    new: bool


def store(
    session: Session,
    model: Told,
    source_id: int,
    rows: Sequence[dict[str, Any]],
    *,
    told: Collection[str],
    otherwise: str,
) -> list[Recorded | Refused]:
    """Add the rows of one source that are not there yet; what became of each, in their order.

    `told`: the columns that make two tellings the same. `otherwise`: the code of a refusal, where
    the same id was told with other content.
    """
    plain = iter(_add(session, model, [row for row in rows if row["external_id"] is None]))
    firsts: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["external_id"] is not None:
            firsts.setdefault(row["external_id"], row)
    added = _add_once(session, model, list(firsts.values()))
    there = _there(session, model, source_id, firsts, told)
    outcomes: list[Recorded | Refused] = []
    for row in rows:
        key = row["external_id"]
        if key is None:
            outcomes.append(Recorded(next(plain), True))
        elif key in added and firsts[key] is row:
            outcomes.append(Recorded(there[key].id, True))
        elif all(getattr(there[key], name) == row[name] for name in told):
            outcomes.append(Recorded(there[key].id, False))
        else:
            outcomes.append(Refused("", otherwise))
    return outcomes


def _add(session: Session, model: Told, rows: list[dict[str, Any]]) -> Sequence[int]:
    if not rows:
        return []
    return session.scalars(
        insert(model).returning(model.id, sort_by_parameter_order=True), rows
    ).all()


def _add_once(session: Session, model: Told, rows: list[dict[str, Any]]) -> frozenset[str | None]:
    if not rows:
        return frozenset()
    statement = (
        insert(model)
        .on_conflict_do_nothing(
            index_elements=[model.source_id, model.external_id],
            index_where=model.external_id.is_not(None),
        )
        .returning(model.external_id)
    )
    return frozenset(session.scalars(statement, rows))


def _there(
    session: Session, model: Told, source_id: int, keys: Collection[str], told: Collection[str]
) -> dict[str | None, Any]:
    if not keys:
        return {}
    columns = [getattr(model, name) for name in ("id", "external_id", *told)]
    rows = session.execute(
        select(*columns).where(model.source_id == source_id, model.external_id.in_(keys))
    )
    return {row.external_id: row for row in rows}
