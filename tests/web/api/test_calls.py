"""Every call of the API: who is let in, what is refused, and in which words."""

import logging
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock, installation
from mailer.accounts import throttle
from mailer.accounts.models import ApiToken, User
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.web.api import contacts, rates
from mailer.web.api.operations import OPERATIONS
from tests.web.api.caller import Api, codes, make_token, new_contact
from tests.web.people import Browser, make_user, sign_in
from tests.web.register import add_contact, audited

Sessions = sessionmaker[Session]


def change_user(sessions: Sessions, user: User, **values: Any) -> None:
    with transaction(sessions) as session:
        found = session.get(User, user.id)
        for name, value in values.items():
            setattr(found, name, value)


def people(sessions: Sessions) -> int:
    with transaction(sessions) as session:
        return session.query(Contact).count()


# Who is let in


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic bWFpamE6c2FsYXNhbmE=",
        "Bearer lupa_" + "A" * 43,
        "Bearer \u00e4" * 20,
        "Bearer " + "x" * 5000,
        "{secret}",
        "Token {secret}",
        "Bearer {secret},Bearer {secret}",
        "Bearer {secret} ",
        'Bearer "{secret}"',
        "Bearer {secret}x",
    ],
)
def test_without_a_good_token_nobody_is_let_in(api: Api, header: str) -> None:
    answer = api("GET", "/companies", headers={"Authorization": header.format(secret=api.secret)})
    assert answer.status_code == 401
    assert answer.json["code"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert "RateLimit" not in answer.headers


def test_a_token_counts_in_the_header_only(api: Api) -> None:
    for query in ({"access_token": api.secret}, {"token": api.secret}):
        answer = api("GET", "/companies", headers={"Authorization": ""}, **query)
        assert answer.status_code == 401
    answer = api(
        "POST", "/contacts/lookup", {"access_token": api.secret}, headers={"Authorization": ""}
    )
    assert answer.status_code == 401


def test_a_signed_in_browser_is_not_let_in_by_its_cookie(client: Browser, api: Api) -> None:
    sign_in(client, roles=["admin"])
    assert api("GET", "/companies", headers={"Authorization": ""}).status_code == 401
    answer = client.post("/api/v1/contacts", json=new_contact())
    assert answer.status_code == 401


def test_bad_tokens_are_throttled_counted_and_never_written_down(
    api: Api, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    bad = "lupa_" + "B" * 43
    caplog.set_level(logging.DEBUG)
    for _ in range(throttle.FREE_TRIES):
        assert api("GET", "/companies", token=bad).status_code == 401
    waits = api("GET", "/companies", token=bad)
    assert waits.status_code == 429
    assert 0 < int(waits.headers["Retry-After"]) <= 31
    # Others behind the same address go on.
    assert api.get("/companies").status_code == 200
    assert "api_token_refused" in caplog.text
    assert bad not in caplog.text
    assert not any(bad in str(record.__dict__) for record in caplog.records)
    (entry,) = audited(sessions, "api_token.failures")
    assert entry.details == {"failures": throttle.FREE_TRIES, "reason": "unknown"}


@pytest.mark.parametrize(
    "change",
    [
        {"disabled_at": clock.now()},
        {"ends_at": clock.now()},
        {"must_change_password": True},
        {"undertaking_version": None},
    ],
)
def test_the_token_of_a_closed_user_is_dead_from_the_next_call_on(
    client: Browser, sessions: Sessions, api: Api, change: dict[str, Any]
) -> None:
    user = make_user()
    own = Api(client, user=user)
    assert own.get("/companies").status_code == 200
    change_user(sessions, user, **change)
    assert own.get("/companies").status_code == 401


def test_the_token_of_a_demoted_user_loses_what_the_user_lost(
    client: Browser, sessions: Sessions, api: Api
) -> None:
    user = make_user(roles=["admin"])
    own = Api(client, user=user)
    assert own.get("/contacts").status_code == 200
    change_user(sessions, user, roles=["auditor"])
    for path in ("/contacts", "/contacts/1", "/companies", "/suppressions", "/segments"):
        answer = own.get(path)
        assert (answer.status_code, answer.json["code"]) == (403, "scope_missing")
    assert own.post("/contacts", new_contact()).status_code == 403
    assert people(sessions) == 0
    # An auditor reads reports, so this one only finds none.
    assert own.get("/reports/1").status_code == 404


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_every_call_asks_for_its_scope_before_it_looks_at_anything(
    client: Browser, api: Api, operation: Any
) -> None:
    others = [s for s in ("reports.read", "segments.read") if s != operation.scope]
    own = Api(client, *others)
    path = operation.path.replace("{contact_id}", "1").replace("{company_id}", "1")
    path = path.replace("{segment_id}", "1").replace("{campaign_id}", "1")
    answer = own(operation.method, path, raw=b"{", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json["code"]) == (403, "scope_missing")
    assert answer.json["scope"] == operation.scope


def test_the_use_of_a_token_is_noted_to_the_hour(api: Api, sessions: Sessions) -> None:
    def used() -> Any:
        with transaction(sessions) as session:
            return session.query(ApiToken).one().last_used_at

    now = clock.now()
    with time_machine.travel(now, tick=False):
        api.get("/companies")
        assert used() == now
    with time_machine.travel(now + timedelta(minutes=59), tick=False):
        api.get("/companies")
        assert used() == now
    with time_machine.travel(now + timedelta(minutes=61), tick=False):
        assert api.get("/companies/1").status_code == 404  # that is a use too
        assert used() == now + timedelta(minutes=61)


# What is refused


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/contacts/0x1", 404),
        ("GET", "/contacts/-1", 404),
        ("GET", "/contacts/" + "9" * 40, 404),
        ("GET", "/contacts/1/2", 404),
        ("PUT", "/contacts/1", 405),
        ("DELETE", "/suppressions", 405),
        ("DELETE", "/suppressions/1", 404),
        ("TRACE", "/contacts", 405),
    ],
)
def test_what_is_not_there_is_told_as_a_problem(
    api: Api, method: str, path: str, status: int
) -> None:
    answer = api(method, path)
    assert answer.status_code == status
    if status == 405:
        assert "GET" in answer.headers["Allow"]


def test_addresses_outside_the_version_are_problems_too(client: Browser) -> None:
    for path in ("/api/", "/api/v2/contacts", "/api/v1/", "/api/v1"):
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("application/*", 200),
        ("text/html, */*;q=0.1", 200),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("\x01", 406),
    ],
)
def test_only_json_is_answered(api: Api, accept: str, status: int) -> None:
    assert api("GET", "/companies", headers={"Accept": accept}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ],
)
def test_only_plain_json_is_read(api: Api, headers: dict[str, str]) -> None:
    answer = api("POST", "/contacts/lookup", raw=b'{"email":"a@b.example"}', headers=headers)
    assert answer.status_code == 415


def test_a_body_of_more_than_a_megabyte_is_not_read(api: Api, sessions: Sessions) -> None:
    answer = api.post("/contacts", new_contact(note="x" * 2**20))
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")
    assert people(sessions) == 0


DEEP = b'{"email":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"{} {}",
        b'{"email": "a@b.example",}',
        b"{'email': 'a@b.example'}",
        b'\xef\xbb\xbf{"email":"a@b.example"}',
        b'{"email":"\xff"}',
        b'{"email":"\\ud800"}',
        b'{"email":"\\udc00\\ud800"}',
        b'{"\\ud800":1}',
        b'{"email":"a\\u0000@b.example"}',
        b'{"email":"a@b.example","email":"c@d.example"}',
        b'{"x":{"a":1,"a":2}}',
        b'{"email":NaN}',
        b'{"email":-Infinity}',
        b'{"email":1e999}',
        b'{"email":' + b"9" * 5000 + b"}",
        b'{"email":9223372036854775808}',
        DEEP,
        b'{"email":' + b'{"a":' * 30 + b"1" + b"}" * 31,
        '{"email":"a@b.example"}'.encode("utf-16"),
    ],
)
def test_what_is_not_strictly_one_object_is_refused(api: Api, raw: bytes) -> None:
    answer = api("POST", "/contacts/lookup", raw=raw)
    assert (answer.status_code, answer.json["code"]) == (400, "bad_json")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "/email", "required"),
        ({"email": None}, "/email", "wrong_type"),
        ({"email": 1}, "/email", "wrong_type"),
        ({"email": ["a@b.example"]}, "/email", "wrong_type"),
        ({"email": ""}, "/email", "too_short"),
        ({"email": "x" * 1001}, "/email", "too_long"),
        ({"email": "a@b.example", "a/b~c": 1}, "/a~1b~0c", "unknown_member"),
        ({"email": "nobody"}, "/email", "bad_address"),
    ],
)
def test_a_wrong_value_is_told_by_its_place(
    api: Api, body: dict[str, Any], field: str, code: str
) -> None:
    answer = api.post("/contacts/lookup", body)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert codes(answer)[field] == code
    assert answer.json["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=1.0", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=" + "9" * 400, "limit"),
        ("cursor=", "cursor"),
        ("cursor=abc", "cursor"),
        ("cursor=-1", "cursor"),
        ("cursor=1%0A", "cursor"),
        ("cursor=9999999999999999999", "cursor"),
        ("cursor=' OR 1=1", "cursor"),
        ("page=2", "page"),
        ("updated_since=yesterday", "updated_since"),
        ("updated_since=2026-02-30T00:00:00Z", "updated_since"),
        ("updated_since=2026-02-01T00:00:00", "updated_since"),
        ("language=de", "language"),
        ("company_id=x", "company_id"),
    ],
)
def test_rubbish_in_the_address_is_told_by_its_name(api: Api, query: str, name: str) -> None:
    answer = api.client.get(
        f"/api/v1/contacts?{query}", headers={"Authorization": f"Bearer {api.secret}"}
    )
    assert (answer.status_code, answer.json["code"]) == (400, "bad_query")
    assert list(codes(answer)) == [name]


def test_a_nul_in_the_address_is_refused(api: Api) -> None:
    for query in ("cursor=%00", "%00=1"):
        answer = api.client.get(
            f"/api/v1/contacts?{query}", headers={"Authorization": f"Bearer {api.secret}"}
        )
        assert (answer.status_code, answer.json["code"]) == (400, "bad_request")


def test_asking_for_the_head_alone_reads_and_is_on_record(api: Api, sessions: Sessions) -> None:
    contact = add_contact(sessions)
    answer = api.client.head(
        f"/api/v1/contacts/{contact.id}", headers={"Authorization": f"Bearer {api.secret}"}
    )
    assert (answer.status_code, answer.headers["ETag"], answer.data) == (200, '"1"', b"")
    assert len(audited(sessions, "api.read")) == 1


def test_a_body_where_none_belongs_is_not_passed_over(api: Api) -> None:
    smuggled = b"GET /api/v1/contacts HTTP/1.1\r\nHost: x\r\n\r\n"
    for method, path in (("GET", "/companies"), ("POST", "/campaigns/1/pause")):
        answer = api(method, path, raw=smuggled)
        assert (answer.status_code, answer.json["code"]) == (400, "unexpected_body")
        answer = api(method, path, headers={"Transfer-Encoding": "chunked"})
        assert answer.status_code in (400, 404)


def test_headers_that_would_turn_one_method_into_another_do_nothing(
    api: Api, sessions: Sessions
) -> None:
    contact = add_contact(sessions)
    for header in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        answer = api("GET", f"/contacts/{contact.id}", headers={header: "DELETE"})
        assert answer.status_code == 200
    assert people(sessions) == 1


# How it is told


def test_sentences_are_english_unless_another_language_is_asked_for(api: Api) -> None:
    details = {
        language: api("GET", "/companies/1", headers={"Accept-Language": language}).json
        for language in ("", "fi", "sv-FI, en;q=0.5", "tlh")
    }
    assert details[""] == details["tlh"]
    assert {each["code"] for each in details.values()} == {"not_found"}


def test_a_fault_of_ours_tells_a_number_and_nothing_else(
    api: Api, app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("anna.lehtonen@puutyo.example")

    app.config["PRODUCTION"] = True
    monkeypatch.setattr(contacts, "notice_in_force", fail)
    answer = api.get("/contacts")
    assert (answer.status_code, answer.json["code"]) == (500, "fault")
    assert answer.json["reference"]
    assert "anna" not in answer.text
    assert "anna" not in caplog.text


# How many


def test_a_token_has_so_many_calls_a_minute_and_another_token_its_own(
    api: Api, client: Browser, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "PER_MINUTE", 3)
    other = Api(client)
    now = clock.now().replace(second=20, microsecond=0)
    with time_machine.travel(now, tick=False):
        for left in (2, 1, 0):
            answer = api.get("/companies")
            assert answer.headers["RateLimit"] == f'"token";r={left};t=40'
            assert answer.headers["RateLimit-Policy"] == '"token";q=3;w=60'
        answer = api.get("/companies")
        assert (answer.status_code, answer.json["code"]) == (429, "too_many")
        assert answer.headers["Retry-After"] == "40"
        assert other.get("/companies").status_code == 200
    with time_machine.travel(now + timedelta(seconds=40), tick=False):
        assert api.get("/companies").status_code == 200


def test_without_redis_fewer_calls_are_let_through_and_none_fails(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Redis(host="127.0.0.1", port=1, socket_connect_timeout=1)
    here = installation.current()
    monkeypatch.setattr(rates, "PER_MINUTE_ALONE", 2)
    with time_machine.travel(clock.now().replace(second=1), tick=False):
        installation.use(installation.Installation(here.settings, here.engine, here.sessions, away))
        try:
            statuses = [api.get("/companies").status_code for _ in range(3)]
        finally:
            installation.use(here)
            away.close()
    assert statuses == [200, 200, 429]


def test_a_token_is_a_secret_of_256_bits(api: Api) -> None:
    assert len(make_token()) == len("lupa_") + 43
