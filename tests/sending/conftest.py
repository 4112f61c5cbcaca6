"""A stand-in for SES of the test's own, and a scene that sends to it at the tests' moment.

A module that needs other ones (a webhook, a recorder, another clock) has its own of the same name.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import time_machine
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from mailer.config import Settings
from mailer.stand_in.server import Options, StandIn
from tests.sending.scene import Scene, make_scene


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    with StandIn(Options(directory=tmp_path / "stand-in")) as server:
        yield server


@pytest.fixture
def scene(
    connected_settings: Settings,
    sessions: sessionmaker[Session],
    redis: Redis,
    now: datetime,
    stand_in: StandIn,
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        yield make_scene(connected_settings, sessions, redis, now, ses_endpoint_url=stand_in.url)
