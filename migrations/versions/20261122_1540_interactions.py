"""What is noted about dealings with people and companies."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_1540"
down_revision = "20261122_1530"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "interactions",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("company_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("amount", sa.Numeric(precision=15, scale=2), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("held_until", sa.Date(), nullable=True),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(kind IN ('order', 'contract', 'delivery', 'invoice', 'payment', 'complaint', 'warranty')) = (held_until IS NOT NULL)",
            name=op.f("ck_interactions_hold"),
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_interactions_currency")),
        sa.CheckConstraint(
            "detached_at IS NULL OR (contact_id IS NULL AND held_until IS NOT NULL AND title = '' AND body = '')",
            name=op.f("ck_interactions_detached"),
        ),
        sa.CheckConstraint(
            "kind IN ('note', 'call', 'email_thread', 'meeting', 'contact_request', 'support_request', 'offer', 'order', 'contract', 'delivery', 'invoice', 'payment', 'complaint', 'warranty', 'interest', 'portal_log', 'offer_document')",
            name=op.f("ck_interactions_kind"),
        ),
        sa.CheckConstraint(
            "(amount IS NULL) = (currency IS NULL)", name=op.f("ck_interactions_amount")
        ),
        sa.CheckConstraint(
            "contact_id IS NOT NULL OR company_id IS NOT NULL OR detached_at IS NOT NULL",
            name=op.f("ck_interactions_party"),
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_interactions_company_id_companies")
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_interactions_contact_id_contacts")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_interactions_created_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_interactions_source_id_sources")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interactions")),
    )
    op.create_index("ix_interactions_company_id", "interactions", ["company_id", "at"])
    op.create_index("ix_interactions_contact_id", "interactions", ["contact_id", "at"])
    op.create_index(
        "ix_interactions_held_until",
        "interactions",
        ["held_until"],
        postgresql_where=sa.text("detached_at IS NOT NULL"),
    )
    op.create_index(
        "uq_interactions_source_id_external_id",
        "interactions",
        ["source_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_table(
        "web_visits",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=True),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("seconds >= 0", name=op.f("ck_web_visits_not_negative")),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_web_visits_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_web_visits_source_id_sources")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_visits")),
    )
    op.create_index("ix_web_visits_contact_id", "web_visits", ["contact_id", "at"])
    op.create_index(
        "uq_web_visits_source_id_external_id",
        "web_visits",
        ["source_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_table(
        "offer_document_events",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("page", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.BigInteger(), nullable=True),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "event = 'viewed' OR (page IS NULL AND seconds IS NULL)",
            name=op.f("ck_offer_document_events_only_views_have_pages"),
        ),
        sa.CheckConstraint(
            "event IN ('sent', 'opened', 'viewed', 'forwarded')",
            name=op.f("ck_offer_document_events_event"),
        ),
        sa.CheckConstraint(
            "page > 0 AND seconds >= 0", name=op.f("ck_offer_document_events_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["interaction_id"],
            ["interactions.id"],
            name=op.f("fk_offer_document_events_interaction_id_interactions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_offer_document_events_source_id_sources")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_document_events")),
    )
    op.create_index(
        "ix_offer_document_events_interaction_id", "offer_document_events", ["interaction_id", "at"]
    )
    op.create_index(
        "uq_offer_document_events_source_id_external_id",
        "offer_document_events",
        ["source_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("offer_document_events")
    op.drop_table("web_visits")
    op.drop_table("interactions")
