"""Duties to inform, checks of data, people who have left, two-person lifts, Amazon's list."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_1530"
down_revision = "20261122_1510"
branch_labels = None
depends_on = None

CONTACTS = {
    "verified_source_id": sa.BigInteger(),
    "art14_way": sa.Text(),
    "art14_overdue_at": sa.DateTime(timezone=True),
    "left_at": sa.DateTime(timezone=True),
    "stays_at": sa.DateTime(timezone=True),
    "successor_id": sa.BigInteger(),
}
SUPPRESSIONS = {
    "lift_asked_at": sa.DateTime(timezone=True),
    "lift_asked_by": sa.BigInteger(),
    "lift_asked_reason": sa.Text(),
}
FEW = ("left_at", "successor_id", "verified_source_id")


def upgrade() -> None:
    for table, columns in (("contacts", CONTACTS), ("suppressions", SUPPRESSIONS)):
        for name, kind in columns.items():
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.create_foreign_key(
        op.f("fk_contacts_verified_source_id_sources"),
        "contacts",
        "sources",
        ["verified_source_id"],
        ["id"],
    )
    op.create_foreign_key(
        op.f("fk_contacts_successor_id_contacts"),
        "contacts",
        "contacts",
        ["successor_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_foreign_key(
        op.f("fk_suppressions_lift_asked_by_users"),
        "suppressions",
        "users",
        ["lift_asked_by"],
        ["id"],
    )
    for name in FEW:
        op.create_index(
            f"ix_contacts_{name}",
            "contacts",
            [name],
            postgresql_where=sa.text(f"{name} IS NOT NULL"),
        )
    op.create_table(
        "suppression_syncs",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("added", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("handed_over", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression_syncs")),
    )


def downgrade() -> None:
    op.drop_table("suppression_syncs")
    for name in FEW:
        op.drop_index(f"ix_contacts_{name}", "contacts")
    for table, columns in (("contacts", CONTACTS), ("suppressions", SUPPRESSIONS)):
        for name in columns:
            op.drop_column(table, name)
