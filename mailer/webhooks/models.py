"""Tables of webhooks: who is told of what, and what became of each telling."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from mailer.db import Model


class Webhook(Model):
    """An address of another system. Its secret is made of `nonce` and is not in the database."""

    __tablename__ = "webhooks"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    # Failed attempts since the last that went well.
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    paused_at: Mapped[datetime | None]
    # `user` or `failures`.
    pause_reason: Mapped[str | None]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]


class WebhookDelivery(Model):
    """One event on its way to one webhook: written with what it tells of, or not at all.

    A claim moves `next_at` beyond its lease, so that what a dead worker had is tried again.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
        UniqueConstraint("webhook_id", "event_id"),
        Index(
            "ix_webhook_deliveries_waiting",
            "webhook_id",
            "next_at",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_webhook_deliveries_webhook_id", "webhook_id", "id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    # No foreign key: an opt-out must not wait for whoever is changing a webhook.
    webhook_id: Mapped[int]
    event_id: Mapped[str]
    event: Mapped[str]
    body: Mapped[str]
    state: Mapped[str] = mapped_column(default="waiting", server_default="waiting")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_at: Mapped[datetime | None]
    give_up_at: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    # A key of mailer.adapters.outgoing.ERRORS.
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
