"""The page of the API: every call as it is checked, in the reader's language."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template

from mailer import installation
from mailer.accounts.api_tokens import SCOPES
from mailer.languages import N_
from mailer.languages import gettext as _
from mailer.web.api.idempotency import HEADER
from mailer.web.api.operations import OPERATIONS, Operation
from mailer.web.api.problems import PROBLEMS
from mailer.web.api.rates import PER_MINUTE
from mailer.web.api.schemas import COMPONENTS, MOST_PER_PAGE, Schema
from mailer.web.guard import requires

blueprint = Blueprint("api_reference", __name__, url_prefix="/settings/api")

NOUNS = {
    "contacts": N_("Contacts"),
    "companies": N_("Companies"),
    "suppressions": N_("Suppression list"),
    "segments": N_("Segments"),
    "campaigns": N_("Campaigns"),
    "reports": N_("Reports"),
}


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a body or an answer: its path, what it may hold, whether it is always there."""

    path: str
    form: str
    required: bool
    about: str


@blueprint.get("")
@requires("settings.view")
def show() -> str:
    """The calls by noun, the scopes and the problems."""
    return render_template(
        "web/api/reference.html",
        url=installation.current().settings.public_url,
        nouns=[
            (noun, _(label), [each for each in OPERATIONS if each.noun == noun])
            for noun, label in NOUNS.items()
        ],
        scopes=[(key, _(scope.words)) for key, scope in SCOPES.items()],
        problems=[(code, status, _(sentence)) for code, (status, sentence) in PROBLEMS.items()],
        sent=sent,
        answered=answered,
        headers=headers,
        per_minute=PER_MINUTE,
        per_page=MOST_PER_PAGE,
    )


def sent(operation: Operation) -> list[Member]:
    """What a call takes in its address and in its body."""
    found = [
        Member(f"?{name}", _form(schema), "x-required" in schema, _words(schema))
        for name, schema in operation.query.items()
    ]
    return found + list(_members(operation.body or {}, "", 0))


def answered(operation: Operation) -> list[Member]:
    """What a call answers when it succeeds."""
    schemas = [schema for _words, schema in operation.answers.values() if schema is not None]
    return [member for schema in schemas for member in _members(schema, "", 0)]


def headers(operation: Operation) -> list[str]:
    """The headers of its own that a call takes."""
    return [
        *(["If-Match"] if operation.locks else []),
        *([HEADER] if operation.repeatable else []),
    ]


def _members(schema: Schema, path: str, depth: int) -> Iterator[Member]:
    schema = _found(schema)
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        inner = _found(member)
        place = f"{path}.{name}" if path else name
        about = _words(member) or _words(inner)
        yield Member(place, _form(inner), name in required, about)
        if depth < 3:
            yield from _members(inner, place, depth + 1)
            if "items" in inner:
                yield from _members(inner["items"], f"{place}[]", depth + 1)


def _words(schema: Schema) -> str:
    about = schema.get("description", "")
    return _(about) if about else ""


def _found(schema: Schema) -> Schema:
    """The schema itself, of a reference or of what may also be null."""
    if "anyOf" in schema:
        return _found(schema["anyOf"][0])
    name = schema.get("$ref", "").rpartition("/")[2]
    return COMPONENTS[name] if name else schema


def _form(schema: Mapping[str, Any]) -> str:
    """What a value may be, in the words of JSON."""
    kinds = schema.get("type", "object")
    word = " | ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "enum" in schema:
        word = " | ".join(schema["enum"])
    elif "format" in schema:
        word = str(schema["format"])
    elif "items" in schema:
        word = f"[{_form(_found(schema['items']))}]"
    for name, sign in (("minimum", "≥"), ("maximum", "≤"), ("maxLength", "≤"), ("maxItems", "≤")):
        if name in schema and schema[name] < 2**53:
            word += f" {sign} {schema[name]}"
    return word
