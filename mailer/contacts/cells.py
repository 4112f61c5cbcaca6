"""Text of a cell -> value: phones, numbers, languages, countries, names of companies.

Pure. Each function gives None for what is not such a value; none raises.
"""

import re
import unicodedata
from functools import cache, lru_cache

import phonenumbers
from babel import Locale

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

# What is printed on a business card between the digits of a phone number.
_SEPARATORS = str.maketrans("", "", " ()-./\u00a0\u2010\u2011\u2013\u202f")
# Finnish numbers of ordinary length. What the library makes of them is known (and tested), and
# asking it costs more than everything else in a row together.
_FINNISH = re.compile(r"(?:\+358|00358|0)([1-9][0-9]{5,8})")

_POSSIBLE = phonenumbers.ValidationResult.IS_POSSIBLE

_NUMBER = re.compile(r"([-+−–]?)([0-9]{1,15})(?:[.,]([0-9]{1,2}))?")
_GROUPED = re.compile(r"([0-9]{1,3})((?:[.,'][0-9]{3})+)(?![0-9])")
_INDUSTRY = re.compile(r"[A-V]?\s?([0-9]{2}(?:\.?[0-9]){0,3})\.?")
_CONTROL = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff]"
)
_FORMS = (
    "oy oyj ab abp ky kb tmi tmi: t:mi osk anl ry rf rs sr sa ltd plc inc llc gmbh ag as asa oü aps"
    " publ corp"
)
_LEGAL_FORMS = frozenset(_FORMS.split())
_LANGUAGES = {
    "fi": "fi fin fi-fi suomi suomenkielinen finska finnish finskspråkig s su",
    "sv": "sv swe sv-fi sv-se se ruotsi ruotsinkielinen svenska swedish svenskspråkig ru",
    "en": "en eng en-gb en-us englanti englanninkielinen engelska english uk",
}
_LANGUAGE_OF = {word: code for code, words in _LANGUAGES.items() for word in words.split()}


def clean(text: str) -> str:
    """The text without control characters, and with single spaces."""
    return " ".join(_CONTROL.sub("", text).split())


def untidy(joined: str) -> bool:
    """Whether any cell of a row, joined by bars, needs `tidy`: almost none does."""
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


def tidy(text: str) -> str:
    """The text of a cell as it is meant: clean, without an export's apostrophe, no lone dash."""
    cleaned = clean(text)
    return "" if cleaned in ("-", "–", "—") else unneutralise(cleaned)


def phone(text: str) -> str | None:
    """The number in E.164 form; a number without a country is Finnish."""
    match = _FINNISH.fullmatch(text.translate(_SEPARATORS))
    if match is not None and text[:1] != "/" and "(0)" not in text:
        return f"+358{match.group(1)}"
    return _foreign_phone(text)


@lru_cache(maxsize=10_000)
def _foreign_phone(text: str) -> str | None:
    if len(text) > 60:
        return None
    try:
        number = phonenumbers.parse(text.replace("(0)", ""), "FI")
    except phonenumbers.NumberParseException:
        return None
    # One that is possible only from a phone next door cannot be called from here.
    if phonenumbers.is_possible_number_with_reason(number) != _POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=100_000)
def whole_number(text: str) -> int | None:
    """A number with any grouping, rounded to a whole one: 6 893 000, 6.893.000,00 €, 12,5."""
    plain = "".join(text.split()).casefold().removeprefix("n.").removesuffix("€")
    plain = plain.removesuffix("eur").removesuffix("euroa").removesuffix("hlö").removesuffix("hlö.")
    sign = plain[:1] if plain[:1] in "+-−–" else ""
    digits = plain.removeprefix(sign) if sign else plain
    grouped = _GROUPED.match(digits)
    if grouped is not None:
        digits = re.sub(r"[.,']", "", grouped.group(0)) + digits[grouped.end() :]
    match = _NUMBER.fullmatch(digits)
    if match is None or match.group(1):
        return None
    value = int(match.group(2)) + (1 if (match.group(3) or "0").ljust(2, "0") >= "50" else 0)
    return -value if sign in ("-", "−", "–") else value


def language(text: str) -> str | None:
    """fi, sv or en for any of their names and codes."""
    return _LANGUAGE_OF.get(text.casefold().strip())


@cache
def _countries() -> dict[str, str]:
    known = {"uk": "GB", "england": "GB", "great britain": "GB", "usa": "US", "eesti": "EE"}
    for name in ("en", "sv", "fi"):
        for code, country in Locale(name).territories.items():
            if (
                len(code) == 2
                and code.isalpha()
                and code not in ("ZZ", "EU", "UN", "EZ", "XA", "XB")
            ):
                known[country.casefold()] = code
                known[code.casefold()] = code
    return known


def country(text: str) -> str | None:
    """The two-letter code of a country by its code or its name in fi, sv or en."""
    return _countries().get(text.casefold().strip())


def industry_code(text: str) -> str | None:
    """A code of TOL, SNI or NACE as digits, two to five: 62.010 and J 62010 are 62010."""
    match = _INDUSTRY.fullmatch(text.strip().upper())
    return match.group(1).replace(".", "") if match else None


@lru_cache(maxsize=50_000)
def name_key(company_name: str) -> str:
    """What company names are compared by: no case, punctuation, or legal form at either end."""
    folded = unicodedata.normalize("NFKC", company_name).casefold()
    words = re.sub(r"[^\w&+:]+", " ", folded).split()
    while len(words) > 1 and words[-1] in _LEGAL_FORMS:
        words.pop()
    while len(words) > 1 and words[0] in _LEGAL_FORMS:
        words.pop(0)
    return " ".join(words)


def split_name(text: str) -> tuple[str, str]:
    """First and last name of `First Last` or `Last, First`."""
    last, comma, first = text.partition(",")
    if comma:
        return first.strip(), last.strip()
    first, _, last = text.rpartition(" ")
    return first.strip(), last.strip()


def neutralise(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def unneutralise(text: str) -> str:
    """The text without the apostrophe of `neutralise`."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA_STARTS) else text
