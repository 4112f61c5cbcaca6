"""The three languages: catalogues, the language in force, and the shape of dates and numbers.

Used by screens and by workers alike: recipients get their own language, so the language in force
is a context variable and not a property of a web request. Catalogues are the .po files themselves,
compiled in memory at first use, so that no stale .mo file can exist.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

LANGUAGES = ("fi", "sv", "en")
DEFAULT_LANGUAGE = "fi"
LANGUAGE_NAMES = {"fi": "Suomi", "sv": "Svenska", "en": "English"}
TIMEZONE = ZoneInfo("Europe/Helsinki")
CATALOGUES = Path(__file__).parent / "translations"

# English as Europe writes it: day before month.
_LOCALES = {
    "fi": Locale.parse("fi_FI"),
    "sv": Locale.parse("sv_FI"),
    "en": Locale.parse("en_GB"),
}
_current: ContextVar[str] = ContextVar("language", default=DEFAULT_LANGUAGE)


def N_(message: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Marks a constant for translation where it stands; translated where it is shown."""
    return message


def current() -> str:
    """The language in force: one of LANGUAGES."""
    return _current.get()


def locale() -> Locale:
    """The Babel locale of the language in force."""
    return _LOCALES[_current.get()]


def set_language(language: str) -> None:
    """Put a language in force until the context ends. Raises KeyError for an unknown one."""
    _LOCALES[language]
    _current.set(language)


@contextmanager
def in_language(language: str) -> Iterator[None]:
    """Run a block in one language, for example a recipient's."""
    _LOCALES[language]
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


@cache
def _catalogue(language: str) -> NullTranslations:
    path = CATALOGUES / f"{language}.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(fp=compiled)


def gettext(message: str, **values: object) -> str:
    """`message` in the language in force, with %(name)s filled from `values`."""
    text = _catalogue(_current.get()).ugettext(message)
    return text % values if values else text


def ngettext(singular: str, plural: str, num: int, **values: object) -> str:
    """The right plural in the language in force; %(num)s is the count, grouped."""
    text = _catalogue(_current.get()).ungettext(singular, plural, num)
    return text % {"num": format_number(num), **values}


def format_number(value: float) -> str:
    """A number grouped as the language does (no-break space in Finnish and Swedish)."""
    return numbers.format_decimal(value, locale=locale())


def format_percent(numerator: float, denominator: float) -> str:
    """A share with one decimal, or a dash when there is nothing to divide by."""
    if not denominator:
        return "–"
    return numbers.format_percent(numerator / denominator, format="0.0 %", locale=locale())


def format_date(value: date | datetime) -> str:
    """24.11.2026 in Finnish and Swedish, 24 November 2026 in English."""
    if isinstance(value, datetime):
        value = value.astimezone(TIMEZONE).date()
    pattern = "d MMMM y" if current() == "en" else "d.M.y"
    return dates.format_date(value, pattern, locale=locale())


def format_time(value: datetime) -> str:
    """9.00 in Finnish and Swedish, 9:00 in English; in the installation's zone."""
    pattern = "H:mm" if current() == "en" else "H.mm"
    return dates.format_time(value.astimezone(TIMEZONE), pattern, locale=locale())


def format_datetime(value: datetime) -> str:
    """24.11.2026 klo 9.00, 24.11.2026 kl. 9.00, 24 November 2026, 9:00."""
    joiner = {"fi": " klo ", "sv": " kl. ", "en": ", "}[current()]
    return f"{format_date(value)}{joiner}{format_time(value)}"


def format_weekday_date(value: date | datetime) -> str:
    """ke 25.11.2026, ons 25.11.2026, Wed 25 November 2026."""
    if isinstance(value, datetime):
        value = value.astimezone(TIMEZONE).date()
    return f"{dates.format_date(value, 'ccc', locale=locale())} {format_date(value)}"


def format_weekday_datetime(value: datetime) -> str:
    """The same with the time, as `format_datetime`."""
    joiner = {"fi": " klo ", "sv": " kl. ", "en": ", "}[current()]
    return f"{format_weekday_date(value)}{joiner}{format_time(value)}"
