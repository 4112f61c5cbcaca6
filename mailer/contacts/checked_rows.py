"""What comes out of the checks of a row: the person, the employer, and the problems found."""

from dataclasses import dataclass
from typing import NamedTuple

from mailer.contacts.problems import Problem

LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Terms:
    """What the rows of a file are read under: the choices of the import and of the notice."""

    default_country: str | None = "FI"
    person_kinds: frozenset[str] = frozenset({"organisation_contact", "shared_mailbox"})
    # The year it is: no figure of a company is of a later one.
    this_year: int = 9999


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
    # The year of the figures above; None: that of the source's date.
    figures_year: int | None = None

    @property
    def identity(self) -> str | tuple[str, str]:
        """What tells it from other companies."""
        return self.business_id or (self.name_key, self.domain)


class Row:
    """A row after all checks. Without an `email` it was rejected; `private` is the key of an
    address for the do-not-import list.

    The defaults stand in the class, so that a row costs only what it sets.
    """

    problems: tuple[Problem, ...] = ()
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

    def __init__(self, number: int) -> None:
        self.number = number

    def reject(self, column: str, value: str, code: str) -> None:
        """Leave the row out; the first reason counts."""
        if self.rejected is None:
            self.rejected = code
            self.problems += (Problem(column, value[:LONGEST_SHOWN], code, True),)

    def warn(self, column: str, value: str, code: str) -> None:
        """Note something about a row that is imported."""
        self.problems += (Problem(column, value[:LONGEST_SHOWN], code, False),)
