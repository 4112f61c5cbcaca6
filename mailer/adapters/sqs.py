"""Amazon SQS: the queue that holds SNS's notifications where no public address is to be had.

Standard queues deliver at least once and in any order; what reads them must bear both. Nothing
raised here holds a body.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from mailer.adapters.ses_account import STAND_IN_CREDENTIALS
from mailer.config import Settings

# What one ReceiveMessage and one DeleteMessageBatch hold at most.
BATCH = 10
# A longer poll would be cheaper and would hold up a stop.
WAIT_SECONDS = 5
# A batch is stored within milliseconds; if its reader dies, it comes again after this.
VISIBILITY_SECONDS = 60
_REGION = re.compile(r"https?://sqs\.([a-z0-9-]+)\.")


class QueueError(Exception):
    """The queue cannot be used just now. The text is a short code of Amazon's or of botocore's."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it was received; `receipt` deletes it."""

    id: str
    receipt: str
    body: str


class Queue(Protocol):
    """What polling needs of a queue."""

    def receive(self) -> list[Received]:
        """Up to ten messages; none after a few seconds without any. Raises QueueError."""

    def delete(self, messages: Sequence[Received]) -> int:
        """Delete up to ten; how many SQS did not delete and will deliver again.

        Raises QueueError when it cannot be asked.
        """


class SqsQueue:
    """A queue through boto3. One thread at a time."""

    def __init__(self, settings: Settings) -> None:
        """Settings must name the queue."""
        url = settings.events_queue_url
        if url is None:
            raise ValueError("no queue is set")
        region = _REGION.match(url)
        self._url = url
        self._client: Any = boto3.client(
            "sqs",
            region_name=region[1] if region else settings.aws_region,
            endpoint_url=settings.ses_endpoint_url,
            config=Config(
                retries={"total_max_attempts": 3, "mode": "standard"},
                connect_timeout=5,
                read_timeout=WAIT_SECONDS + 15,
                tcp_keepalive=True,
            ),
            **(STAND_IN_CREDENTIALS if settings.stand_in else {}),
        )

    def receive(self) -> list[Received]:
        """Long-poll for up to ten messages. Raises QueueError."""
        try:
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=WAIT_SECONDS,
                VisibilityTimeout=VISIBILITY_SECONDS,
            )
        except (BotoCoreError, ClientError, ValueError) as error:
            raise QueueError(_code(error)) from None
        return [
            Received(str(m["MessageId"]), str(m["ReceiptHandle"]), str(m.get("Body", "")))
            for m in answer.get("Messages", ())
        ]

    def delete(self, messages: Sequence[Received]) -> int:
        """Delete up to ten; how many stay. Raises QueueError."""
        entries = [
            {"Id": str(number), "ReceiptHandle": message.receipt}
            for number, message in enumerate(messages)
        ]
        if not entries:
            return 0
        try:
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        except (BotoCoreError, ClientError, ValueError) as error:
            raise QueueError(_code(error)) from None
        return len(answer.get("Failed", ()))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "ClientError"))[:80]
    return type(error).__name__
