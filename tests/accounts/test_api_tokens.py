"""Tokens of other systems: what they may, when they die, and what is kept of them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.accounts import api_tokens, permissions, throttle, undertaking
from mailer.accounts.api_tokens import Caller, Refused, Wanted
from mailer.accounts.models import ApiToken, SignInFailure, User

ADDRESS = {"address": "192.0.2.1", "pepper": "pepper"}


def make_user(session: Session, now: datetime, **facts: Any) -> User:
    values: dict[str, Any] = {
        "user_name": "maija.virtanen",
        "name": "Maija Virtanen",
        "email": "maija.virtanen@yritys.example",
        "password_hash": "",
        "roles": ["admin"],
        "created_at": now,
        "must_change_password": False,
        "undertaking_version": undertaking.VERSION,
    }
    user = User(**(values | facts))
    session.add(user)
    session.flush()
    return user


def make_token(
    session: Session, user: User, now: datetime, *scopes: str, days: int = 90
) -> tuple[ApiToken, str]:
    wanted = Wanted("CRM", scopes or ("contacts.read",), days)
    return api_tokens.create(session, wanted, user=user, now=now, actor_id=user.id)


def call(session: Session, secret: str, now: datetime, *, version: int = 1) -> Caller | Refused:
    return api_tokens.find(session, secret, undertaking_version=version, now=now)


def test_a_secret_that_nobody_made_is_refused(session: Session, now: datetime) -> None:
    for secret in ("", "lupa_" + "A" * 43, "\ud800", "' OR 1=1 --", "x" * 100_000):
        assert call(session, secret, now) == Refused("unknown")


def test_the_secret_is_not_kept_and_is_different_each_time(session: Session, now: datetime) -> None:
    user = make_user(session, now)
    (first, secret), (second, other) = (
        make_token(session, user, now),
        make_token(session, user, now),
    )
    assert secret != other
    assert len(secret) >= 43
    assert first.secret_hash != second.secret_hash
    assert secret.encode() not in first.secret_hash
    assert len(first.secret_hash) == 32


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"disabled_at": "now"}, "user_closed"),
        ({"ends_at": "now"}, "user_closed"),
        ({"must_change_password": True}, "user_not_ready"),
        ({"undertaking_version": None}, "user_not_ready"),
    ],
)
def test_a_token_dies_with_its_user(
    session: Session, now: datetime, change: dict[str, Any], reason: str
) -> None:
    user = make_user(session, now)
    token, secret = make_token(session, user, now)
    assert isinstance(call(session, secret, now), Caller)
    for name, value in change.items():
        setattr(user, name, now if value == "now" else value)
    session.flush()
    assert call(session, secret, now) == Refused(reason, token.id)


def test_a_new_undertaking_silences_the_token_until_its_user_accepts_it(
    session: Session, now: datetime
) -> None:
    user = make_user(session, now)
    _token, secret = make_token(session, user, now)
    assert isinstance(call(session, secret, now, version=2), Refused)
    user.undertaking_version = 2
    session.flush()
    assert isinstance(call(session, secret, now, version=2), Caller)


def test_a_revoked_and_an_expired_token_are_dead_at_that_very_moment(
    session: Session, now: datetime
) -> None:
    user = make_user(session, now)
    token, secret = make_token(session, user, now, days=1)
    day = timedelta(days=1)
    assert isinstance(call(session, secret, now + day - timedelta(microseconds=1)), Caller)
    assert call(session, secret, now + day) == Refused("expired", token.id)
    assert api_tokens.revoke(session, token.id, now=now, actor_id=user.id)
    session.refresh(token)
    assert call(session, secret, now) == Refused("revoked", token.id)
    assert not api_tokens.revoke(session, token.id, now=now, actor_id=user.id)


def test_a_demoted_user_takes_the_rights_of_their_token_along(
    session: Session, now: datetime
) -> None:
    user = make_user(session, now)
    _token, secret = make_token(session, user, now, "contacts.read", "contacts.list")
    caller = call(session, secret, now)
    assert isinstance(caller, Caller)
    assert caller.may("contacts.list")
    user.roles = ["marketer"]
    assert caller.may("contacts.read")
    assert not caller.may("contacts.list")
    user.roles = ["auditor"]
    assert not caller.may("contacts.read")


def test_a_right_that_the_user_has_but_the_token_was_not_given_is_no_right(
    session: Session, now: datetime
) -> None:
    user = make_user(session, now)
    _token, secret = make_token(session, user, now, "reports.read")
    caller = call(session, secret, now)
    assert isinstance(caller, Caller)
    assert [scope for scope in api_tokens.SCOPES if caller.may(scope)] == ["reports.read"]


def test_nobody_gives_away_more_than_they_have(session: Session, now: datetime) -> None:
    marketer = make_user(session, now, roles=["marketer"])
    assert "contacts.list" not in api_tokens.offered(marketer)
    wanted = Wanted("CRM", ("contacts.read", "contacts.list"), 90)
    assert api_tokens.problems(wanted, marketer) == {"scopes": api_tokens.SCOPE_NOT_YOURS}
    assert api_tokens.problems(Wanted("CRM", ("contacts.read",), 90), marketer) == {}


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        (Wanted(" ", (), 0), {"name", "scopes", "days"}),
        (Wanted("x" * 101, ("contacts.read",), 367), {"name", "days"}),
        (Wanted("CRM", ("contacts.read", "everything"), 1), {"scopes"}),
    ],
)
def test_what_is_wrong_with_a_wanted_token_is_told_by_field(
    session: Session, now: datetime, wanted: Wanted, fields: set[str]
) -> None:
    assert api_tokens.problems(wanted, make_user(session, now)).keys() == fields


def test_every_scope_is_one_permission_of_the_screens() -> None:
    assert {s.permission for s in api_tokens.SCOPES.values()} <= permissions.PERMISSIONS


def test_bad_tokens_make_an_address_wait_but_not_the_people_behind_it(
    session: Session, now: datetime
) -> None:
    for _ in range(throttle.FREE_TRIES):
        assert api_tokens.waits_until(session, now=now, **ADDRESS) is None
        api_tokens.note_failure(session, Refused("unknown"), now=now, **ADDRESS)
    assert api_tokens.waits_until(session, now=now, **ADDRESS) == now + throttle.FIRST_WAIT
    name, address = throttle.keys("pepper", "maija.virtanen", "192.0.2.1")
    assert throttle.waits_until(session, name, address, now=now) is None
    kept = session.scalars(select(SignInFailure.key)).all()
    assert len(kept) == throttle.FREE_TRIES
    assert all(b"192.0.2.1" not in key for key in kept)
