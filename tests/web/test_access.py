"""Coming in: sign-in, set-up, password, undertaking, roles, CSRF, cookies."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.accounts import permissions, setup, undertaking
from mailer.accounts.models import SignedIn, User
from mailer.audit import AuditEntry
from mailer.db import transaction
from mailer.web import guard
from tests.web.people import PASSWORD, Browser, make_user, sign_in

SETUP = {
    "name": "Maija Virtanen",
    "user_name": "maija.virtanen",
    "email": "maija.virtanen@yritys.example",
    "password": PASSWORD,
    "password_again": PASSWORD,
}


def come_in(client: Browser, user_name: str, password: str = PASSWORD, **more: str) -> int:
    client.get("/sign-in")
    data = {"user_name": user_name, "password": password, **more}
    return client.post("/sign-in", data=data).status_code


def link(sessions: sessionmaker[Session]) -> str:
    with transaction(sessions) as session:
        return f"/setup/{setup.issue_token(session, now=clock.now())}"


def test_a_stranger_with_a_wrong_password_stays_outside_and_it_is_counted(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    user = make_user()
    for _ in range(5):
        assert come_in(client, user.user_name, "wrong") == 422
    client.get("/sign-in")
    answer = client.post("/sign-in", data={"user_name": user.user_name, "password": PASSWORD})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 31
    assert client.get("/").location == "/sign-in"
    with sessions() as session:
        entry = session.scalars(select(AuditEntry)).one()
        assert entry.action == "user.sign_in_failures"


def test_the_answer_does_not_tell_whether_a_name_exists(client: Browser) -> None:
    user = make_user(user_name="maija.virtanen")
    texts = []
    for name in (user.user_name, "kalle.virtanen"):
        client.get("/sign-in")
        data = {"user_name": name, "password": "x"}
        texts.append(client.post("/sign-in", data=data).text.replace(name, "NAME"))
    tokenless = [text.split("csrf_token")[0] for text in texts]
    assert tokenless[0] == tokenless[1]


def test_signing_in_sets_a_new_cookie_that_scripts_cannot_read(client: Browser) -> None:
    user = make_user()
    client.set_cookie("signed_in", "planted-by-somebody")
    client.get("/sign-in")
    answer = client.post("/sign-in", data={"user_name": user.user_name, "password": PASSWORD})
    assert answer.status_code == 303
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("signed_in="))
    assert "planted" not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert client.get("/").status_code == 200


def test_in_production_cookies_are_secure_and_tied_to_the_host(app: Flask) -> None:
    app.config["PRODUCTION"] = True
    client = app.test_client()
    answer = client.get("/sign-in", base_url="https://mail.lupaposti.example")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-form=")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_after_sign_in_one_comes_to_the_page_one_wanted(client: Browser) -> None:
    user = make_user()
    client.get("/sign-in")
    data = {"user_name": user.user_name, "password": PASSWORD, "next": "/account?a=1"}
    assert client.post("/sign-in", data=data).location == "/account?a=1"


@pytest.mark.parametrize("target", ["//evil.example/", "https://evil.example", "/\\evil.example"])
def test_sign_in_never_leads_to_another_site(client: Browser, target: str) -> None:
    user = make_user()
    client.get("/sign-in")
    data = {"user_name": user.user_name, "password": PASSWORD, "next": target}
    assert client.post("/sign-in", data=data).location == "/"


def test_signing_out_ends_it_on_the_server_too(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    sign_in(client)
    assert client.post("/sign-out").location == "/sign-in"
    with sessions() as session:
        assert session.scalars(select(SignedIn)).all() == []
    assert client.get("/").status_code == 303


def test_two_idle_hours_send_one_back_to_sign_in(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    sign_in(client)
    with transaction(sessions) as session:
        session.scalars(select(SignedIn)).one().seen_at -= timedelta(hours=2)
    assert client.get("/").status_code == 303


def test_being_seen_keeps_one_signed_in(client: Browser, sessions: sessionmaker[Session]) -> None:
    sign_in(client)
    with transaction(sessions) as session:
        row = session.scalars(select(SignedIn)).one()
        row.seen_at -= timedelta(minutes=30)
        before = row.seen_at
    client.get("/")
    with sessions() as session:
        assert session.scalars(select(SignedIn)).one().seen_at > before + timedelta(minutes=29)


@pytest.mark.parametrize("column", ["disabled_at", "ends_at"])
def test_a_closed_account_is_out_at_its_next_request(
    client: Browser, sessions: sessionmaker[Session], column: str
) -> None:
    user = sign_in(client)
    with transaction(sessions) as session:
        stored = session.get(User, user.id)
        setattr(stored, column, clock.now())
    assert client.get("/").status_code == 303


# --- CSRF ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/account/theme", "/sign-out", "/settings/users/new"])
def test_a_post_without_the_token_is_refused(client: Browser, path: str) -> None:
    sign_in(client)
    answer = client.post(path, data={"theme": "dark"}, csrf=False)
    assert answer.status_code == 400
    assert 'data-bs-theme="system"' in client.get("/").text


def test_somebody_elses_token_is_refused(app: Flask, client: Browser) -> None:
    other = app.test_client()
    assert isinstance(other, Browser)
    sign_in(other)
    sign_in(client)
    client.csrf_token = other.csrf_token
    assert client.post("/account/theme", data={"theme": "dark"}).status_code == 400


@pytest.mark.parametrize("token", ["x", "", "a.b.c", "\u00e4", "1" * 10_000])
def test_a_made_up_token_is_refused(client: Browser, token: str) -> None:
    sign_in(client)
    data = {"theme": "dark", "csrf_token": token}
    assert client.post("/account/theme", data=data, csrf=False).status_code == 400


def test_a_token_from_before_sign_in_does_not_work_after_it(client: Browser) -> None:
    client.get("/sign-in")
    before = client.csrf_token
    sign_in(client)
    client.csrf_token = before
    assert client.post("/account/theme", data={"theme": "dark"}).status_code == 400


def test_a_request_that_another_site_makes_is_refused_even_with_the_token(
    client: Browser,
) -> None:
    sign_in(client)
    answer = client.post(
        "/account/theme", data={"theme": "dark"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 400


def test_the_sign_in_form_has_a_token_too(client: Browser) -> None:
    user = make_user()
    data = {"user_name": user.user_name, "password": PASSWORD}
    assert client.post("/sign-in", data=data, csrf=False).status_code == 400


def test_every_unsafe_route_asks_for_the_token(app: Flask, client: Browser) -> None:
    """The exceptions are those marked; nobody else slips through."""
    sign_in(client, roles=list(permissions.ROLES))
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
            if guard.is_csrf_exempt(app.view_functions[rule.endpoint]):
                continue
            values = {name: 1 if name.endswith("id") else "x" for name in rule.arguments}
            with app.test_request_context():
                url = app.url_for(rule.endpoint, **values)
            assert client.open(url, method=method, csrf=False).status_code == 400, url


@pytest.mark.parametrize("path", ["/audit?kind=a%00b", "/?x%00=1"])
def test_a_nul_in_the_address_is_a_bad_request_and_no_fault(client: Browser, path: str) -> None:
    sign_in(client)
    assert client.get(path).status_code == 400


# --- roles -----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", permissions.ROLES)
def test_each_role_opens_what_the_table_says_and_nothing_else(
    app: Flask, client: Browser, role: str
) -> None:
    sign_in(client, roles=[role])
    for rule in app.url_map.iter_rules():
        access = guard.access_of(app.view_functions[rule.endpoint])
        if access is None or access.kind != "permission" or "GET" not in (rule.methods or ()):
            continue
        values = {name: 1 if name.endswith("id") else "x" for name in rule.arguments}
        with app.test_request_context():
            url = app.url_for(rule.endpoint, **values)
        status = client.get(url).status_code
        if permissions.permits([role], access.permission):
            assert status not in (401, 403, 500), (role, url, status)
        else:
            assert status == 403, (role, url, status)


def test_a_refusal_says_who_may(client: Browser) -> None:
    sign_in(client, roles=["marketer"], language="en")
    answer = client.get("/audit")
    assert answer.status_code == 403
    assert "Data protection officer, Administrator, Auditor" in answer.text


def test_the_menu_shows_only_what_opens(client: Browser) -> None:
    sign_in(client, roles=["auditor"], language="en")
    text = client.get("/").text
    assert 'href="/audit"' in text
    assert 'href="/settings"' not in text


# --- first steps -----------------------------------------------------------------------------


def test_the_set_up_link_makes_the_administrator_and_works_once(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    path = link(sessions)
    assert client.get(path).status_code == 200
    assert client.post(path, data=SETUP).location == "/undertaking"
    with sessions() as session:
        assert session.scalars(select(User.roles)).all() == [["admin"]]
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("token", ["x", "%00", "a" * 3000])
def test_an_invented_set_up_link_is_refused(client: Browser, token: str) -> None:
    assert client.get(f"/setup/{token}").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_name", "info"),
        ("email", "markkinointi@yritys.example"),
        ("name", "Markkinointitiimi"),
        ("password", "short"),
        ("password", "my maija.virtanen password"),
        ("password_again", "something else entirely"),
    ],
)
def test_the_set_up_form_says_what_is_wrong_beside_the_field(
    client: Browser, sessions: sessionmaker[Session], field: str, value: str
) -> None:
    path = link(sessions)
    client.get(path)
    answer = client.post(path, data=SETUP | {field: value})
    assert answer.status_code == 422
    assert f'id="e-f-{field}"' in answer.text
    assert f'href="#f-{field}"' in answer.text
    assert PASSWORD not in answer.text
    with sessions() as session:
        assert session.scalars(select(User)).all() == []


def test_before_the_undertaking_nothing_else_opens(app: Flask, client: Browser) -> None:
    sign_in(client, accepted=False)
    assert client.get("/").location == "/undertaking"
    assert 'href="/settings"' not in client.get("/undertaking").text
    for rule in app.url_map.iter_rules():
        access = guard.access_of(app.view_functions[rule.endpoint])
        if access and access.kind == "permission" and "GET" in (rule.methods or ()):
            values = {name: 1 if name.endswith("id") else "x" for name in rule.arguments}
            with app.test_request_context():
                url = app.url_for(rule.endpoint, **values)
            if url != "/":
                assert client.get(url).status_code == 403, url


def test_the_undertaking_is_accepted_by_name_and_tick_and_recorded(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    user = sign_in(client, accepted=False, name="Maija Virtanen")
    for data in ({}, {"name": "Maija Virtanen"}, {"name": "Kalle", "accept": "1"}):
        assert client.post("/undertaking", data=data).status_code == 422
    assert client.post(
        "/undertaking", data={"name": "maija  virtanen", "accept": "1"}
    ).status_code == 303  # fmt: skip
    assert client.get("/").status_code == 200
    with sessions() as session:
        stored = session.get(User, user.id)
        assert stored is not None
        assert stored.undertaking_version == undertaking.VERSION
        assert stored.undertaking_how == "name_typed_and_ticked"
        assert session.scalars(select(AuditEntry.action)).all() == ["user.undertaking_accepted"]


def test_a_new_version_of_the_undertaking_asks_everybody_again(
    client: Browser, sessions: sessionmaker[Session], now: datetime
) -> None:
    from mailer.notice import profiles, switches

    sign_in(client)
    assert client.get("/settings").status_code == 200
    content = profiles.load("example") | {"undertaking_version": undertaking.VERSION + 1}
    with transaction(sessions) as session:
        switches.publish(session, content, now=now - timedelta(days=30))
    assert client.get("/settings").status_code == 403
    assert client.get("/").location == "/undertaking"
    client.post("/undertaking", data={"name": "Maija Virtanen", "accept": "1"})
    assert client.get("/settings").status_code == 200


def test_a_given_password_must_be_changed_before_anything_else(client: Browser) -> None:
    sign_in(client, must_change_password=True, accepted=False)
    assert client.get("/").location == "/password"
    assert client.get("/undertaking").status_code == 403
    assert client.get("/account").status_code == 403
    new = "toinen pitkä salasana"
    data = {"old_password": PASSWORD, "password": new, "password_again": new}
    assert client.post("/password", data=data).status_code == 303
    assert client.get("/").location == "/undertaking"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"old_password": "wrong"}, "old_password"),
        ({"password": "short", "password_again": "short"}, "password"),
        ({"password": PASSWORD, "password_again": PASSWORD}, "password"),
        ({"password_again": "another one altogether"}, "password_again"),
    ],
)
def test_a_password_change_is_checked(client: Browser, data: dict[str, str], field: str) -> None:
    user = sign_in(client)
    new = "toinen pitkä salasana"
    form = {"old_password": PASSWORD, "password": new, "password_again": new} | data
    answer = client.post("/password", data=form)
    assert answer.status_code == 422
    assert f'id="e-f-{field}"' in answer.text
    client.post("/sign-out")
    assert come_in(client, user.user_name) == 303


def test_wrong_old_passwords_are_throttled_too(client: Browser) -> None:
    sign_in(client)
    new = "toinen pitkä salasana"
    form = {"old_password": "wrong", "password": new, "password_again": new}
    for _ in range(5):
        client.post("/password", data=form)
    assert client.post("/password", data=form | {"old_password": PASSWORD}).status_code == 422
