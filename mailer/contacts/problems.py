"""What can be wrong with a row of a file, in words: the codes of import_problems."""

from typing import NamedTuple

from mailer.contacts import address
from mailer.contacts.csv_file import BROKEN_QUOTING
from mailer.languages import N_, gettext


class Problem(NamedTuple):
    """One thing wrong with one cell. `rejects`: the row is left out because of it."""

    column: str
    value: str
    code: str
    rejects: bool


REJECTIONS = {
    **address.PROBLEMS,
    BROKEN_QUOTING: N_("A quotation mark in the row is never closed."),
    "too_many_cells": N_(
        "The row has more cells than there are headings, so its values may be in wrong columns."
    ),
    "no_company": N_("The row names no company: neither a name nor a Business ID."),
    "private_person": N_(
        "The address is a free mail service's and no Business ID says that it is a company's:"
        " private persons are not stored. The address was put on the do-not-import list."
    ),
    "disposable_domain": N_(
        "The address is of a throw-away mail service. It was put on the do-not-import list."
    ),
    "identity_code": N_(
        "The row holds a personal identity code. Nothing of it was stored, and the address was put"
        " on the do-not-import list."
    ),
    "pupil_title": N_(
        "The title is a school child's. Nothing was stored, and the address was put on the"
        " do-not-import list."
    ),
    "duplicate_in_file": N_("The same address is on an earlier row of the file."),
    "private_person_earlier": N_(
        "The address is on the do-not-import list: it was found to be a private person's."
    ),
    "erased_earlier": N_("The person has been erased at their own request and may not come back."),
    "restricted_person": N_(
        "The processing of this person's data is restricted, so nothing was changed."
    ),
    "duties_outside_offering": N_(
        "The work duties are outside what the notice says the offering concerns."
    ),
}
QUARANTINES = {
    "free_mail_company": N_(
        "The address is a free mail service's but there is a Business ID. The contact is in"
        " quarantine until somebody decides whether it is a company's."
    ),
    "access_provider_mail": N_(
        "The address comes with an internet subscription. The contact is in quarantine until"
        " somebody decides whether it is a company's."
    ),
    "student_title": N_(
        "The title is a student's. The contact is in quarantine until somebody decides."
    ),
}
WARNINGS = {
    "business_id_check_digit": N_(
        "The check digit of the Business ID is wrong. The row was imported without the ID."
    ),
    "bad_business_id": N_(
        "This is not a Business ID (1234567-8). The row was imported without it."
    ),
    "no_title": N_("There is no title, so it is not known whether messages concern the work."),
    "bad_phone": N_("This is not a phone number. The row was imported without it."),
    "bad_language": N_(
        "The language is none of Finnish, Swedish and English; the default is used."
    ),
    "bad_number": N_("This is not a number. The row was imported without it."),
    "figures_without_year": N_(
        "The figures of the company have no year, so they say nothing. The row was imported without"
        " them."
    ),
    "bad_industry_code": N_("This is not an industry code. The row was imported without it."),
    "bad_country": N_("This country is not known, so messages to the contact need consent."),
    "special_category": N_(
        "The text speaks of health, beliefs or other private matters. The row was imported without"
        " it."
    ),
    "looks_like_identity_code": N_(
        "The text looks like a personal identity code. The row was imported without it."
    ),
    "cell_too_long": N_("The cell is too long. The row was imported without it."),
    "damaged_letters": N_(
        "Some letters could not be read in the character set of the file. Check the value."
    ),
    "formula_text": N_(
        "A spreadsheet would run this text as a formula. It is kept as text, and exports mark it."
    ),
    "sole_trader_not_declared": N_(
        "The company is a sole trader, which the notice does not declare: no messages are sent."
    ),
}
CODES = {**REJECTIONS, **QUARANTINES, **WARNINGS}


def reason(code: str) -> str:
    """The sentence of a code, in the language in force; the code itself for an unknown one."""
    sentence = CODES.get(code)
    return gettext(sentence) if sentence else code
