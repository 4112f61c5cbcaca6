"""nameless contacts last"""

from alembic import op

revision = "20261122_0955"
down_revision = "20261122_0838"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_contacts_name", table_name="contacts")
    op.execute("CREATE INDEX ix_contacts_name ON contacts (nullif(lower(last_name), ''), id)")


def downgrade() -> None:
    op.drop_index("ix_contacts_name", table_name="contacts")
    op.execute("CREATE INDEX ix_contacts_name ON contacts (lower(last_name), id)")
