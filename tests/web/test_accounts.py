"""The users screen."""

import re

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer.accounts.models import User
from mailer.audit import AuditEntry
from tests.web.people import Browser, make_user, sign_in

FORM = {
    "name": "Kalle Salo",
    "user_name": "kalle.salo",
    "email": "kalle.salo@yritys.example",
    "roles": ["marketer"],
    "reason": "Runs the autumn campaigns",
}


def test_an_invited_user_comes_in_with_the_password_shown_once(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    admin = sign_in(client, language="en")
    page = client.post("/settings/users/new", data=FORM)
    assert page.status_code == 200
    found = re.search(r'id="password">([^<]+)<', page.text)
    assert found is not None
    with sessions() as session:
        user = session.scalars(select(User).where(User.user_name == "kalle.salo")).one()
        assert user.created_by == admin.id
        assert user.must_change_password
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.action, entry.actor_id) == ("user.added", admin.id)
        assert "salo" not in str(entry.details)
    assert found.group(1) not in client.get(f"/settings/users/{user.id}").text
    client.post("/sign-out")
    client.get("/sign-in")
    data = {"user_name": "kalle.salo", "password": found.group(1)}
    assert client.post("/sign-in", data=data).status_code == 303
    assert client.get("/").location == "/password"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_name": "info"}, "user_name"),
        ({"email": "markkinointi@yritys.example"}, "email"),
        ({"name": "Markkinointi"}, "name"),
        ({"roles": []}, "roles"),
        ({"roles": ["owner"]}, "roles"),
        ({"reason": " "}, "reason"),
        ({"ends_at": "2020-01-01"}, "ends_at"),
        ({"ends_at": "next year"}, "ends_at"),
        ({"ends_at": "9999-12-31"}, "ends_at"),
    ],
)
def test_an_invitation_is_checked(
    client: Browser, sessions: sessionmaker[Session], change: dict[str, object], field: str
) -> None:
    sign_in(client, language="en")
    answer = client.post("/settings/users/new", data=FORM | change)
    assert answer.status_code == 422
    assert f'id="e-f-{field}"' in answer.text
    with sessions() as session:
        assert len(session.scalars(select(User.id)).all()) == 1


def test_the_same_user_name_is_refused_twice(client: Browser) -> None:
    sign_in(client)
    assert client.post("/settings/users/new", data=FORM).status_code == 200
    again = FORM | {"user_name": " Kalle.SALO "}
    assert client.post("/settings/users/new", data=again).status_code == 422


def test_access_is_changed_with_a_reason_and_an_end(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    sign_in(client)
    user = make_user(roles=["marketer"])
    form = {"roles": ["approver", "dpo"], "reason": "New post", "ends_at": "2100-06-30"}
    assert client.post(f"/settings/users/{user.id}", data=form).status_code == 303
    with sessions() as session:
        stored = session.get(User, user.id)
        assert stored is not None
        assert stored.roles == ["approver", "dpo"]
        assert stored.ends_at is not None
        assert stored.ends_at.isoformat() == "2100-06-30T21:00:00+00:00"
    assert 'value="2100-06-30"' in client.get(f"/settings/users/{user.id}").text


def test_the_last_administrator_stays(client: Browser, sessions: sessionmaker[Session]) -> None:
    admin = sign_in(client, language="en")
    path = f"/settings/users/{admin.id}"
    assert client.post(path, data={"roles": ["marketer"], "reason": "x"}).status_code == 422
    assert client.post(f"{path}/disable").status_code == 422
    assert client.get(path).status_code == 200
    with sessions() as session:
        assert session.scalars(select(AuditEntry)).all() == []


def test_an_account_is_closed_after_asking_and_opened_again(client: Browser) -> None:
    sign_in(client, language="en")
    user = make_user(roles=["marketer"], name="Kalle Salo")
    path = f"/settings/users/{user.id}"
    assert "Close the account of Kalle Salo?" in client.get(f"{path}/disable").text
    assert client.post(f"{path}/disable").status_code == 303
    assert "Closed" in client.get(path).text
    assert client.post(f"{path}/enable").status_code == 303
    assert "Closed" not in client.get(path).text


def test_a_password_is_replaced_after_asking(
    app: object, client: Browser, sessions: sessionmaker[Session]
) -> None:
    sign_in(client, language="en")
    user = make_user(roles=["marketer"])
    path = f"/settings/users/{user.id}/password"
    assert client.get(path).status_code == 200
    assert 'id="password">' in client.post(path).text
    with sessions() as session:
        stored = session.get(User, user.id)
        assert stored is not None
        assert stored.must_change_password


@pytest.mark.parametrize("number", ["999", "9223372036854775807", "99999999999999999999"])
def test_a_user_that_is_not_there_is_a_404(client: Browser, number: str) -> None:
    sign_in(client)
    assert client.get(f"/settings/users/{number}").status_code == 404


def test_markup_in_a_name_is_shown_as_text(client: Browser) -> None:
    sign_in(client)
    make_user(name="<script>alert(1)</script> Salo")
    text = client.get("/settings/users").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize("query", ["page=2", "page=0", "page=-1", "page=x", "page=99999999999"])
@pytest.mark.parametrize("sort", ["-name", "ends", "password_hash", "'"])
def test_any_page_and_order_in_the_url_is_answered(client: Browser, query: str, sort: str) -> None:
    sign_in(client)
    assert client.get(f"/settings/users?{query}&sort={sort}").status_code == 200
