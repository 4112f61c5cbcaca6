"""Caps, the warm-up of sender domains, and plans of campaigns."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_1115"
down_revision = "20261122_1110"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sending_caps",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("scope IN ('domain', 'company')", name=op.f("ck_sending_caps_scope")),
        sa.CheckConstraint("most >= 0", name=op.f("ck_sending_caps_most")),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_sending_caps")),
    )
    op.create_table(
        "warmup_days",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("held", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["domain"],
            ["sender_domains.domain"],
            name=op.f("fk_warmup_days_domain_sender_domains"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("domain", "day", name=op.f("pk_warmup_days")),
    )
    op.create_table(
        "campaign_plans",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("days", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("limits", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("basis", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
            name=op.f("fk_campaign_plans_campaign_id_campaigns"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaign_plans")),
    )
    for name in ("business_hours", "spread_days"):
        op.add_column(
            "campaigns", sa.Column(name, sa.Boolean(), server_default="false", nullable=False)
        )
    op.add_column(
        "sender_domains", sa.Column("warming", sa.Boolean(), server_default="false", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("sender_domains", "warming")
    op.drop_column("campaigns", "spread_days")
    op.drop_column("campaigns", "business_hours")
    op.drop_table("campaign_plans")
    op.drop_table("warmup_days")
    op.drop_table("sending_caps")
