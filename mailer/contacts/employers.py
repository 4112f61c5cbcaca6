"""Cells of a row -> the employer. A file has far fewer companies than rows, so each is read once.

Pure, and part of the checks of a row (mailer.contacts.csv_rows).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from mailer import business_id
from mailer.contacts import address, cells, detectors
from mailer.contacts.checked_rows import Company, Row
from mailer.contacts.columns import FIGURES_YEAR, Plan
from mailer.contacts.merging import FIGURES
from mailer.contacts.problems import Problem

UNKNOWN_COUNTRY = "ZZ"  # allowed nowhere, so the gate asks for consent
NUMBERS = tuple(FIGURES)
FIELDS = (
    "company_name",
    "business_id",
    "industry_code",
    "industry_name",
    *NUMBERS,
    FIGURES_YEAR,
    "street",
    "postal_code",
    "city",
    "country",
)
_LARGEST = 2**53
_EARLIEST_YEAR = 1950
_YEAR = re.compile(r"(?:[0-9]{1,2}\.){0,2}(?:[0-9]{1,2}/)?([0-9]{4})(?:-[0-9]{2}){0,2}")
_CACHED = 50_000


class Employer(NamedTuple):
    """A company with what was found in its cells, and whether it is a person's own business."""

    company: Company | None
    problems: tuple[Problem, ...]
    sole_trader: bool


class Employers:
    """Reads the employers of one file."""

    def __init__(self, plan: Plan, this_year: int) -> None:
        self._plan = plan
        self._this_year = this_year
        self._pick = picker(tuple(plan.fields[name] for name in FIELDS if name in plan.fields))
        self._known: dict[tuple[str, tuple[str, ...]], Employer] = {}

    def read(self, value: Mapping[str, str], texts: Sequence[str], domain: str) -> Employer:
        """The employer of a row. `domain`: the mail domain if it is an organisation's own."""
        key = (domain, self._pick(texts))
        found = self._known.get(key)
        if found is None:
            if len(self._known) > _CACHED:
                self._known.clear()
            notes = Row(0)
            company = self._company(notes, value, domain)
            sole_trader = company is not None and detectors.is_sole_trader(company.name)
            found = self._known[key] = Employer(company, notes.problems, sole_trader)
        return found

    def _company(self, notes: Row, value: Mapping[str, str], domain: str) -> Company | None:
        identity = self._business_id(notes, value)
        name = value.get("company_name", "")
        if not name and identity is None:
            return None
        figures = {name: self._number(notes, value, name) for name in NUMBERS}
        year = self._year(notes, value, figures)
        return Company(
            name=name or str(identity),
            name_key=cells.name_key(name),
            domain=domain,
            business_id=identity,
            company_key=address.company_key(identity) if identity else None,
            industry_code=self._industry(notes, value),
            industry_name=value.get("industry_name") or None,
            headcount=figures["headcount"],
            turnover_eur=figures["turnover_eur"],
            result_eur=figures["result_eur"],
            street=value.get("street") or None,
            postal_code=value.get("postal_code") or None,
            city=value.get("city") or None,
            country=self._country(notes, value),
            figures_year=year,
        )

    def _business_id(self, notes: Row, value: Mapping[str, str]) -> str | None:
        text = value.get("business_id", "")
        if not text:
            return None
        try:
            return business_id.canonical(text)
        except business_id.BusinessIdError as error:
            notes.warn(self._plan.heading("business_id"), text, error.code)
            return None

    def _country(self, notes: Row, value: Mapping[str, str]) -> str | None:
        text = value.get("country", "")
        if not text:
            return None
        country = cells.country(text)
        if country is None:
            notes.warn(self._plan.heading("country"), text, "bad_country")
            return UNKNOWN_COUNTRY
        return country

    def _number(self, notes: Row, value: Mapping[str, str], name: str) -> int | None:
        text = value.get(name, "")
        if not text:
            return None
        number = cells.whole_number(text)
        if number is None or abs(number) > _LARGEST or (number < 0 and name != "result_eur"):
            notes.warn(self._plan.heading(name), text, "bad_number")
            return None
        return number

    def _year(
        self, notes: Row, value: Mapping[str, str], figures: dict[str, int | None]
    ) -> int | None:
        """The year of the figures. Where the file tells years, a figure without one is left out;
        where it does not, they are of the source's date (R21)."""
        if FIGURES_YEAR not in self._plan.fields:
            return None
        text = value.get(FIGURES_YEAR, "")
        match = _YEAR.fullmatch(text)
        year = int(match.group(1)) if match else 0
        if _EARLIEST_YEAR <= year <= self._this_year:
            return year
        if any(figure is not None for figure in figures.values()):
            notes.warn(self._plan.heading(FIGURES_YEAR), text, "figures_without_year")
            figures.update(dict.fromkeys(figures))
        return None

    def _industry(self, notes: Row, value: Mapping[str, str]) -> str | None:
        text = value.get("industry_code", "")
        code = cells.industry_code(text) if text else None
        if text and code is None:
            notes.warn(self._plan.heading("industry_code"), text, "bad_industry_code")
        return code


def picker(positions: tuple[int, ...]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """What takes the cells at some positions out of a row, at the speed of C."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda texts: tuple(texts[position] for position in positions)
