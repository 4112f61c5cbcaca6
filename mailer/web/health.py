"""For load balancers and watchdogs: is the process up, and can it do its work."""

import logging

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, jsonify
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from mailer import installation
from mailer.config import ROOT
from mailer.web.guard import public

log = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def healthz() -> tuple[Response, int]:
    """200 as long as the process answers."""
    return jsonify(status="ok"), 200


@blueprint.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """200 when database and Redis answer and the schema is the one this code wants, else 503."""
    checks = {"database": False, "migrations": False, "redis": _redis_answers()}
    try:
        with installation.current().engine.connect() as connection:
            checks["database"] = True
            revision = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        log.warning("database_not_ready", extra={"error": type(error).__name__})
    else:
        head = ScriptDirectory(str(ROOT / "migrations")).get_current_head()
        checks["migrations"] = revision == head
    ready = all(checks.values())
    return jsonify(ready=ready, **checks), 200 if ready else 503


def _redis_answers() -> bool:
    try:
        return bool(installation.current().redis.ping())
    except RedisError as error:
        log.warning("redis_not_ready", extra={"error": type(error).__name__})
        return False
