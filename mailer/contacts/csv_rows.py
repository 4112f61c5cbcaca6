"""One row of a file -> a checked row: what would be stored, or why not.

Pure: needs no database, so the dry run and the real run cannot differ here. A row is left out for
one reason, and warned about for any number. What is found to be private is never in a problem.

Rows come by the million, so what repeats (companies, domains, titles, names) is judged once and
remembered, and what is rare is looked for with one quick look at the whole row.
"""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from mailer.contacts import address, cells, countries, detectors
from mailer.contacts.checked_rows import Row, Terms
from mailer.contacts.columns import FULL_NAME, Plan
from mailer.contacts.csv_file import MAX_CELL, Record
from mailer.contacts.employers import FIELDS as COMPANY_FIELDS
from mailer.contacts.employers import Employer, Employers, picker

_LIMITS = {
    "email": MAX_CELL,  # an address has its own limit, and its own reason
    "note": MAX_CELL,
    "duties": 2_000,
    "tags": 1_000,
    "title": 200,
    "company_name": 200,
    "street": 200,
    "industry_name": 200,
}
_LONGEST_OTHER = 100
_MOST_TAGS = 20
_CACHED = 50_000
_FORMULA_STARTS = frozenset(cells.FORMULA_STARTS)
_FREE_TEXT = ("note", "duties", "tags")
_FORMULA_FIELDS = ("note", "title", "first_name", "last_name", "company_name")


class Domain(NamedTuple):
    """What is known of a mail domain: its kind, suppression key and country."""

    kind: detectors.DomainKind
    key: bytes
    country: str | None


class Checker:
    """Checks the rows of one file in order; remembers which addresses it has seen."""

    def __init__(self, plan: Plan, terms: Terms) -> None:
        self._plan = plan
        self._terms = terms
        self._names = tuple(plan.fields)
        self._pick = picker(tuple(plan.fields.values()))
        self._width = len(plan.header)
        self._employers = Employers(plan, terms.this_year)
        self._phone = plan.fields.get("phone")
        # Where a personal identity code is looked for: cells that repeat, and all others.
        repeated = {plan.fields[name] for name in COMPANY_FIELDS if name in plan.fields}
        self._pick_repeated = picker(tuple(sorted(repeated)))
        others = set(range(self._width)) - repeated - {self._phone}
        self._pick_others = picker(tuple(sorted(others)))
        self._clear: set[tuple[str, ...]] = set()
        self._warns_of_titles = "title" in plan.fields
        self._free_text = tuple(name for name in _FREE_TEXT if name in plan.fields)
        self._formulas = tuple(name for name in _FORMULA_FIELDS if name in plan.fields)
        self._seen: set[str] = set()
        self._private: set[bytes] = set()
        self._domains: dict[str, Domain] = {}

    def check(self, record: Record) -> Row:
        """The row of one record. Never raises for anything that a cell can hold."""
        number, texts, flaw = record
        row = Row(number)
        if len(texts) < self._width:
            texts = texts + [""] * (self._width - len(texts))
        joined = "|".join(texts)
        if cells.untidy(joined):
            texts = [cells.tidy(text) for text in texts]
            joined = "|".join(texts)
        value = dict(zip(self._names, self._pick(texts), strict=True))
        found = self._read_address(row, value)
        if self._may_hold_code(texts):
            self._refuse_identity_code(row, texts)
        if row.rejected is None and (flaw is not None or len(texts) > self._width):
            self._refuse_shape(row, texts, flaw)
        if row.rejected is None and found is not None:
            if len(joined) > _LONGEST_OTHER and max(map(len, texts)) > _LONGEST_OTHER:
                self._drop_long(row, value, texts)
            if "\ufffd" in joined:
                self._note_damage(row, value)
            self._read(row, value, texts, found)
        return row

    def _read(
        self, row: Row, value: dict[str, str], texts: list[str], found: address.Address
    ) -> None:
        domain = self._domain(found.domain)
        own = found.domain if domain.kind == "work" else ""
        employer = self._employers.read(value, texts, own)
        row.company = employer.company
        if employer.problems:
            row.problems += employer.problems
        self._judge_person(row, value, found, domain=domain, employer=employer)
        if row.rejected is None:
            self._judge_repeat(row, value, found)
        if row.rejected is None:
            self._read_person(row, value, found, domain)
            self._read_texts(row, value)

    # Whether the row may be stored

    def _read_address(self, row: Row, value: Mapping[str, str]) -> address.Address | None:
        raw = value.get("email", "")
        try:
            found = address.canonical(raw)
        except address.AddressError as error:
            row.reject(self._plan.heading("email"), raw, error.code)
            return None
        row.email = str(found)
        row.address_key = address.address_key(found)
        return found

    def _may_hold_code(self, texts: list[str]) -> bool:
        """Whether any cell but the phone may hold a personal identity code."""
        if len(texts) > self._width:
            return True
        if detectors.may_hold_identity_code("|".join(self._pick_others(texts))):
            return True
        repeated = self._pick_repeated(texts)
        if repeated in self._clear:
            return False
        if detectors.may_hold_identity_code("|".join(repeated)):
            return True
        if len(self._clear) > _CACHED:
            self._clear.clear()
        self._clear.add(repeated)
        return False

    def _refuse_identity_code(self, row: Row, texts: list[str]) -> None:
        for position, text in enumerate(texts):
            # 040123-4567 is a phone number, and one in 31 has the check character of a code.
            if position != self._phone and detectors.find_identity_code(text):
                heading = self._plan.header[position] if position < self._width else ""
                self._forget(row, heading, detectors.mask_identity_codes(text), "identity_code")

    def _forget(self, row: Row, heading: str, value: str, code: str) -> None:
        """Reject for good: nothing of the row stays but the key of its address."""
        if row.address_key:
            row.private = row.address_key
            self._private.add(row.address_key)
        row.problems = ()
        row.rejected = None
        row.reject(heading, value, code)

    def _refuse_shape(self, row: Row, texts: list[str], flaw: str | None) -> None:
        if flaw is not None:
            row.reject("", "", flaw)
        elif any(texts[self._width :]):
            row.reject("", "", "too_many_cells")

    def _judge_person(
        self,
        row: Row,
        value: Mapping[str, str],
        found: address.Address,
        *,
        domain: Domain,
        employer: Employer,
    ) -> None:
        """What kind of contact this is; private persons only where the notice has them (R13)."""
        title = value.get("title", "")
        if title and _is_pupil(title):
            self._forget(row, self._plan.heading("title"), title, "pupil_title")
        elif domain.kind == "disposable":
            self._forget(row, self._plan.heading("email"), "", "disposable_domain")
        elif domain.kind != "work" and _looks_private(row, domain):
            if "private_person" in self._terms.person_kinds:
                row.kind = "private_person"
            else:
                shown = address.masked(row.email)
                self._forget(row, self._plan.heading("email"), shown, "private_person")
        elif employer.company is None:
            row.reject(self._plan.heading("company_name"), "", "no_company")
        else:
            self._judge_contact(row, value, found, domain=domain, employer=employer)

    def _judge_contact(
        self,
        row: Row,
        value: Mapping[str, str],
        found: address.Address,
        *,
        domain: Domain,
        employer: Employer,
    ) -> None:
        if detectors.is_role_address(found.local):
            row.kind = "shared_mailbox"
        elif employer.sole_trader and employer.company is not None:
            row.kind = "sole_trader"
            if "sole_trader" not in self._terms.person_kinds:
                heading = self._plan.heading("company_name")
                row.warn(heading, employer.company.name, "sole_trader_not_declared")
        if domain.kind == "free":
            self._quarantine(row, "email", value, "free_mail_company")
        elif domain.kind == "access_provider":
            self._quarantine(row, "email", value, "access_provider_mail")
        elif _is_student(value.get("title", "")):
            self._quarantine(row, "title", value, "student_title")

    def _quarantine(self, row: Row, name: str, value: Mapping[str, str], code: str) -> None:
        row.quarantine = code
        row.warn(self._plan.heading(name), value[name], code)

    def _judge_repeat(self, row: Row, value: Mapping[str, str], found: address.Address) -> None:
        if row.address_key in self._private:
            shown = address.masked(str(found))
            row.reject(self._plan.heading("email"), shown, "private_person_earlier")
        elif row.email in self._seen:
            row.reject(self._plan.heading("email"), value["email"], "duplicate_in_file")
        else:
            self._seen.add(row.email)

    # What is stored

    def _read_person(
        self, row: Row, value: Mapping[str, str], found: address.Address, domain: Domain
    ) -> None:
        first, last = value.get("first_name", ""), value.get("last_name", "")
        if not first and not last and FULL_NAME in value:
            first, last = cells.split_name(value[FULL_NAME])
        row.first_name, row.last_name = first, last
        row.domain_key = domain.key
        company = row.company
        employer = company.business_id if company is not None else None
        row.person_key = address.person_key(first, last, employer or found.domain)
        row.title = value.get("title", "")
        if not row.title and self._warns_of_titles and row.kind != "shared_mailbox":
            row.warn(self._plan.heading("title"), "", "no_title")
        if text := value.get("phone", ""):
            row.phone = self._read_one(row, "phone", text, cells.phone)
        if text := value.get("language", ""):
            row.language = self._read_one(row, "language", text, cells.language)
        stated = company.country if company is not None else None
        row.countries = _known(stated or self._terms.default_country, domain.country)

    def _read_one(self, row: Row, name: str, text: str, read: Callable[[str], str | None]) -> str:
        result = read(text)
        if result is None:
            row.warn(self._plan.heading(name), text, f"bad_{name}")
            return ""
        return result

    def _read_texts(self, row: Row, value: Mapping[str, str]) -> None:
        for name in self._free_text:
            if text := value[name]:
                self._read_free_text(row, name, text)
        for name in self._formulas:
            if value[name][:1] in _FORMULA_STARTS:
                row.warn(self._plan.heading(name), value[name], "formula_text")

    def _read_free_text(self, row: Row, name: str, text: str) -> None:
        heading = self._plan.heading(name)
        if _has_special_category(text):
            row.warn(heading, "", "special_category")
        elif detectors.may_hold_identity_code(text):
            row.warn(heading, detectors.mask_identity_codes(text), "looks_like_identity_code")
        elif name == "tags":
            row.tags = _tags(text)
        else:
            setattr(row, name, text)

    def _domain(self, name: str) -> Domain:
        found = self._domains.get(name)
        if found is None:
            if len(self._domains) > _CACHED:
                self._domains.clear()
            found = self._domains[name] = Domain(
                detectors.domain_kind(name),
                address.domain_key(name),
                countries.country_of_domain(name),
            )
        return found

    def _drop_long(self, row: Row, value: dict[str, str], texts: list[str]) -> None:
        for name, text in value.items():
            if len(text) > _LIMITS.get(name, _LONGEST_OTHER):
                row.warn(self._plan.heading(name), text, "cell_too_long")
                value[name] = ""
                texts[self._plan.fields[name]] = ""

    def _note_damage(self, row: Row, value: Mapping[str, str]) -> None:
        for name, text in value.items():
            if "\ufffd" in text:
                row.warn(self._plan.heading(name), text, "damaged_letters")


_is_pupil = lru_cache(maxsize=50_000)(detectors.is_pupil)
_is_student = lru_cache(maxsize=50_000)(detectors.is_student)
_has_special_category = lru_cache(maxsize=10_000)(detectors.has_special_category)


def _looks_private(row: Row, domain: Domain) -> bool:
    """A free mail address without a Business ID, or one of an access provider without a company."""
    if domain.kind == "free":
        return row.company is None or row.company.business_id is None
    return domain.kind == "access_provider" and row.company is None


@cache
def _known(*codes: str | None) -> tuple[str, ...]:
    return tuple(sorted({code for code in codes if code is not None}))


def _tags(text: str) -> tuple[str, ...]:
    for separator in (";", "|"):
        text = text.replace(separator, ",")
    found = dict.fromkeys(tag.strip() for tag in text.split(","))
    return tuple(tag for tag in found if 0 < len(tag) <= 60)[:_MOST_TAGS]
