"""Requests that are sent again because nobody knows whether the first was heard.

The answer is kept in the transaction of the change: after a crash either both are there or neither,
so repeating never does a thing twice and never leaves it undone. Kept for a day, by keyed hashes.
"""

import hmac
import re
from collections.abc import Callable
from datetime import timedelta

from flask import request
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from mailer import installation
from mailer.accounts.models import ApiAnswer
from mailer.web.api.operations import Call, Reply
from mailer.web.api.problems import Fault, Problem

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
_AT_ONCE = 200
_KEY = re.compile(r"[!-~]{1,200}")


def once(call: Call, fingerprint: bytes, view: Callable[[Call], Reply]) -> Reply:
    """Answer a call, or repeat what the same request with the same key was answered.

    `fingerprint`: the request as it came. Raises Problem.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return view(call)
    if not _KEY.fullmatch(given):
        raise Problem("bad_header", faults=[Fault(HEADER, "wrong_form")])
    session, token_id = call.session, call.caller.token.id
    key, request_hash = _hash(b"key", given.encode("ascii")), _hash(b"request", fingerprint)
    _take_turn(session, token_id, key)
    kept = session.get(ApiAnswer, (token_id, key))
    if kept is not None and kept.at > call.now - KEPT:
        if not hmac.compare_digest(kept.request_hash, request_hash):
            raise Problem("key_reused")
        headers = {**kept.headers, "Idempotent-Replayed": "true"}
        return Reply(kept.body["answer"], None, kept.status, headers)
    if kept is not None:
        session.delete(kept)
        session.flush()
    reply = view(call)
    session.add(
        ApiAnswer(
            token_id=token_id,
            key=key,
            request_hash=request_hash,
            status=reply.status,
            headers=dict(reply.headers),
            body={"answer": reply.body},
            at=call.now,
        )
    )
    _forget_old(call)
    return reply


def _take_turn(session: Session, token_id: int, key: bytes) -> None:
    # Held until the transaction ends, so the one who comes second sees what the first has kept.
    lock = int.from_bytes(_hash(str(token_id).encode(), key)[:8], "big", signed=True)
    got = session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": lock})
    if not got:
        raise Problem("repeat_under_way", headers={"Retry-After": "1"})


def _forget_old(call: Call) -> None:
    # Passing over what others are deleting, so that two never wait for one another.
    old = (
        select(ApiAnswer.token_id, ApiAnswer.key)
        .where(ApiAnswer.at <= call.now - KEPT)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    call.session.execute(
        delete(ApiAnswer)
        .where(ApiAnswer.token_id == old.c.token_id, ApiAnswer.key == old.c.key)
        .execution_options(synchronize_session=False)
    )


def _hash(kind: bytes, value: bytes) -> bytes:
    secret = installation.current().settings.secret_key
    return hmac.digest(secret.encode(), b"idempotency:" + kind + b":" + value, "sha256")
