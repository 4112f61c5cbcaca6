"""Where reports are read: from a replica of the database, where there is one and it answers."""

import logging
import time

from flask import g
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from mailer import db, installation
from mailer.web.request import db_session

log = logging.getLogger(__name__)

# A replica that did not answer is left in peace for so long.
AWAY_SECONDS = 10.0
CONNECT_SECONDS = "2"

_replicas: dict[str, sessionmaker[Session]] = {}
_asked_in_vain: dict[str, float] = {}


def report_session() -> Session:
    """The session to read reports with: the replica's, or this request's own.

    What it shows may be as old as the replica is behind. Nothing is written through it.
    """
    if "report_session" in g:
        session: Session = g.report_session
        return session
    url = installation.current().settings.reports_database_url
    replica = _open(url) if url else None
    if replica is None:
        return db_session()
    g.report_session = replica
    return replica


def _open(url: str) -> Session | None:
    last = _asked_in_vain.get(url)
    if last is not None and time.monotonic() - last < AWAY_SECONDS:
        return None
    session = _replica(url)()
    try:
        session.execute(text("SET TRANSACTION READ ONLY"))
    except SQLAlchemyError as error:
        session.close()
        _asked_in_vain[url] = time.monotonic()
        log.warning("reports_read_from_primary", extra={"error": type(error).__name__})
        return None
    _asked_in_vain.pop(url, None)
    return session


def _replica(url: str) -> sessionmaker[Session]:
    if url not in _replicas:
        patient = make_url(url).update_query_dict({"connect_timeout": CONNECT_SECONDS})
        whole = patient.render_as_string(hide_password=False)
        _replicas[url] = db.make_sessions(db.make_engine(whole, pool_size=4))
    return _replicas[url]
