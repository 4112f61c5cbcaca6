"""Companies of the register: who works there, what they do, and the company's own no (R50)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, literal, or_, select
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts import suppression
from mailer.contacts.address import domain_key
from mailer.contacts.models import Company, Contact, Suppression

LONGEST_TEXT = 200
_PEOPLE = (
    select(func.count())
    .where(
        Contact.company_id == Company.id,
        Contact.erased_at.is_(None),
        Contact.quarantined_at.is_(None),
        Contact.restricted_at.is_(None),
    )
    .correlate(Company)
    .scalar_subquery()
)
ORDERS: dict[str, Any] = {
    "name": Company.name_key,
    "people": _PEOPLE,
    "headcount": Company.headcount,
    "turnover": Company.turnover_eur,
    "city": func.lower(Company.city),
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the list."""

    id: int
    name: str
    business_id: str | None
    industry_name: str | None
    city: str | None
    headcount: int | None
    headcount_year: int | None
    turnover_eur: int | None
    people: int
    banned: bool


@dataclass(frozen=True, slots=True)
class Role:
    """A job function at a company and how many people there do it."""

    function: str
    people: int


def page(
    session: Session,
    text: str = "",
    *,
    banned: bool = False,
    order: str = "name",
    descending: bool = False,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Listed], int]:
    """Some of the companies whose name, Business ID or city holds the words; and how many do."""
    wanted = _conditions(text, banned=banned)
    key = ORDERS[order]
    # Whoever has no figure is last either way round.
    sorted_by = key.desc().nulls_last() if descending else key.asc().nulls_last()
    rows = session.execute(
        select(
            Company.id,
            Company.name,
            Company.business_id,
            Company.industry_name,
            Company.city,
            Company.headcount,
            Company.headcount_year,
            Company.turnover_eur,
            _PEOPLE,
            _is_banned(),
        )
        .where(*wanted)
        .order_by(sorted_by, Company.id)
        .limit(limit)
        .offset(offset)
    )
    found = [Listed(*row) for row in rows]
    total = session.scalar(select(func.count()).select_from(Company).where(*wanted)) or 0
    return found, total


def roles(session: Session, company_id: int) -> list[Role]:
    """Which job functions the company's people cover, most people first."""
    function = func.unnest(Contact.functions).label("function")
    rows = session.execute(
        select(function, func.count().label("people"))
        .where(
            Contact.company_id == company_id,
            Contact.erased_at.is_(None),
            Contact.quarantined_at.is_(None),
            Contact.restricted_at.is_(None),
        )
        .group_by(function)
        .order_by(func.count().desc(), function)
    )
    return [Role(*row) for row in rows]


def bans(session: Session, company: Company) -> Sequence[Suppression]:
    """What stops mail to the whole company: its own ban, or one of its mail domain."""
    keys = [key for key in (company.company_key, _domain(company)) if key is not None]
    return session.scalars(
        select(Suppression)
        .where(Suppression.key.in_(keys), Suppression.lifted_at.is_(None))
        .order_by(Suppression.at)
    ).all()


def ban(session: Session, company: Company, *, evidence: str, now: datetime, actor_id: int) -> bool:
    """Note that the company forbids marketing to its people, also to those added later.

    False when it was so already. Raises ValueError for a company without a Business ID or a ban
    without evidence.
    """
    if company.business_id is None or not evidence.strip():
        raise ValueError("a company's ban needs its Business ID and evidence")
    added = suppression.suppress(
        session,
        [suppression.of_company(company.business_id)],
        "company_ban",
        origin="staff",
        now=now,
        evidence=evidence.strip(),
        actor_id=actor_id,
    )
    if added:
        audit.record(session, "company.banned", "company", company.id, now=now, actor_id=actor_id)
    return bool(added)


def _conditions(text: str, *, banned: bool) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    for word in text[:LONGEST_TEXT].lower().split()[:8]:
        escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{escaped}%"
        wanted.append(
            or_(
                func.lower(Company.name).like(pattern),
                Company.business_id.like(pattern),
                func.lower(Company.city).like(pattern),
            )
        )
    if banned:
        wanted.append(_is_banned())
    return wanted


def _is_banned() -> ColumnElement[bool]:
    return (
        select(literal(1))
        .where(Suppression.key == Company.company_key, Suppression.lifted_at.is_(None))
        .correlate(Company)
        .exists()
    )


def _domain(company: Company) -> bytes | None:
    return domain_key(company.domain) if company.domain else None
