"""When a page was shown, signed and put into its form: people read before they press.

Without a script and without a cookie. Mail gateways and form robots press at once.
"""

import hmac
import re

from flask import request

from mailer import clock, installation
from mailer.events import clients

# Quicker than this is a machine trying the buttons.
QUICKEST_MS = 2000
_STAMP = re.compile(r"([0-9]{1,15})\.([0-9a-f]{32})")


def stamp(page: str) -> str:
    """The moment now, for the form on a page; `page` ties it to that one."""
    moment = str(int(clock.now().timestamp() * 1000))
    return f"{moment}.{_seal(page, moment)}"


def age_ms(page: str) -> int | None:
    """How long ago the form that came back was shown; None when no stamp of this page came."""
    match = _STAMP.fullmatch(request.form.get("shown", ""))
    if match is None or not hmac.compare_digest(match[2], _seal(page, match[1])):
        return None
    return int(clock.now().timestamp() * 1000) - int(match[1])


def is_quick(page: str) -> bool:
    """Whether the form came back too quickly for a person, or not from a page of ours."""
    age = age_ms(page)
    return age is None or age < QUICKEST_MS


def _seal(page: str, moment: str) -> str:
    key = installation.current().settings.secret_key.encode()
    return hmac.digest(key, f"shown:{page}:{moment}".encode(), "sha256").hex()[:32]


def looks_automatic() -> bool:
    """Whether the request says itself that no person makes it."""
    headers = {name.lower(): value for name, value in request.headers}
    signals = clients.signals_of(request.method, headers, secure=False)
    client = clients.client_of(headers.get("user-agent", ""))
    return "prefetch" in signals or client in clients.PROGRAMS
