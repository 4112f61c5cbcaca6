"""Cells of a row -> the employer. A file has far fewer companies than rows, so each is read once.

Pure, and part of the checks of a row (mailer.contacts.csv_rows).
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from mailer import business_id
from mailer.contacts import address, cells, detectors
from mailer.contacts.checked_rows import Company, Row
from mailer.contacts.columns import Plan
from mailer.contacts.problems import Problem

UNKNOWN_COUNTRY = "ZZ"  # allowed nowhere, so the gate asks for consent
NUMBERS = ("headcount", "turnover_eur", "result_eur")
FIELDS = (
    "company_name",
    "business_id",
    "industry_code",
    "industry_name",
    *NUMBERS,
    "street",
    "postal_code",
    "city",
    "country",
)
_LARGEST = 2**53
_CACHED = 50_000


class Employer(NamedTuple):
    """A company with what was found in its cells, and whether it is a person's own business."""

    company: Company | None
    problems: tuple[Problem, ...]
    sole_trader: bool


class Employers:
    """Reads the employers of one file."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
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
        headcount, turnover, result = (self._number(notes, value, name) for name in NUMBERS)
        return Company(
            name=name or str(identity),
            name_key=cells.name_key(name),
            domain=domain,
            business_id=identity,
            company_key=address.company_key(identity) if identity else None,
            industry_code=self._industry(notes, value),
            industry_name=value.get("industry_name") or None,
            headcount=headcount,
            turnover_eur=turnover,
            result_eur=result,
            street=value.get("street") or None,
            postal_code=value.get("postal_code") or None,
            city=value.get("city") or None,
            country=self._country(notes, value),
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
