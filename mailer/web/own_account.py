"""My account: language, theme, password, roles."""

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer.accounts.permissions import ROLE_NAMES
from mailer.languages import LANGUAGES, set_language
from mailer.languages import gettext as _
from mailer.web.access import own_path
from mailer.web.guard import own_account
from mailer.web.request import signed_in_user
from mailer.web.templates import THEMES

blueprint = Blueprint("own_account", __name__, url_prefix="/account")


@blueprint.get("")
@own_account()
def show() -> str:
    """One's own account."""
    user = signed_in_user()
    roles = [_(ROLE_NAMES[role]) for role in user.roles if role in ROLE_NAMES]
    return render_template("web/access/own_account.html", user=user, roles=roles)


@blueprint.post("/language")
@own_account(before_password_change=True)
def choose_language() -> Response:
    """Change one's own language and come back to the page."""
    language = request.form.get("language")
    if language not in LANGUAGES:
        abort(400)
    signed_in_user().language = language
    set_language(language)
    return redirect(own_path(request.form.get("back", "")) or url_for("home.show"), 303)


@blueprint.post("/theme")
@own_account(before_password_change=True)
def choose_theme() -> Response:
    """Change one's own theme and come back to the page."""
    theme = request.form.get("theme")
    if theme not in THEMES:
        abort(400)
    signed_in_user().theme = theme
    return redirect(own_path(request.form.get("back", "")) or url_for("home.show"), 303)
