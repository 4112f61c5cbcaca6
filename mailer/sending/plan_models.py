"""Tables of when messages go: caps, the warm-up of new domains, and what was planned."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from mailer.db import Model


class SendingCap(Model):
    """How many messages at most: in an hour to a recipient's domain, in a day to one company.

    `key` is a mail domain, or `*` for every other one; of the scope `company` there is only `*`.
    0 is no cap. A row stands above mailer.sending.caps.DOMAINS.
    """

    __tablename__ = "sending_caps"
    __table_args__ = (
        CheckConstraint("scope IN ('domain', 'company')", name="scope"),
        CheckConstraint("most >= 0", name="most"),
    )
    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    most: Mapped[int]


class WarmupDay(Model):
    """One day of a sender domain's warm-up: which line of the table held, and why it was held.

    `day` is a calendar day in Helsinki. `held` (a key of warmup.HELD) is why the next sending day
    stays at the same line.
    """

    __tablename__ = "warmup_days"
    domain: Mapped[str] = mapped_column(
        ForeignKey("sender_domains.domain", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(SmallInteger)
    held: Mapped[str | None]


class CampaignPlan(Model):
    """What the last planning of a campaign came to. The plan itself is `messages.not_before`.

    `days`: [[ISO date in Helsinki, messages], …]. `limits`: keys of plan.LIMITS that shaped it.
    `basis`: {"terms": what it was computed from, "calendars": [whose business hours it has]}; when
    the terms change, so must the plan.
    """

    __tablename__ = "campaign_plans"
    campaign_id: Mapped[int] = mapped_column(
        ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True
    )
    made_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    days: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    limits: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list, server_default="{}")
    basis: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
