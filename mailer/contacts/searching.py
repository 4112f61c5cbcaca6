"""Finding people in the register: by words, by role, by language; a page of them and how many.

Words are looked for anywhere in names, address, title and company. The gate lies above the
register, so a caller that asks it hands a narrower statement in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, or_, select
from sqlalchemy.orm import Session

from mailer.contacts.models import Company, Contact

LONGEST_TEXT = 200
MOST_WORDS = 8

ORDERS: dict[str, Any] = {
    # Nameless ones, which are shared mailboxes, come last.
    "name": func.nullif(func.lower(Contact.last_name), ""),
    "title": func.lower(Contact.title),
    "company": func.lower(Company.name),
    "level": Contact.level,
    "added": Contact.created_at,
}


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for. `level`: its rank, None for any. `restricted`: whether people whose
    processing is restricted are shown (R91). `quarantined`: only those in quarantine."""

    text: str = ""
    function: str = ""
    level: int | None = None
    language: str = ""
    company_id: int | None = None
    quarantined: bool = False
    restricted: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The words looked for, each of which must be there."""
        words = self.text[:LONGEST_TEXT].lower().split()[:MOST_WORDS]
        # The longest is the rarest, and the others are looked for only where it is.
        return tuple(sorted(dict.fromkeys(words), key=len, reverse=True))


@dataclass(frozen=True, slots=True)
class Found:
    """One row of the list."""

    id: int
    first_name: str
    last_name: str
    email: str
    title: str
    company_id: int | None
    company: str | None
    functions: Sequence[str]
    level: int
    language: str
    role_confidence: float

    @property
    def name(self) -> str:
        """Both names; empty for a shared mailbox."""
        return f"{self.first_name} {self.last_name}".strip()


def conditions(search: Search) -> list[ColumnElement[bool]]:
    """The search as SQL over contacts."""
    wanted: list[ColumnElement[bool]] = [Contact.erased_at.is_(None)]
    wanted += [_holds(word) for word in search.words]
    if search.function:
        wanted.append(Contact.functions.contains([search.function]))
    if search.level is not None:
        wanted.append(Contact.level == search.level)
    if search.language:
        wanted.append(Contact.language == search.language)
    if search.company_id is not None:
        wanted.append(Contact.company_id == search.company_id)
    if search.quarantined:
        wanted.append(Contact.quarantined_at.is_not(None))
    if not search.restricted:
        wanted.append(Contact.restricted_at.is_(None))
    return wanted


def page(
    session: Session,
    search: Search,
    *,
    within: Select[Any] | None = None,
    order: str = "name",
    descending: bool = False,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Found], int]:
    """Some of the people who match, sorted by a key of ORDERS, and how many match in all.

    `within`: a statement over contacts and their companies that narrows the search.
    """
    keys = (ORDERS[order], Contact.id)
    base = select(Contact.id) if within is None else within
    if order == "company" and within is None:
        base = base.outerjoin(Company, Company.id == Contact.company_id)
    base = base.where(*conditions(search))
    # Words and the gate read the whole register and count on the way; without them the order's
    # index gives the page at once, and the count is quick by itself.
    one_pass = bool(search.words) or within is not None
    rows = session.execute(
        base.with_only_columns(Contact.id, func.count().over() if one_pass else literal(0))
        .order_by(*(key.desc() if descending else key for key in keys))
        .limit(limit)
        .offset(offset)
    ).all()
    if one_pass and (rows or not offset):
        total = rows[0][1] if rows else 0
    else:
        total = session.scalar(base.with_only_columns(func.count(Contact.id))) or 0
    return _read(session, [row[0] for row in rows]), total


def _read(session: Session, ids: list[int]) -> list[Found]:
    """The rows of the list with these ids, in their order."""
    rows = session.execute(
        select(
            Contact.id,
            Contact.first_name,
            Contact.last_name,
            Contact.email,
            Contact.title,
            Contact.company_id,
            Company.name,
            Contact.functions,
            Contact.level,
            Contact.language,
            Contact.role_confidence,
        )
        .outerjoin(Company, Company.id == Contact.company_id)
        .where(Contact.id.in_(ids))
    )
    found = {row.id: Found(*row) for row in rows}
    return [found[number] for number in ids if number in found]


def _holds(word: str) -> ColumnElement[bool]:
    pattern = f"%{_literal(word)}%"
    at_company = select(Company.id).where(func.lower(Company.name).like(pattern))
    return or_(Contact.search_text.like(pattern), Contact.company_id.in_(at_company))


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
