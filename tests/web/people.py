"""Users for tests, and a browser that they sign in with."""

import re
import secrets
from datetime import datetime
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mailer import clock, installation
from mailer.accounts import passwords, signed_in, undertaking
from mailer.accounts.models import User
from mailer.db import transaction

PASSWORD = "kettu juoksee metsän halki"
_HASH = passwords.hashed(PASSWORD)
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser(FlaskClient):
    """Sends the CSRF token of its last page or sign-in along, as a real one would."""

    csrf_token: str | None = None

    def open(self, *args: Any, csrf: bool = True, **named: Any) -> TestResponse:
        method = str(named.get("method", "GET"))
        if csrf and method not in ("GET", "HEAD", "OPTIONS"):
            headers = dict(named.get("headers") or {})
            if self.csrf_token is not None:
                headers.setdefault("X-CSRF-Token", self.csrf_token)
            named["headers"] = headers
        named.setdefault("buffered", True)
        answer = super().open(*args, **named)
        found = _TOKEN.search(answer.text) if answer.mimetype == "text/html" else None
        if found:
            self.csrf_token = found.group(1)
        return answer


def make_user(
    *,
    roles: list[str] | None = None,
    name: str = "Maija Virtanen",
    user_name: str | None = None,
    language: str = "en",
    accepted: bool = True,
    must_change_password: bool = False,
    ends_at: datetime | None = None,
    disabled_at: datetime | None = None,
    now: datetime | None = None,
) -> User:
    """A user in the current installation's database, committed. The password is PASSWORD."""
    now = now or clock.now()
    user = User(
        user_name=user_name or f"maija.virtanen.{secrets.token_hex(4)}",
        name=name,
        email="maija.virtanen@yritys.example",
        password_hash=_HASH,
        roles=["admin"] if roles is None else roles,
        language=language,
        created_at=now,
        ends_at=ends_at,
        disabled_at=disabled_at,
        must_change_password=must_change_password,
        undertaking_version=undertaking.VERSION if accepted else None,
        undertaking_at=now if accepted else None,
        undertaking_how="test" if accepted else None,
    )
    with transaction(installation.current().sessions) as session:
        session.add(user)
    return user


def sign_in(client: Browser, *, user: User | None = None, **user_options: Any) -> User:
    """Sign the browser in as a new user (options of make_user) or as the given one."""
    user = user or make_user(**user_options)
    with transaction(installation.current().sessions) as session:
        secret = signed_in.begin(session, user, now=clock.now())
    client.set_cookie("signed_in", secret)
    answer = client.get("/account")
    assert answer.status_code in (200, 303, 403), answer.status_code
    return user
