"""States for what came over the queue and is not ours, and for incoming mail."""

from alembic import op

revision = "20261122_1121"
down_revision = "20261122_1120"
branch_labels = None
depends_on = None


def change(states: str, *, how: str = "") -> None:
    op.drop_constraint(op.f("ck_raw_notifications_state"), "raw_notifications")
    op.execute(
        "ALTER TABLE raw_notifications ADD CONSTRAINT ck_raw_notifications_state"
        f" CHECK (state IN ({states})) {how}"
    )


def upgrade() -> None:
    # The old states are among the new ones, so the rows that are there pass.
    change("'new', 'applied', 'waiting', 'ignored', 'rejected', 'mail'", how="NOT VALID")
    op.execute("ALTER TABLE raw_notifications VALIDATE CONSTRAINT ck_raw_notifications_state")
    op.execute(
        "CREATE INDEX ix_raw_notifications_mail ON raw_notifications (id) WHERE state = 'mail'"
    )


def downgrade() -> None:
    op.drop_index("ix_raw_notifications_mail", table_name="raw_notifications")
    op.execute("UPDATE raw_notifications SET state = 'ignored' WHERE state IN ('rejected', 'mail')")
    change("'new', 'applied', 'waiting', 'ignored'")
