"""The message ledger: outbox before sending, proof after. Every change of state is a
compare-and-set along TRANSITIONS."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from mailer.db import Model

STATES = (
    "queued",  # waits for a sender
    "sending",  # claimed: handed to SES or about to be
    "sent",  # SES accepted it
    "delivered",  # the recipient's server accepted it
    "bounced",
    "complained",
    "blocked",  # the gate said no; `verdict` says why
    "failed",  # SES refused it for good; `error` says why
    "uncertain",  # handed over, answer unknown: never resent blindly
    "cancelled",  # the campaign was stopped first
)

# States in which SES has accepted the message.
ACCEPTED = ("sent", "delivered", "bounced", "complained")
# What only SES's own events can say. An event that comes very late may find its message given up
# for lost: queued again, then perhaps blocked or cancelled. What SES says happened wins.
_PROVEN = frozenset({*ACCEPTED, "failed"})

# from -> to. Events may come in any order and twice, so the later states may follow one another,
# but nothing ever returns to `queued` except what provably was not accepted.
TRANSITIONS: dict[str, frozenset[str]] = {
    "queued": frozenset({"sending", "blocked", "cancelled"}) | _PROVEN,
    "sending": frozenset(
        {"sent", "delivered", "bounced", "complained", "failed", "uncertain", "queued"}
    ),
    "uncertain": frozenset({"sent", "delivered", "bounced", "complained", "failed", "queued"}),
    # Back to the queue only when the recipient's server said so (mailer.sending.retries).
    "sent": frozenset({"delivered", "bounced", "complained", "failed", "queued"}),
    "delivered": frozenset({"bounced", "complained"}),
    "bounced": frozenset({"complained"}),
    "complained": frozenset(),
    "blocked": _PROVEN,
    "failed": frozenset({"delivered", "bounced", "complained"}),
    "cancelled": _PROVEN,
}


def _created_at(context: Any) -> datetime:
    """A message may go from the moment it is on the ledger, unless somebody plans otherwise."""
    moment: datetime = context.get_current_parameters()["created_at"]
    return moment


class Message(Model):
    """One message to one person. Unique on (campaign, contact): nobody is in a campaign twice.

    What campaigns and users it names is kept by triggers, once per statement; a deleted person is
    forgotten by one. A `contact_id` may lead nowhere, when its person was deleted while an audience
    was frozen (migration 20261122_1610).
    """

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("kind IN ('campaign', 'test', 'probe')", name="kind"),
        UniqueConstraint("campaign_id", "contact_id"),
        Index(
            "ix_messages_queued",
            "campaign_id",
            "not_before",
            "id",
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "ix_messages_open",
            "state",
            "claimed_at",
            postgresql_where=text("state IN ('sending', 'uncertain')"),
        ),
        Index("ix_messages_sent_at", "sent_at", postgresql_where=text("sent_at IS NOT NULL")),
        # Small in good times: whether the event stream loses anything is asked of it.
        Index(
            "ix_messages_unconfirmed",
            "sent_at",
            postgresql_where=text(
                "sent_at IS NOT NULL AND ses_message_id IS NOT NULL AND confirmed_at IS NULL"
            ),
        ),
        Index("ix_messages_contact_id", "contact_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(default="campaign", server_default="campaign")
    campaign_id: Mapped[int | None]
    contact_id: Mapped[int | None]
    test_of: Mapped[int | None]
    to_user: Mapped[int | None]
    language: Mapped[str] = mapped_column(default="fi", server_default="fi")
    state: Mapped[str] = mapped_column(default="queued", server_default="queued")
    verdict: Mapped[str | None]
    # Why this person (R45): {"function", "title", "rule", "confidence", "evidence", "version"}.
    duties: Mapped[dict[str, Any] | None] = mapped_column(JSONB, info={"personal": "work"})
    attempt: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    # The plan: a queued message is taken at this moment or later, the earliest first. A claim knows
    # no other rule of time.
    not_before: Mapped[datetime] = mapped_column(default=_created_at, server_default=func.now())
    created_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    ses_message_id: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    # When SES's own Send event for it came: the proof that the event stream is alive.
    confirmed_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    error: Mapped[str | None]


class SendingStop(Model):
    """While one is open, nothing is handed to SES, whatever any campaign's state says."""

    __tablename__ = "sending_stops"
    __table_args__ = (
        Index(
            "uq_sending_stops_open",
            text("(true)"),
            unique=True,
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    # Who pressed the button; None when SES's own answer did it.
    by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
