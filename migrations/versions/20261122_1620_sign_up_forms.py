"""Sign-up forms, their wordings, and what was typed into them and not confirmed yet."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_1620"
down_revision = "20261122_1610"
branch_labels = None
depends_on = None


# A consent refers to the words that were read.
KEEP_WORDINGS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON sign_up_wordings
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    op.create_table(
        "sign_up_forms",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("sender_address", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.ARRAY(sa.TEXT()), server_default="{}", nullable=False),
        sa.Column("required", postgresql.ARRAY(sa.TEXT()), server_default="{}", nullable=False),
        sa.Column("embedded", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("typed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("confirmed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_sign_up_forms_created_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_up_forms")),
        sa.UniqueConstraint("key", name=op.f("uq_sign_up_forms_key")),
    )
    op.create_table(
        "sign_up_wordings",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("form_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("texts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_sign_up_wordings_created_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["form_id"],
            ["sign_up_forms.id"],
            name=op.f("fk_sign_up_wordings_form_id_sign_up_forms"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_up_wordings")),
        sa.UniqueConstraint("form_id", "number", name=op.f("uq_sign_up_wordings_form_id_number")),
    )
    op.execute(KEEP_WORDINGS)
    op.create_table(
        "sign_ups",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("form_id", sa.BigInteger(), nullable=False),
        sa.Column("wording_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column(
            "typed", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("address_key", sa.LargeBinary(), nullable=False),
        sa.Column("domain_key", sa.LargeBinary(), nullable=False),
        sa.Column("network_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'uncertain', 'failed', 'withheld', 'confirmed')",
            name=op.f("ck_sign_ups_state"),
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_sign_ups_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["form_id"], ["sign_up_forms.id"], name=op.f("fk_sign_ups_form_id_sign_up_forms")
        ),
        sa.ForeignKeyConstraint(
            ["wording_id"],
            ["sign_up_wordings.id"],
            name=op.f("fk_sign_ups_wording_id_sign_up_wordings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ups")),
    )
    op.create_index("ix_sign_ups_address_key", "sign_ups", ["address_key"], unique=False)
    op.create_index("ix_sign_ups_contact_id", "sign_ups", ["contact_id"], unique=False)
    op.create_index("ix_sign_ups_created_at", "sign_ups", ["created_at"], unique=False)
    op.create_index(
        "ix_sign_ups_next_at",
        "sign_ups",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_sign_ups_next_at", table_name="sign_ups", postgresql_where=sa.text("state = 'waiting'")
    )
    op.drop_index("ix_sign_ups_created_at", table_name="sign_ups")
    op.drop_index("ix_sign_ups_contact_id", table_name="sign_ups")
    op.drop_index("ix_sign_ups_address_key", table_name="sign_ups")
    op.drop_table("sign_ups")
    op.drop_table("sign_up_wordings")
    op.drop_table("sign_up_forms")
