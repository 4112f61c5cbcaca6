"""The shapes that calls share, as JSON Schema (2020-12): for the checks and for OpenAPI alike."""

from collections.abc import Mapping
from typing import Any

from mailer.languages import N_

Schema = dict[str, Any]

LARGEST_ID = 2**63 - 1
MOST_PER_PAGE = 200
USUAL_PER_PAGE = 50

# name -> schema, filled by the modules of the nouns as they are imported.
COMPONENTS: dict[str, Schema] = {}


def component(name: str, schema: Schema) -> Schema:
    """Keep a schema under a name; the reference to it. Raises ValueError for a name used twice."""
    if name in COMPONENTS:
        raise ValueError(name)
    COMPONENTS[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: Mapping[str, Schema], *optional: str) -> Schema:
    """An object with exactly these members, all of them there but the `optional` ones."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def text(longest: int, *, shortest: int = 0, about: str = "") -> Schema:
    """A text of a length."""
    return {
        "type": "string",
        **({"minLength": shortest} if shortest else {}),
        "maxLength": longest,
        **({"description": about} if about else {}),
    }


def one_of(values: Mapping[str, Any] | tuple[str, ...], about: str = "") -> Schema:
    """One of some keys."""
    return {
        "type": "string",
        "enum": list(values),
        **({"description": about} if about else {}),
    }


def nullable(schema: Schema) -> Schema:
    """The same, or null where nothing is known."""
    return {**schema, "type": [schema["type"], "null"]}


def items(schema: Schema, most: int, *, least: int = 0) -> Schema:
    """A list of up to so many."""
    return {
        "type": "array",
        "items": schema,
        "maxItems": most,
        **({"minItems": least} if least else {}),
    }


ID: Schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
COUNT: Schema = {"type": "integer", "minimum": 0}
BOOLEAN: Schema = {"type": "boolean"}
VERSION: Schema = {"type": "integer", "minimum": 1, "description": N_("For the header If-Match.")}
DATE: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "format": "date"}
MOMENT: Schema = {
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?"
    "(Z|[+-][0-9]{2}:[0-9]{2})$",
    "format": "date-time",
}
CURSOR: Schema = {
    "type": "string",
    "pattern": "^[1-9][0-9]{0,18}$",
    "description": N_("`next` of the page before."),
}
LIMIT: Schema = {
    "type": "integer",
    "minimum": 1,
    "maximum": MOST_PER_PAGE,
    "default": USUAL_PER_PAGE,
}
FAULT = component(
    "Fault",
    record(
        {
            "field": {"type": "string", "description": N_("JSON pointer, or a parameter's name.")},
            "code": {"type": "string"},
            "detail": {"type": "string"},
        }
    ),
)
PROBLEM = component(
    "Problem",
    {
        "type": "object",
        "description": N_("RFC 9457. `code` stays the same; `detail` is a sentence for people."),
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string"},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": FAULT},
            "reference": {"type": "string", "description": N_("Of a fault in our log.")},
        },
        "required": ["type", "title", "status", "code", "detail"],
    },
)
