"""Probes on the ledger, and an index of accepted messages whose Send event has not come."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_1130"
down_revision = "20261122_1128"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_messages_kind"), "messages", type_="check")
    op.create_check_constraint(
        op.f("ck_messages_kind"), "messages", "kind IN ('campaign', 'test', 'probe')"
    )
    op.create_index(
        "ix_messages_unconfirmed",
        "messages",
        ["sent_at"],
        unique=False,
        postgresql_where=sa.text(
            "sent_at IS NOT NULL AND ses_message_id IS NOT NULL AND confirmed_at IS NULL"
        ),
    )


def downgrade() -> None:
    op.drop_index("ix_messages_unconfirmed", table_name="messages")
    op.execute("DELETE FROM messages WHERE kind = 'probe'")
    op.drop_constraint(op.f("ck_messages_kind"), "messages", type_="check")
    op.create_check_constraint(op.f("ck_messages_kind"), "messages", "kind IN ('campaign', 'test')")
