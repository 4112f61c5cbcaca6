"""The home page."""

from flask import Blueprint, render_template

from mailer.web.guard import requires

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@requires("home.view")
def show() -> str:
    """What needs the user, and what goes on."""
    return render_template("web/home.html")
