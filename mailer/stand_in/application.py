"""Routes a request: SES operations, SQS, SNS, the control interface, the mailbox."""

import time
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from mailer.stand_in.control import PREFIX, Control
from mailer.stand_in.errors import ApiError
from mailer.stand_in.exchange import Request, Response, redirect, refuse
from mailer.stand_in.faults import Faults
from mailer.stand_in.mailbox import Mailbox
from mailer.stand_in.operations import Operations
from mailer.stand_in.protocol import (
    find_operation,
    read_caller,
    read_input,
    write_error,
    write_output,
)
from mailer.stand_in.sealing import CERTIFICATE_PATH
from mailer.stand_in.sqs import TARGET, Sqs
from mailer.stand_in.subscription import Subscription, answer_query
from mailer.stand_in.tally import Tally

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Application:
    """Everything behind the listening socket."""

    def __init__(
        self,
        *,
        operations: Operations,
        control: Control,
        mailbox: Mailbox,
        faults: Faults,
        sqs: Sqs,
        subscription: Subscription | None,
        certificate: bytes,
        tally: Tally | None = None,
    ) -> None:
        """`subscription` None means that events go nowhere, `tally` None that mail is kept."""
        self._operations = operations
        self._control = control
        self._mailbox = mailbox
        self._faults = faults
        self._sqs = sqs
        self._subscription = subscription
        self._certificate = certificate
        self._tally = tally

    def handle(self, request: Request) -> Response:
        """The answer to any request."""
        if request.path.startswith("/v2/"):
            return self._ses(request)
        if request.headers.get("x-amz-target", "").startswith(TARGET):
            return self._sqs.answer(request)
        if not _from_here(request):
            return refuse(403, "Only this machine's own pages may ask.")
        if request.path.startswith(PREFIX):
            return self._control.answer(request)
        if request.path == "/mailbox" or request.path.startswith("/mailbox/"):
            return self._mailbox.answer(request)
        return self._sns(request)

    def _ses(self, request: Request) -> Response:
        request_id = ("x-amzn-RequestId", str(uuid4()))
        try:
            response = self._call(request)
        except ApiError as error:
            body, headers = write_error(error)
            response = Response(error.status, body, headers=tuple(headers.items()))
        if self._faults.settings.latency_ms:
            time.sleep(self._faults.settings.latency_ms / 1000)
        response.headers = (*response.headers, request_id)
        return response

    def _call(self, request: Request) -> Response:
        caller = read_caller(request.headers.get("authorization", ""), request.ip)
        operation, labels = find_operation(request.method, request.path)
        sends = self._operations.sends(operation.name)
        if sends:
            lost = self._trouble_before()
            if lost:
                return lost
        if self._tally is not None and operation.name == "SendBulkEmail":
            counted = self._tally.answer(request.body)
            if counted is not None:
                return Response(200, counted, drop=self._faults.strikes("drop"))
        params = read_input(
            operation,
            labels,
            query=request.query if request.query_string else {},
            body=request.body,
            media_type=request.headers.get("content-type", ""),
        )
        body = write_output(self._operations.answer(operation.name, params, caller))
        return Response(200, body, drop=sends and self._faults.strikes("drop"))

    def _trouble_before(self) -> Response | None:
        """Faults that strike before anything is accepted."""
        if self._faults.strikes("lose"):
            return Response(drop=True)
        if self._faults.strikes("error"):
            raise ApiError("InternalServiceErrorException")
        if self._faults.strikes("throttle"):
            raise ApiError("TooManyRequestsException")
        if self._faults.settings.refuse:
            raise ApiError(self._faults.settings.refuse)
        return None

    def _sns(self, request: Request) -> Response:
        match request.method, request.path:
            case "GET", "/":
                return redirect("/mailbox")
            case "POST", "/":
                return self._query(request)
            case "GET", path if path == CERTIFICATE_PATH:
                return Response(200, self._certificate, "application/x-pem-file")
            case "GET", "/confirm":
                subscription = self._subscription
                if subscription and subscription.confirm(request.argument("token")):
                    return Response(200, b"Confirmed.\n", "text/plain; charset=utf-8")
                return refuse(400, "The token is not known.")
            case "GET", "/unsubscribe":
                if self._subscription and self._subscription.end(request.argument("arn")):
                    return Response(200, b"Unsubscribed.\n", "text/plain; charset=utf-8")
                return refuse(400, "The subscription is not known.")
        return refuse(404, "There is nothing here.")

    def _query(self, request: Request) -> Response:
        try:
            read_caller(request.headers.get("authorization", ""), request.ip)
        except ApiError as error:
            body, headers = write_error(error)
            return Response(error.status, body, headers=tuple(headers.items()))
        status, xml = answer_query(self._subscription, request.form)
        return Response(status, xml, "text/xml")


def _from_here(request: Request) -> bool:
    """Whether neither a foreign name (DNS rebinding) nor a foreign page (CSRF) is behind it."""
    host = request.headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    if name not in LOOPBACK_NAMES:
        return False
    origin = request.headers.get("origin")
    return request.method == "GET" or origin in {None, f"http://{host}"}
