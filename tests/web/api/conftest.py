"""Fixtures of API tests: calls with a token that may do everything, under the example notice."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session, sessionmaker

from mailer.web.api.rates import COUNTER
from tests.web.api.caller import Api
from tests.web.conftest import app, client  # noqa: F401 - fixtures
from tests.web.people import Browser
from tests.web.register import publish


@pytest.fixture(autouse=True)
def _counts_of_this_test() -> Iterator[None]:
    COUNTER.forget()
    yield
    COUNTER.forget()


@pytest.fixture
def api(client: Browser, sessions: sessionmaker[Session]) -> Api:  # noqa: F811
    publish(sessions)
    return Api(client)
