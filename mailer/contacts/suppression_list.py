"""The suppression list as staff see it: how much of what, reading a list of addresses, handing out.

What is shown and exported are kinds, dates and keyed hashes: the list itself tells nobody who is on
it (R90). Writing goes through mailer.contacts.suppression.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from mailer import audit, business_id
from mailer.contacts.address import Address, AddressError, canonical
from mailer.contacts.models import Suppression
from mailer.contacts.suppression import (
    KINDS,
    Entry,
    of_address,
    of_company,
    of_domain,
    suppress,
)
from mailer.languages import N_

MOST_LINES = 200_000
_MOST_SHOWN = 50
# What staff may put on the list by hand: what it is, and under which kinds.
SUBJECTS = {
    "address": N_("One address"),
    "domain": N_("A whole mail domain"),
    "company": N_("A company by its Business ID"),
}
BY_HAND = ("manual", "optout", "complaint", "hard_bounce")
PROBLEMS = {
    "bad_domain": N_("This is not a mail domain. Write it as company.fi."),
    "bad_business_id": N_("This is not a Business ID. Write it as 1234567-8."),
    "business_id_check_digit": N_("The check digit of the Business ID is wrong."),
}
EXPORT_HEADER = ("scope", "key", "kind", "since", "origin")


@dataclass(frozen=True, slots=True)
class Listed:
    """The addresses of a list, and the lines that hold none (numbers from 1, as they stand)."""

    addresses: tuple[Address, ...]
    unreadable: tuple[tuple[int, str], ...]
    lines: int


def counts(session: Session) -> dict[str, int]:
    """Entries in force by kind, in the order of KINDS; only kinds that occur."""
    rows = session.execute(
        select(Suppression.kind, func.count())
        .where(Suppression.lifted_at.is_(None))
        .group_by(Suppression.kind)
    )
    found = {row[0]: row[1] for row in rows}
    return {kind: found[kind] for kind in KINDS if kind in found}


def page(
    session: Session, *, kind: str = "", lifted: bool = False, limit: int = 50, offset: int = 0
) -> tuple[list[Suppression], int]:
    """Entries, newest first, and how many there are."""
    in_force = Suppression.lifted_at.is_(None)
    wanted: list[ColumnElement[bool]] = [~in_force if lifted else in_force]
    if kind:
        wanted.append(Suppression.kind == kind)
    total = session.scalar(select(func.count()).select_from(Suppression).where(*wanted)) or 0
    rows = session.scalars(
        select(Suppression)
        .where(*wanted)
        .order_by(Suppression.at.desc(), Suppression.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return list(rows), total


def entry_of(subject: str, value: str) -> tuple[Entry, str]:
    """What to suppress for a subject of SUBJECTS, and the kind it must have ("" for a choice).

    Raises AddressError or ValueError whose text is a key of PROBLEMS.
    """
    if subject == "address":
        return of_address(canonical(value)), ""
    if subject == "domain":
        try:
            return of_domain(canonical(f"x@{value.strip().removeprefix('@')}").domain), "domain_ban"
        except AddressError:
            raise ValueError("bad_domain") from None
    if subject == "company":
        try:
            return of_company(business_id.canonical(value)), "company_ban"
        except business_id.BusinessIdError as error:
            raise ValueError(error.code) from None
    raise ValueError("bad_domain")


def read_list(text: str) -> Listed:
    """The addresses in pasted text or a file: one a line, or the first cell that holds an @.

    A heading or a line without any @ in the first line is passed over.
    """
    addresses: dict[Address, None] = {}
    unreadable: list[tuple[int, str]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines[:MOST_LINES], start=1):
        cell = _cell(line)
        if not cell or (number == 1 and "@" not in cell):
            continue
        try:
            addresses.setdefault(canonical(cell))
        except AddressError:
            if len(unreadable) < _MOST_SHOWN:
                unreadable.append((number, cell[:100]))
    return Listed(tuple(addresses), tuple(unreadable), len(lines))


def add_list(
    session: Session,
    addresses: tuple[Address, ...],
    kind: str,
    *,
    evidence: str,
    now: datetime,
    actor_id: int,
) -> int:
    """Suppress every address, known or not; how many were not on the list for this before."""
    added = suppress(
        session,
        dict.fromkeys(of_address(address) for address in addresses),
        kind,
        origin="import",
        now=now,
        evidence=evidence,
        actor_id=actor_id,
    )
    audit.record(
        session, "suppressions.list_added", "suppression", None, now=now, actor_id=actor_id,
        kind=kind, addresses=len(addresses), added=added,
    )  # fmt: skip
    return added


def export(session: Session) -> Iterator[str]:
    """The list in force as CSV: hashes, kinds and dates, nothing that names anybody."""
    yield _csv_line(EXPORT_HEADER)
    rows = session.execute(
        select(
            Suppression.scope,
            Suppression.key,
            Suppression.kind,
            Suppression.at,
            Suppression.origin,
        )
        .where(Suppression.lifted_at.is_(None))
        .order_by(Suppression.id)
        .execution_options(yield_per=2000)
    )
    for scope, key, kind, at, origin in rows:
        yield _csv_line((scope, key.hex(), kind, at.date().isoformat(), origin))


def _cell(line: str) -> str:
    parts = line.replace("\t", ";").replace(",", ";").split(";")
    cells = [part.strip().strip("\"'<>") for part in parts]
    return next((cell for cell in cells if "@" in cell), cells[0])


def _csv_line(values: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue()
