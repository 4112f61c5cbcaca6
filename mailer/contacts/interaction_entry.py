"""What may be noted about a dealing, before any database is asked (R23, R24, R104).

Pure. The same checks for a form, a row of a file and a call of a program.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from mailer.contacts import cells, detectors
from mailer.languages import N_, TIMEZONE
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import COMMERCIAL_KINDS

# A visit to a web site comes from the site, never from a form (mailer.contacts.web_visits).
UNWRITTEN_KINDS = frozenset({"web_visit"})
# Where a sum of money fits.
VALUED_KINDS = COMMERCIAL_KINDS | {"offer", "offer_document"}

LONGEST_TITLE = 200
LONGEST_BODY = 10_000
LONGEST_REFERENCE = 100
LARGEST_AMOUNT = Decimal("9999999999999.99")  # what the column holds
EARLIEST = datetime(1950, 1, 1, tzinfo=TIMEZONE)
# Accounting vouchers: years after the one in which the financial year ended (Kirjanpitolaki 2:10).
HOLD_YEARS = 6
# A financial year is at most 18 months, so it ends in the year of the voucher or the next.
LATEST_END = 1
CURRENCIES = ("EUR", "SEK", "NOK", "DKK", "GBP", "USD")

REFUSALS = {
    "no_notice": N_("No privacy notice is in force, so nothing may be written down."),
    "kind_undeclared": N_("The privacy notice does not declare dealings of this kind."),
    "future": N_("The date is in the future. Write down what has happened."),
    "too_old": N_("The date is before 1950."),
    "empty": N_("Write a title, a text or a reference: there is nothing to keep."),
    "title_too_long": N_("The title is longer than 200 characters."),
    "body_too_long": N_("The text is longer than 10,000 characters."),
    "reference_too_long": N_("The reference is longer than 100 characters."),
    "identity_code": N_("A personal identity code must not be stored. Remove it."),
    "special_category": N_(
        "The text speaks of health, beliefs or other private matters, which must not be stored."
    ),
    "amount_unfit": N_("A sum of money does not belong to this kind."),
    "amount_too_large": N_("The sum is too large."),
    "currency_unknown": N_("Choose one of the currencies."),
    "financial_year": N_("A financial year ends in the year of the voucher or in the next one."),
    "no_party": N_("Name the person or the company that this is about."),
    "contact_gone": N_("The person is not in the register any more."),
    "contact_restricted": N_(
        "The processing of this person's data is restricted, so nothing was changed."
    ),
    "company_gone": N_("The company is not in the register any more."),
    "gone": N_("This has been deleted meanwhile."),
    "changed_meanwhile": N_("Somebody else has changed this meanwhile. Nothing was saved."),
    "known_otherwise": N_(
        "This has been recorded before with other content. What is there was kept."
    ),
    "held": N_("Accounting law requires this to be kept, so it cannot be deleted yet."),
    "held_kind": N_(
        "Accounting law requires this to be kept, so it cannot become something that is not."
    ),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, with whom, and when. `at` at midnight of the installation's zone: a day
    without a time. `financial_year`: in which it ended, for commercial kinds."""

    kind: str
    at: datetime
    title: str = ""
    body: str = ""
    amount: Decimal | None = None
    currency: str = "EUR"
    reference: str = ""
    contact_id: int | None = None
    company_id: int | None = None
    financial_year: int | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed: `code` is a key of REFUSALS, about `field` ("" for the whole)."""

    field: str
    code: str


def written_kinds(notice: Notice) -> frozenset[str]:
    """The kinds that may be noted under a notice."""
    return notice.interaction_kinds - UNWRITTEN_KINDS


def tidied(entry: Entry) -> Entry:
    """The entry without control characters and needless spaces; the text keeps its lines."""
    lines = [cells.clean(line) for line in entry.body.splitlines()]
    amount = entry.amount
    if amount is not None and amount.is_finite() and abs(amount) <= LARGEST_AMOUNT:
        amount = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return replace(
        entry,
        title=cells.clean(entry.title),
        body="\n".join(lines).strip(),
        reference=cells.clean(entry.reference),
        amount=amount,
    )


def check(
    entry: Entry, notice: Notice | None, *, now: datetime, had: str | None = None
) -> Refused | None:
    """What is wrong with a tidied entry in itself, if anything; the first thing found.

    `had`: the kind of what is corrected; it may stay although the notice has dropped it (R85).
    """
    if notice is None:
        return Refused("", "no_notice")
    if entry.kind not in written_kinds(notice) | {had}:
        return Refused("kind", "kind_undeclared")
    if entry.contact_id is None and entry.company_id is None:
        return Refused("", "no_party")
    return _check_time(entry, now) or _check_texts(entry) or _check_amount(entry)


def held_until(entry: Entry) -> date | None:
    """The last day on which the law holds an entry; None for what is not commercial (R104)."""
    if entry.kind not in COMMERCIAL_KINDS:
        return None
    year = entry.financial_year or entry.at.astimezone(TIMEZONE).year
    return date(year + HOLD_YEARS, 12, 31)


def _check_time(entry: Entry, now: datetime) -> Refused | None:
    if entry.at > now:
        return Refused("at", "future")
    if entry.at < EARLIEST:
        return Refused("at", "too_old")
    year = entry.at.astimezone(TIMEZONE).year
    if entry.financial_year is not None and not 0 <= entry.financial_year - year <= LATEST_END:
        return Refused("financial_year", "financial_year")
    return None


def _check_texts(entry: Entry) -> Refused | None:
    if not (entry.title or entry.body or entry.reference):
        return Refused("title", "empty")
    limits = {
        "title": LONGEST_TITLE,
        "body": LONGEST_BODY,
        "reference": LONGEST_REFERENCE,
    }
    for name, limit in limits.items():
        value = getattr(entry, name)
        if len(value) > limit:
            return Refused(name, f"{name}_too_long")
        if detectors.may_hold_identity_code(value):
            return Refused(name, "identity_code")
        if detectors.has_special_category(value):
            return Refused(name, "special_category")
    return None


def _check_amount(entry: Entry) -> Refused | None:
    if entry.amount is None:
        return None
    if entry.kind not in VALUED_KINDS:
        return Refused("amount", "amount_unfit")
    if not entry.amount.is_finite() or abs(entry.amount) > LARGEST_AMOUNT:
        return Refused("amount", "amount_too_large")
    if entry.currency not in CURRENCIES:
        return Refused("currency", "currency_unknown")
    return None
