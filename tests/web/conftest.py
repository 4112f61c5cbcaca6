"""Fixtures of screen tests: the application over a database of the test's own, and a browser.

    def test_…(client, sessions, now):
        user = sign_in(client, roles=["marketer"])
        answer = client.post("/segments", data={"name": "Finance"})     # the token is added
        assert answer.status_code == 303

`client` starts signed out. Import `sign_in` and `make_user` from tests.web.people.
"""

from collections.abc import Iterator
from functools import partial

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.app import create_app
from mailer.config import Settings
from mailer.web import tracking
from tests.web.people import Browser

_made: list[Flask] = []


def make_app() -> Flask:
    """An application of this process's current installation."""
    app = create_app()
    app.test_client_class = Browser
    app.testing = True
    # As in production: a fault is answered with our page, not raised into the test.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


@pytest.fixture
def app(
    connected_settings: Settings,
    sessions: sessionmaker[Session],
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Flask]:
    here = installation.Installation(connected_settings, sessions.kw["bind"], sessions, redis)
    installation.use(here)
    # One for the process: its 150 routes take long to put together.
    if not _made:
        _made.append(make_app())
    app = _made[0]
    # The part in front of Flask has its own hold on the installation.
    monkeypatch.setattr(app, "wsgi_app", tracking.Tracking(partial(Flask.wsgi_app, app), here))
    before = dict(app.config)
    yield app
    app.config.clear()
    app.config.update(before)


@pytest.fixture
def client(app: Flask) -> Browser:
    client = app.test_client()
    assert isinstance(client, Browser)
    return client
