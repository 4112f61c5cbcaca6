"""What the law holds of dealings, and what becomes of it when its person goes (R24, R104)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts.interaction_models import Interaction
from mailer.contacts.models import Contact
from mailer.languages import TIMEZONE


@dataclass(frozen=True, slots=True)
class Parted:
    """How many rows of deleted people went, and how many stay without them by law."""

    deleted: int
    held: int


def is_held(row: Interaction, now: datetime) -> bool:
    """Whether the law still holds an interaction."""
    return row.held_until is not None and row.held_until >= _day(now)


def part_from(session: Session, contact_ids: Collection[int], *, now: datetime) -> Parted:
    """Delete what people did who are about to be deleted; what is held stays without them.

    Of a held row stay kind, date, sum and reference: what accounting needs. Nobody can note
    anything about these people until the end of the transaction.
    """
    ids = sorted(contact_ids)
    session.execute(
        select(Contact.id).where(Contact.id.in_(ids)).order_by(Contact.id).with_for_update()
    )
    held = session.execute(
        update(Interaction)
        .where(Interaction.contact_id.in_(ids), Interaction.held_until >= _day(now))
        .values(
            contact_id=None,
            title="",
            body="",
            external_id=None,
            created_by=None,
            detached_at=now,
            updated_at=now,
            version=Interaction.version + 1,
        )
        .returning(Interaction.id),
        execution_options={"synchronize_session": False},
    ).all()
    gone = session.execute(
        delete(Interaction).where(Interaction.contact_id.in_(ids)).returning(Interaction.id),
        execution_options={"synchronize_session": False},
    ).all()
    return Parted(len(gone), len(held))


def amounts(session: Session, contact_id: int, *, now: datetime) -> tuple[int, int]:
    """How many dealings there are with a person, and how many of them the law holds."""
    row = session.execute(
        select(func.count(), func.count().filter(Interaction.held_until >= _day(now))).where(
            Interaction.contact_id == contact_id
        )
    ).one()
    return row[0], row[1]


def forget_released(session: Session, *, now: datetime) -> int:
    """Delete what had stayed for accounting only and is held no longer; how many that was."""
    gone = session.execute(
        delete(Interaction)
        .where(Interaction.detached_at.is_not(None), Interaction.held_until < _day(now))
        .returning(Interaction.id),
        execution_options={"synchronize_session": False},
    ).all()
    if gone:
        audit.record(
            session, "interactions.released", "interaction", None, now=now, count=len(gone)
        )
    return len(gone)


def _day(now: datetime) -> date:
    return now.astimezone(TIMEZONE).date()
