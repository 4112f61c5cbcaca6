"""What templates can call: words in the reader's language, dates and numbers, icons, the menu."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from flask import Flask, current_app, get_flashed_messages, url_for
from jinja2 import StrictUndefined
from jinja2.utils import missing
from markupsafe import Markup, escape
from typing_extensions import override

from mailer import languages
from mailer.languages import LANGUAGE_NAMES, LANGUAGES
from mailer.web import csrf, guard, menu, paging
from mailer.web.request import current_user
from mailer.web.static_files import DIRECTORY

ICONS = frozenset(re.findall(r'<symbol id="([^"]+)"', (DIRECTORY / "icons.svg").read_text("utf-8")))

# Themes a user can choose; "system" follows the browser.
THEMES = ("system", "light", "dark")


class Absent(StrictUndefined):
    """An error wherever it is used, except that what an object lacks may be tested.

    `values.name or ""` is fine; a variable that the view forgot is not.
    """

    @override
    def __bool__(self) -> bool:  # type: ignore[override]  # the parent's never returns
        if self._undefined_obj is missing:
            self._fail_with_undefined_error()
        return False


def icon(name: str, label: str | None = None, css: str = "") -> Markup:
    """An icon of the sprite; decorative unless it has a label.

    Raises LookupError for an unknown name while developing or testing; draws nothing otherwise.
    """
    if name not in ICONS:
        if current_app.debug or current_app.testing:
            raise LookupError(f"no icon named {name}")
        return Markup()
    hidden = Markup('aria-hidden="true"')
    role = Markup('role="img" aria-label="{}"').format(label) if label else hidden
    sprite = url_for("static", filename="icons.svg")
    css = f"i {css}".rstrip()
    return Markup('<svg class="{}" {}><use href="{}#{}"/></svg>').format(css, role, sprite, name)


def _trans(message: str, /, **values: Any) -> Markup:
    # For {% trans %}: the message is ours and may hold markup, the values are not and may not.
    if not values:
        return Markup(languages.gettext(message).replace("%%", "%"))  # noqa: S704 - our own words
    return Markup(languages.gettext(message, **_escaped(values)))  # noqa: S704 - the same


def _trans_plural(singular: str, plural: str, num: int, /, **values: Any) -> Markup:
    escaped = _escaped(values)
    return Markup(languages.ngettext(singular, plural, num, **escaped))  # noqa: S704 - the same


def _plural(singular: str, plural: str, num: int, **values: Any) -> str:
    return languages.ngettext(singular, plural, num, **values)


def _escaped(values: dict[str, Any]) -> dict[str, Any]:
    return {name: escape(value) for name, value in values.items()}


def _or_dash(formatted: Callable[[Any], str]) -> Callable[[Any], str]:
    def filtered(value: date | datetime | float | None) -> str:
        return "–" if value is None else formatted(value)

    return filtered


def _context() -> dict[str, Any]:
    return {
        "current_user": current_user(),
        "language": languages.current(),
    }


def register(app: Flask) -> None:
    """Give the Jinja environment its words, filters and functions."""
    app.context_processor(_context)
    jinja = app.jinja_env
    jinja.undefined = Absent
    jinja.trim_blocks = jinja.lstrip_blocks = True
    jinja.add_extension("jinja2.ext.i18n")
    jinja.policies["ext.i18n.trimmed"] = True
    # The new style hands values to gettext itself, which escapes them above.
    jinja.newstyle_gettext = True  # type: ignore[attr-defined]
    jinja.filters.update(
        date=_or_dash(languages.format_date),
        datetime=_or_dash(languages.format_datetime),
        weekday_date=_or_dash(languages.format_weekday_date),
        weekday_time=_or_dash(languages.format_weekday_datetime),
        time=_or_dash(languages.format_time),
        number=_or_dash(languages.format_number),
        percent=languages.format_percent,
    )
    jinja.globals.update(
        {
            "_": languages.gettext,
            "n_": _plural,
            "gettext": _trans,
            "ngettext": _trans_plural,
            "icon": icon,
            "csrf_token": csrf.token,
            "csrf_field": csrf.field,
            "may": guard.may,
            "may_open": guard.may_open,
            "may_open_path": menu.may_open_path,
            "menu_entries": menu.entries,
            "url_with": paging.url_with,
            "messages": get_flashed_messages,
            "languages": LANGUAGES,
            "language_names": LANGUAGE_NAMES,
            "themes": THEMES,
        }
    )
