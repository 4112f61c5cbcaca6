"""The parts one process is made of: settings, engine, sessions, Redis. Built once, at an edge."""

from dataclasses import dataclass

from redis import Redis
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from mailer import config, db, keys
from mailer.adapters import queue


@dataclass(frozen=True, slots=True)
class Installation:
    """What jobs and requests work with."""

    settings: config.Settings
    engine: Engine
    sessions: sessionmaker[Session]
    redis: Redis


_installed: list[Installation] = []


def install(settings: config.Settings, *, patient: bool = False) -> Installation:
    """Build the parts from settings and make them this process's current ones."""
    engine = db.make_engine(settings.database_url, pool_size=max(settings.sender_threads, 8) + 4)
    redis = queue.make_redis(settings.redis_url, patient=patient)
    queue.connect(redis)
    keys.use_suppression_key(settings.suppression_key)
    installation = Installation(settings, engine, db.make_sessions(engine), redis)
    _installed[:] = [installation]
    return installation


def use(installation: Installation) -> None:
    """Make ready parts this process's current ones (tests)."""
    queue.connect(installation.redis)
    keys.use_suppression_key(installation.settings.suppression_key)
    _installed[:] = [installation]


def current() -> Installation:
    """This process's parts; built from the environment at first use."""
    if not _installed:
        install(config.from_environment())
    return _installed[0]
