"""A queue in memory that does what SQS may do: deliver twice, refuse to delete, be away."""

from collections.abc import Sequence

from mailer.adapters.sqs import QueueError, Received


class Queue:
    """Everything stays visible until it is deleted, as if no time ever passed."""

    def __init__(self, *bodies: str) -> None:
        self.messages = [Received(f"m{n}", f"r{n}", body) for n, body in enumerate(bodies)]
        self.away = False
        self.undeletable = False

    def receive(self) -> list[Received]:
        if self.away:
            raise QueueError("EndpointConnectionError")
        return self.messages[:10]

    def delete(self, messages: Sequence[Received]) -> int:
        if self.undeletable:
            return len(messages)
        receipts = {message.receipt for message in messages}
        self.messages = [m for m in self.messages if m.receipt not in receipts]
        return 0
