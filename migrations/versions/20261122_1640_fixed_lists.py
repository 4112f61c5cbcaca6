"""Keep the people of a segment as they were, and how many there were on each day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_1640"
down_revision = "20261122_1630"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fixed_lists",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("segment_id", sa.BigInteger(), nullable=True),
        sa.Column("tree", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fixed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_fixed_lists_created_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["segments.id"],
            name=op.f("fk_fixed_lists_segment_id_segments"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixed_lists")),
    )
    op.create_index(
        "ix_fixed_lists_segment_id",
        "fixed_lists",
        ["segment_id"],
        postgresql_where=sa.text("segment_id IS NOT NULL"),
    )
    op.create_table(
        "fixed_people",
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_fixed_people_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["list_id"],
            ["fixed_lists.id"],
            name=op.f("fk_fixed_people_list_id_fixed_lists"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("list_id", "contact_id", name=op.f("pk_fixed_people")),
    )
    op.create_index(op.f("ix_fixed_people_contact_id"), "fixed_people", ["contact_id"])
    # Nothing has written it so far.
    _count_by("day", sa.Date())


def downgrade() -> None:
    op.drop_table("fixed_people")
    op.drop_table("fixed_lists")
    _count_by("at", sa.DateTime(timezone=True))


def _count_by(moment: str, kind: sa.types.TypeEngine) -> None:
    op.drop_table("segment_counts")
    op.create_table(
        "segment_counts",
        sa.Column("segment_id", sa.BigInteger(), nullable=False),
        sa.Column(moment, kind, nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["segments.id"],
            name=op.f("fk_segment_counts_segment_id_segments"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("segment_id", moment, name=op.f("pk_segment_counts")),
    )
