"""The REST-JSON protocol of SES v2: from an HTTP request to an operation's input and back.

Everything about operations comes from botocore's service model: what boto3 can send is understood.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from urllib.parse import unquote

import botocore.loaders
import botocore.model

from mailer.stand_in.errors import ApiError
from mailer.stand_in.shapes import Check, ShapeError, compile_shape

OPERATIONS: Final = (
    "SendEmail",
    "SendBulkEmail",
    "GetAccount",
    "GetEmailIdentity",
    "CreateEmailIdentity",
    "ListEmailIdentities",
    "GetConfigurationSet",
    "GetConfigurationSetEventDestinations",
    "PutSuppressedDestination",
    "GetSuppressedDestination",
    "DeleteSuppressedDestination",
    "ListSuppressedDestinations",
)
MEDIA_TYPES: Final = frozenset({"", "application/json", "application/x-amz-json-1.1"})
CREDENTIAL: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/\s,]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request"
    r",\s*SignedHeaders=[^,\s]+,\s*Signature=[0-9a-f]{64}"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the service model, ready to match and check requests."""

    name: str
    method: str
    pattern: re.Pattern[str]
    input_shape: Any
    check: Check


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed the request, as far as the Authorization header tells."""

    identity: str
    region: str
    ip: str


@cache
def load_operations() -> tuple[Operation, ...]:
    """The operations that are spoken, from botocore's `sesv2` model."""
    document = botocore.loaders.create_loader().load_service_model("sesv2", "service-2")
    model = botocore.model.ServiceModel(document, "sesv2")
    return tuple(_operation(model.operation_model(name)) for name in OPERATIONS)


def _operation(model: Any) -> Operation:
    uri = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(model.http["requestUri"]))
    shape = model.input_shape
    return Operation(
        model.name, model.http["method"], re.compile(uri + "/?"), shape, compile_shape(shape)
    )


def find_operation(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """The operation and the labels in its path. Raises UnknownOperationException."""
    for operation in load_operations():
        match = operation.pattern.fullmatch(path)
        if match and operation.method == method:
            return operation, {name: unquote(text) for name, text in match.groupdict().items()}
    raise ApiError("UnknownOperationException", "This stand-in does not speak that operation.")


def read_input(
    operation: Operation,
    labels: Mapping[str, str],
    *,
    query: Mapping[str, Sequence[str]],
    body: bytes,
    media_type: str,
) -> dict[str, Any]:
    """The operation's checked input. Raises ApiError as Amazon would."""
    values = _read_body(body, media_type) if operation.method in {"POST", "PUT"} else {}
    values.update(_read_query(operation, query))
    values.update(labels)
    try:
        operation.check(values)
    except ShapeError as problem:
        raise ApiError("BadRequestException", problem.sentence) from None
    return values


def _read_body(body: bytes, media_type: str) -> dict[str, Any]:
    if media_type.partition(";")[0].strip().lower() not in MEDIA_TYPES:
        raise ApiError("UnsupportedMediaTypeException", "Send application/json.")
    try:
        values = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise ApiError("SerializationException", "The body is not valid JSON.") from None
    if not isinstance(values, dict):
        raise ApiError("SerializationException", "The body must be a JSON object.")
    return values


def _read_query(operation: Operation, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, shape in operation.input_shape.members.items():
        if shape.serialization.get("location") != "querystring":
            continue
        texts = query.get(shape.serialization.get("name", name))
        if texts:
            try:
                values[name] = _convert(shape.type_name, list(texts))
            except ValueError:
                raise ApiError("BadRequestException", f"{name}: cannot be read") from None
    return values


def _convert(type_name: str, texts: list[str]) -> Any:
    if type_name == "list":
        return texts
    if type_name == "integer":
        return int(texts[0])
    if type_name == "timestamp":
        moment = datetime.fromisoformat(texts[0])
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return texts[0]


def read_caller(authorization: str, ip: str) -> Caller:
    """Who calls. Raises unless a Signature Version 4 is there; its correctness is not examined."""
    if not authorization:
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = CREDENTIAL.fullmatch(authorization.strip())
    if match is None:
        raise ApiError(
            "IncompleteSignatureException",
            "The Authorization header is not a complete AWS Signature Version 4.",
        )
    return Caller(identity=match[1], region=match[3], ip=ip)


def write_output(result: Mapping[str, Any]) -> bytes:
    """A result as the JSON that botocore's parser expects; moments become epoch seconds."""
    return json.dumps(result, default=_moment).encode()


def write_error(error: ApiError) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an error answer."""
    return json.dumps({"message": error.message}).encode(), {"x-amzn-ErrorType": error.code}


def _moment(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(type(value).__name__)
