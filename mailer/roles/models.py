"""Distinct job titles and what they were taken to mean."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import ARRAY, REAL, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from mailer.db import Model


class Title(Model):
    """One distinct title, as normalised by mailer.roles.titles, with its role (R45)."""

    __tablename__ = "titles"
    __table_args__ = (
        CheckConstraint("origin IN ('rules', 'review')", name="origin"),
        Index("ix_titles_waiting", "confidence", postgresql_where=text("reviewed_at IS NULL")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    functions: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    level: Mapped[int] = mapped_column(SmallInteger)
    flags: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list, server_default="{}")
    confidence: Mapped[float] = mapped_column(REAL)
    rule: Mapped[str]
    ruleset_version: Mapped[int]
    origin: Mapped[str] = mapped_column(default="rules", server_default="rules")
    not_relevant: Mapped[bool] = mapped_column(default=False, server_default="false")
    reviewed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reviewed_at: Mapped[datetime | None]
