"""The facts of a company, corrected by hand: each figure with its year and its source (R21, R30).

Which country it is in is not among them: whom the law lets us write to hangs on it, and it comes
with the people, by an import or by their own forms.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts import cells
from mailer.contacts.merging import FIGURES
from mailer.contacts.models import Company, Source
from mailer.contacts.provenance import Origin, add_source
from mailer.languages import N_, TIMEZONE
from mailer.notice.schema import Notice

TEXTS = {"industry_name": 200, "street": 200, "postal_code": 20, "city": 100}
FIELDS = ("industry_code", "industry_name", *FIGURES, "street", "postal_code", "city")
EARLIEST_YEAR = 1950
LARGEST = 2**53
PROBLEMS = {
    "industry_code": N_("This is not an industry code. Write it as 62010."),
    "number": N_("This is not a number. Write it as 6893000."),
    "year_missing": N_("Give the year of the figure: without one it says nothing."),
    "year": N_("Write the year with four digits. It may not be in the future."),
    "figure_missing": N_("There is a year without a figure. Give the figure or remove the year."),
    "too_long": N_("The text is too long."),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a form says of a company, and what is wrong with it: field -> a key of PROBLEMS."""

    values: Mapping[str, Any]
    problems: Mapping[str, str]


def offered(notice: Notice) -> tuple[str, ...]:
    """The facts that a form may have: those that the notice declares (R5)."""
    return tuple(name for name in FIELDS if name in notice.fields)


def read(form: Mapping[str, str], notice: Notice, *, now: datetime) -> Facts:
    """Check what was typed. A fact that the notice does not declare is not read."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    this_year = now.astimezone(TIMEZONE).year
    for name in offered(notice):
        text = cells.clean(form.get(name, ""))
        if name in FIGURES:
            year = cells.clean(form.get(FIGURES[name], ""))
            _read_figure(name, text, year, values=values, problems=problems, this_year=this_year)
        elif name == "industry_code":
            values[name] = cells.industry_code(text) if text else None
            if text and values[name] is None:
                problems[name] = "industry_code"
        else:
            values[name] = text or None
            if len(text) > TEXTS[name]:
                problems[name] = "too_long"
    return Facts(values, problems)


def edit(
    session: Session,
    company: Company,
    facts: Facts,
    origin: Origin,
    *,
    seen: datetime,
    now: datetime,
    actor_id: int,
) -> tuple[str, ...] | None:
    """Set a company's facts to what a checked form says; the fields that changed.

    None, and nothing is changed, when somebody has saved the company since it was `seen`.
    """
    if facts.problems:
        raise ValueError("facts with problems are not stored")
    session.refresh(company, with_for_update=True)
    if company.updated_at != seen:
        return None
    changed = tuple(
        name for name in FIELDS if any(_differs(company, facts, column) for column in _of(name))
    )
    if not changed:
        return ()
    source = add_source(session, origin, now=now, actor_id=actor_id)
    mark = {"source": source.id, "import": None, "at": now.astimezone(TIMEZONE).date().isoformat()}
    for name in changed:
        for column in _of(name):
            setattr(company, column, facts.values[column])
    company.field_sources = {**company.field_sources, **dict.fromkeys(changed, mark)}
    company.updated_at = now
    session.flush()
    audit.record(
        session, "company.edited", "company", company.id, now=now, actor_id=actor_id,
        fields=sorted(changed), source_id=source.id,
    )  # fmt: skip
    return changed


def sources_of(session: Session, company: Company) -> dict[str, tuple[Source, date]]:
    """Where each noted fact came from and when; "" for what is not noted otherwise (R30)."""
    noted = company.field_sources or {}
    ids = {int(entry["source"]) for entry in noted.values()} | {company.source_id}
    known = {s.id: s for s in session.scalars(select(Source).where(Source.id.in_(ids)))}
    origin = known[company.source_id]
    return {
        "": (origin, origin.dated),
        **{
            name: (known[int(entry["source"])], date.fromisoformat(entry["at"]))
            for name, entry in noted.items()
            if int(entry["source"]) in known
        },
    }


def values_of(company: Company) -> dict[str, str]:
    """A company's facts as a form shows them."""
    columns = [column for name in FIELDS for column in _of(name)]
    found = {column: getattr(company, column) for column in columns}
    return {column: "" if value is None else str(value) for column, value in found.items()}


def _read_figure(
    name: str,
    text: str,
    year: str,
    *,
    values: dict[str, Any],
    problems: dict[str, str],
    this_year: int,
) -> None:
    number = cells.whole_number(text) if text else None
    is_year = year.isascii() and year.isdigit() and len(year) == 4
    if text and not _is_figure(name, number):
        problems[name] = "number"
    if year and not (is_year and EARLIEST_YEAR <= int(year) <= this_year):
        problems[FIGURES[name]] = "year"
    elif text and not year:
        problems[FIGURES[name]] = "year_missing"
    elif year and not text:
        problems[name] = "figure_missing"
    values[name] = number
    values[FIGURES[name]] = int(year) if is_year else None


def _is_figure(name: str, number: int | None) -> bool:
    return number is not None and abs(number) <= LARGEST and (number >= 0 or name == "result_eur")


def _of(name: str) -> tuple[str, ...]:
    """The columns of a fact: a figure goes with its year."""
    return (name, FIGURES[name]) if name in FIGURES else (name,)


def _differs(company: Company, facts: Facts, column: str) -> bool:
    return column in facts.values and getattr(company, column) != facts.values[column]
