"""The JSON protocol of SQS, as boto3 speaks it: what a reader of the queue needs, and SendMessage.

Input is checked against botocore's own service model, as for SES.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import botocore.loaders
import botocore.model

from mailer.stand_in.errors import ApiError
from mailer.stand_in.exchange import Request, Response
from mailer.stand_in.protocol import read_caller
from mailer.stand_in.queue import VISIBILITY_SECONDS, Queue, digest
from mailer.stand_in.shapes import Check, ShapeError, compile_shape

TARGET: Final = "AmazonSQS."
MEDIA_TYPE: Final = "application/x-amz-json-1.0"
OPERATIONS: Final = (
    "ReceiveMessage",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "GetQueueAttributes",
    "SendMessage",
)
MOST: Final = 10
LONGEST_WAIT: Final = 20
LONGEST_HIDING: Final = 43_200
# SQS spoke another protocol once, and still names its errors in that one's words too.
OLD_NAMES: Final[Mapping[str, str]] = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    "EmptyBatchRequest": "AWS.SimpleQueueService.EmptyBatchRequest",
    "BatchEntryIdsNotDistinct": "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
    "MessageNotInflight": "AWS.SimpleQueueService.MessageNotInflight",
}

Params = dict[str, Any]


class Sqs:
    """Answers SQS requests about one queue."""

    def __init__(self, queue: Queue | None) -> None:
        """Without a queue every request is told that there is none."""
        self._queue = queue
        self._table: dict[str, Callable[[Queue, Params], Mapping[str, Any]]] = {
            "ReceiveMessage": _receive,
            "DeleteMessage": _delete,
            "DeleteMessageBatch": _delete_batch,
            "ChangeMessageVisibility": _change_visibility,
            "ChangeMessageVisibilityBatch": _change_visibility_batch,
            "GetQueueAttributes": _attributes,
            "SendMessage": _send,
        }

    def answer(self, request: Request) -> Response:
        """The answer to one request."""
        try:
            read_caller(request.headers.get("authorization", ""), request.ip)
            name = request.headers["x-amz-target"].removeprefix(TARGET)
            params = _read(name, request.body)
            result = self._table[name](self._find(params), params)
        except ApiError as error:
            return _refuse(error)
        return Response(200, json.dumps(result).encode(), MEDIA_TYPE)

    def _find(self, params: Params) -> Queue:
        try:
            path = urlsplit(params["QueueUrl"]).path
        except ValueError:
            path = ""
        if self._queue is None or path != self._queue.path:
            raise ApiError("QueueDoesNotExist")
        return self._queue


@cache
def _checks() -> dict[str, Check]:
    document = botocore.loaders.create_loader().load_service_model("sqs", "service-2")
    model = botocore.model.ServiceModel(document, "sqs")
    return {name: compile_shape(model.operation_model(name).input_shape) for name in OPERATIONS}


def _read(name: str, body: bytes) -> Params:
    check = _checks().get(name)
    if check is None:
        raise ApiError("UnknownOperationException", "This stand-in does not speak that operation.")
    try:
        params = json.loads(body)
        check(params)
    except (ValueError, RecursionError):
        raise ApiError("SerializationException", "The body is not valid JSON.") from None
    except ShapeError as problem:
        raise ApiError("InvalidParameterValue", problem.sentence) from None
    return dict(params)


def _refuse(error: ApiError) -> Response:
    body = {"__type": f"com.amazonaws.sqs#{error.code}", "message": error.message}
    old = OLD_NAMES.get(error.code, error.code)
    return Response(
        error.status,
        json.dumps(body).encode(),
        MEDIA_TYPE,
        headers=(("x-amzn-query-error", f"{old};Sender"),),
    )


def _within(params: Params, name: str, default: int, *, least: int, most: int) -> int:
    value = params.get(name)
    value = default if value is None else int(value)
    if not least <= value <= most:
        raise ApiError("InvalidParameterValue", f"{name} must be between {least} and {most}.")
    return value


def _receive(queue: Queue, params: Params) -> Mapping[str, Any]:
    taken = queue.receive(
        _within(params, "MaxNumberOfMessages", 1, least=1, most=MOST),
        visibility=_within(
            params, "VisibilityTimeout", VISIBILITY_SECONDS, least=0, most=LONGEST_HIDING
        ),
        wait=_within(params, "WaitTimeSeconds", 0, least=0, most=LONGEST_WAIT),
    )
    return {"Messages": [message.as_answer() for message in taken]} if taken else {}


def _delete(queue: Queue, params: Params) -> Mapping[str, Any]:
    queue.delete(params["ReceiptHandle"])
    return {}


def _delete_batch(queue: Queue, params: Params) -> Mapping[str, Any]:
    return _each(params, lambda entry: queue.delete(entry["ReceiptHandle"]))


def _change_visibility(queue: Queue, params: Params) -> Mapping[str, Any]:
    queue.hide(
        params["ReceiptHandle"],
        _within(params, "VisibilityTimeout", 0, least=0, most=LONGEST_HIDING),
    )
    return {}


def _change_visibility_batch(queue: Queue, params: Params) -> Mapping[str, Any]:
    return _each(
        params,
        lambda entry: queue.hide(
            entry["ReceiptHandle"],
            _within(entry, "VisibilityTimeout", 0, least=0, most=LONGEST_HIDING),
        ),
    )


def _each(params: Params, act: Callable[[Params], None]) -> Mapping[str, Any]:
    """Acts on each entry of a batch; one that fails is told and stops no other."""
    entries = params["Entries"]
    if not entries:
        raise ApiError("EmptyBatchRequest")
    if len(entries) > MOST:
        raise ApiError("TooManyEntriesInBatchRequest")
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise ApiError("BatchEntryIdsNotDistinct")
    successful: list[dict[str, str]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            act(entry)
        except ApiError as error:
            failed.append(
                {"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": str(error)}
            )
        else:
            successful.append({"Id": entry["Id"]})
    return {"Successful": successful, "Failed": failed}


def _attributes(queue: Queue, params: Params) -> Mapping[str, Any]:
    counts = queue.counts()
    known = {
        "ApproximateNumberOfMessages": str(counts["visible"]),
        "ApproximateNumberOfMessagesNotVisible": str(counts["in_flight"]),
        "VisibilityTimeout": str(VISIBILITY_SECONDS),
    }
    wanted = set(params.get("AttributeNames") or ())
    chosen = known if "All" in wanted else {k: v for k, v in known.items() if k in wanted}
    return {"Attributes": chosen}


def _send(queue: Queue, params: Params) -> Mapping[str, Any]:
    body = params["MessageBody"]
    return {"MessageId": queue.put([body])[0], "MD5OfMessageBody": digest(body)}
