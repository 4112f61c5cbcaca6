"""Check what contacts and companies refer to once per statement, and drop indexes nobody reads.

A foreign key is checked for every row by a query of its own. In an import of thousands of rows
that took longer than storing them. Triggers check the same, and lock the same, for all rows of a
statement together.
"""

from alembic import op

revision = "20261122_1150"
down_revision = "20261122_1140"
branch_labels = None
depends_on = None

# Child -> what its columns refer to.
REFERENCES = {
    "contacts": {
        "company_id": "companies",
        "title_id": "titles",
        "source_id": "sources",
        "import_id": "imports",
        "notice_version_id": "notice_versions",
    },
    "companies": {"source_id": "sources", "import_id": "imports"},
}
FUNCTIONS = """
CREATE FUNCTION refer_to_what_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wanted bigint;
  found bigint;
BEGIN
  FOR at IN 0 .. TG_NARGS - 1 BY 2 LOOP
    EXECUTE format('SELECT count(DISTINCT %I) FROM added', TG_ARGV[at]) INTO wanted;
    EXECUTE format('SELECT count(*) FROM (SELECT FROM %I WHERE id IN (SELECT %I FROM added)'
      ' ORDER BY id FOR KEY SHARE) kept', TG_ARGV[at + 1], TG_ARGV[at]) INTO found;
    IF found < wanted THEN
      RAISE foreign_key_violation USING MESSAGE =
        format('%s.%s refers to what is not in %s', TG_TABLE_NAME, TG_ARGV[at], TG_ARGV[at + 1]);
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
CREATE FUNCTION go_on_referring_to_what_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  found bigint;
  wanted text := to_jsonb(NEW) ->> TG_ARGV[0];
BEGIN
  EXECUTE format('SELECT id FROM %I WHERE id = $1 FOR KEY SHARE', TG_ARGV[1])
    INTO found USING wanted::bigint;
  IF found IS NULL AND wanted IS NOT NULL THEN
    RAISE foreign_key_violation USING MESSAGE =
      format('%s.%s refers to what is not in %s', TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[1]);
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION keep_what_is_referred_to() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  held boolean;
BEGIN
  FOR at IN 0 .. TG_NARGS - 1 BY 2 LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I IN (SELECT id FROM gone))',
      TG_ARGV[at], TG_ARGV[at + 1]) INTO held;
    IF held THEN
      RAISE foreign_key_violation USING MESSAGE =
        format('%s.%s still refers to what is deleted from %s', TG_ARGV[at], TG_ARGV[at + 1],
          TG_TABLE_NAME);
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
"""


def parents() -> dict[str, list[tuple[str, str]]]:
    """Parent -> the columns that refer to it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for child, columns in REFERENCES.items():
        for column, parent in columns.items():
            found.setdefault(parent, []).append((child, column))
    return found


def quoted(pairs: list[tuple[str, str]]) -> str:
    return ", ".join(f"'{word}'" for pair in pairs for word in pair)


def upgrade() -> None:
    op.execute(FUNCTIONS)
    for child, columns in REFERENCES.items():
        for column, parent in columns.items():
            op.drop_constraint(f"fk_{child}_{column}_{parent}", child, type_="foreignkey")
            op.execute(
                f"CREATE TRIGGER refers_{column} AFTER UPDATE OF {column} ON {child} FOR EACH ROW"
                f" WHEN (NEW.{column} IS DISTINCT FROM OLD.{column})"
                f" EXECUTE FUNCTION go_on_referring_to_what_is_there('{column}', '{parent}')"
            )
        op.execute(
            f"CREATE TRIGGER refers AFTER INSERT ON {child} REFERENCING NEW TABLE AS added"
            " FOR EACH STATEMENT EXECUTE FUNCTION"
            f" refer_to_what_is_there({quoted(list(columns.items()))})"
        )
    for parent, pairs in parents().items():
        op.execute(
            f"CREATE TRIGGER is_referred_to AFTER DELETE ON {parent}"
            " REFERENCING OLD TABLE AS gone FOR EACH STATEMENT"
            f" EXECUTE FUNCTION keep_what_is_referred_to({quoted(pairs)})"
        )
    for name in ("ix_contacts_level", "ix_contacts_person_key"):
        op.drop_index(name, table_name="contacts")
    op.drop_index("ix_companies_company_key", table_name="companies")
    # Contacts of one import lie together, so the range of pages is enough to find them.
    for column in ("import_id", "source_id"):
        op.drop_index(f"ix_contacts_{column}", table_name="contacts")
        op.create_index(f"ix_contacts_{column}", "contacts", [column], postgresql_using="brin")


def downgrade() -> None:
    for column in ("import_id", "source_id"):
        op.drop_index(f"ix_contacts_{column}", table_name="contacts")
        op.create_index(f"ix_contacts_{column}", "contacts", [column])
    op.create_index("ix_companies_company_key", "companies", ["company_key"])
    for column in ("level", "person_key"):
        op.create_index(f"ix_contacts_{column}", "contacts", [column])
    for parent in parents():
        op.execute(f"DROP TRIGGER is_referred_to ON {parent}")
    for child, columns in REFERENCES.items():
        op.execute(f"DROP TRIGGER refers ON {child}")
        for column, parent in columns.items():
            op.execute(f"DROP TRIGGER refers_{column} ON {child}")
            op.create_foreign_key(
                f"fk_{child}_{column}_{parent}",
                child,
                parent,
                [column],
                ["id"],
                ondelete="SET NULL" if column == "import_id" else None,
            )
    for name in (
        "refer_to_what_is_there",
        "go_on_referring_to_what_is_there",
        "keep_what_is_referred_to",
    ):
        op.execute(f"DROP FUNCTION {name}()")
