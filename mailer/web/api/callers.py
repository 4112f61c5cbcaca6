"""Who calls: the token in the header, never in an address or a cookie."""

import logging
import re
from datetime import datetime
from typing import NoReturn

from flask import g, request

from mailer import installation
from mailer.accounts import api_tokens
from mailer.accounts.api_tokens import Caller, Refused
from mailer.db import transaction
from mailer.web.api.problems import Problem
from mailer.web.api.rates import COUNTER
from mailer.web.request import db_session, keep_changes, undertaking_version

log = logging.getLogger(__name__)

# Two Authorization headers reach us as one with a comma, and are no token.
_BEARER = re.compile(r"bearer +([A-Za-z0-9_-]{20,100})", re.IGNORECASE | re.ASCII)
_ASK = {"WWW-Authenticate": 'Bearer realm="Lupaposti API"'}
_BAD = {"WWW-Authenticate": 'Bearer realm="Lupaposti API", error="invalid_token"'}


def authenticate(*, now: datetime) -> Caller:
    """The caller behind the request's token. Raises Problem; bad tokens are counted and logged."""
    header = request.headers.get("Authorization")
    if header is None:
        raise Problem("unauthorized", headers=_ASK)
    match = _BEARER.fullmatch(header)
    found: Caller | Refused = Refused("malformed")
    if match is not None:
        found = api_tokens.find(
            db_session(), match[1], undertaking_version=undertaking_version(), now=now
        )
    if isinstance(found, Refused):
        _refuse(found, now)
    _note_use(found, now)
    return found


def take_turn(caller: Caller, *, now: datetime) -> None:
    """Count the call. Raises Problem when the token has made too many in this minute."""
    rate = COUNTER.take(installation.current().redis, caller.token.id, now=now)
    g.api_headers = rate.headers()
    if rate.is_exceeded:
        raise Problem("too_many")


def _refuse(refused: Refused, now: datetime) -> NoReturn:
    address = request.remote_addr or ""
    pepper = installation.current().settings.secret_key
    until = api_tokens.waits_until(db_session(), address, pepper=pepper, now=now)
    if until is not None:
        seconds = int((until - now).total_seconds()) + 1
        raise Problem("too_many", headers={"Retry-After": str(seconds)})
    api_tokens.note_failure(db_session(), refused, address, pepper=pepper, now=now)
    keep_changes()
    log.warning("api_token_refused", extra={"reason": refused.reason, "token_id": refused.token_id})
    raise Problem("unauthorized", headers=_BAD)


def _note_use(caller: Caller, now: datetime) -> None:
    if api_tokens.is_touched(caller.token, now):
        return
    # In a transaction of its own: it holds whatever becomes of the call.
    with transaction(installation.current().sessions) as session:
        api_tokens.touch(session, caller.token, now=now)
