"""A request checked against botocore's own shapes.

botocore's ParamValidator reports types, required and unknown members and minimum lengths only, and
takes longer than all the rest of a bulk call. Here each shape becomes one function that checks all
this and maximum lengths, patterns and enumerations; the tests hold it against ParamValidator.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

Check = Callable[[Any], None]

TAG: Final = {"min": 1, "max": 256, "pattern": "[A-Za-z0-9_-]+"}

# What the developer guide states and the service model leaves out.
STATED_LIMITS: Final[Mapping[str, Mapping[str, Any]]] = {
    "MessageTagName": TAG,
    "MessageTagValue": TAG,
    "ConfigurationSetName": {"min": 1, "max": 64, "pattern": "[A-Za-z0-9_-]+"},
    "TenantName": {"min": 1, "max": 64},
    "BulkEmailEntryList": {"min": 1, "max": 50},
    "EmailAddressList": {"max": 50},
    "EmailAddress": {"max": 1024},
    "Identity": {"max": 320},
    "MaxItems": {"min": 1, "max": 1000},
}
HEADER_LENGTH: Final = 996
UNLIMITED: Final = 1 << 62


class ShapeError(Exception):
    """A value that does not fit its shape; `path` leads to it."""

    def __init__(self, problem: str) -> None:
        """Takes the problem without its path; outer shapes prepend theirs."""
        self.problem = problem
        self.path: list[str] = []
        super().__init__(problem)

    def within(self, step: str) -> "ShapeError":
        """The same problem, one level further out."""
        self.path.insert(0, step)
        return self

    @property
    def sentence(self) -> str:
        """Where and what, without the value itself."""
        return f"{'.'.join(self.path) or 'Request'}: {self.problem}"


def compile_shape(shape: Any) -> Check:
    """One function that raises ShapeError for a JSON value that does not fit `shape`."""
    builders: dict[str, Callable[[Any], Check]] = {
        "structure": _structure,
        "list": _list,
        "map": _map,
        "string": _string,
        "blob": _blob,
        "boolean": lambda _: _scalar(bool, "must be true or false"),
        "integer": _number,
        "long": _number,
        "timestamp": lambda _: _any,
    }
    return builders[shape.type_name](shape)


def _limits(shape: Any) -> dict[str, Any]:
    return {**shape.metadata, **STATED_LIMITS.get(shape.name, {})}


def _any(_value: Any) -> None:
    """Timestamps are read, and so checked, where the query string is."""


def _scalar(kind: type, problem: str) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, kind):
            raise ShapeError(problem)

    return check


def _number(shape: Any) -> Check:
    limits = _limits(shape)
    low, high = limits.get("min", -UNLIMITED), limits.get("max", UNLIMITED)

    def check(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ShapeError("must be a whole number")
        if not low <= value <= high:
            raise ShapeError(f"must be between {low} and {high}")

    return check


def _string(shape: Any) -> Check:
    limits = _limits(shape)
    low, high = limits.get("min", 0), limits.get("max", UNLIMITED)
    pattern = limits.get("pattern", "")
    matches = re.compile(pattern).fullmatch if pattern else None
    allowed = frozenset(limits.get("enum", ()))

    def check(value: Any) -> None:
        if not isinstance(value, str):
            raise ShapeError("must be a string")
        if not low <= len(value) <= high:
            raise ShapeError(f"must have a length between {low} and {high}")
        if matches is not None:
            if matches(value) is None:
                raise ShapeError(f"must match {pattern}")
        elif not value.isascii():
            _refuse_surrogates(value)
        if allowed and value not in allowed:
            raise ShapeError(f"must be one of {', '.join(sorted(allowed))}")

    return check


def _refuse_surrogates(value: str) -> None:
    # JSON can spell half a character, which no mail, file or database can hold.
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ShapeError("must be valid Unicode") from None


def _blob(_shape: Any) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, str):
            raise ShapeError("must be base64 text")
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise ShapeError("must be base64 text") from None

    return check


def _list(shape: Any) -> Check:
    limits = _limits(shape)
    low, high = limits.get("min", 0), limits.get("max", UNLIMITED)
    check_member = compile_shape(shape.member)

    def check(value: Any) -> None:
        if not isinstance(value, list):
            raise ShapeError("must be a list")
        if not low <= len(value) <= high:
            raise ShapeError(f"must hold between {low} and {high} members")
        index = 0
        try:
            for index, member in enumerate(value):  # noqa: B007 - named in the refusal
                check_member(member)
        except ShapeError as problem:
            raise problem.within(str(index)) from None

    return check


def _map(shape: Any) -> Check:
    check_key, check_value = compile_shape(shape.key), compile_shape(shape.value)

    def check(value: Any) -> None:
        if not isinstance(value, dict):
            raise ShapeError("must be an object")
        for name, member in value.items():
            check_key(name)
            check_value(member)

    return check


def _structure(shape: Any) -> Check:
    required = frozenset(shape.metadata.get("required", ()))
    checks = {name: compile_shape(member) for name, member in shape.members.items()}

    def check(value: Any) -> None:
        if not isinstance(value, dict):
            raise ShapeError("must be an object")
        if not required <= value.keys():
            raise ShapeError("is required").within(min(required - value.keys()))
        name = ""
        try:
            for name, member in value.items():
                # JSON null is the same as absent in this protocol.
                if member is not None:
                    checks[name](member)
                elif name in required:
                    _refuse_null()
        except ShapeError as problem:
            raise problem.within(name) from None
        except KeyError:
            raise ShapeError("is not a member of this shape").within(name[:64]) from None

    return _header(check) if shape.name == "MessageHeader" else check


def _refuse_null() -> None:
    raise ShapeError("is required")


def _header(check_members: Check) -> Check:
    def check(value: Any) -> None:
        check_members(value)
        if len(value["Name"]) + len(value["Value"]) > HEADER_LENGTH:
            raise ShapeError(f"name and value together must not exceed {HEADER_LENGTH} characters")

    return check
