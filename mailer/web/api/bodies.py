"""The body of a call: one JSON object, read strictly, and checked against the call's schema.

Two readers of the same bytes must not see different things (RFC 8785, RFC 7493): so no member
twice, no NaN, no lone surrogates, and no numbers or depths that other readers cut.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from flask import request
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from mailer.web.api.problems import Fault, Problem
from mailer.web.api.schemas import COMPONENTS

DEEPEST = 20
_LARGEST_INTEGER = 2**63
_LONGEST_POINTER = 200


class _NotStrict(ValueError):  # noqa: N818 - ends the reading, never seen outside
    """The text is JSON to some readers only."""


def read() -> dict[str, Any]:
    """The object in the body. Raises Problem."""
    _check_type()
    try:
        text = request.get_data(cache=False).decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer
        )
        _check_texts(value)
    except (ValueError, RecursionError):
        raise Problem("bad_json") from None
    if not isinstance(value, dict):
        raise Problem("bad_json")
    return value


def refuse() -> None:
    """Raise Problem when there is a body where none belongs: proxies may read it as a request."""
    if request.content_length or "Transfer-Encoding" in request.headers:
        raise Problem("unexpected_body")


def check(schema: Mapping[str, Any], value: Any) -> list[Fault]:
    """What is wrong with a value by a schema, in the order of its pointers."""
    found: dict[tuple[str, str], Fault] = {}
    for error in _validator(json.dumps(schema, sort_keys=True)).iter_errors(value):
        for fault in _faults(error):
            found.setdefault((fault.field, fault.code), fault)
    return [found[key] for key in sorted(found)]


def pointer(*path: str | int) -> str:
    """The JSON pointer (RFC 6901) of a place in the body."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "".join(f"/{part}" for part in parts)[:_LONGEST_POINTER]


def _check_type() -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset != "utf-8":
        raise Problem("unsupported_type")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem("unsupported_type")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotStrict
    return members


def _constant(_name: str) -> Any:
    raise _NotStrict  # NaN, Infinity


def _integer(text: str) -> int:
    number = int(text) if len(text) < 20 else _LARGEST_INTEGER
    if abs(number) >= _LARGEST_INTEGER:
        raise _NotStrict
    return number


def _check_texts(value: Any, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise _NotStrict
    if isinstance(value, str):
        # PostgreSQL keeps neither, and lone surrogates (\\ud800) are no characters.
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise _NotStrict
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise _NotStrict  # 1e999
    elif isinstance(value, dict):
        for name, member in value.items():
            _check_texts(name, depth)
            _check_texts(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            _check_texts(member, depth + 1)


# The schema language


def _whole_pattern(
    _validator: Any, pattern: str, text: Any, _schema: Any
) -> Iterator[ValidationError]:
    # In JSON Schema $ is the end; in Python it also stands before a last line break.
    exact = pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern
    if isinstance(text, str) and not re.search(exact, text):
        yield ValidationError("pattern")


_Strict = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _whole_pattern},
    # 1.0 is no integer: whoever sends it counts in floating point.
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _checker, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


@lru_cache(maxsize=200)
def _validator(schema: str) -> Any:
    return _Strict({**json.loads(schema), "components": {"schemas": COMPONENTS}})


_CODES = {
    "type": "wrong_type",
    "maxLength": "too_long",
    "minLength": "too_short",
    "enum": "not_allowed",
    "const": "not_allowed",
    "pattern": "wrong_form",
    "minimum": "out_of_range",
    "maximum": "out_of_range",
    "maxItems": "too_many",
    "maxProperties": "too_many",
    "minItems": "too_few",
    "minProperties": "too_few",
    "uniqueItems": "repeated",
}


def _faults(error: Any) -> Iterator[Fault]:  # a ValidationError, whose parts may be anything
    path = tuple(error.absolute_path)
    if error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield Fault(pointer(*path, name), "required")
    elif error.validator == "dependentRequired":
        for name, needed in error.validator_value.items():
            for other in needed if name in error.instance else ():
                if other not in error.instance:
                    yield Fault(pointer(*path, other), "required")
    elif error.validator == "additionalProperties":
        for name in error.instance.keys() - error.schema.get("properties", {}).keys():
            yield Fault(pointer(*path, name), "unknown_member")
    else:
        yield Fault(pointer(*path), _CODES.get(str(error.validator), "wrong_form"))
