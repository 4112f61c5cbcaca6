"""Ready files, sources and runs for the tests of imports."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from mailer.contacts import importing
from mailer.contacts.import_runs import STEP_ROWS, Run
from mailer.contacts.importing import Choices, SourceFacts
from mailer.contacts.models import Import
from mailer.notice import profiles, switches

REGISTER = Path(__file__).parents[3] / "shared" / "data" / "register"
HEADER = ("Etunimi", "Sukunimi", "Titteli", "Sähköposti", "Yritys", "Y-tunnus")
PLAIN = (
    "Aino",
    "Virtanen",
    "Talousjohtaja",
    "aino.virtanen@yritys.example",
    "Yritys Oy",
    "2796282-4",
)


def make_file(
    *rows: Any, header: Any = HEADER, delimiter: str = ";", encoding: str = "utf-8"
) -> bytes:
    lines = [delimiter.join(cells) for cells in (header, *rows)]
    return ("\n".join(lines) + "\n").encode(encoding)


def make_row(**changes: str) -> tuple[str, ...]:
    """PLAIN with other values, by heading."""
    values = dict(zip(HEADER, PLAIN, strict=True))
    return tuple({**values, **changes}[name] for name in HEADER)


def make_source(**changes: Any) -> SourceFacts:
    plain: dict[str, Any] = {
        "kind": "update_service",
        "name": "Rekisteri",
        "dated": date(2026, 11, 1),
        "basis": "legitimate_interest",
    }
    return SourceFacts(**{**plain, **changes})


def publish(session: Session, now: datetime, **changes: Any) -> None:
    switches.publish(session, {**profiles.load("example"), **changes}, now=now)


def import_file(
    session: Session,
    content: bytes,
    *,
    now: datetime,
    source: SourceFacts | None = None,
    choices: Choices | None = None,
    dry_run: bool = False,
    size: int = STEP_ROWS,
) -> Import:
    """The whole way of a file, in the transaction of the test."""
    entry = importing.upload(session, "contacts.csv", content, now=now)
    importing.name_source(session, entry, source or make_source(), now=now)
    importing.choose(session, entry, choices or Choices(), now=now)
    importing.start(session, entry, dry_run=dry_run, now=now)
    finish(session, entry, now=now, size=size)
    return entry


def finish(session: Session, entry: Import, *, now: datetime, size: int = STEP_ROWS) -> None:
    session.flush()
    run = Run(session, entry.id, now)
    while run.step(session, now, size=size):
        session.flush()
    session.flush()


def numbers(entry: Import) -> dict[str, int]:
    return dict(entry.counts["numbers"])


def codes(entry: Import) -> dict[str, int]:
    return dict(entry.counts["codes"])
