"""Marks of hits, kept for a day, and how far hits are judged by a set of rules."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_1140"
down_revision = "20261122_1131"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hit_marks",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_hit_marks")),
    )
    op.create_index("ix_hit_marks_mark_at", "hit_marks", ["mark", "at"])
    op.create_index("ix_hit_marks_at", "hit_marks", ["at"])
    op.create_table(
        "ruleset_runs",
        sa.Column("ruleset", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("after_message_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("ruleset", name=op.f("pk_ruleset_runs")),
    )


def downgrade() -> None:
    op.drop_table("ruleset_runs")
    op.drop_table("hit_marks")
