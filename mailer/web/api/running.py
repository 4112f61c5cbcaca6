"""The way of every call: token, rate, scope, headers, query, body, then its view; then the audit
line and the answer. The order is the order in which a stranger could learn something."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response, g, request
from sqlalchemy.exc import OperationalError

from mailer import audit, clock, languages
from mailer.accounts.api_tokens import Caller
from mailer.web.api import bodies, callers, idempotency, problems
from mailer.web.api.operations import Call, Operation, Reply
from mailer.web.api.problems import Fault, Problem
from mailer.web.api.schemas import LARGEST_ID, Schema
from mailer.web.request import SAFE_METHODS, db_session, keep_changes

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_VERSION = re.compile(r'"([1-9][0-9]{0,17})"')
# Two changes in each other's way (PostgreSQL): one of them is told to try again.
_IN_THE_WAY = frozenset({"40001", "40P01", "55P03"})


def answer(operation: Operation, path: Mapping[str, int]) -> Response:
    """Answer a request for an operation, whatever it holds."""
    try:
        return _answer(operation, path)
    except Problem as problem:
        return problems.answer(problem)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) not in _IN_THE_WAY:
            raise
        return problems.answer(Problem("busy", headers={"Retry-After": "1"}))


def _answer(operation: Operation, path: Mapping[str, int]) -> Response:
    languages.set_language(problems.language())
    now = clock.now()
    caller = callers.authenticate(now=now)
    callers.take_turn(caller, now=now)
    if not caller.may(operation.scope):
        raise Problem("scope_missing", more={"scope": operation.scope})
    _check_accept()
    if any(number > LARGEST_ID for number in path.values()):
        raise Problem("not_found")
    query = _query(operation.query)
    body = _body(operation)
    call = Call(
        caller=caller,
        session=db_session(),
        now=now,
        path=path,
        query=query,
        body=body,
        versions=_versions() if operation.locks else frozenset(),
    )
    if operation.repeatable:
        reply = idempotency.once(call, _fingerprint(body), operation.view)
    else:
        reply = operation.view(call)
    _record(operation, caller, call, reply)
    return _write(reply)


def _check_accept() -> None:
    accepted = request.accept_mimetypes
    if accepted and not accepted["application/json"]:
        raise Problem("not_acceptable")


def _query(declared: Mapping[str, Schema]) -> dict[str, Any]:
    faults, values = [], {}
    for name in request.args:
        given = request.args.getlist(name)
        if name not in declared:
            faults.append(Fault(name[:100], "unknown_member"))
        elif len(given) > 1:
            faults.append(Fault(name, "repeated"))
        else:
            values[name] = _typed(declared[name], given[0])
            faults += [
                Fault(name, fault.code) for fault in bodies.check(declared[name], values[name])
            ]
    faults += [
        Fault(name, "required")
        for name, schema in declared.items()
        if schema.get("x-required") and name not in request.args
    ]
    if faults:
        raise Problem("bad_query", faults=faults)
    return values


def _typed(schema: Schema, given: str) -> Any:
    if schema["type"] == "integer" and _INTEGER.fullmatch(given):
        return int(given)
    return given


def _body(operation: Operation) -> dict[str, Any]:
    if operation.body is None:
        bodies.refuse()
        return {}
    body = bodies.read()
    faults = bodies.check(operation.body, body)
    if faults:
        raise Problem("invalid", faults=faults)
    return body


def _versions() -> frozenset[int]:
    """The versions in If-Match. `*` names none, so it would let the last one win."""
    given = request.headers.get("If-Match", "").strip()
    if given in ("", "*"):
        raise Problem("version_required")
    tags = [tag.strip() for tag in given.split(",")]
    # What is no version of ours, weak tags too, matches nothing (RFC 9110, 13.1.1).
    return frozenset(int(match[1]) for tag in tags if (match := _VERSION.fullmatch(tag)))


def _fingerprint(body: Mapping[str, Any]) -> bytes:
    head = "\0".join((request.method, request.full_path, request.headers.get("If-Match", "")))
    return head.encode() + b"\0" + orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def _record(operation: Operation, caller: Caller, call: Call, reply: Reply) -> None:
    if reply.record is None:
        return
    reads = request.method in SAFE_METHODS
    audit.record(
        call.session,
        "api.read" if reads or operation.scope.endswith(".read") else "api.changed",
        reply.record.object_kind,
        reply.record.object_id,
        now=call.now,
        actor_id=call.user_id,
        token=caller.token.id,
        call=operation.name,
        **reply.record.facts,
    )
    if reads:
        keep_changes()


def _write(reply: Reply) -> Response:
    content = b"" if reply.body is None else orjson.dumps(reply.body)
    response = Response(content, status=reply.status, mimetype="application/json")
    if reply.body is None:
        del response.headers["Content-Type"]
    response.headers.update(g.get("api_headers", {}))
    response.headers.update(reply.headers)
    return response
