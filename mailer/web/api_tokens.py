"""The screen of API tokens: which systems may call in whose name, making one, ending one."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer import clock
from mailer.accounts import api_tokens
from mailer.accounts.api_tokens import Wanted
from mailer.accounts.models import ApiToken, User
from mailer.languages import N_
from mailer.languages import gettext as _
from mailer.web.guard import requires
from mailer.web.request import db_session, signed_in_user, undertaking_version

blueprint = Blueprint("api_tokens", __name__, url_prefix="/settings/api-tokens")

DAYS = {"30": N_("30 days"), "90": N_("90 days"), "180": N_("180 days"), "365": N_("One year")}
USUAL_DAYS = "90"
_MAX_ID = 2**63

Answer = str | Response | tuple[str, int]


@blueprint.get("")
@requires("settings.edit")
def show_list() -> str:
    """Every token: whose it is, what it may, when it was last used."""
    session, now, version = db_session(), clock.now(), undertaking_version()
    found = api_tokens.listed(session)
    dead = {
        token.id: api_tokens.why_dead(token, user, undertaking_version=version, now=now)
        for token, user in found
    }
    return render_template(
        "web/api_tokens/list.html",
        tokens=found,
        states={number: _(api_tokens.DEAD[why]) if why else "" for number, why in dead.items()},
        revoked={token.id for token, _user in found if token.revoked_at is not None},
        scopes={key: _(scope.words) for key, scope in api_tokens.SCOPES.items()},
    )


@blueprint.get("/new")
@requires("settings.edit")
def new() -> str:
    """The form that makes a token."""
    return _new_page({}, Wanted("", (), 0))


@blueprint.post("/new")
@requires("settings.edit")
def create() -> Answer:
    """Make a token and show its secret, once."""
    user = signed_in_user()
    days = request.form.get("days", "")
    wanted = Wanted(
        request.form.get("name", ""),
        tuple(request.form.getlist("scopes")),
        int(days) if days in DAYS else 0,
    )
    errors = {field: _(text) for field, text in api_tokens.problems(wanted, user).items()}
    if errors:
        return _new_page(errors, wanted), 422
    token, secret = api_tokens.create(
        db_session(), wanted, user=user, now=clock.now(), actor_id=user.id
    )
    return render_template("web/api_tokens/secret_once.html", token=token, secret=secret)


def _new_page(errors: dict[str, str], wanted: Wanted) -> str:
    offered = api_tokens.offered(signed_in_user())
    return render_template(
        "web/api_tokens/new.html",
        errors=errors,
        name=wanted.name[:1000],
        chosen=wanted.scopes,
        scopes=[(key, _(api_tokens.SCOPES[key].words), key) for key in offered],
        days=[(key, _(words)) for key, words in DAYS.items()],
        chosen_days=request.form.get("days", USUAL_DAYS),
    )


@blueprint.get("/<int:token_id>/revoke")
@requires("settings.edit")
def ask_revoke(token_id: int) -> str:
    """Ask before a token ends for good."""
    token = _token_or_404(token_id)
    user = db_session().get(User, token.created_by)
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Revoke the token of %(name)s?", name=token.name),
        text=_("Whatever calls with it is refused from now on. This cannot be undone."),
        facts=[
            (_("Made by"), user.name if user else "–"),
            (_("May do"), ", ".join(_(api_tokens.SCOPES[key].words) for key in _known(token))),
        ],
        action=url_for("api_tokens.revoke", token_id=token.id),
        button=_("Revoke the token"),
        back=url_for("api_tokens.show_list"),
        danger=True,
    )


def _known(token: ApiToken) -> list[str]:
    return [key for key in token.scopes if key in api_tokens.SCOPES]


@blueprint.post("/<int:token_id>/revoke")
@requires("settings.edit")
def revoke(token_id: int) -> Answer:
    """End a token for good."""
    token = _token_or_404(token_id)
    api_tokens.revoke(db_session(), token.id, now=clock.now(), actor_id=signed_in_user().id)
    flash(_("The token was revoked."))
    return redirect(url_for("api_tokens.show_list"), 303)


def _token_or_404(token_id: int) -> ApiToken:
    token = db_session().get(ApiToken, token_id) if token_id < _MAX_ID else None
    if token is None or token.revoked_at is not None:
        abort(404)
    return token
