"""Handing mail to Amazon SES v2, and saying exactly what its answer proves.

SES has no idempotency token, so the SDK never retries here. Each entry of a call ends in one
outcome, and only those that prove that SES did not accept the message may be tried again; where
the answer is lost or unclear the outcome is UNKNOWN and the message must not be resent blindly.
"""

import enum
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSOError,
    TokenRetrievalError,
)

from mailer.adapters.ses_account import STAND_IN_CREDENTIALS
from mailer.adapters.ses_bulk import (
    BulkCall,
    BulkEntry,
    WrittenEntry,
    write_body,
    write_headers,
    write_tags,
)

__all__ = [
    "BULK_LIMIT",
    "PERHAPS_ONE_ENTRY",
    "TRANSIENT",
    "BulkCall",
    "BulkEntry",
    "Outcome",
    "Result",
    "Ses",
    "SesClient",
    "SingleMail",
    "WrittenEntry",
]

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 60
# SES takes at most this many people in one SendBulkEmail.
BULK_LIMIT = 50


class Outcome(enum.Enum):
    """What SES's answer proves about one message."""

    ACCEPTED = "accepted"
    NOT_NOW = "not_now"  # not accepted; may be tried again soon
    QUOTA = "quota"  # not accepted; the 24-hour quota is used up
    REFUSED = "refused"  # not accepted, and never will be for this message
    HALT = "halt"  # not accepted; nothing of this campaign can be until someone acts
    UNKNOWN = "unknown"  # may or may not have been accepted


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome for one message; `message_id` is SES's when accepted, `error` a short code."""

    outcome: Outcome
    message_id: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class SingleMail:
    """One complete message to one address."""

    sender: str
    reply_to: str
    to: str
    subject: str
    html: str
    text: str
    headers: Sequence[tuple[str, str]]
    tags: Mapping[str, str]


class Ses(Protocol):
    """What delivery needs of SES."""

    def send_bulk(self, call: BulkCall) -> list[Result]:
        """One result for each entry, in order."""

    def send_single(self, mail: SingleMail) -> Result:
        """The result for one message."""


# The one status of "not now" that is about the message itself.
TRANSIENT = "TRANSIENT_FAILURE"
# SendBulkEmail's status of one entry (botocore's BulkEmailStatus) -> what it proves.
_ENTRY_STATUS = {
    "SUCCESS": Outcome.ACCEPTED,
    "ACCOUNT_THROTTLED": Outcome.NOT_NOW,
    TRANSIENT: Outcome.NOT_NOW,
    "ACCOUNT_DAILY_QUOTA_EXCEEDED": Outcome.QUOTA,
    "MESSAGE_REJECTED": Outcome.REFUSED,
    "INVALID_PARAMETER": Outcome.REFUSED,
    "FAILED": Outcome.REFUSED,
    "MAIL_FROM_DOMAIN_NOT_VERIFIED": Outcome.HALT,
    "CONFIGURATION_SET_NOT_FOUND": Outcome.HALT,
    "TEMPLATE_NOT_FOUND": Outcome.HALT,
    "ACCOUNT_SUSPENDED": Outcome.HALT,
    "INVALID_SENDING_POOL_NAME": Outcome.HALT,
    "ACCOUNT_SENDING_PAUSED": Outcome.HALT,
    "CONFIGURATION_SET_SENDING_PAUSED": Outcome.HALT,
}


# Answers to a whole call that may be about the form of one entry: the others may be fine.
PERHAPS_ONE_ENTRY = frozenset(
    {
        "BadRequestException",
        "InvalidParameterValue",
        "RequestEntityTooLargeException",
        "SerializationException",
        "ValidationException",
        "http_400",
        "http_413",
    }
)


# Raised while a call is being signed, before anything is sent.
_WITHOUT_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    MetadataRetrievalError,
    TokenRetrievalError,
    SSOError,
)


class _TooLateError(Exception):
    """The call may not leave any more; nothing of it has."""


TOO_LATE = Result(Outcome.NOT_NOW, error="claim_too_old")


def _of_error(error: Exception) -> Result:
    """What an exception of a whole call proves about every message in it."""
    if isinstance(error, _TooLateError):
        return TOO_LATE
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError | ProxyConnectionError):
        return Result(Outcome.NOT_NOW, error="connection")  # the body was never sent
    if isinstance(error, _WITHOUT_CREDENTIALS):
        return Result(Outcome.HALT, error="no_credentials")  # the call was never signed
    if not isinstance(error, ClientError):
        return Result(Outcome.UNKNOWN, error=type(error).__name__)
    code = str(error.response.get("Error", {}).get("Code", ""))
    text = str(error.response.get("Error", {}).get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in ("TooManyRequestsException", "ThrottlingException") or status == 429:
        daily = "daily" in text.lower()
        return Result(Outcome.QUOTA if daily else Outcome.NOT_NOW, error=code or "throttled")
    if "Signature expired" in text or code in ("RequestExpired", "ExpiredSignature"):
        # AWS refuses what was signed more than five minutes ago: the process was frozen meanwhile.
        return TOO_LATE
    if status >= 500 or status == 0:
        # A server error does not prove that nothing was accepted before it.
        return Result(Outcome.UNKNOWN, error=code or f"http_{status}")
    # Every other 4xx speaks of the account, the identity or the form of the call.
    return Result(Outcome.HALT, error=code or f"http_{status}")


class SesClient:
    """SES through boto3: one client for a process, one connection for each of its threads."""

    def __init__(
        self,
        region: str,
        *,
        endpoint_url: str | None,
        configuration_set: str | None,
        connections: int,
        validate: bool = False,
    ) -> None:
        # `validate` is for tests: they hold every shape we send against botocore's model. It took
        # 30 % of a bulk call, and the serialiser (mailer.adapters.ses_bulk) more than that.
        self._client = boto3.client(
            "sesv2",
            region_name=region,
            endpoint_url=endpoint_url,
            config=Config(
                retries={"total_max_attempts": 1, "mode": "standard"},
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=READ_TIMEOUT_SECONDS,
                max_pool_connections=connections,
                tcp_keepalive=True,
                parameter_validation=validate,
            ),
            **(STAND_IN_CREDENTIALS if endpoint_url else {}),
        )
        self._common: dict[str, Any] = (
            {"ConfigurationSetName": configuration_set} if configuration_set else {}
        )
        self._validates = validate
        events = self._client.meta.events
        events.register("before-parameter-build.sesv2.SendBulkEmail", _keep_body)
        events.register("before-call.sesv2.SendBulkEmail", _put_body)
        events.register("before-send.sesv2.SendBulkEmail", self._hold_back)
        events.register("before-parse.sesv2.SendBulkEmail", _keep_answer)
        # botocore tells its last event before the bytes go nothing but the request.
        self._under_way = threading.local()

    def send_bulk(self, call: BulkCall) -> list[Result]:
        """One SendBulkEmail. Never raises for what SES or the network may do."""
        try:
            self._under_way.may_leave = call.may_leave
            answer = self._call(write_body(call, self._common.get("ConfigurationSetName")))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must end in an outcome
            return [_of_error(error)] * len(call.entries)
        answers = answer.get("BulkEmailEntryResults", ())
        results = [_of_entry(each, entry.to) for each, entry in zip(answers, call.entries)]  # noqa: B905 - SES may answer for fewer, or for more
        missing = len(call.entries) - len(results)
        return results + [Result(Outcome.UNKNOWN, error="no_result")] * missing

    def _hold_back(self, **_: Any) -> None:
        if not self._under_way.may_leave():
            raise _TooLateError

    def _call(self, body: bytes) -> Mapping[str, Any]:
        # Any member will do for botocore to make a request of; our body then takes its place.
        shown = json.loads(body) if self._validates else {"FromEmailAddress": ""}
        answer: Mapping[str, Any] = self._client.send_bulk_email(**shown, **{_BODY: body})
        # Absent where another has taken botocore's place (its own stub, in tests).
        written = answer.get(_BODY)
        return answer if written is None else json.loads(written)

    def send_single(self, mail: SingleMail) -> Result:
        """One SendEmail. Never raises for what SES or the network may do."""
        try:
            answer = self._client.send_email(
                FromEmailAddress=mail.sender,
                ReplyToAddresses=[mail.reply_to] if mail.reply_to else [],
                Destination={"ToAddresses": [mail.to]},
                Content={
                    "Simple": {
                        "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                        "Body": {
                            "Html": {"Data": mail.html, "Charset": "UTF-8"},
                            "Text": {"Data": mail.text, "Charset": "UTF-8"},
                        },
                        "Headers": write_headers(mail.headers),
                    }
                },
                EmailTags=write_tags(mail.tags),
                **self._common,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, it must end in an outcome
            return _of_error(error)
        return Result(Outcome.ACCEPTED, message_id=answer.get("MessageId"))


# The name under which body and answer pass through botocore, which knows no such member.
_BODY = "WrittenBody"


def _keep_body(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[_BODY] = params.pop(_BODY)


def _put_body(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Before the request is signed: the signature is of these very bytes."""
    params["body"] = context[_BODY]


def _keep_answer(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """botocore would look each of the 50 results up in its model; we read what we need."""
    if response_dict["status_code"] == 200:
        customized_response_dict[_BODY] = response_dict["body"]
        response_dict["body"] = b"{}"


def _of_entry(entry: Mapping[str, Any], to: str) -> Result:
    outcome = _ENTRY_STATUS.get(str(entry.get("Status")), Outcome.UNKNOWN)
    if outcome is Outcome.ACCEPTED:
        return Result(outcome, message_id=entry.get("MessageId"))
    said = str(entry.get("Error", "")).lower()
    if outcome is Outcome.REFUSED and "not verified" in said:
        # About the sender; or, where it names the recipient, about an account in the sandbox.
        return Result(Outcome.HALT, error="sandbox" if to.lower() in said else "MessageRejected")
    return Result(outcome, error=str(entry.get("Status"))[:80])
