"""The suppression list as staff see it: how much of what, and what may be put on it by hand.

What is shown are kinds, dates and keyed hashes: the list itself tells nobody who is on it (R90).
Writing goes through mailer.contacts.suppression.
"""

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from mailer import business_id
from mailer.contacts.address import AddressError, canonical
from mailer.contacts.models import Suppression
from mailer.contacts.suppression import (
    KINDS,
    Entry,
    of_address,
    of_company,
    of_domain,
)
from mailer.languages import N_

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
