"""Rows of a file of dealings -> what they say, or the first thing that is wrong with each.

Pure. Who the address and the Business ID belong to is asked of the register afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from mailer import business_id
from mailer.contacts import address, cells, detectors, interaction_cells
from mailer.contacts.columns import key as comparable
from mailer.contacts.csv_file import BROKEN_QUOTING, Record
from mailer.contacts.interaction_columns import Plan, event_names, kind_names
from mailer.contacts.interaction_entry import REFUSALS
from mailer.contacts.offer_documents import REFUSALS as REFUSALS_OF_DOCUMENTS
from mailer.contacts.web_visits import REFUSALS as REFUSALS_OF_VISITS
from mailer.languages import N_, gettext

LONGEST_EXTERNAL_ID = 200

PROBLEMS = {
    **address.PROBLEMS,
    **REFUSALS,
    **REFUSALS_OF_VISITS,
    **REFUSALS_OF_DOCUMENTS,
    BROKEN_QUOTING: N_("A quotation mark in the row is never closed."),
    "too_many_cells": N_(
        "The row has more cells than there are headings, so its values may be in wrong columns."
    ),
    "bad_business_id": N_("This is not a Business ID. Write it as 1234567-8."),
    "business_id_check_digit": N_("The check digit of the Business ID is wrong."),
    "kind_unknown": N_("There is no such kind of dealing."),
    "bad_moment": N_("This is not a date. Write it as 2027-06-30 or 30.6.2027."),
    "bad_amount": N_("This is not a sum. Write it as 1234,50."),
    "bad_year": N_("This is not a year. Write it as 2026."),
    "external_id_too_long": N_("The external ID is longer than 200 characters."),
    "unknown_person": N_(
        "There is nobody with this address in the register. People come by the import of contacts."
    ),
    "unknown_company": N_("There is no company with this Business ID in the register."),
    "event_of_no_document": N_(
        "An event belongs to an offer document and names it by its external ID."
    ),
    "visit_of_nobody": N_("A visit to a web site needs the address of a person."),
    "duplicate_in_file": N_("The same is on an earlier row of the file."),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is not imported: the heading of the column ("" for the row), a key of PROBLEMS."""

    row: int
    column: str
    code: str

    @property
    def sentence(self) -> str:
        """Why, in the language in force."""
        return gettext(PROBLEMS[self.code])


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says. `email` and `business_id` are canonical, or None where the cell is empty."""

    number: int
    email: str | None
    business_id: str | None
    kind: str
    at: datetime
    title: str
    body: str
    amount: Decimal | None
    currency: str
    reference: str
    financial_year: int | None
    external_id: str | None
    event: str | None
    page: str
    seconds: int | None


class _WrongError(Exception):
    def __init__(self, field: str, code: str) -> None:
        super().__init__(code)
        self.field, self.code = field, code


@dataclass(frozen=True, slots=True)
class Names:
    """What cells may call the kinds of dealings and the events of offer documents."""

    kinds: Mapping[str, str] = field(default_factory=kind_names)
    events: Mapping[str, str] = field(default_factory=event_names)


def read(record: Record, plan: Plan, names: Names) -> Row | Problem:
    """The row of one record. Never raises for anything that a cell can hold."""
    number, texts, flaw = record
    if flaw is not None:
        return Problem(number, "", BROKEN_QUOTING)
    if len(texts) > len(plan.header):
        return Problem(number, "", "too_many_cells")
    value = {
        field: cells.tidy(texts[at]) if at < len(texts) else "" for field, at in plan.fields.items()
    }
    try:
        return _read(number, value, names)
    except _WrongError as wrong:
        return Problem(number, plan.heading(wrong.field), wrong.code)


def _read(number: int, value: Mapping[str, str], names: Names) -> Row:
    def text(field: str) -> str:
        return value.get(field, "")

    email, company = _email(text("email")), _business_id(text("business_id"))
    if email is None and company is None:
        raise _WrongError("", "no_party")
    return Row(
        number=number,
        email=email,
        business_id=company,
        kind=_named("kind", text("kind"), names.kinds),
        at=_moment(text("at")),
        title=text("title"),
        body=text("body"),
        amount=_amount(text("amount")),
        currency=text("currency").upper() or "EUR",
        reference=text("reference"),
        financial_year=_whole(text("financial_year"), "financial_year", "bad_year", digits=4),
        external_id=_external_id(text("external_id")),
        event=_named("event", text("event"), names.events) if text("event") else None,
        page=text("page"),
        seconds=_whole(text("seconds"), "seconds", "seconds_unfit", digits=5),
    )


def _email(text: str) -> str | None:
    if not text:
        return None
    try:
        return str(address.canonical(text))
    except address.AddressError as error:
        raise _WrongError("email", error.code) from None


def _business_id(text: str) -> str | None:
    if not text:
        return None
    try:
        return business_id.canonical(text)
    except business_id.BusinessIdError as error:
        raise _WrongError("business_id", error.code) from None


def _named(column: str, text: str, names: Mapping[str, str]) -> str:
    found = names.get(comparable(text))
    if found is None:
        raise _WrongError(column, f"{column}_unknown")
    return found


def _moment(text: str) -> datetime:
    found = interaction_cells.moment(text)
    if found is None:
        raise _WrongError("at", "bad_moment")
    return found


def _amount(text: str) -> Decimal | None:
    found = interaction_cells.amount(text) if text else None
    if text and found is None:
        raise _WrongError("amount", "bad_amount")
    return found


def _whole(text: str, column: str, code: str, *, digits: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= digits):
        raise _WrongError(column, code)
    return int(text)


def _external_id(text: str) -> str | None:
    if len(text) > LONGEST_EXTERNAL_ID:
        raise _WrongError("external_id", "external_id_too_long")
    if detectors.may_hold_identity_code(text):
        raise _WrongError("external_id", "identity_code")
    return text or None
