"""The form of a dealing: what was typed -> an entry, and what is wrong, in words."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from babel import numbers

from mailer.contacts import interaction_cells as cells
from mailer.contacts import offer_documents
from mailer.contacts.interaction_entry import (
    CURRENCIES,
    HOLD_YEARS,
    LATEST_END,
    REFUSALS,
    VALUED_KINDS,
    Entry,
    Refused,
    written_kinds,
)
from mailer.contacts.interaction_holds import is_held
from mailer.contacts.interaction_models import Interaction
from mailer.languages import N_, TIMEZONE, format_date, format_datetime, locale
from mailer.languages import gettext as _
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import COMMERCIAL_KINDS, INTERACTION_KINDS

FIELDS = (
    "kind",
    "on",
    "at",
    "title",
    "body",
    "amount",
    "currency",
    "reference",
    "financial_year",
    "once",
)
# The form's own name for what an entry calls otherwise.
_FIELD_OF = {"at": "on"}
_UNREADABLE = {
    "kind": N_("Choose what it was."),
    "on": N_("Write the date as year-month-day, for example 2027-06-30."),
    "at": N_("Write the time as hours and minutes, for example 14:30."),
    "amount": N_("Write the sum as 1234,50."),
    "financial_year": N_("Write the year in which the financial year ended, for example 2026."),
}
_LONGEST_ONCE = 64


@dataclass(frozen=True, slots=True)
class Read:
    """What was typed, as an entry; without one `errors` says why: field -> sentence."""

    entry: Entry | None
    errors: dict[str, str]


def read(form: Mapping[str, str], **party: int | None) -> Read:
    """The entry that a form holds. `party`: contact_id and company_id."""
    on, at = form.get("on", "").strip(), form.get("at", "").strip()
    amount, year = form.get("amount", "").strip(), form.get("financial_year", "").strip()
    kind = form.get("kind", "")
    moment = moment_of(on, at)
    sum_of_money = cells.amount(amount) if amount else None
    unreadable = {
        "kind": kind not in INTERACTION_KINDS,
        "on": cells.moment(on) is None,
        "at": cells.moment(on) is not None and moment is None,
        "amount": bool(amount) and sum_of_money is None,
        "financial_year": bool(year) and not (year.isascii() and year.isdigit() and len(year) == 4),
    }
    errors = {field: _(_UNREADABLE[field]) for field, wrong in unreadable.items() if wrong}
    if errors or moment is None:
        return Read(None, errors)
    once = form.get("once", "")
    entry = Entry(
        kind=kind,
        at=moment,
        title=form.get("title", ""),
        body=form.get("body", ""),
        amount=sum_of_money,
        currency=form.get("currency", "EUR"),
        reference=form.get("reference", ""),
        financial_year=int(year) if year and kind in COMMERCIAL_KINDS else None,
        # A form that is sent twice notes one thing.
        external_id=f"form:{once}" if once.isalnum() and len(once) <= _LONGEST_ONCE else None,
        **party,
    )
    return Read(entry, {})


def moment_of(on: str, at: str) -> datetime | None:
    """The moment that a date and a time, which may be empty, name together."""
    return cells.moment(f"{on} {at}".strip())


def words_of(refused: Refused) -> dict[str, str]:
    """A refusal as a form shows it."""
    sentence = REFUSALS.get(refused.code) or offer_documents.REFUSALS[refused.code]
    return {_FIELD_OF.get(refused.field, refused.field): _(sentence)}


def values_of(row: Interaction) -> dict[str, str]:
    """A stored dealing as its form shows it."""
    local = row.at.astimezone(TIMEZONE)
    return {
        **dict.fromkeys(FIELDS, ""),
        "kind": row.kind,
        "on": local.date().isoformat(),
        "at": "" if cells.is_whole_day(row.at) else f"{local:%H:%M}",
        "title": row.title,
        "body": row.body,
        "amount": f"{row.amount:.2f}".replace(".", ",") if row.amount is not None else "",
        "currency": row.currency or "EUR",
        "reference": row.reference,
        "financial_year": _financial_year(row, local.year),
    }


def _financial_year(row: Interaction, year: int) -> str:
    # A hold that a correction did not shorten may be of another year than the date tells.
    ended = row.held_until.year - HOLD_YEARS if row.held_until else None
    return str(ended) if ended in (year, year + LATEST_END) else ""


def as_before(entry: Entry, row: Interaction) -> Entry:
    """The entry with the moment of what it corrects, where a form shows the two alike: forms have
    no seconds."""
    shown = row.at.replace(second=0, microsecond=0)
    return replace(entry, at=row.at) if entry.at == shown else entry


def choices(notice: Notice | None, *, had: str | None = None) -> dict[str, Any]:
    """What a form of a dealing offers: only kinds that the notice declares, and the one it had."""
    kinds = (written_kinds(notice) if notice else frozenset()) | ({had} if had else set())
    return {
        "kinds": [(key, _(label)) for key, label in INTERACTION_KINDS.items() if key in kinds],
        "valued": bool(kinds & VALUED_KINDS),
        "commercial": bool(kinds & COMMERCIAL_KINDS),
        "currencies": [(code, code) for code in CURRENCIES],
    }


def kind_words(kind: str) -> str:
    """A kind in words, in the language in force."""
    return _(INTERACTION_KINDS.get(kind, kind))


def happened(at: datetime) -> str:
    """When it was, in words: a day, or a day and a time."""
    return format_date(at) if cells.is_whole_day(at) else format_datetime(at)


def money(amount: Decimal, currency: str) -> str:
    """A sum with its cents and currency, as the language writes numbers."""
    return f"{numbers.format_decimal(amount, format='#,##0.00', locale=locale())} {currency}"


def hold_words(row: Interaction, now: datetime) -> str:
    """What the law asks for, in words; empty for what it does not hold."""
    if row.held_until is None or not is_held(row, now):
        return ""
    until = format_date(row.held_until)
    if row.detached_at is not None:
        return _(
            "Kept for accounting until %(date)s. The person has been deleted: nothing here says"
            " who it was.",
            date=until,
        )
    return _(
        "Kept for accounting until %(date)s. It cannot be deleted before that; if the person is"
        " deleted, it stays without name and text.",
        date=until,
    )
