"""The database: one engine, one session factory, the base of all models.

Sessions are committed at the edges only (end of a web request, of a job, of a command); everything
below takes a session and leaves the transaction to its caller.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Engine, MetaData, Text, create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction, sessionmaker

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Model(DeclarativeBase):
    """The base of all tables. Strings are text, moments carry their zone, ids are 64 bits."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        str: Text(),
        int: BigInteger(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


def psycopg_url(url: str) -> str:
    """`postgres://` and `postgresql://` as SQLAlchemy wants them, with the psycopg driver."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url[len(prefix) :]
    return url


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """An engine that checks connections before use, so that a restarted server is survived."""
    return create_engine(
        psycopg_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        # The gate is one large expression: compiling it takes longer than running it.
        connect_args={"application_name": "lupaposti", "options": "-c jit=off"},
    )


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """A factory of sessions that keep their objects readable after a commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def transaction(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """One unit of work at an edge: commits at the end, rolls back on any exception."""
    with sessions() as session, session.begin():
        yield session


@contextmanager
def snapshot(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A session that only reads, and sees one moment of the database whatever others commit."""
    with sessions() as session:
        session.connection(
            execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        yield session


def is_inside(transaction: SessionTransaction | None, outer: SessionTransaction) -> bool:
    """Whether a transaction or savepoint is `outer` itself or was begun within it."""
    while transaction is not None:
        if transaction is outer:
            return True
        transaction = transaction.parent
    return False
