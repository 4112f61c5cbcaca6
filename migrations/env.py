"""Runs migrations: one process at a time, and never waiting long for a table in use."""

import re

from alembic import context
from sqlalchemy import create_engine, pool, text

from mailer import models  # noqa: F401 - fills Model.metadata
from mailer.config import from_environment
from mailer.db import Model, psycopg_url

# Any number will do as long as nothing else in the database takes it.
ADVISORY_LOCK = 7_130_531_207
LOCK_TIMEOUT = "4s"
PARTITION = re.compile(r"events_(?:default|begin|\d{4}_\d{2})")


def migrate() -> None:
    url = context.config.attributes.get("url") or from_environment().database_url
    engine = create_engine(psycopg_url(url), poolclass=pool.NullPool)
    with engine.connect() as connection:
        # Taken before the timeout is set: the second of two processes waits for the first to end.
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Model.metadata,
            compare_type=True,
            transaction_per_migration=True,
            # Partitions come and go with the months; no model describes them.
            include_name=lambda name, kind, _parents: (
                kind != "table" or not PARTITION.fullmatch(name or "")
            ),
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database; there is no SQL-only mode.")
migrate()
