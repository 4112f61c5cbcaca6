"""Tables of what is noted about dealings with people and companies (R23, R24, R26, R27).

`contact_id` has no cascade on purpose: a person is deleted through mailer.contacts.removal, which
keeps what accounting law holds. A way that forgets it fails instead of losing a voucher.
"""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from mailer.db import Model

PERSONAL_TEXT = {"personal": "free_text"}
PERSONAL_BEHAVIOUR = {"personal": "behaviour"}

_HELD = "('order', 'contract', 'delivery', 'invoice', 'payment', 'complaint', 'warranty')"


class Interaction(Model):
    """One thing that happened between the company and a person or a company.

    A commercial row is held until a date by law. When its person goes before that, it loses the
    link and all text (`detached_at`) and is hidden from everybody but the desk of data requests.
    """

    __tablename__ = "interactions"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('note', 'call', 'email_thread', 'meeting', 'contact_request',"
            " 'support_request', 'offer', 'order', 'contract', 'delivery', 'invoice', 'payment',"
            " 'complaint', 'warranty', 'interest', 'portal_log', 'offer_document')",
            name="kind",
        ),
        CheckConstraint(f"(kind IN {_HELD}) = (held_until IS NOT NULL)", name="hold"),
        CheckConstraint(
            "contact_id IS NOT NULL OR company_id IS NOT NULL OR detached_at IS NOT NULL",
            name="party",
        ),
        CheckConstraint(
            "detached_at IS NULL"
            " OR (contact_id IS NULL AND held_until IS NOT NULL AND title = '' AND body = '')",
            name="detached",
        ),
        CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="amount"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        Index("ix_interactions_contact_id", "contact_id", "at"),
        Index("ix_interactions_company_id", "company_id", "at"),
        # What is said twice is there once.
        Index(
            "uq_interactions_source_id_external_id",
            "source_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index(
            "ix_interactions_held_until",
            "held_until",
            postgresql_where=text("detached_at IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"))
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"))
    kind: Mapped[str]
    at: Mapped[datetime]
    title: Mapped[str] = mapped_column(default="", server_default="", info=PERSONAL_TEXT)
    body: Mapped[str] = mapped_column(default="", server_default="", info=PERSONAL_TEXT)
    amount: Mapped[Decimal | None] = mapped_column(Numeric(15, 2))
    currency: Mapped[str | None]
    reference: Mapped[str] = mapped_column(default="", server_default="")
    held_until: Mapped[date | None]
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    external_id: Mapped[str | None]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    detached_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")


class OfferDocumentEvent(Model):
    """What happened to an offer document (R26). To whom it was forwarded has no column."""

    __tablename__ = "offer_document_events"
    __table_args__ = (
        CheckConstraint("event IN ('sent', 'opened', 'viewed', 'forwarded')", name="event"),
        CheckConstraint(
            "event = 'viewed' OR (page IS NULL AND seconds IS NULL)", name="only_views_have_pages"
        ),
        CheckConstraint("page > 0 AND seconds >= 0", name="not_negative"),
        Index("ix_offer_document_events_interaction_id", "interaction_id", "at"),
        Index(
            "uq_offer_document_events_source_id_external_id",
            "source_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id", ondelete="CASCADE"))
    event: Mapped[str]
    at: Mapped[datetime]
    page: Mapped[int | None] = mapped_column(info=PERSONAL_BEHAVIOUR)
    seconds: Mapped[int | None] = mapped_column(info=PERSONAL_BEHAVIOUR)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    external_id: Mapped[str | None]
    created_at: Mapped[datetime]


class WebVisit(Model):
    """A page of a web site that a person has looked at, having agreed to cookies (R27)."""

    __tablename__ = "web_visits"
    __table_args__ = (
        CheckConstraint("seconds >= 0", name="not_negative"),
        Index("ix_web_visits_contact_id", "contact_id", "at"),
        Index(
            "uq_web_visits_source_id_external_id",
            "source_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    path: Mapped[str] = mapped_column(info=PERSONAL_BEHAVIOUR)
    seconds: Mapped[int | None] = mapped_column(info=PERSONAL_BEHAVIOUR)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    external_id: Mapped[str | None]
    created_at: Mapped[datetime]
