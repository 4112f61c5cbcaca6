"""Check what messages refer to once per statement, as for contacts.

Foreign keys took more than a third of the freeze of a large audience: each row asked for its
campaign, its person, and for two columns that are empty in it. Which person a message is to is not
asked at all: a freeze reads them from the register in the same statement. A person who is deleted
in that very moment leaves an id behind that leads nowhere; the gate takes it for somebody erased.
"""

from alembic import op

revision = "20261122_1610"
down_revision = "20261122_1605"
branch_labels = None
depends_on = None

REFERENCES = {"campaign_id": "campaigns", "test_of": "campaigns", "to_user": "users"}
FORGET = """
CREATE FUNCTION forget_whom_messages_went_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE messages SET contact_id = NULL WHERE contact_id IN (SELECT id FROM gone);
  RETURN NULL;
END $$;
CREATE TRIGGER forget_whom_messages_went_to AFTER DELETE ON contacts
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forget_whom_messages_went_to();
"""


def upgrade() -> None:
    op.drop_constraint("fk_messages_contact_id_contacts", "messages", type_="foreignkey")
    for column, parent in REFERENCES.items():
        op.drop_constraint(f"fk_messages_{column}_{parent}", "messages", type_="foreignkey")
        op.execute(
            f"CREATE TRIGGER refers_{column} AFTER UPDATE OF {column} ON messages FOR EACH ROW"
            f" WHEN (NEW.{column} IS DISTINCT FROM OLD.{column})"
            f" EXECUTE FUNCTION go_on_referring_to_what_is_there('{column}', '{parent}')"
        )
    pairs = ", ".join(f"'{column}', '{parent}'" for column, parent in REFERENCES.items())
    op.execute(
        "CREATE TRIGGER refers AFTER INSERT ON messages REFERENCING NEW TABLE AS added"
        f" FOR EACH STATEMENT EXECUTE FUNCTION refer_to_what_is_there({pairs})"
    )
    for parent in ("campaigns", "users"):
        held = ", ".join(f"'messages', '{c}'" for c, p in REFERENCES.items() if p == parent)
        op.execute(
            f"CREATE TRIGGER is_referred_to_by_messages AFTER DELETE ON {parent}"
            " REFERENCING OLD TABLE AS gone FOR EACH STATEMENT"
            f" EXECUTE FUNCTION keep_what_is_referred_to({held})"
        )
    op.execute(FORGET)


def downgrade() -> None:
    op.execute("DROP TRIGGER forget_whom_messages_went_to ON contacts")
    op.execute("DROP FUNCTION forget_whom_messages_went_to()")
    for parent in ("campaigns", "users"):
        op.execute(f"DROP TRIGGER is_referred_to_by_messages ON {parent}")
    op.execute("DROP TRIGGER refers ON messages")
    op.execute(
        "UPDATE messages SET contact_id = NULL"
        " WHERE NOT EXISTS (SELECT FROM contacts WHERE contacts.id = messages.contact_id)"
    )
    op.create_foreign_key(
        "fk_messages_contact_id_contacts",
        "messages",
        "contacts",
        ["contact_id"],
        ["id"],
        ondelete="SET NULL",
    )
    for column, parent in REFERENCES.items():
        op.execute(f"DROP TRIGGER refers_{column} ON messages")
        op.create_foreign_key(
            f"fk_messages_{column}_{parent}", "messages", parent, [column], ["id"]
        )
