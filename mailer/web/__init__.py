"""Screens and public pages."""

from importlib import import_module

from flask import Flask

from mailer.web.request import current_user, db_session, keep_changes, signed_in_user

__all__ = ["current_user", "db_session", "keep_changes", "register_screens", "signed_in_user"]

# One module a line; each has a Flask blueprint named `blueprint`.
SCREENS = (
    "mailer.web.health",
    "mailer.web.access",
    "mailer.web.own_account",
    "mailer.web.home",
)


def register_screens(app: Flask) -> None:
    """Register the blueprint of every module in SCREENS."""
    for name in SCREENS:
        app.register_blueprint(import_module(name).blueprint)
