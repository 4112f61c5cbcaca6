"""The OpenAPI 3.1 document, made of the declarations that the calls are checked by."""

import re
from functools import cache
from typing import Any

import orjson

from mailer.accounts.api_tokens import SCOPES
from mailer.web.api.idempotency import HEADER
from mailer.web.api.operations import OPERATIONS, Operation
from mailer.web.api.problems import MEDIA_TYPE, PROBLEMS
from mailer.web.api.schemas import COMPONENTS, ID, PROBLEM, Schema

_ABOUT = """The register, the suppression list, campaigns and reports, for other systems.

Every call needs a token in the header `Authorization: Bearer`. A token may do what its scopes say
and never more than the user who made it may at that moment. Every reading and every change is
recorded with the token's number.
"""


@cache
def text() -> bytes:
    """The document as JSON."""
    return orjson.dumps(document())


def document() -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lupaposti", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": COMPONENTS,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Scopes: " + ", ".join(f"`{scope}`" for scope in SCOPES),
                }
            },
        },
    }


def _describe(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.about} Scope: `{operation.scope}`.".strip(),
        "tags": [operation.noun],
        "security": [{"token": [operation.scope]}],
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.body is not None:
        content = {"application/json": {"schema": operation.body}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found = [
        _parameter(name, "path", ID, required=True)
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    for name, schema in operation.query.items():
        plain = {key: value for key, value in schema.items() if key != "x-required"}
        found.append(_parameter(name, "query", plain, required="x-required" in schema))
    if operation.locks:
        schema = {"type": "string", "pattern": '^"[1-9][0-9]{0,17}"$'}
        found.append(_parameter("If-Match", "header", schema, required=True))
    if operation.repeatable:
        schema = {"type": "string", "pattern": "^[!-~]{1,200}$"}
        found.append(_parameter(HEADER, "header", schema, required=False))
    return found


def _parameter(name: str, where: str, schema: Schema, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema}


def _responses(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, (description, schema) in operation.answers.items():
        found[str(status)] = {"description": description}
        if schema is not None:
            found[str(status)]["content"] = {"application/json": {"schema": schema}}
    by_status: dict[int, list[str]] = {}
    for code in operation.problems():
        by_status.setdefault(PROBLEMS[code][0], []).append(code)
    for status, codes in sorted(by_status.items()):
        found[str(status)] = {
            "description": "; ".join(f"`{code}`: {PROBLEMS[code][1]}" for code in codes),
            "content": {MEDIA_TYPE: {"schema": PROBLEM}},
        }
    return found
