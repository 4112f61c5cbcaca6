"""The migrations make exactly the tables the models describe, and can be taken back."""

import pytest
from alembic import command
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer.db import make_engine
from mailer.stack import migrations


def test_models_equal_migrations(databases) -> None:
    command.check(migrations.configuration(databases.copy("checked")))


def test_there_is_one_head() -> None:
    assert migrations.head() is not None


def test_migrations_go_down_and_up_again(databases) -> None:
    url = databases.copy("cycled")
    configuration = migrations.configuration(url)
    command.downgrade(configuration, "base")
    engine = make_engine(url, pool_size=1)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrations.upgrade(url)
    assert "messages" in inspect(engine).get_table_names()
    engine.dispose()


@pytest.mark.parametrize("change", ["DELETE FROM audit_entries", "UPDATE audit_entries SET id = 9"])
def test_the_audit_log_refuses_changes(session: Session, change: str) -> None:
    session.execute(
        text(
            "INSERT INTO audit_entries (at, action, object_kind, details, hash)"
            " VALUES (now(), 'a', 'b', '{}', '')"
        )
    )
    with pytest.raises(IntegrityError, match="append-only"):
        session.execute(text(change))
