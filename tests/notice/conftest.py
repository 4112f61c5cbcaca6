"""The application, for what is proved over HTTP."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from sqlalchemy.orm import Session, sessionmaker

from mailer.config import Settings
from tests.notice.running import Mailed, Product
from tests.web.conftest import app, client  # noqa: F401 - fixtures
from tests.web.people import Browser


@pytest.fixture
def company(request: pytest.FixtureRequest) -> str:
    """The company of the module: tests/notice/test_NAME.py."""
    return str(request.module.COMPANY)


@pytest.fixture
def product(session: Session, now: datetime, company: str) -> Product:
    """A register with the company's notice in force."""
    return Product(session, company, now)


@pytest.fixture
def mailed(
    client: Browser,  # noqa: F811 - the fixture above
    sessions: sessionmaker[Session],
    connected_settings: Settings,
    now: datetime,
    company: str,
) -> Iterator[Mailed]:
    """A message of the company's, delivered, and its recipient's browser an hour later."""
    with time_machine.travel(now + timedelta(hours=1), tick=False):
        yield Mailed(client, sessions, connected_settings, company=company, now=now)
