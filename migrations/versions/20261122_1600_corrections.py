"""Which campaign a correction puts right."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_1600"
down_revision = "20261122_1540"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("corrects", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_campaigns_corrects_campaigns"),
        "campaigns",
        "campaigns",
        ["corrects"],
        ["id"],
        ondelete="SET NULL",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_campaigns_corrects_campaigns"), "campaigns", type_="foreignkey")
    op.drop_column("campaigns", "corrects")
