"""The users screen: inviting people, what they may do and until when, closing accounts (R70)."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from mailer import clock
from mailer.accounts import passwords, permissions, undertaking, users
from mailer.accounts.models import User
from mailer.accounts.sign_in import is_open
from mailer.languages import N_, TIMEZONE
from mailer.languages import gettext as _
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number, sorting
from mailer.web.request import db_session, signed_in_user, undertaking_version

blueprint = Blueprint("accounts", __name__, url_prefix="/settings/users")

COLUMNS = {"name": User.name, "user_name": User.user_name, "ends": User.ends_at}
BAD_DATE = N_("Write the date as year-month-day, for example 2027-06-30.")

Answer = str | Response | tuple[str, int]


@blueprint.get("")
@requires("users.manage")
def show_list() -> str:
    """All users, for the periodic review too."""
    session, order = db_session(), sorting(COLUMNS, "name")
    column = COLUMNS[order.key]
    paging = Paging(page_number(), session.scalar(select(func.count()).select_from(User)) or 0)
    found = session.scalars(
        select(User)
        .order_by(column.desc() if order.descending else column, User.id)
        .limit(paging.size)
        .offset(paging.offset)
    ).all()
    return render_template(
        "web/accounts/list.html",
        users=found,
        states={user.id: _state(user, clock.now()) for user in found},
        seen=users.last_seen(session, [user.id for user in found]),
        roles={user.id: _role_words(user.roles) for user in found},
        order=order,
        paging=paging,
    )


@blueprint.get("/new")
@requires("users.manage")
def new() -> str:
    """The form that invites a person."""
    return _new_page({})


@blueprint.post("/new")
@requires("users.manage")
def add() -> Answer:
    """Make the user and show the temporary password, once."""
    session, now = db_session(), clock.now()
    person = users.Person(
        request.form.get("name", ""),
        request.form.get("user_name", ""),
        request.form.get("email", ""),
    ).normal()
    grant, problems = _grant(now)
    problems = users.person_problems(session, person) | problems
    if problems:
        return _new_page(_translated(problems)), 422
    password = passwords.temporary()
    user = users.add(
        session,
        person,
        password,
        roles=grant.roles,
        reason=grant.reason,
        ends_at=grant.ends_at,
        actor_id=signed_in_user().id,
        now=now,
    )
    return _password_page(user, password, title=_("The user has been added"))


@blueprint.get("/<int:user_id>")
@requires("users.manage")
def show(user_id: int) -> str:
    """One user: who, what they may do, why and until when."""
    return _user_page(_find(user_id), {})


@blueprint.post("/<int:user_id>")
@requires("users.manage")
def change(user_id: int) -> Answer:
    """Change roles, reason and end date."""
    user, now = _find(user_id), clock.now()
    grant, problems = _grant(now)
    if not problems:
        problem = users.change_grant(
            db_session(), user, grant, actor_id=signed_in_user().id, now=now
        )
        problems = {"roles": problem} if problem else {}
    if problems:
        return _user_page(user, _translated(problems)), 422
    flash(_("The user's access has been changed."))
    return redirect(url_for("accounts.show", user_id=user.id), 303)


@blueprint.get("/<int:user_id>/disable")
@requires("users.manage")
def ask_disable(user_id: int) -> str:
    """Ask before an account is closed."""
    user = _find(user_id)
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Close the account of %(name)s?", name=user.name),
        text=_("They are signed out at once and cannot sign in. You can open the account again."),
        facts=[(_("User name"), user.user_name), (_("Roles"), _role_words(user.roles))],
        action=url_for("accounts.disable", user_id=user.id),
        button=_("Close the account"),
        back=url_for("accounts.show", user_id=user.id),
        danger=True,
    )


@blueprint.post("/<int:user_id>/disable")
@requires("users.manage")
def disable(user_id: int) -> Answer:
    """Close an account."""
    user = _find(user_id)
    problem = users.disable(db_session(), user, actor_id=signed_in_user().id, now=clock.now())
    if problem:
        return _user_page(user, {"": _(problem)}), 422
    flash(_("The account is closed."))
    return redirect(url_for("accounts.show", user_id=user.id), 303)


@blueprint.post("/<int:user_id>/enable")
@requires("users.manage")
def enable(user_id: int) -> Answer:
    """Open a closed account again."""
    user = _find(user_id)
    users.enable(db_session(), user, actor_id=signed_in_user().id, now=clock.now())
    flash(_("The account is open again."))
    return redirect(url_for("accounts.show", user_id=user.id), 303)


@blueprint.get("/<int:user_id>/password")
@requires("users.manage")
def ask_reset_password(user_id: int) -> str:
    """Ask before a password is replaced."""
    user = _find(user_id)
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Give %(name)s a new password?", name=user.name),
        text=_(
            "The old password stops working and they are signed out. The new one is shown to you"
            " once, and they must change it when they sign in."
        ),
        facts=[(_("User name"), user.user_name)],
        action=url_for("accounts.reset_password", user_id=user.id),
        button=_("Give a new password"),
        back=url_for("accounts.show", user_id=user.id),
    )


@blueprint.post("/<int:user_id>/password")
@requires("users.manage")
def reset_password(user_id: int) -> Answer:
    """Replace a password by a temporary one."""
    user = _find(user_id)
    if user.id == signed_in_user().id:
        # It would sign this browser out before the page with the password could be read again.
        return redirect(url_for("access.change_password"), 303)
    password = users.reset_password(
        db_session(), user, actor_id=signed_in_user().id, now=clock.now()
    )
    return _password_page(user, password, title=_("The password has been replaced"))


def _find(user_id: int) -> User:
    user = db_session().get(User, user_id) if user_id < 2**63 else None
    if user is None:
        abort(404)
    return user


def _grant(now: datetime) -> tuple[users.Grant, dict[str, str]]:
    problems: dict[str, str] = {}
    try:
        ends_at = _end_of_day(request.form.get("ends_at", "").strip())
    except ValueError:
        ends_at = None
        problems["ends_at"] = BAD_DATE
    wanted = request.form.getlist("roles")
    grant = users.Grant(
        # In the table's order, each once, and nothing that is not in the table.
        tuple(role for role in permissions.ROLES if role in wanted),
        request.form.get("reason", "")[:1000],
        ends_at,
    )
    return grant, users.grant_problems(grant, now=now) | problems


def _end_of_day(text: str) -> datetime | None:
    """The end of a day at the installation's place. Raises ValueError for no date."""
    if not text:
        return None
    day = date.fromisoformat(text)
    if not 2000 <= day.year <= 2200:
        raise ValueError(text)
    return datetime.combine(day + timedelta(days=1), time(), TIMEZONE)


def _last_day(user: User) -> str:
    if user.ends_at is None:
        return ""
    return (user.ends_at.astimezone(TIMEZONE) - timedelta(seconds=1)).date().isoformat()


def _state(user: User, now: datetime) -> str:
    if user.disabled_at is not None:
        return "disabled"
    if not is_open(user, now):
        return "ended"
    if user.must_change_password:
        return "invited"
    return "active" if undertaking.accepted(user, undertaking_version()) else "no_undertaking"


def _role_words(roles: list[str]) -> str:
    return ", ".join(_(name) for role, name in permissions.ROLE_NAMES.items() if role in roles)


def _translated(problems: Mapping[str, str]) -> dict[str, str]:
    return {field: _(message) for field, message in problems.items()}


def _role_options() -> list[tuple[str, str, str]]:
    return [
        (role, _(name), _(permissions.ROLE_DUTIES[role]))
        for role, name in permissions.ROLE_NAMES.items()
    ]


def _new_page(errors: dict[str, str]) -> str:
    return render_template(
        "web/accounts/new.html",
        errors=errors,
        values=request.form,
        chosen=request.form.getlist("roles"),
        role_options=_role_options(),
    )


def _user_page(user: User, errors: dict[str, str]) -> str:
    typed = bool(errors) and "reason" in request.form
    inviter = db_session().get(User, user.created_by) if user.created_by else None
    return render_template(
        "web/accounts/show.html",
        user=user,
        errors=errors,
        state=_state(user, clock.now()),
        seen=users.last_seen(db_session(), [user.id]).get(user.id),
        inviter=inviter.name if inviter else "",
        role_options=_role_options(),
        chosen=request.form.getlist("roles") if typed else user.roles,
        reason=request.form.get("reason", "") if typed else user.reason,
        ends=request.form.get("ends_at", "") if typed else _last_day(user),
    )


def _password_page(user: User, password: str, *, title: str) -> str:
    return render_template(
        "web/accounts/password_once.html", user=user, password=password, title=title
    )
