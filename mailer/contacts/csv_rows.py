"""One row of a file -> a checked row: what would be stored, or why not.

Pure: needs no database, so the dry run and the real run cannot differ here. A row is left out for
one reason, and warned about for any number. What is found to be private is never in a problem.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from mailer.contacts import address, business_id, cells, countries, detectors
from mailer.contacts.columns import FULL_NAME, Plan
from mailer.contacts.csv_file import MAX_CELL, Record
from mailer.contacts.problems import Problem

UNKNOWN_COUNTRY = "ZZ"  # allowed nowhere, so the gate asks for consent
LONGEST_SHOWN = 200
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
_CACHED = 200_000
_FORMULA_STARTS = frozenset(cells.FORMULA_STARTS)
_FREE_TEXT = ("note", "duties", "tags")
_NUMBERS = ("headcount", "turnover_eur", "result_eur")
_LARGEST = 2**53
_COMPANY_FIELDS = (
    "company_name",
    "business_id",
    "industry_code",
    "industry_name",
    *_NUMBERS,
    "street",
    "postal_code",
    "city",
    "country",
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the rows of a file are read under: the choices of the import and of the notice."""

    default_country: str | None = "FI"
    person_kinds: frozenset[str] = frozenset({"organisation_contact", "shared_mailbox"})


class Company(NamedTuple):
    """The employer as a row tells it. Known by its Business ID, else by name and mail domain."""

    name: str
    name_key: str
    domain: str
    business_id: str | None
    company_key: bytes | None
    industry_code: str | None
    industry_name: str | None
    headcount: int | None
    turnover_eur: int | None
    result_eur: int | None
    street: str | None
    postal_code: str | None
    city: str | None
    country: str | None

    @property
    def identity(self) -> str | tuple[str, str]:
        """What tells it from other companies."""
        return self.business_id or (self.name_key, self.domain)


@dataclass(slots=True)
class Row:
    """A row after all checks. Without an `email` it was rejected; `private` is the key of an
    address for the do-not-import list."""

    number: int
    problems: list[Problem] = field(default_factory=list)
    rejected: str | None = None
    private: bytes | None = None
    quarantine: str | None = None
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    title: str = ""
    duties: str = ""
    language: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    kind: str = "organisation_contact"
    countries: tuple[str, ...] = ()
    address_key: bytes = b""
    person_key: bytes | None = None
    domain_key: bytes = b""
    company: Company | None = None

    def reject(self, column: str, value: str, code: str) -> None:
        """Leave the row out; the first reason counts."""
        if self.rejected is None:
            self.rejected = code
            self.problems.append(Problem(column, value[:LONGEST_SHOWN], code, True))

    def warn(self, column: str, value: str, code: str) -> None:
        """Note something about a row that is imported."""
        self.problems.append(Problem(column, value[:LONGEST_SHOWN], code, False))


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
        self._pick = _picker(tuple(plan.fields.values()))
        self._width = len(plan.header)
        self._pick_company = _picker(
            tuple(plan.fields[name] for name in _COMPANY_FIELDS if name in plan.fields)
        )
        self._warns_of_titles = "title" in plan.fields
        self._seen: set[str] = set()
        self._private: set[bytes] = set()
        self._domains: dict[str, Domain] = {}
        self._companies: dict[Any, tuple[Company | None, list[Problem]]] = {}

    def check(self, record: Record) -> Row:
        """The row of one record. Never raises for anything that a cell can hold."""
        number, texts, flaw = record
        row = Row(number)
        if len(texts) < self._width:
            texts = texts + [""] * (self._width - len(texts))
        joined = "|".join(texts)
        if _untidy(joined):
            texts = [cells.unneutralise(_without_dash(cells.clean(text))) for text in texts]
        value = dict(zip(self._names, self._pick(texts), strict=True))
        found = self._read_address(row, value)
        self._refuse_identity_code(row, texts, joined)
        if row.rejected is None:
            self._refuse_shape(row, texts, flaw)
        if row.rejected is None and found is not None:
            self._drop_long(row, value, texts)
            self._read(row, value, texts, found)
        return row

    def _read(
        self, row: Row, value: dict[str, str], texts: list[str], found: address.Address
    ) -> None:
        domain = self._domain(found.domain)
        row.company = self._company(row, value, texts, found.domain if _own(domain) else "")
        self._judge_person(row, value, found, domain)
        if row.rejected is None:
            self._judge_repeat(row, value, found)
        if row.rejected is None:
            self._read_person(row, value, found)
            self._read_free_text(row, value)
            self._read_countries(row, domain)

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

    def _refuse_identity_code(self, row: Row, texts: list[str], joined: str) -> None:
        if not detectors.may_hold_identity_code(joined):
            return
        phone = self._plan.fields.get("phone")
        for position, text in enumerate(texts):
            # 040123-4567 is a phone number, and one in 31 has the check character of a code.
            if position != phone and detectors.find_identity_code(text):
                heading = self._plan.header[position] if position < self._width else ""
                self._forget(row, heading, detectors.mask_identity_codes(text), "identity_code")

    def _forget(self, row: Row, heading: str, value: str, code: str) -> None:
        """Reject for good: nothing of the row stays but the key of its address."""
        if row.address_key:
            row.private = row.address_key
            self._private.add(row.address_key)
        row.problems.clear()
        row.rejected = None
        row.reject(heading, value, code)

    def _refuse_shape(self, row: Row, texts: list[str], flaw: str | None) -> None:
        if flaw is not None:
            row.reject("", "", flaw)
        elif any(texts[self._width :]):
            row.reject("", "", "too_many_cells")

    def _judge_person(
        self, row: Row, value: Mapping[str, str], found: address.Address, domain: Domain
    ) -> None:
        """What kind of contact this is; private persons only where the notice has them (R13)."""
        title = value.get("title", "")
        if title and detectors.is_pupil(title):
            self._forget(row, self._plan.heading("title"), title, "pupil_title")
        elif domain.kind == "disposable":
            self._forget(row, self._plan.heading("email"), "", "disposable_domain")
        elif _looks_private(row, domain):
            if "private_person" in self._terms.person_kinds:
                row.kind = "private_person"
            else:
                shown = address.masked(row.email)
                self._forget(row, self._plan.heading("email"), shown, "private_person")
        elif row.company is None:
            row.reject(self._plan.heading("company_name"), "", "no_company")
        else:
            self._judge_contact(row, value, found, domain)

    def _judge_contact(
        self, row: Row, value: Mapping[str, str], found: address.Address, domain: Domain
    ) -> None:
        if detectors.is_role_address(found.local):
            row.kind = "shared_mailbox"
        elif row.company is not None and detectors.is_sole_trader(row.company.name):
            row.kind = "sole_trader"
            if "sole_trader" not in self._terms.person_kinds:
                heading = self._plan.heading("company_name")
                row.warn(heading, row.company.name, "sole_trader_not_declared")
        if domain.kind == "free":
            self._quarantine(row, "email", value, "free_mail_company")
        elif domain.kind == "access_provider":
            self._quarantine(row, "email", value, "access_provider_mail")
        elif detectors.is_student(value.get("title", "")):
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

    def _read_person(self, row: Row, value: Mapping[str, str], found: address.Address) -> None:
        first, last = value.get("first_name", ""), value.get("last_name", "")
        if not first and not last and FULL_NAME in value:
            first, last = cells.split_name(value[FULL_NAME])
        row.first_name, row.last_name = first, last
        row.domain_key = self._domain(found.domain).key
        employer = found.domain
        if row.company is not None and row.company.business_id:
            employer = row.company.business_id
        row.person_key = address.person_key(first, last, employer)
        row.title = value.get("title", "")
        if not row.title and self._warns_of_titles and row.kind != "shared_mailbox":
            row.warn(self._plan.heading("title"), "", "no_title")
        row.phone = self._read_one(row, value, "phone", cells.phone)
        row.language = self._read_one(row, value, "language", cells.language)

    def _read_one(self, row: Row, value: Mapping[str, str], name: str, read: Any) -> str:
        text = value.get(name, "")
        if not text:
            return ""
        result: str | None = read(text)
        if result is None:
            row.warn(self._plan.heading(name), text, f"bad_{name}")
            return ""
        return result

    def _read_free_text(self, row: Row, value: Mapping[str, str]) -> None:
        for name in _FREE_TEXT:
            text = value.get(name, "")
            if not text:
                continue
            if detectors.has_special_category(text):
                row.warn(self._plan.heading(name), "", "special_category")
            elif detectors.may_hold_identity_code(text):
                row.warn(
                    self._plan.heading(name),
                    detectors.mask_identity_codes(text),
                    "looks_like_identity_code",
                )
            elif name == "tags":
                row.tags = _tags(text)
            else:
                setattr(row, name, text)
        for name in ("note", "title", "first_name", "last_name", "company_name"):
            text = value.get(name, "")
            if text and text[0] in _FORMULA_STARTS:
                row.warn(self._plan.heading(name), text, "formula_text")

    def _read_countries(self, row: Row, domain: Domain) -> None:
        stated = row.company.country if row.company is not None else None
        row.countries = _known(stated or self._terms.default_country, domain.country)

    # Companies and domains, of which a file has far fewer than rows

    def _company(
        self, row: Row, value: Mapping[str, str], texts: Sequence[str], domain: str
    ) -> Company | None:
        cache = self._companies
        key = (domain, self._pick_company(texts))
        found = cache.get(key)
        if found is None:
            if len(cache) > _CACHED:
                cache.clear()
            notes = Row(0)
            found = cache[key] = (self._read_company(notes, value, domain), notes.problems)
        row.problems += found[1]
        return found[0]

    def _read_company(self, notes: Row, value: Mapping[str, str], domain: str) -> Company | None:
        identity = self._read_business_id(notes, value)
        name = value.get("company_name", "")
        if not name and identity is None:
            return None
        country = None
        if text := value.get("country", ""):
            country = cells.country(text)
            if country is None:
                notes.warn(self._plan.heading("country"), text, "bad_country")
                country = UNKNOWN_COUNTRY
        headcount, turnover, result = (self._read_number(notes, value, name) for name in _NUMBERS)
        return Company(
            name=name or str(identity),
            name_key=cells.name_key(name),
            domain=domain,
            business_id=identity,
            company_key=address.company_key(identity) if identity else None,
            industry_code=self._read_industry(notes, value),
            industry_name=value.get("industry_name") or None,
            headcount=headcount,
            turnover_eur=turnover,
            result_eur=result,
            street=value.get("street") or None,
            postal_code=value.get("postal_code") or None,
            city=value.get("city") or None,
            country=country,
        )

    def _read_business_id(self, notes: Row, value: Mapping[str, str]) -> str | None:
        text = value.get("business_id", "")
        if not text:
            return None
        try:
            return business_id.canonical(text)
        except business_id.BusinessIdError as error:
            notes.warn(self._plan.heading("business_id"), text, error.code)
            return None

    def _read_number(self, notes: Row, value: Mapping[str, str], name: str) -> int | None:
        text = value.get(name, "")
        if not text:
            return None
        number = cells.whole_number(text)
        if number is None or abs(number) > _LARGEST or (number < 0 and name != "result_eur"):
            notes.warn(self._plan.heading(name), text, "bad_number")
            return None
        return number

    def _read_industry(self, notes: Row, value: Mapping[str, str]) -> str | None:
        text = value.get("industry_code", "")
        code = cells.industry_code(text) if text else None
        if text and code is None:
            notes.warn(self._plan.heading("industry_code"), text, "bad_industry_code")
        return code

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
        if max(map(len, texts)) > _LONGEST_OTHER:
            for name, text in value.items():
                if len(text) > _LIMITS.get(name, _LONGEST_OTHER):
                    row.warn(self._plan.heading(name), text, "cell_too_long")
                    value[name] = ""
                    texts[self._plan.fields[name]] = ""
        if "\ufffd" in "".join(value.values()):
            for name, text in value.items():
                if "\ufffd" in text:
                    row.warn(self._plan.heading(name), text, "damaged_letters")


def _picker(positions: tuple[int, ...]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """What takes the cells at some positions out of a row, at the speed of C."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda texts: tuple(texts[position] for position in positions)


def _untidy(joined: str) -> bool:
    """Whether a row needs the slower cleaning of its cells."""
    return (
        "  " in joined
        or "| " in joined
        or " |" in joined
        or "'" in joined
        or "|-|" in joined
        or joined[:1] in " -"
        or joined[-1:] in " -"
        or not joined.isprintable()
    )


def _without_dash(text: str) -> str:
    return "" if text in ("-", "–", "—") else text


def _own(domain: Domain) -> bool:
    return domain.kind == "work"


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
