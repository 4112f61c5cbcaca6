"""Tables of what happened: raw notifications as they came, and the events made of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from mailer.db import Model


class RawNotification(Model):
    """An SNS message as received: stored before it is acknowledged, applied by a job.

    `mail` waits for the reader of incoming mail, `rejected` came over the queue and is not ours.
    """

    __tablename__ = "raw_notifications"
    __table_args__ = (
        CheckConstraint(
            "state IN ('new', 'applied', 'waiting', 'ignored', 'rejected', 'mail')", name="state"
        ),
        Index(
            "ix_raw_notifications_open", "id", postgresql_where=text("state IN ('new', 'waiting')")
        ),
        Index("ix_raw_notifications_mail", "id", postgresql_where=text("state = 'mail'")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    sns_message_id: Mapped[str] = mapped_column(unique=True)
    topic_arn: Mapped[str]
    body: Mapped[str] = mapped_column(info={"personal": "contact_detail"})
    received_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="new", server_default="new")
    tries: Mapped[int] = mapped_column(default=0, server_default="0")


class Event(Model):
    """One thing that happened to one message, from SES, from our links or from the person.

    Kept by months (mailer.events.partitions), so `at` is part of every key: whoever adds an event
    whose moment may differ when it is repeated must look for the first one (mailer.events.journal).
    """

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("dedupe_key", "at"),
        CheckConstraint("actor IN ('human', 'machine', 'unknown', 'ses')", name="actor"),
        Index("ix_events_campaign_id_kind_at", "campaign_id", "kind", "at"),
        Index("ix_events_message_id", "message_id"),
        {"postgresql_partition_by": "RANGE (at)"},
    )
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    kind: Mapped[str]
    at: Mapped[datetime] = mapped_column(primary_key=True)
    link_id: Mapped[int | None] = mapped_column(ForeignKey("links.id"))
    actor: Mapped[str] = mapped_column(default="ses", server_default="ses")
    reasons: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list, server_default="{}")
    ruleset_version: Mapped[int | None]
    details: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default="{}", info={"personal": "behaviour"}
    )
    dedupe_key: Mapped[str]


class HitCount(Model):
    """Opens and clicks of a campaign per hour and link, where the notice declares numbers only.

    `link_id` is 0 for opens. No key to a person: a mode that names nobody stores nobody.
    """

    __tablename__ = "hit_counts"
    __table_args__ = (
        CheckConstraint("kind IN ('open', 'click')", name="kind"),
        CheckConstraint("actor IN ('human', 'machine', 'unknown')", name="actor"),
    )
    campaign_id: Mapped[int] = mapped_column(
        ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hits: Mapped[int]


class EventCount(Model):
    """Events of a campaign by hour, kind, actor and link; `link_id` is 0 where there is none.

    Kept by triggers on `events`. Up to sixteen rows (`slot`) are one number, so that workers that
    count at the same time do not wait for one another.
    """

    __tablename__ = "event_counts"
    campaign_id: Mapped[int] = mapped_column(
        ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    hits: Mapped[int]


class EventReach(Model):
    """How many people of a campaign did something: reactions with hits. `link_id` 0: any link."""

    __tablename__ = "event_reach"
    campaign_id: Mapped[int] = mapped_column(
        ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    people: Mapped[int]


class Reaction(Model):
    """What one message's recipient did, and how often: people's opens and clicks, their opt-outs
    less those taken back; and what SES said of a message that did not get through at once.

    It goes when the events it counts go. `step` is the last change of `hits`: the triggers tell by
    it whether somebody did a thing for the first time.
    """

    __tablename__ = "reactions"
    __table_args__ = (Index("ix_reactions_campaign_id_kind", "campaign_id", "kind"),)
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    campaign_id: Mapped[int]
    hits: Mapped[int] = mapped_column(info={"personal": "behaviour"})
    step: Mapped[int]


class DroppedEvents(Model):
    """That events before a moment were dropped, and cannot be counted again."""

    __tablename__ = "dropped_events"
    before: Mapped[datetime] = mapped_column(primary_key=True)
    dropped_at: Mapped[datetime]
