"""What belongs to one request: its database session, its user, whether its changes are kept."""

from typing import Any

from flask import Flask, Response, current_app, g, request
from sqlalchemy.orm import Session

from mailer import clock, installation
from mailer.accounts import signed_in, undertaking
from mailer.accounts.models import User
from mailer.db import transaction
from mailer.notice import switches
from mailer.notice.schema import Notice

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def db_session() -> Session:
    """The database session of this request, opened at first use.

    Committed after a mutating request that succeeds (status below 400), else rolled back.
    """
    if "db_session" not in g:
        g.db_session = installation.current().sessions()
    session: Session = g.db_session
    return session


def keep_changes() -> None:
    """Commit this request's changes although it is a GET or answers 4xx.

    For what must be on record either way: a contact's page opened, a failed sign-in.
    """
    g.keep_changes = True


def cookie_name(name: str) -> str:
    """A cookie's name; in production with the prefix that ties it to this host over HTTPS."""
    return f"__Host-{name}" if current_app.config["PRODUCTION"] else name


def signed_in_secret() -> str | None:
    """The secret in the browser's cookie, as it came."""
    return request.cookies.get(cookie_name("signed_in"))


def current_user() -> User | None:
    """Who is signed in; None for strangers and for those whose time is over."""
    if "user" not in g:
        g.user = _find_user()
    user: User | None = g.user
    return user


def signed_in_user() -> User:
    """Who is signed in, in a view that only they can reach. Raises RuntimeError otherwise."""
    user = current_user()
    if user is None:
        raise RuntimeError("this view must be guarded")
    return user


def notice_in_force() -> Notice | None:
    """The notice in force now, read once per request; None before the first is published."""
    if "notice" not in g:
        g.notice = switches.in_force(db_session(), clock.now())
    notice: Notice | None = g.notice
    return notice


def undertaking_version() -> int:
    """The undertaking that users must have accepted: the text's, or a newer call by the notice."""
    notice = notice_in_force()
    asked = notice.undertaking_version if notice is not None else 1
    return max(asked, undertaking.VERSION)


def _find_user() -> User | None:
    secret = signed_in_secret()
    if not secret:
        return None
    now = clock.now()
    found = signed_in.find(db_session(), secret, now=now)
    if found is None:
        return None
    user, seen_at = found
    if now - seen_at > signed_in.PRECISION:
        # In a transaction of its own: it holds whatever becomes of the request.
        with transaction(installation.current().sessions) as session:
            signed_in.touch(session, secret, now=now)
    return user


def _settle(response: Response) -> Response:
    session: Session | None = g.get("db_session")
    if session is None:
        return response
    succeeded = request.method not in SAFE_METHODS and response.status_code < 400
    if succeeded or (g.get("keep_changes") and response.status_code < 500):
        session.commit()
    else:
        session.rollback()
    return response


def _close(_error: Any = None) -> None:
    for name in ("db_session", "report_session"):
        session: Session | None = g.pop(name, None)
        if session is not None:
            session.close()


def register(app: Flask) -> None:
    """Settle and close the session of each request."""
    app.after_request(_settle)
    app.teardown_appcontext(_close)
