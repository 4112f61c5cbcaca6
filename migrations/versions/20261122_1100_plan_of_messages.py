"""A moment for every message, and the claim's index in its order."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_1100"
down_revision = "20261122_0955"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("messages", "not_before", server_default=sa.func.now())
    op.execute("UPDATE messages SET not_before = created_at WHERE not_before IS NULL")
    op.alter_column("messages", "not_before", nullable=False)
    op.drop_index("ix_messages_queued", table_name="messages")
    op.create_index(
        "ix_messages_queued",
        "messages",
        ["campaign_id", "not_before", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )


def downgrade() -> None:
    op.drop_index("ix_messages_queued", table_name="messages")
    op.create_index(
        "ix_messages_queued",
        "messages",
        ["campaign_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.alter_column("messages", "not_before", server_default=None, nullable=True)
