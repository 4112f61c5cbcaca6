"""The shell of every screen: guard, headers, static files, errors, language, health."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from flask import Flask, abort
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.config import Settings
from mailer.web import guard, static_files
from tests.web.conftest import make_app
from tests.web.people import Browser, make_user, sign_in

VENDOR = static_files.DIRECTORY / "vendor"


@pytest.fixture
def app(connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis) -> Flask:
    """An application of the test's own, to which it may add views."""
    installation.use(
        installation.Installation(connected_settings, sessions.kw["bind"], sessions, redis)
    )
    return make_app()


def test_every_route_says_who_may_call_it(app: Flask) -> None:
    unmarked = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if guard.access_of(app.view_functions[rule.endpoint]) is None
    ]
    assert unmarked == []


def test_a_view_without_a_mark_is_closed_to_administrators_too(app: Flask, client: Browser) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    sign_in(client, roles=["admin"])
    answer = client.get("/forgotten")
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_a_stranger_is_sent_to_sign_in_and_back(client: Browser) -> None:
    answer = client.get("/account?x=1")
    assert answer.status_code == 303
    assert answer.location == "/sign-in?next=/account?x%3D1"


def test_htmx_is_told_to_load_the_sign_in_page(client: Browser) -> None:
    answer = client.get("/account", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in"
    assert answer.text == ""


def test_the_home_page_shows_the_shell(client: Browser) -> None:
    user = sign_in(client, language="en", name="Maija Virtanen")
    text = client.get("/").text
    assert '<html lang="en" data-bs-theme="system">' in text
    assert "<h1" in text
    assert user.name in text
    assert 'aria-current="page"' in text


def test_no_page_has_inline_styles_or_scripts(client: Browser) -> None:
    pages = [client.get("/sign-in").text]
    sign_in(client)
    pages += [client.get(path).text for path in ("/", "/account", "/password", "/undertaking")]
    for text in pages:
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style", text)
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("path", ["/sign-in", "/no/such/page", "/healthz"])
def test_every_answer_carries_the_policy_and_the_other_headers(client: Browser, path: str) -> None:
    headers = client.get(path).headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_a_view_may_keep_its_own_policy(app: Flask, client: Browser) -> None:
    def preview() -> tuple[str, int, dict[str, str]]:
        return "mail", 200, {"Content-Security-Policy": "sandbox; frame-ancestors 'self'"}

    app.add_url_rule("/preview", "preview", guard.public(preview))
    headers = client.get("/preview").headers
    assert headers["Content-Security-Policy"] == "sandbox; frame-ancestors 'self'"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"


def test_static_files_are_kept_for_ever_under_a_name_of_their_content(
    app: Flask, client: Browser
) -> None:
    with app.test_request_context():
        url = app.url_for("static", filename="theme.css")
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert app.config["STATIC_VERSION"] in url


def test_a_page_from_before_an_upgrade_finds_its_files_and_does_not_keep_them(
    client: Browser,
) -> None:
    answer = client.get("/static/000000000000/theme.css")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["../../app.py", "%2e%2e/%2e%2e/app.py", "nothing.css", ""])
def test_nothing_outside_the_static_tree_is_served(client: Browser, name: str) -> None:
    assert client.get(f"/static/0/{name}").status_code == 404


def test_the_version_changes_with_any_content(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}")
    before = static_files.tree_version(tmp_path)
    (tmp_path / "a.css").write_text("b{}")
    assert static_files.tree_version(tmp_path) != before


def test_vendored_files_are_the_published_ones() -> None:
    expected: dict[str, str] = json.loads((VENDOR / "VENDOR.json").read_text())
    present = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*-*/*")
    }
    assert present == expected
    starts = {name: digest[:16] for name, digest in expected.items()}
    assert starts["bootstrap-5.3.9/bootstrap.min.css"] == "9caac977a0af0c22"
    assert starts["htmx-2.0.11/htmx.min.js"] == "d6fdc75f204e6bde"
    assert starts["idiomorph-0.8.0/idiomorph-ext.min.js"] == "5811b9a7eda14878"
    assert starts["inter-5.3.0/inter-latin-wght-normal.woff2"] == "3100e775e8616cd2"


def test_our_script_stays_small() -> None:
    assert len((static_files.DIRECTORY / "app.js").read_bytes()) <= 25_000


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 422, 429])
def test_every_error_has_a_page_in_the_readers_language(
    app: Flask, client: Browser, status: int
) -> None:
    app.add_url_rule("/fails", "fails", guard.public(lambda: abort(status)))
    answer = client.get("/fails", headers={"Accept-Language": "en"})
    assert answer.status_code == status
    assert '<html lang="en"' in answer.text
    assert "<h1" in answer.text


def test_a_fault_shows_a_reference_that_is_in_the_log_and_nothing_else(
    app: Flask, client: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        raise RuntimeError("anna.lehtonen@puutyo.example")

    app.add_url_rule("/fails", "fails", guard.public(fail))
    app.config["PRODUCTION"] = True
    answer = client.get("/fails")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "puutyo" not in answer.text
    record = next(record for record in caplog.records if record.message == "request_failed")
    assert record.reference in answer.text  # type: ignore[attr-defined]
    assert "puutyo" not in caplog.text


def test_a_failing_view_leaves_nothing_behind(app: Flask, client: Browser) -> None:
    from mailer.accounts.models import User
    from mailer.web import db_session

    def fail() -> str:
        for user in db_session().query(User):
            user.name = "Changed"
        db_session().flush()
        raise RuntimeError

    app.add_url_rule("/fails", "fails", guard.csrf_exempt(guard.public(fail)), methods=["POST"])
    user = make_user(name="Maija Virtanen")
    assert client.post("/fails").status_code == 500
    sign_in(client, user=user)
    assert "Maija Virtanen" in client.get("/account").text


def test_a_commit_that_fails_is_a_fault_and_no_success(app: Flask, client: Browser) -> None:
    from mailer.accounts.models import User
    from mailer.web import db_session, signed_in_user

    def add_twice() -> str:
        here = signed_in_user()
        values = {name: getattr(here, name) for name in ("user_name", "email", "roles")}
        now, hashed = here.created_at, here.password_hash
        db_session().add(User(name="Double", created_at=now, password_hash=hashed, **values))
        return "saved"

    app.add_url_rule("/twice", "twice", guard.requires("home.view")(add_twice), methods=["POST"])
    sign_in(client)
    answer = client.post("/twice")
    assert answer.status_code == 500
    assert answer.text != "saved"
    assert "Double" not in client.get("/settings/users").text


def test_what_must_be_on_record_is_kept_although_the_answer_is_no(
    app: Flask, client: Browser
) -> None:
    from mailer.web import db_session, keep_changes, signed_in_user

    def refuse() -> tuple[str, int]:
        signed_in_user().name = "Changed Name"
        db_session().flush()
        keep_changes()
        return "no", 422

    def show() -> str:
        signed_in_user().name = "Not Kept"
        return "shown"

    app.add_url_rule("/refuse", "refuse", guard.requires("home.view")(refuse), methods=["POST"])
    app.add_url_rule("/show", "show", guard.requires("home.view")(show))
    sign_in(client, name="Maija Virtanen")
    client.get("/show")
    assert "Maija Virtanen" in client.get("/account").text
    client.post("/refuse")
    assert "Changed Name" in client.get("/account").text


def test_machines_get_short_answers(app: Flask, client: Browser) -> None:
    assert client.post("/webhooks/nothing").json == {"error": 404}
    answer = client.post("/u/nothing")
    assert answer.status_code == 404
    assert answer.mimetype == "text/plain"


def test_people_behind_a_bad_opt_out_link_get_a_page_without_cookies(client: Browser) -> None:
    answer = client.get("/u/nothing", headers={"Accept-Language": "sv"})
    assert answer.status_code == 404
    assert '<html lang="sv">' in answer.text
    assert "Set-Cookie" not in answer.headers
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("sv-FI,sv;q=0.9", "sv"),
        ("de,en;q=0.5", "en"),
        ("de", "fi"),
        ("", "fi"),
        ("\x01;;q=x", "fi"),
    ],
)
def test_strangers_get_the_language_their_browser_asks_for(
    client: Browser, asked: str, shown: str
) -> None:
    text = client.get("/sign-in", headers={"Accept-Language": asked}).text
    assert f'<html lang="{shown}"' in text


def test_users_get_their_own_language(client: Browser) -> None:
    sign_in(client, language="sv")
    assert '<html lang="sv"' in client.get("/", headers={"Accept-Language": "en"}).text


def test_the_language_and_theme_are_changed_from_the_menu(client: Browser) -> None:
    sign_in(client, language="en")
    answer = client.post("/account/language", data={"language": "fi", "back": "/account?a=1"})
    assert answer.location == "/account?a=1"
    client.post("/account/theme", data={"theme": "dark"})
    assert '<html lang="fi" data-bs-theme="dark">' in client.get("/").text


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "x"]
)
def test_nobody_is_sent_to_another_site(client: Browser, back: str) -> None:
    sign_in(client)
    answer = client.post("/account/language", data={"language": "fi", "back": back})
    assert answer.location == "/"


@pytest.mark.parametrize("data", [{}, {"language": "xx"}, {"language": ""}])
def test_a_language_we_do_not_speak_is_refused(client: Browser, data: dict[str, str]) -> None:
    sign_in(client, language="en")
    assert client.post("/account/language", data=data).status_code == 400
    assert '<html lang="en"' in client.get("/").text


def test_a_body_over_one_megabyte_is_refused(client: Browser) -> None:
    sign_in(client)
    answer = client.post("/account/language", data={"language": "fi", "x": "a" * 2**20})
    assert answer.status_code == 413


def test_a_view_may_take_larger_uploads(app: Flask, client: Browser) -> None:
    from flask import request

    def upload() -> str:
        return str(len(request.get_data()))

    view = guard.max_body(3 * 2**20)(guard.csrf_exempt(guard.public(upload)))
    app.add_url_rule("/upload", "upload", view, methods=["POST"])
    assert client.post("/upload", data=b"a" * 2**21).text == str(2**21)
    assert client.post("/upload", data=b"a" * 2**22).status_code == 413


def test_the_process_says_that_it_is_up_and_ready(client: Browser) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    answer = client.get("/readyz")
    assert answer.json == {"ready": True, "database": True, "migrations": True, "redis": True}
    assert answer.status_code == 200


def test_the_process_is_not_ready_without_its_servers(
    app: Flask, client: Browser, settings: object
) -> None:
    from mailer import installation
    from mailer.config import Settings

    assert isinstance(settings, Settings)
    installation.install(settings)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"ready": False, "database": False, "migrations": False, "redis": False}
    installation.current().engine.dispose()


def test_without_a_database_the_error_page_still_speaks_ones_language(
    app: Flask, client: Browser, settings: object
) -> None:
    from mailer import installation
    from mailer.config import Settings

    assert isinstance(settings, Settings)
    installation.install(settings)
    client.set_cookie("signed_in", "x")
    answer = client.get("/", headers={"Accept-Language": "en"})
    assert answer.status_code == 500
    assert '<html lang="en"' in answer.text
    installation.current().engine.dispose()
