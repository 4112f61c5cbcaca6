"""A notice that declares every kind of dealing, and dealings to note under it."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.contacts import interaction_repeats, interactions
from mailer.contacts.interaction_entry import Entry
from mailer.contacts.interaction_models import Interaction
from mailer.contacts.models import Source
from mailer.notice.vocabulary import INTERACTION_KINDS
from tests.segments.register import publish_notice


def publish_with_all_kinds(session: Session, now: datetime, **changes: Any) -> None:
    publish_notice(session, now, **{"interaction_kinds": sorted(INTERACTION_KINDS), **changes})


def make_entry(now: datetime, **facts: Any) -> Entry:
    """A phone call of yesterday."""
    return Entry(
        **{
            "kind": "call",
            "at": now - timedelta(days=1),
            "title": "Kysyi tarjousta",
            "body": "Soittaa uudelleen ensi viikolla.",
            **facts,
        }
    )


def noted(
    session: Session, source: Source, now: datetime, *, actor_id: int | None = None, **facts: Any
) -> Interaction:
    """A dealing in the register."""
    done = interactions.record(
        session, make_entry(now, **facts), source, now=now, actor_id=actor_id
    )
    assert isinstance(done, interaction_repeats.Recorded), done
    return session.get_one(Interaction, done.id)


def all_of(session: Session) -> list[Interaction]:
    """Every dealing there is, as the database has it."""
    session.expire_all()
    return list(session.scalars(select(Interaction).order_by(Interaction.id)))
