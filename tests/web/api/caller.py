"""Another system that calls the API, with a token of its own."""

import itertools
import json
import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mailer import clock, installation
from mailer.accounts import api_tokens
from mailer.accounts.models import User
from mailer.db import transaction
from mailer.web.api import bodies
from mailer.web.api.operations import OPERATIONS, Operation
from mailer.web.api.problems import PROBLEMS
from mailer.web.api.schemas import PROBLEM
from tests.web.people import make_user

NEW_CONTACT = {
    "first_name": "Karl",
    "last_name": "Nyström",
    "email": "karl.nystrom@nordkraft.example",
    "title": "Ekonomichef",
    "company_name": "Nordkraft Ab",
    "language": "sv",
    "source": {"kind": "data_subject", "name": "Messut Lahdessa", "dated": "2026-01-15"},
    "basis": "legitimate_interest",
}


def make_token(*scopes: str, user: User | None = None, roles: list[str] | None = None) -> str:
    """The secret of a token with the scopes, all of them unless some are named."""
    user = user or make_user(roles=roles)
    wanted = api_tokens.Wanted("CRM", scopes or tuple(api_tokens.SCOPES), 90)
    with transaction(installation.current().sessions) as session:
        _token, secret = api_tokens.create(
            session, wanted, user=user, now=clock.now(), actor_id=user.id
        )
    return secret


class Api:
    """Calls with one token. Every answer is held against what the API says of itself."""

    def __init__(self, client: FlaskClient, *scopes: str, **who: Any) -> None:
        self.client = client
        self.secret = make_token(*scopes, **who)

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> TestResponse:
        given = {"Authorization": f"Bearer {token or self.secret}", **(headers or {})}
        content: dict[str, Any] = {}
        if raw is not None or body is not None:
            content["data"] = raw if raw is not None else json.dumps(body)
            content["content_type"] = given.pop("Content-Type", "application/json")
        answer = self.client.open(
            f"/api/v1{path}",
            method=method,
            headers={name: value for name, value in given.items() if value},
            query_string=query,
            csrf=False,
            **content,
        )
        check(method, path, answer)
        return answer

    def get(self, path: str, **query: Any) -> TestResponse:
        return self("GET", path, **query)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self(
            "POST", path, body, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )


def check(method: str, path: str, answer: TestResponse) -> None:
    """The answer is one that the call declares."""
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    if answer.status_code >= 400:
        assert answer.mimetype == "application/problem+json", (answer.status_code, answer.mimetype)
        assert bodies.check(PROBLEM, answer.json) == []
        code = answer.json["code"]
        assert PROBLEMS[code][0] == answer.json["status"] == answer.status_code
    operation = find(method, path)
    if operation is None:
        assert answer.status_code in (404, 405)
    elif answer.status_code < 400:
        _description, schema = operation.answers[answer.status_code]
        assert (schema is None) == (answer.data == b"")
        if schema is not None:
            assert bodies.check(schema, answer.json) == [], answer.json
    elif answer.json["code"] != "bad_request":
        assert answer.json["code"] in operation.problems(), (operation.name, answer.json["code"])


def find(method: str, path: str) -> Operation | None:
    """The declared call of a path."""
    patterns = ((each, re.sub(r"{\w+}", "[0-9]+", each.path)) for each in OPERATIONS)
    found = (each for each, pattern in patterns if re.fullmatch(pattern, path))
    return next((each for each in found if each.method == method), None)


_numbers = itertools.count(1)


def new_contact(**changes: Any) -> dict[str, Any]:
    """What another system sends of a person; None leaves a member out."""
    body = {**NEW_CONTACT, "email": f"karl.nystrom{next(_numbers)}@nordkraft.example", **changes}
    return {name: value for name, value in body.items() if value is not None}


def codes(answer: TestResponse) -> dict[str, str]:
    """Field -> code of a refused answer."""
    assert answer.json is not None
    return {each["field"]: each["code"] for each in answer.json.get("errors", [])}
