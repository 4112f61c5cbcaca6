"""Rows to PostgreSQL by COPY in its text form: the quickest way in, and the escapes it needs."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from psycopg import Connection
from sqlalchemy.orm import Session

NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": ""})


def connection(session: Session) -> Connection[Any]:
    """The driver's connection of a session, inside the session's transaction."""
    driver = session.connection().connection.driver_connection
    if not isinstance(driver, Connection):
        raise TypeError("imports need PostgreSQL through psycopg")
    return driver


def fetch_one(
    driver: Connection[Any], statement: str, parameters: Mapping[str, Any]
) -> tuple[Any, ...]:
    """The one row that a statement answers with. Raises LookupError when there is none."""
    found = driver.execute(statement, parameters).fetchone()
    if found is None:
        raise LookupError("the statement answered nothing")
    return tuple(found)


def copy(driver: Connection[Any], table: str, columns: str, lines: Iterable[str]) -> None:
    """Add lines (see `line`) to a table. Both names are constants of the caller."""
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as into:
        into.write("".join(lines))


def line(values: Sequence[Any]) -> str:
    """One row. Everything but None is written by `str`."""
    return "\t".join([field(value) for value in values]) + "\n"


def field(value: Any) -> str:
    """One value."""
    if value is None:
        return NULL
    text = value if type(value) is str else str(value)
    return text.translate(_ESCAPES) if needs_escapes(text) else text


def needs_escapes(text: str) -> bool:
    """Whether anything in a text is special to COPY, with one look that makes no new string."""
    return "\\" in text or not text.isprintable()


def binary(value: bytes | None) -> str:
    """A value as bytea."""
    return NULL if value is None else f"\\\\x{value.hex()}"


@lru_cache(maxsize=10_000)
def array(values: tuple[str, ...]) -> str:
    """Texts as text[], not yet escaped as a field."""
    return "{" + ",".join(_element(value) for value in values) + "}"


def _element(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
