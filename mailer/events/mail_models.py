"""The table of incoming mail: what is kept of it, and only for as long as it is needed."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from mailer.db import Model

KINDS = (
    "token",  # to the address of List-Unsubscribe, with its signed token
    "stop",  # says nothing but "stop", from the very address that was mailed
    "request",  # seems to ask for it
    "reply",  # anything else that a person wrote
    "left",  # automatic: whoever had the address is no longer there
    "auto",  # automatic
    "bounce",
    "spam",
    "test",  # the token of a test message
    "unreadable",  # its content could not be had or followed
)
# Closed without anybody having looked, and without a word kept.
FOR_NOBODY = ("auto", "bounce", "spam", "test")
STATES = (
    "new",  # waits for a person
    "obeyed",  # opted out
    "dismissed",  # a person says that it is no request
    "undone",  # obeyed first, and then not
    "closed",  # needs nobody
)


class InboundMessage(Model):
    """One mail that came in. Texts are kept only where a person has to read them."""

    __tablename__ = "inbound_messages"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index("ix_inbound_messages_state", "state", "received_at"),
        Index("ix_inbound_messages_contact_id", "contact_id"),
        Index(
            "ix_inbound_messages_message_id",
            "message_id",
            postgresql_where=text("message_id IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    # SES's own id of the mail: two receipt rules may tell of the same one.
    ses_id: Mapped[str] = mapped_column(unique=True)
    received_at: Mapped[datetime]
    kind: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(default="", server_default="")
    # Whether the sender's domain or a token of ours stands behind the sender's address.
    proven: Mapped[bool] = mapped_column(default=False, server_default="false")
    sender: Mapped[str] = mapped_column(
        default="", server_default="", info={"personal": "contact_detail"}
    )
    sender_key: Mapped[bytes | None] = mapped_column(
        LargeBinary, info={"personal": "contact_detail"}
    )
    subject: Mapped[str] = mapped_column(
        default="", server_default="", info={"personal": "free_text"}
    )
    excerpt: Mapped[str] = mapped_column(
        default="", server_default="", info={"personal": "free_text"}
    )
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    forgotten_at: Mapped[datetime | None]
