"""The OpenAPI document says what the calls do, because it is made of what checks them."""

import re

import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from mailer.accounts.api_tokens import SCOPES
from mailer.web.api import openapi
from mailer.web.api.operations import OPERATIONS, operation
from mailer.web.api.problems import PROBLEMS
from mailer.web.api.schemas import COMPONENTS, component
from tests.web.people import Browser


def test_the_document_is_public_and_says_nothing_of_anybody(client: Browser) -> None:
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json["openapi"] == "3.1.0"
    assert client.post("/api/v1/openapi.json", json={}).status_code == 405


def test_every_address_of_the_api_is_described_and_nothing_else(app: Flask) -> None:
    routes = {
        (re.sub(r"<int:(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1")), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and rule.endpoint != "api.describe"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    document = openapi.document()
    described = {(path, method) for path, calls in document["paths"].items() for method in calls}
    assert described == routes
    assert len(OPERATIONS) == len(routes)
    assert len({each.name for each in OPERATIONS}) == len(OPERATIONS)


def test_every_schema_is_json_schema_and_every_reference_leads_somewhere() -> None:
    document = openapi.document()
    for schema in COMPONENTS.values():
        Draft202012Validator.check_schema(schema)
    references = re.findall(rb'"\$ref":"#/components/schemas/(\w+)"', openapi.text())
    assert {name.decode() for name in references} <= document["components"]["schemas"].keys()


def test_every_object_that_comes_in_refuses_what_it_does_not_know() -> None:
    bodies = [each.body for each in OPERATIONS if each.body is not None]
    names = {body["$ref"].rpartition("/")[2] for body in bodies}
    for name in names:
        assert COMPONENTS[name]["additionalProperties"] is False, name


def test_every_call_names_its_scope_and_every_scope_is_used() -> None:
    assert {each.scope for each in OPERATIONS} == SCOPES.keys()
    for each in OPERATIONS:
        called = openapi.document()["paths"][each.path][each.method.lower()]
        assert called["security"] == [{"token": [each.scope]}]


def test_every_problem_has_a_sentence_and_can_happen() -> None:
    possible = {code for each in OPERATIONS for code in each.problems()}
    assert possible | {"bad_request", "method_not_allowed"} == PROBLEMS.keys()


def test_what_does_not_exist_cannot_be_declared() -> None:
    before = len(OPERATIONS)
    for wrong in ({"scope": "everything"}, {"scope": "contacts.read", "may_fail": ("no_luck",)}):
        with pytest.raises(KeyError):
            operation("GET", "/x", summary="x", answers={}, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Contact"):
        component("Contact", {})
    assert len(OPERATIONS) == before
