"""The SNS message around an event: its members and its signature."""

import json
from typing import Final

from mailer.stand_in.outbox import Envelope
from mailer.stand_in.signature import Signer
from mailer.stand_in.subscription import Subscription

CERTIFICATE_PATH: Final = "/SimpleNotificationService-standin.pem"


class Sealer:
    """Wraps and signs what waits in the outbox."""

    def __init__(self, subscription: Subscription, signer: Signer, base_url: str) -> None:
        """`base_url` is where the certificate is served and subscriptions are confirmed."""
        self._subscription = subscription
        self._signer = signer
        self._base_url = base_url

    def seal(self, envelope: Envelope) -> tuple[str, dict[str, str]]:
        """The signed SNS message as JSON, with the headers that go with it."""
        subscription = self._subscription
        content = {
            "Type": envelope.type,
            "MessageId": envelope.sns_id,
            "TopicArn": subscription.topic_arn,
            "Message": envelope.message,
            "Timestamp": envelope.created_at,
            "SignatureVersion": "2",
            "SigningCertURL": self._base_url + CERTIFICATE_PATH,
        }
        headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "User-Agent": "Amazon Simple Notification Service Agent",
            "x-amz-sns-message-type": envelope.type,
            "x-amz-sns-message-id": envelope.sns_id,
            "x-amz-sns-topic-arn": subscription.topic_arn,
        }
        if envelope.type == "Notification":
            content["UnsubscribeURL"] = f"{self._base_url}/unsubscribe?arn={subscription.arn}"
            headers["x-amz-sns-subscription-arn"] = subscription.arn
        else:
            content["Token"] = envelope.token or ""
            content["SubscribeURL"] = f"{self._base_url}/confirm?token={envelope.token}"
        content["Signature"] = self._signer.sign(content)
        return json.dumps(content), headers
