"""Tables of campaigns: what is said, to whom it is meant, and how far it has come."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from mailer.db import Model

STATES = (
    "draft",
    "waiting_for_approval",
    "scheduled",
    "starting",
    "sending",
    "paused",
    "sent",
    "stopped",
    "failed",
)


class Campaign(Model):
    """One message to the people of a segment, for one declared purpose."""

    __tablename__ = "campaigns"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index(
            "ix_campaigns_active",
            "state",
            postgresql_where=text("state IN ('scheduled', 'starting', 'sending', 'paused')"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(default="draft", server_default="draft")
    purpose: Mapped[str] = mapped_column(default="e_marketing", server_default="e_marketing")
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segments.id"), index=True)
    # The campaign that this one puts right: whoever got that one may get this one at once.
    corrects: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id", ondelete="SET NULL"))
    # Whose work the message concerns (R45): the gate leaves out everybody else.
    target_functions: Mapped[list[str]] = mapped_column(
        ARRAY(TEXT), default=list, server_default="{}"
    )
    relevance_basis: Mapped[str] = mapped_column(default="", server_default="")
    entity: Mapped[str] = mapped_column(default="", server_default="")
    sender_name: Mapped[str] = mapped_column(default="", server_default="")
    sender_address: Mapped[str] = mapped_column(default="", server_default="")
    reply_to: Mapped[str] = mapped_column(default="", server_default="")
    track_opens: Mapped[bool] = mapped_column(default=True, server_default="true")
    track_clicks: Mapped[bool] = mapped_column(default=True, server_default="true")
    # Each message only in the recipient's business hours; the rest of the plan is limits.
    business_hours: Mapped[bool] = mapped_column(default=False, server_default="false")
    # The marketer's consent to a sending that takes days because Amazon SES's quota is small.
    spread_days: Mapped[bool] = mapped_column(default=False, server_default="false")
    starts_at: Mapped[datetime | None]
    launched_at: Mapped[datetime | None]
    # When a person last decided to go on with it; the brake counts from there.
    resumed_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    pause_reason: Mapped[str | None]
    content_hash: Mapped[str | None]
    tested_hash: Mapped[str | None]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1, server_default="1")


class CampaignContent(Model):
    """The message in one language. Frozen with the campaign at launch."""

    __tablename__ = "campaign_contents"
    __table_args__ = (UniqueConstraint("campaign_id", "language"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    language: Mapped[str]
    subject: Mapped[str] = mapped_column(default="", server_default="")
    preheader: Mapped[str] = mapped_column(default="", server_default="")
    mjml: Mapped[str] = mapped_column(default="", server_default="")
    updated_at: Mapped[datetime]


class Link(Model):
    """A link of a frozen campaign. Clicks name it by id, so the redirect is never an open one."""

    __tablename__ = "links"
    __table_args__ = (UniqueConstraint("campaign_id", "language", "position"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    language: Mapped[str]
    position: Mapped[int]
    url: Mapped[str]
    label: Mapped[str] = mapped_column(default="", server_default="")


class SenderDomain(Model):
    """A domain we send from, as SES last reported it (B2)."""

    __tablename__ = "sender_domains"
    domain: Mapped[str] = mapped_column(primary_key=True)
    verified: Mapped[bool] = mapped_column(default=False, server_default="false")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    checked_at: Mapped[datetime | None]
    # New: only so many messages a day go from it (mailer.sending.warmup).
    warming: Mapped[bool] = mapped_column(default=False, server_default="false")
