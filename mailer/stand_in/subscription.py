"""The webhook's subscription to the topic: asked for, confirmed, ended; and SNS's own answers."""

import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import uuid4
from xml.sax.saxutils import escape

from mailer.stand_in.database import Database
from mailer.stand_in.notifications import VALIDATED
from mailer.stand_in.outbox import Outbox, read_setting

NAMESPACE: Final = "http://sns.amazonaws.com/doc/2010-03-31/"


class Subscription:
    """State of the one subscription, kept in the file."""

    def __init__(
        self, database: Database, *, outbox: Outbox, topic_arn: str, webhook_url: str, ask: bool
    ) -> None:
        """`ask` sends a SubscriptionConfirmation first; else the webhook counts as confirmed."""
        self._database = database
        self._outbox = outbox
        self._lock = threading.Lock()
        self.topic_arn = topic_arn
        self._ask = ask
        with database.reading() as connection:
            stored = json.loads(read_setting(connection, "subscription") or "{}")
        same = stored.get("topic") == topic_arn and stored.get("webhook") == webhook_url
        self._state: dict[str, str | bool] = (
            stored
            if same
            else {
                "topic": topic_arn,
                "webhook": webhook_url,
                "token": secrets.token_hex(64),
                "arn": f"{topic_arn}:{uuid4()}",
                "confirmed": False,
            }
        )

    @property
    def arn(self) -> str:
        """The subscription's own ARN."""
        return str(self._state["arn"])

    @property
    def confirmed(self) -> bool:
        """Whether notifications may be delivered."""
        return bool(self._state["confirmed"])

    def start(self) -> None:
        """Asks for confirmation, or makes the first notification due."""
        if self.confirmed:
            return
        if self._ask:
            self._request("SubscriptionConfirmation")
            self._save()
        else:
            self._activate()

    def confirm(self, token: str) -> bool:
        """Makes the subscription confirmed; False for a wrong token. Repeating is harmless."""
        if not secrets.compare_digest(token.encode(), str(self._state["token"]).encode()):
            return False
        with self._lock:
            if not self.confirmed:
                self._activate()
        return True

    def end(self, arn: str) -> bool:
        """Ends a confirmed subscription, telling the webhook; False for another's ARN."""
        with self._lock:
            if arn != self.arn or not self.confirmed:
                return False
            self._state["confirmed"] = False
            self._request("UnsubscribeConfirmation")
            self._save()
        return True

    def _activate(self) -> None:
        self._state["confirmed"] = True
        self._outbox.add([("", VALIDATED)])
        self._save()

    def _request(self, kind: str) -> None:
        purpose = (
            "You have chosen to subscribe to"
            if kind == "SubscriptionConfirmation"
            else "You have chosen to deactivate your subscription to"
        )
        text = (
            f"{purpose} the topic {self.topic_arn}.\n"
            "Visit the SubscribeURL included in this message to confirm."
        )
        self._outbox.forget(kind)  # an older one may wait since before a restart
        self._outbox.add([("", text)], kind=kind, token=str(self._state["token"]))

    def _save(self) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO setting VALUES ('subscription', ?)",
                (json.dumps(self._state),),
            )


def answer_query(
    subscription: Subscription | None, form: Mapping[str, Sequence[str]]
) -> tuple[int, bytes]:
    """Status and XML for an SNS query-protocol request; ConfirmSubscription is all it speaks."""

    def field(name: str) -> str:
        return (form.get(name) or [""])[0]

    if field("Action") != "ConfirmSubscription":
        return _refuse(400, "InvalidAction", "Only ConfirmSubscription is spoken here.")
    if not field("TopicArn") or not field("Token"):
        return _refuse(400, "InvalidParameter", "TopicArn and Token are required.")
    if subscription is None or field("TopicArn") != subscription.topic_arn:
        return _refuse(404, "NotFound", "Topic does not exist")
    if not subscription.confirm(field("Token")):
        return _refuse(400, "InvalidParameter", "ShapeError parameter: Token")
    return 200, (
        f'<ConfirmSubscriptionResponse xmlns="{NAMESPACE}"><ConfirmSubscriptionResult>'
        f"<SubscriptionArn>{escape(subscription.arn)}</SubscriptionArn>"
        "</ConfirmSubscriptionResult><ResponseMetadata>"
        f"<RequestId>{uuid4()}</RequestId></ResponseMetadata></ConfirmSubscriptionResponse>"
    ).encode()


def _refuse(status: int, code: str, message: str) -> tuple[int, bytes]:
    return status, (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>{uuid4()}</RequestId>"
        "</ErrorResponse>"
    ).encode()
