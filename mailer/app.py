"""The web application: Flask, put together from its parts."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from mailer import installation
from mailer.config import ROOT, Settings
from mailer.web import (
    csrf,
    errors,
    guard,
    headers,
    language,
    register_screens,
    request,
    static_files,
    templates,
    tracking,
)

MAX_BODY = 2**20


def create_app(settings: Settings | None = None) -> Flask:
    """The application for one installation: of `settings`, or this process's current one."""
    if settings is not None:
        installation.install(settings)
    settings = installation.current().settings
    app = Flask(__name__, template_folder=str(ROOT / "templates"), static_folder=None)
    app.config.update(
        PRODUCTION=settings.production,
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        # Flask's own cookie session carries nothing but messages for the next page.
        SESSION_COOKIE_NAME="__Host-messages" if settings.production else "messages",
        SESSION_COOKIE_SECURE=settings.production,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    # Order matters: after_request functions run in reverse, so headers see the final response
    # and the database session is settled before anything is sent.
    for part in (headers, csrf, request, static_files, templates, language, guard, errors):
        part.register(app)
    register_screens(app)
    tracking.register(app)
    if settings.production:
        # One proxy stands in front and ends TLS; without it sign-in throttling by address
        # would count everybody as one.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    return app
