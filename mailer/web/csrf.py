"""Forms and htmx requests prove that they come from a page of ours.

The token is a signed hash of the browser's own secret: of the signed-in cookie, or before that of
a cookie that is set only when a page with a form asks for a token. So recipient pages, whose link
is the proof, stay without cookies.
"""

import hashlib
import hmac
import secrets
from typing import NoReturn

from flask import Flask, Response, abort, current_app, g, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from markupsafe import Markup

from mailer.accounts.signed_in import LONGEST
from mailer.web.request import cookie_name, current_user, signed_in_secret

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
COOKIE = "form"


def token() -> str:
    """The token for forms of this page."""
    if "csrf_token" not in g:
        g.csrf_token = _serializer().dumps(_fingerprint(_secret() or _new_secret()))
    value: str = g.csrf_token
    return value


def field() -> Markup:
    """The hidden field that every POST form carries."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token())


def check() -> None:
    """Refuse the request with 400 unless it carries the token of its browser."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        _refuse()
    secret = _secret()
    given = request.headers.get(HEADER) or request.form.get(FIELD) or ""
    if secret is None or not given:
        _refuse()
    try:
        signed = _serializer().loads(given, max_age=int(LONGEST.total_seconds()))
    except BadSignature:
        _refuse()
    if not isinstance(signed, str) or not hmac.compare_digest(signed, _fingerprint(secret)):
        _refuse()


def _refuse() -> NoReturn:
    g.form_expired = True
    abort(400)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="csrf")


def _secret() -> str | None:
    if current_user() is not None:
        return signed_in_secret()
    return request.cookies.get(cookie_name(COOKIE)) or g.get("new_form_secret")


def _new_secret() -> str:
    g.new_form_secret = secrets.token_urlsafe(24)
    secret: str = g.new_form_secret
    return secret


def _fingerprint(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _remember(response: Response) -> Response:
    if "new_form_secret" in g:
        response.set_cookie(
            cookie_name(COOKIE),
            g.new_form_secret,
            secure=current_app.config["PRODUCTION"],
            httponly=True,
            samesite="Lax",
        )
    return response


def register(app: Flask) -> None:
    """Set the cookie behind forms of strangers."""
    app.after_request(_remember)
