"""Coming in and going out: sign-in, the first administrator, password, undertaking."""

from flask import (
    Blueprint,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from mailer import clock, installation, languages
from mailer.accounts import passwords, setup, signed_in, undertaking, users
from mailer.accounts import sign_in as signing_in
from mailer.languages import gettext as _
from mailer.web import csrf
from mailer.web.guard import own_account, public
from mailer.web.request import (
    cookie_name,
    current_user,
    db_session,
    keep_changes,
    signed_in_secret,
    signed_in_user,
    undertaking_version,
)

blueprint = Blueprint("access", __name__)

Answer = str | AnyResponse | tuple[str, int] | tuple[str, int, dict[str, str]]


@blueprint.get("/sign-in")
@public
def sign_in() -> Answer:
    """The sign-in form."""
    if current_user() is not None:
        return redirect(url_for("home.show"), 303)
    return _sign_in_page({}, user_name="")


@blueprint.post("/sign-in")
@public
def send_sign_in() -> Answer:
    """Check name and password, and sign the browser in."""
    keep_changes()
    now = clock.now()
    outcome = signing_in.attempt(
        db_session(),
        request.form.get("user_name", ""),
        request.form.get("password", ""),
        address=request.remote_addr or "",
        pepper=installation.current().settings.secret_key,
        now=now,
    )
    if isinstance(outcome, signing_in.Entered):
        return _enter(outcome)
    if isinstance(outcome, signing_in.Throttled):
        seconds = int((outcome.until - now).total_seconds()) + 1 if outcome.until else 1
        error = _("Too many attempts. Wait %(wait)s and try again.", wait=_wait(seconds))
        return _sign_in_again(error), 429, {"Retry-After": str(seconds)}
    return _sign_in_again(_("User name or password is wrong, or the account is closed.")), 422


def _sign_in_again(error: str) -> str:
    return _sign_in_page({"": error}, user_name=request.form.get("user_name", "")[:200])


def _sign_in_page(errors: dict[str, str], *, user_name: str) -> str:
    return render_template(
        "web/access/sign_in.html",
        errors=errors,
        user_name=user_name,
        next=_next(),
        is_set_up=setup.is_set_up(db_session()),
    )


def _wait(seconds: int) -> str:
    if seconds <= 90:
        return languages.ngettext("%(num)s second", "%(num)s seconds", seconds)
    return languages.ngettext("%(num)s minute", "%(num)s minutes", -(-seconds // 60))


def _enter(outcome: signing_in.Entered) -> AnyResponse:
    response = redirect(_next() or url_for("home.show"), 303)
    return _with_cookie(response, outcome.secret)


def _with_cookie(response: AnyResponse, secret: str) -> AnyResponse:
    response.set_cookie(
        cookie_name("signed_in"),
        secret,
        secure=current_app.config["PRODUCTION"],
        httponly=True,
        samesite="Lax",
    )
    response.delete_cookie(cookie_name(csrf.COOKIE), secure=current_app.config["PRODUCTION"])
    return response


def _next() -> str:
    """Where to go after sign-in: a path of ours, never another site's."""
    return own_path(request.values.get("next", ""))


def own_path(path: str) -> str:
    """The path, if it is one on this host; else nothing."""
    # Browsers read a backslash as a slash and drop control characters.
    fits = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if fits and path.isprintable() and len(path) <= 2000 else ""


@blueprint.post("/sign-out")
@own_account(before_password_change=True)
def sign_out() -> Answer:
    """End this browser's sign-in."""
    secret = signed_in_secret()
    if secret is not None:
        signed_in.end(db_session(), secret)
    response = redirect(url_for("access.sign_in"), 303)
    response.delete_cookie(cookie_name("signed_in"), secure=current_app.config["PRODUCTION"])
    return response


@blueprint.get("/setup/<token>")
@public
def show_setup(token: str) -> Answer:
    """The form for the first administrator, for whoever holds the one-time link."""
    if not setup.is_valid(db_session(), token, now=clock.now()):
        return _setup_over()
    return render_template("web/access/setup.html", errors={}, values={}, token=token)


@blueprint.post("/setup/<token>")
@public
def send_setup(token: str) -> Answer:
    """Make the first administrator and sign them in."""
    session, now = db_session(), clock.now()
    if not setup.is_valid(session, token, now=now):
        return _setup_over()
    person = users.Person(
        request.form.get("name", ""),
        request.form.get("user_name", ""),
        request.form.get("email", ""),
    ).normal()
    problems = users.person_problems(session, person)
    problems |= new_password_problems(person.user_name)
    if problems:
        errors = {field: _(message) for field, message in problems.items()}
        page = render_template(
            "web/access/setup.html", errors=errors, values=request.form, token=token
        )
        return page, 422
    password = request.form["password"]
    user = setup.make_first_administrator(session, token, person, password, now=now)
    if user is None:
        return _setup_over()
    user.language = languages.current()
    return _with_cookie(
        redirect(url_for("access.show_undertaking"), 303), signed_in.begin(session, user, now=now)
    )


def _setup_over() -> tuple[str, int]:
    return render_template("web/access/setup_over.html"), 404


def new_password_problems(user_name: str) -> dict[str, str]:
    """What is wrong with the form's `password` and `password_again`, by field."""
    password = request.form.get("password", "")
    problem = passwords.problem(password, user_name)
    if problem:
        return {"password": problem}
    if password != request.form.get("password_again", ""):
        return {"password_again": languages.N_("The two passwords differ. Type the same twice.")}
    return {}


@blueprint.get("/password")
@own_account(before_password_change=True)
def change_password() -> Answer:
    """The form for one's own new password."""
    return render_template("web/access/password.html", errors={})


@blueprint.post("/password")
@own_account(before_password_change=True)
def send_password() -> Answer:
    """Change one's own password; the old one must be right."""
    user, now = signed_in_user(), clock.now()
    keep_changes()
    old_is_right = signing_in.confirm(
        db_session(),
        user,
        request.form.get("old_password", ""),
        address=request.remote_addr or "",
        pepper=installation.current().settings.secret_key,
        now=now,
    )
    if not old_is_right:
        errors = {"old_password": _("That is not your present password.")}
        return render_template("web/access/password.html", errors=errors), 422
    problems = new_password_problems(user.user_name)
    if not problems and passwords.matches(request.form["password"], user.password_hash):
        problems = {
            "password": languages.N_("Choose a password that differs from the present one.")
        }
    if problems:
        errors = {field: _(message) for field, message in problems.items()}
        return render_template("web/access/password.html", errors=errors), 422
    users.change_password(
        db_session(), user, request.form["password"], keep=signed_in_secret(), now=now
    )
    flash(_("The password has been changed. Other browsers were signed out."))
    return redirect(url_for("home.show"), 303)


@blueprint.get("/undertaking")
@own_account()
def show_undertaking() -> Answer:
    """The confidentiality undertaking, to read and to accept."""
    return _undertaking_page({}), 200


@blueprint.post("/undertaking")
@own_account()
def accept_undertaking() -> Answer:
    """Accept it by typing one's name and ticking the box (R72)."""
    user = signed_in_user()
    errors = {}
    if " ".join(request.form.get("name", "").split()).casefold() != user.name.casefold():
        errors["name"] = _("Type your name as it is in the system: %(name)s.", name=user.name)
    if request.form.get("accept") != "1":
        errors["accept"] = _("Tick the box if you accept the undertaking.")
    if errors:
        return _undertaking_page(errors), 422
    undertaking.accept(
        db_session(),
        user,
        how="name_typed_and_ticked",
        now=clock.now(),
        version=undertaking_version(),
    )
    return redirect(url_for("home.show"), 303)


def _undertaking_page(errors: dict[str, str]) -> str:
    user, version = signed_in_user(), undertaking_version()
    return render_template(
        "web/access/undertaking.html",
        errors=errors,
        paragraphs=[_(paragraph) for paragraph in undertaking.PARAGRAPHS],
        version=version,
        accepted_at=user.undertaking_at if undertaking.accepted(user, version) else None,
        typed=request.form.get("name", "")[:200],
    )
