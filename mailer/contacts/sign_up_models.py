"""Tables of sign-up forms: what a form asks, in which words, and who has typed what into it."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from mailer.contacts.models import PERSONAL
from mailer.db import Model


class SignUpForm(Model):
    """A public form for one declared purpose. `key` is its address: /join/<key>."""

    __tablename__ = "sign_up_forms"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    entity: Mapped[str]
    purpose: Mapped[str]
    # What the confirmation comes from: an address at a domain of the entity.
    sender_address: Mapped[str]
    fields: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list, server_default="{}")
    required: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list, server_default="{}")
    # Whether it may be posted from other sites, where we cannot see when it was shown.
    embedded: Mapped[bool] = mapped_column(default=False, server_default="false")
    active: Mapped[bool] = mapped_column(default=True, server_default="true")
    # Counted here, since what was typed and never confirmed is deleted whole.
    typed: Mapped[int] = mapped_column(default=0, server_default="0")
    confirmed: Mapped[int] = mapped_column(default=0, server_default="0")
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SignUpWording(Model):
    """What a form says, by language: a version, never changed, since consents refer to it (R28).

    `texts`: {"fi": {"title": "…", "consent": "…"}}.
    """

    __tablename__ = "sign_up_wordings"
    __table_args__ = (UniqueConstraint("form_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    form_id: Mapped[int] = mapped_column(ForeignKey("sign_up_forms.id"))
    number: Mapped[int]
    texts: Mapped[dict[str, Any]]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]


class SignUp(Model):
    """What somebody typed into a form, until they confirm it or a week has passed.

    The keys are keyed hashes, by which repetition is known; see mailer.contacts.address.
    """

    __tablename__ = "sign_ups"
    __table_args__ = (
        CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'uncertain', 'failed', 'withheld',"
            " 'confirmed')",
            name="state",
        ),
        Index("ix_sign_ups_address_key", "address_key"),
        Index("ix_sign_ups_created_at", "created_at"),
        Index("ix_sign_ups_next_at", "next_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_sign_ups_contact_id", "contact_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    form_id: Mapped[int] = mapped_column(ForeignKey("sign_up_forms.id"))
    wording_id: Mapped[int] = mapped_column(ForeignKey("sign_up_wordings.id"))
    language: Mapped[str]
    typed: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), info=PERSONAL)
    address_key: Mapped[bytes] = mapped_column(LargeBinary)
    domain_key: Mapped[bytes] = mapped_column(LargeBinary)
    network_key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    # Of the confirmation message; `sending` is a claim, and a lost one is never sent again.
    state: Mapped[str] = mapped_column(default="waiting", server_default="waiting")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    error: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
