"""A contact typed into a form: the same checks as a row of a file, in words for a form.

Pure. What is refused here is not stored anywhere; the person who typed it sees why.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mailer.contacts import address
from mailer.contacts.checked_rows import Company, Row, Terms
from mailer.contacts.columns import Plan
from mailer.contacts.csv_rows import Checker
from mailer.contacts.models import Company as CompanyRow
from mailer.contacts.models import Contact
from mailer.languages import N_
from mailer.notice.schema import Notice

FIELDS = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "title",
    "duties",
    "language",
    "company_name",
    "business_id",
    "country",
    "tags",
    "note",
)
# Every other problem of a row is of cells that a form does not have.
PROBLEMS = {
    **address.PROBLEMS,
    "no_company": N_("Name the company, or give its Business ID. Only people at work are stored."),
    "private_person": N_(
        "The address is a free mail service's. Private persons are not stored: if it is a"
        " company's, give the Business ID."
    ),
    "disposable_domain": N_("The address is of a throw-away mail service, so it is not stored."),
    "identity_code": N_("A personal identity code must not be stored. Remove it."),
    "looks_like_identity_code": N_("This looks like a personal identity code. Remove it."),
    "pupil_title": N_("The title is a school child's. Minors are not stored."),
    "special_category": N_(
        "The text speaks of health, beliefs or other private matters, which must not be stored."
    ),
    "business_id_check_digit": N_("The check digit of the Business ID is wrong."),
    "bad_business_id": N_("This is not a Business ID. Write it as 1234567-8."),
    "bad_phone": N_("This is not a phone number. Write it as +358 40 123 4567."),
    "bad_language": N_("Choose one of the languages."),
    "bad_country": N_("This country is not known. Write its name or two letters, for example FI."),
    "cell_too_long": N_("The text is too long."),
    "damaged_letters": N_("Some letters are damaged. Write the text again."),
    "sole_trader_not_declared": N_(
        "The company is a sole trader, which the notice does not declare."
    ),
}
# A form holds what a person means, so these are no reasons to refuse it.
_FINE = frozenset({"formula_text", "no_title"})
_QUARANTINES = frozenset({"free_mail_company", "access_provider_mail", "student_title"})


@dataclass(frozen=True, slots=True)
class Entry:
    """What a form would store, and what is wrong: field -> key of PROBLEMS."""

    row: Row
    problems: Mapping[str, str]


def offered(notice: Notice) -> tuple[str, ...]:
    """The fields that a form may have: those that the notice declares (R5)."""
    return tuple(name for name in FIELDS if name in notice.fields or name == "email")


def read(values: Mapping[str, str], notice: Notice) -> Entry:
    """Check what was typed. A field that the notice does not declare is not read."""
    names = offered(notice)
    plan = Plan(names, {name: at for at, name in enumerate(names)}, ())
    checker = Checker(plan, Terms("FI", notice.person_kinds))
    # Line breaks are kept out of every field but would else glue words together.
    texts = [" ".join(values.get(name, "").split()) for name in names]
    row = checker.check((1, texts, None))
    problems: dict[str, str] = {}
    for problem in row.problems:
        if problem.code not in _FINE and problem.code not in _QUARANTINES:
            problems.setdefault(problem.column, problem.code)
    return Entry(row, problems)


def values_of(person: Contact | Row, company: CompanyRow | Company | None) -> dict[str, str]:
    """A contact as a form shows it: one of the register, or one that was just read."""
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "phone": person.phone or "",
        "title": person.title,
        "duties": person.duties,
        "language": person.language,
        "company_name": company.name if company else "",
        "business_id": (company.business_id or "") if company else "",
        "country": (company.country or "") if company else "",
        "tags": ", ".join(person.tags),
        "note": person.note,
    }
