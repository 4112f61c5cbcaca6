"""Count opens and clicks where the notice declares numbers only."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0822"
down_revision = "20261122_0759"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hit_counts",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("link_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "actor IN ('human', 'machine', 'unknown')", name=op.f("ck_hit_counts_actor")
        ),
        sa.CheckConstraint("kind IN ('open', 'click')", name=op.f("ck_hit_counts_kind")),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
            name=op.f("fk_hit_counts_campaign_id_campaigns"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "campaign_id", "kind", "actor", "hour", "link_id", name=op.f("pk_hit_counts")
        ),
    )


def downgrade() -> None:
    op.drop_table("hit_counts")
