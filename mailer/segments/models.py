"""Saved segments, people fixed in a list, and how many there were on each day."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from mailer.db import Model


class Segment(Model):
    """A named rule tree (mailer.segments.rules) that says which contacts belong."""

    __tablename__ = "segments"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    tree: Mapped[dict[str, Any]]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1, server_default="1")


class SegmentCount(Model):
    """How many people were in a segment on a day.

    Kept until the segment goes. No trace of who they were.
    """

    __tablename__ = "segment_counts"
    segment_id: Mapped[int] = mapped_column(
        ForeignKey("segments.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    people: Mapped[int]


class FixedList(Model):
    """The people of a segment as they were at one moment, with the rules of then.

    `people`: how many they were. It outlives its segment.
    """

    __tablename__ = "fixed_lists"
    __table_args__ = (
        Index(
            "ix_fixed_lists_segment_id",
            "segment_id",
            postgresql_where=text("segment_id IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segments.id", ondelete="SET NULL"))
    tree: Mapped[dict[str, Any]]
    fixed_at: Mapped[datetime]
    people: Mapped[int]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class FixedPerson(Model):
    """Somebody in a fixed list. Who is erased leaves it by themselves."""

    __tablename__ = "fixed_people"
    list_id: Mapped[int] = mapped_column(
        ForeignKey("fixed_lists.id", ondelete="CASCADE"), primary_key=True
    )
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True
    )
