"""What Amazon answers when it refuses, with the HTTP status of each error."""

from collections.abc import Mapping
from typing import Final

STATUS: Final[Mapping[str, int]] = {
    "AccountSuspendedException": 400,
    "AlreadyExistsException": 400,
    "BadRequestException": 400,
    "BatchEntryIdsNotDistinct": 400,
    "EmptyBatchRequest": 400,
    "IncompleteSignatureException": 403,
    "InternalServiceErrorException": 500,
    "InvalidMessageContents": 400,
    "InvalidNextTokenException": 400,
    "InvalidParameterValue": 400,
    "LimitExceededException": 400,
    "MailFromDomainNotVerifiedException": 400,
    "MessageNotInflight": 400,
    "MessageRejected": 400,
    "MissingAuthenticationTokenException": 403,
    "NotFoundException": 404,
    "QueueDoesNotExist": 400,
    "ReceiptHandleIsInvalid": 400,
    "RequestEntityTooLargeException": 413,
    "SendingPausedException": 400,
    "SerializationException": 400,
    "TooManyEntriesInBatchRequest": 400,
    "TooManyRequestsException": 429,
    "UnknownOperationException": 404,
    "UnsupportedMediaTypeException": 415,
}

MESSAGES: Final[Mapping[str, str]] = {
    "AccountSuspendedException": "Your account's ability to send email has been suspended.",
    "InternalServiceErrorException": "The request could not be completed. Try again later.",
    "LimitExceededException": "The maximum number of this resource has been reached.",
    "MailFromDomainNotVerifiedException": "The MAIL FROM domain is not verified.",
    "MessageRejected": "The message was refused.",
    "SendingPausedException": "Email sending is disabled for this account.",
    "TooManyRequestsException": "Maximum sending rate exceeded.",
    "BadRequestException": "The request is not valid.",
    "BatchEntryIdsNotDistinct": "Two entries of the batch have the same id.",
    "EmptyBatchRequest": "The batch has no entries.",
    "InvalidMessageContents": "The message holds characters that are not allowed.",
    "MessageNotInflight": "The message is not in flight.",
    "QueueDoesNotExist": "The specified queue does not exist.",
    "ReceiptHandleIsInvalid": "The receipt handle is not valid.",
    "TooManyEntriesInBatchRequest": "The batch has more than ten entries.",
    "NotFoundException": "The resource does not exist.",
}

QUOTA_MESSAGE: Final = "Daily message quota exceeded."


class ApiError(Exception):
    """An answer other than success, in Amazon's words. The text holds no address but a sender's."""

    def __init__(self, code: str, message: str = "") -> None:
        """Takes the error's name as in the service model; `message` defaults to its usual text."""
        self.code = code
        self.status = STATUS[code]
        self.message = message or MESSAGES.get(code, code)
        super().__init__(f"{code}: {self.message}")


class StandInError(Exception):
    """The stand-in cannot run as asked. The text is one sentence for the developer."""
