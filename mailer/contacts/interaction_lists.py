"""Dealings as they are looked at: those of a person, and those of a company with its people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from mailer.contacts.interaction_models import Interaction
from mailer.contacts.models import Contact


@dataclass(frozen=True, slots=True)
class Listed:
    """A dealing and the name of the person it was with, if there is one."""

    interaction: Interaction
    person: str


def of_contact(
    session: Session, contact_id: int, *, kind: str = "", limit: int = 200
) -> Sequence[Interaction]:
    """Dealings with a person, newest first."""
    wanted = [Interaction.contact_id == contact_id]
    if kind:
        wanted.append(Interaction.kind == kind)
    return session.scalars(
        select(Interaction)
        .where(*wanted)
        .order_by(Interaction.at.desc(), Interaction.id.desc())
        .limit(limit)
    ).all()


def kinds_of_contact(session: Session, contact_id: int) -> dict[str, int]:
    """How many dealings of each kind there are with a person."""
    rows = session.execute(
        select(Interaction.kind, func.count().label("number"))
        .where(Interaction.contact_id == contact_id)
        .group_by(Interaction.kind)
    )
    return {row.kind: row.number for row in rows}


def of_company(
    session: Session,
    company_id: int,
    *,
    kind: str = "",
    to_desk: bool = False,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Listed], int]:
    """Dealings with a company and its people, newest first; and how many there are.

    Those of restricted people, and what the law holds of people who are gone, are shown to the
    desk of data requests only (R88, R91).
    """
    wanted: list[ColumnElement[bool]] = [Interaction.company_id == company_id]
    if kind:
        wanted.append(Interaction.kind == kind)
    if not to_desk:
        wanted += [Interaction.detached_at.is_(None), Contact.restricted_at.is_(None)]
    name: Any = func.coalesce(
        func.nullif(func.btrim(Contact.first_name + " " + Contact.last_name), ""), Contact.email, ""
    )
    rows = session.execute(
        select(Interaction, name)
        .outerjoin(Contact, Contact.id == Interaction.contact_id)
        .where(*wanted)
        .order_by(Interaction.at.desc(), Interaction.id.desc())
        .limit(limit)
        .offset(offset)
    )
    found = [Listed(interaction, person) for interaction, person in rows]
    total = session.scalar(
        select(func.count())
        .select_from(Interaction)
        .outerjoin(Contact, Contact.id == Interaction.contact_id)
        .where(*wanted)
    )
    return found, total or 0
