"""The language of a request: the user's setting, else what the browser asks for, else Finnish."""

from flask import Flask, request

from mailer import languages
from mailer.web.request import current_user

# Asked for by machines, without words for anybody.
_WORDLESS = frozenset({"static", "health.healthz", "health.readyz"})


def _choose() -> None:
    if request.endpoint in _WORDLESS:
        return
    # First without the database, so that its failure can be told in the reader's language too.
    languages.set_language(_asked_for())
    user = current_user()
    if user is not None and user.language in languages.LANGUAGES:
        languages.set_language(user.language)


def _asked_for() -> str:
    asked = request.args.get("language")
    if asked in languages.LANGUAGES:
        return asked
    best = request.accept_languages.best_match(languages.LANGUAGES)
    return best or languages.DEFAULT_LANGUAGE


def register(app: Flask) -> None:
    """Put the request's language in force before its view."""
    app.before_request(_choose)
