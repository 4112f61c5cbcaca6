"""Judging kept hits anew: all of them when the rules have changed, a campaign's when asked to.

The hits lie as they came in, so better rules can look at them again. It goes by ids of messages, a
stretch in each transaction, and goes on where it stopped.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer import audit
from mailer.db import Model
from mailer.events.links import KINDS
from mailer.events.models import Event
from mailer.events.rules import RULESET
from mailer.events.verdicts import reclassify

# Messages with hits in one transaction.
STRETCH = 5_000


class RulesetRun(Model):
    """How far the hits have been judged by a set of rules."""

    __tablename__ = "ruleset_runs"
    ruleset: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    began_at: Mapped[datetime]
    after_message_id: Mapped[int] = mapped_column(default=0, server_default="0")
    finished_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one step did: messages judged, and whether that was the last."""

    judged: int
    done: bool


def begin(session: Session, *, now: datetime, actor_id: int | None = None) -> None:
    """Have every hit judged from the first one on, whatever it was judged by before."""
    values = {"began_at": now, "after_message_id": 0, "finished_at": None}
    session.execute(
        insert(RulesetRun)
        .values(ruleset=RULESET, **values)
        .on_conflict_do_update(index_elements=[RulesetRun.ruleset], set_=values)
    )
    audit.record(session, "hits.reclassified", "ruleset", RULESET, now=now, actor_id=actor_id)


def go_on(session: Session, *, now: datetime, stretch: int = STRETCH) -> Stretch | None:
    """Judge the next stretch of messages by the rules of today. None when all are, or when
    somebody else is at it."""
    session.execute(
        insert(RulesetRun).values(ruleset=RULESET, began_at=now).on_conflict_do_nothing()
    )
    run = session.execute(
        select(RulesetRun.after_message_id)
        .where(RulesetRun.ruleset == RULESET, RulesetRun.finished_at.is_(None))
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if run is None:
        return None
    ids = session.scalars(
        select(Event.message_id)
        .where(Event.message_id > run.after_message_id, Event.kind.in_(KINDS))
        .distinct()
        .order_by(Event.message_id)
        .limit(stretch)
    ).all()
    _judge_all(session, ids)
    done = len(ids) < stretch
    session.execute(
        update(RulesetRun)
        .where(RulesetRun.ruleset == RULESET)
        .values(
            after_message_id=ids[-1] if ids else run.after_message_id,
            finished_at=now if done else None,
        )
    )
    return Stretch(len(ids), done)


def of_campaign(session: Session, campaign_id: int) -> int:
    """Judge the hits of one campaign anew; of how many messages there were any."""
    ids = session.scalars(
        select(Event.message_id)
        .where(Event.campaign_id == campaign_id, Event.kind.in_(KINDS))
        .distinct()
    ).all()
    _judge_all(session, ids)
    return len(ids)


def _judge_all(session: Session, message_ids: Collection[int]) -> None:
    ordered = sorted(message_ids)
    for start in range(0, len(ordered), 1000):
        reclassify(session, ordered[start : start + 1000])
