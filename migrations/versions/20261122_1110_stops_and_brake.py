"""The stop for everything, and from when a campaign's brake counts."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_1110"
down_revision = "20261122_1100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sending_stops",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["by"], ["users.id"], name=op.f("fk_sending_stops_by_users")),
        sa.ForeignKeyConstraint(
            ["lifted_by"], ["users.id"], name=op.f("fk_sending_stops_lifted_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_stops")),
    )
    op.create_index(
        "uq_sending_stops_open",
        "sending_stops",
        [sa.literal_column("(true)")],
        unique=True,
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.add_column("campaigns", sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("campaigns", "resumed_at")
    op.drop_table("sending_stops")
