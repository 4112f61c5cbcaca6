"""Find those who were not informed in time at once: the home page asks for them."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_1605"
down_revision = "20261122_1600"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_contacts_art14_overdue_at",
        "contacts",
        ["art14_overdue_at"],
        postgresql_where=sa.text("art14_overdue_at IS NOT NULL AND art14_informed_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_contacts_art14_overdue_at", "contacts")
