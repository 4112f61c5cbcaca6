"""`mailer api-token`: tokens on the command line."""

from datetime import datetime
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.accounts import api_tokens, undertaking
from mailer.accounts.models import ApiToken, User
from mailer.cli import cli
from mailer.config import Settings
from mailer.db import transaction

Sessions = sessionmaker[Session]


@pytest.fixture
def run(connected_settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABASE_URL", connected_settings.database_url)
    monkeypatch.setenv("REDIS_URL", connected_settings.redis_url)

    def invoke(*words: str) -> Any:
        return CliRunner().invoke(cli, ["api-token", *words])

    return invoke


def make_user(sessions: Sessions, now: datetime, **facts: Any) -> None:
    values: dict[str, Any] = {
        "user_name": "maija.virtanen",
        "name": "Maija Virtanen",
        "email": "maija.virtanen@yritys.example",
        "password_hash": "",
        "roles": ["marketer"],
        "created_at": now,
        "must_change_password": False,
        "undertaking_version": undertaking.VERSION,
    }
    with transaction(sessions) as session:
        session.add(User(**(values | facts)))


def create(run: Any, *scopes: str) -> Any:
    words = [word for scope in scopes for word in ("--scope", scope)]
    return run("create", "--user", "Maija.Virtanen", "--name", "CRM", *words)


def test_nobody_and_closed_accounts_get_no_token(run: Any, sessions: Sessions) -> None:
    assert create(run, "contacts.read").exit_code == 1
    make_user(sessions, clock.now(), disabled_at=clock.now())
    answer = create(run, "contacts.read")
    assert answer.exit_code == 1
    assert answer.stdout == ""


def test_a_scope_that_is_unknown_or_not_the_users_is_told(run: Any, sessions: Sessions) -> None:
    make_user(sessions, clock.now())
    answer = create(run, "everything")
    assert answer.exit_code == 2
    assert "contacts.read" in answer.stderr
    assert create(run, "contacts.list").exit_code == 1
    with transaction(sessions) as session:
        assert session.query(ApiToken).count() == 0


def test_the_secret_alone_is_printed_once_and_works_until_it_is_revoked(
    run: Any, sessions: Sessions
) -> None:
    make_user(sessions, clock.now())
    secret = create(run, "contacts.read").stdout.strip()
    listed = run("list").stdout
    assert "\tin force\tCRM\tmaija.virtanen\tcontacts.read\t" in listed
    assert secret not in listed
    with transaction(sessions) as session:
        found = api_tokens.find(session, secret, undertaking_version=1, now=clock.now())
        assert isinstance(found, api_tokens.Caller)
        number = found.token.id
    assert run("revoke", str(number)).exit_code == 0
    assert run("revoke", str(number)).exit_code == 1
    assert "\trevoked\t" in run("list").stdout
    with transaction(sessions) as session:
        found = api_tokens.find(session, secret, undertaking_version=1, now=clock.now())
        assert found == api_tokens.Refused("revoked", number)
