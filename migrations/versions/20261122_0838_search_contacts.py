"""Keep the text that the list of contacts is searched by."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0838"
down_revision = "20261122_0822"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "contacts",
        sa.Column(
            "search_text",
            sa.Text(),
            sa.Computed(
                "lower(first_name || ' ' || last_name || ' ' || email || ' ' || title)",
                persisted=True,
            ),
            nullable=False,
        ),
    )


def downgrade() -> None:
    op.drop_column("contacts", "search_text")
