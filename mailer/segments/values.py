"""The values of rules: what JSON, or a form, may hold for each shape. Pure.

Everything comes from outside. What PostgreSQL or the driver would choke on (NUL, lone surrogates,
numbers beyond 64 bits) is refused here with a code, not there with an exception.
"""

import math
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any

from mailer import business_id
from mailer.roles.taxonomy import UNKNOWN
from mailer.segments import fields
from mailer.segments.fields import Field

MAX_VALUES = 500
MAX_TEXT = 200
MAX_NUMBER = 10**15
MAX_DAYS = 36_500
MAX_ID = 2**63 - 1
# Moments that both Python and PostgreSQL can hold, in any zone.
FIRST_YEAR, LAST_YEAR = 1900, 2999


class ValueProblem(ValueError):  # noqa: N818 - a problem of the value, told by its code
    """A value cannot be used; `code` is a key of mailer.segments.rules.PROBLEMS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read(field: Field, comparison: str, value: Any) -> Any:
    """The value as the condition takes it: text, number, date, None, or a tuple without repeats.

    Raises ValueProblem.
    """
    shape = field.comparisons[comparison]
    return _READERS[shape](field, comparison, value)


def write(value: Any) -> Any:
    """A value that `read` gave, as JSON holds it."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return value


def _choice(field: Field, comparison: str, value: Any) -> str:
    if not isinstance(value, str) or value not in field.choices:
        raise ValueProblem("value_missing" if value in (None, "") else "bad_value")
    if value == UNKNOWN and comparison in {"at_least", "at_most"}:
        raise ValueProblem("bad_value")  # the unknown has no rank
    return value


def _choices(field: Field, comparison: str, value: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_choice(field, comparison, each) for each in _listed(value)))


def _texts(field: Field, _comparison: str, value: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_text(field, each) for each in _listed(value)))


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueProblem("bad_value")
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not text:
        raise ValueProblem("value_missing")
    if len(text) > MAX_TEXT or any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        raise ValueProblem("bad_value")
    formed = _TEXT_FORMS.get(field.key, str)(text)
    if not formed:
        raise ValueProblem("bad_value")
    return formed


def _business_id(text: str) -> str:
    try:
        return business_id.canonical(text)
    except business_id.BusinessIdError:
        raise ValueProblem("bad_business_id") from None


def _country(text: str) -> str:
    code = text.upper()
    if len(code) != 2 or not (code.isascii() and code.isalpha()):
        raise ValueProblem("bad_country")
    return code


def _digits(text: str) -> str:
    # Industry codes are written 62.01 or 6201, postal codes 00100 or 00 100.
    return text.replace(" ", "").replace(".", "")


_TEXT_FORMS: dict[str, Callable[[str], str]] = {
    "business_id": _business_id,
    "country": _country,
    "industry_code": _digits,
    "postal_code": _digits,
}


def _ids(_field: Field, _comparison: str, value: Any) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_id(each) for each in _listed(value)))


def _id(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_ID:
        raise ValueProblem("bad_value")
    return value


def _listed(value: Any) -> list[Any]:
    if value is None or value in ("", []):
        raise ValueProblem("value_missing")
    if not isinstance(value, list):
        raise ValueProblem("bad_value")
    if len(value) > MAX_VALUES:
        raise ValueProblem("too_many_values")
    return value


_LIMITS = {
    "role_confidence": (0, 100),
    "turnover": (-MAX_NUMBER, MAX_NUMBER),
    "headcount_year": (FIRST_YEAR, LAST_YEAR),
    "turnover_year": (FIRST_YEAR, LAST_YEAR),
    # Nobody is "without a click" who was never asked.
    "unclicked": (1, MAX_NUMBER),
}


def _number(field: Field, _comparison: str, value: Any) -> int:
    if value is None or value == "":
        raise ValueProblem("value_missing")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueProblem("bad_number")
    if isinstance(value, float) and (not math.isfinite(value) or value != int(value)):
        raise ValueProblem("bad_number")
    lowest, highest = _LIMITS.get(field.key, (0, MAX_NUMBER))
    if not lowest <= value <= highest:
        raise ValueProblem("bad_number")
    return int(value)


def _range(field: Field, comparison: str, value: Any) -> tuple[int, int]:
    if value is None:
        raise ValueProblem("value_missing")
    if not isinstance(value, list) or len(value) != 2:
        raise ValueProblem("bad_value")
    lowest, highest = (_number(field, comparison, each) for each in value)
    if lowest > highest:
        raise ValueProblem("range_reversed")
    return lowest, highest


def _date(_field: Field, _comparison: str, value: Any) -> date:
    if value is None or value == "":
        raise ValueProblem("value_missing")
    if not isinstance(value, str):
        raise ValueProblem("bad_date")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueProblem("bad_date") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueProblem("bad_date")
    return day


def _days(field: Field, comparison: str, value: Any) -> int:
    days = _number(field, comparison, value)
    if not 1 <= days <= MAX_DAYS:
        raise ValueProblem("bad_number")
    return days


def _nothing(_field: Field, _comparison: str, value: Any) -> None:
    if value is not None:
        raise ValueProblem("bad_value")


_READERS: dict[str, Callable[[Field, str, Any], Any]] = {
    fields.CHOICE: _choice,
    fields.CHOICES: _choices,
    fields.TEXTS: _texts,
    fields.IDS: _ids,
    fields.NUMBER: _number,
    fields.RANGE: _range,
    fields.DATE: _date,
    fields.DAYS: _days,
    fields.NOTHING: _nothing,
}
