"""Who may call a view. Without one of these marks a view is closed to everybody.

    @blueprint.get("/segments")
    @requires("segments.view")
    def show_list() -> str: ...

The marks are attributes that one check before each request reads; a test walks the URL map and
fails where a mark is missing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, abort, current_app, g, redirect, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from mailer.accounts import permissions, undertaking
from mailer.accounts.models import User
from mailer.web import csrf
from mailer.web.htmx import is_htmx, send_to
from mailer.web.request import SAFE_METHODS, current_user, undertaking_version

View = TypeVar("View", bound=Callable[..., Any])

_ACCESS = "guard_access"
_EXEMPT = "guard_csrf_exempt"
_BODY = "guard_max_body"


@dataclass(frozen=True, slots=True)
class Access:
    """What a view asks of its caller."""

    kind: str  # public | own_account | permission
    permission: str = ""
    before_password_change: bool = False


def public(view: View) -> View:
    """Open to everybody, signed in or not."""
    setattr(view, _ACCESS, Access("public"))
    return view


def own_account(*, before_password_change: bool = False) -> Callable[[View], View]:
    """For any signed-in user about themselves, also before the undertaking is accepted."""

    def mark(view: View) -> View:
        access = Access("own_account", before_password_change=before_password_change)
        setattr(view, _ACCESS, access)
        return view

    return mark


def requires(permission: str) -> Callable[[View], View]:
    """For signed-in users with the undertaking accepted and a role that permits it.

    Raises KeyError at import for a permission that mailer.accounts.permissions does not know.
    """
    permissions.roles_with(permission)

    def mark(view: View) -> View:
        setattr(view, _ACCESS, Access("permission", permission))
        return view

    return mark


def csrf_exempt(view: View) -> View:
    """Takes unsafe requests without a token: for machines and for links that are the proof."""
    setattr(view, _EXEMPT, True)
    return view


def max_body(size: int) -> Callable[[View], View]:
    """Takes a request body of up to `size` bytes instead of one megabyte."""

    def mark(view: View) -> View:
        setattr(view, _BODY, size)
        return view

    return mark


def access_of(view: Callable[..., Any]) -> Access | None:
    """The mark of a view; None when it has none and is closed."""
    access: Access | None = getattr(view, _ACCESS, None)
    return access


def is_csrf_exempt(view: Callable[..., Any]) -> bool:
    """Whether a view takes unsafe requests without a token."""
    return bool(getattr(view, _EXEMPT, False))


def may(permission: str) -> bool:
    """Whether the signed-in user's roles permit it. For showing or hiding buttons."""
    user = current_user()
    return user is not None and permissions.permits(user.roles, permission)


def may_open(endpoint: str) -> bool:
    """Whether the signed-in user may open a view now; False when there is no such view."""
    view = current_app.view_functions.get(endpoint)
    access = access_of(view) if view is not None else None
    if access is None:
        return False
    return access.kind != "permission" or (_is_ready() and may(access.permission))


def _is_ready() -> bool:
    user = current_user()
    return (
        user is not None
        and not user.must_change_password
        and undertaking.accepted(user, undertaking_version())
    )


def _check() -> Any:
    if request.endpoint is None:  # no such page: the 404 says nothing about anybody
        return None
    view = current_app.view_functions[request.endpoint]
    size = getattr(view, _BODY, None)
    refusal = _check_caller(access_of(view))
    if refusal is not None:
        return refusal
    if size is not None:
        request.max_content_length = size
    if request.method not in SAFE_METHODS and not is_csrf_exempt(view):
        csrf.check()
        _refuse_nul(request.form)
    _refuse_nul(request.args)
    return None


def _refuse_nul(values: MultiDict[str, str]) -> None:
    # No text that people type holds it, and PostgreSQL cannot store or compare it.
    if any("\0" in value for name in values for value in (name, *values.getlist(name))):
        abort(400)


def _check_caller(access: Access | None) -> Any:
    if access is None:
        current_app.logger.error("view_without_guard", extra={"endpoint": request.endpoint})
        abort(403)
    if access.kind == "public":
        return None
    user = current_user()
    if user is None:
        return _ask_to_sign_in()
    if user.must_change_password:
        return None if access.before_password_change else _send_to_step("access.change_password")
    if access.kind == "own_account":
        return None
    if not undertaking.accepted(user, undertaking_version()):
        return _send_to_step("access.show_undertaking")
    return _check_role(user, access.permission)


def _check_role(user: User, permission: str) -> None:
    if not permissions.permits(user.roles, permission):
        g.missing_permission = permission
        abort(403)


def _ask_to_sign_in() -> Response:
    here = request.full_path.rstrip("?") if request.method in SAFE_METHODS else None
    target = url_for("access.sign_in", next=here if here not in (None, "/") else None)
    if is_htmx():
        return send_to(url_for("access.sign_in"), status=401)
    return redirect(target, 303)


def _send_to_step(endpoint: str) -> Response:
    # The front door leads on to the next step; every other door stays shut (R72).
    if request.path != "/" or request.method not in SAFE_METHODS:
        g.next_step = url_for(endpoint)
        abort(403)
    return redirect(url_for(endpoint), 303)


def register(app: Flask) -> None:
    """Check every request before its view."""
    app.before_request(_check)
