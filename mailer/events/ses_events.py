"""What Amazon SES says happened, in both its dialects, as one normal form.

Pure. Event publishing names the kind `eventType`, identity notifications `notificationType`; the
rest is alike. Unknown kinds and members are passed over, because Amazon adds them without asking.
Only the bounced or complained recipients count, never `mail.destination` (rules 3.9).
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

# What SNS topics say first, in plain text.
VALIDATED = "Successfully validated SNS topic"

LONGEST_TEXT = 500
_EARLIEST = datetime(2011, 1, 1, tzinfo=UTC)  # SES began then; earlier is a broken clock
_ADDRESS = re.compile(r"[^\s<>@:;,]+@[^\s<>@:;,]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
# Bounces that only say: the address is on a list of Amazon's, nothing was tried.
_LISTED = frozenset(
    {"OnAccountSuppressionList", "OnTenantSuppressionList", "EmailValidationSuppressed"}
)


class UnreadableError(ValueError):
    """Not an event of SES."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to one message, for one recipient where SES names them.

    `kind` is a key of mailer.events.effects.EFFECTS. `details` hold no address. `at_is_its_own` is
    False where SES gave no time that can be, and the time of receiving stands in for it.
    """

    kind: str
    message_id: int | None
    ses_message_id: str
    accepted_at: datetime
    at: datetime
    dedupe_key: str
    recipient: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    at_is_its_own: bool = True


def parse(message: str, *, received_at: datetime) -> list[Happening]:
    """The happenings in the Message of an SNS notification; none for a kind we do not know.

    `received_at` stands in for times that are missing or impossible. Raises UnreadableError.
    """
    content = _loads(message)
    if not isinstance(content, dict) or not isinstance(content.get("mail"), dict):
        raise UnreadableError("no mail object")
    kind = content.get("eventType") or content.get("notificationType")
    if not isinstance(kind, str):
        raise UnreadableError("no kind")
    reader = _READERS.get(kind)
    return list(reader(_Notification(kind, content, received_at))) if reader else []


def _loads(message: str) -> Any:
    try:
        return orjson.loads(message)
    except orjson.JSONDecodeError:
        pass
    # Slower, and forgives half a surrogate pair in what a stranger's mail server said.
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        raise UnreadableError("not JSON") from None


class _Notification:
    """One notification with forgiving access to its members."""

    def __init__(self, kind: str, content: dict[str, Any], received_at: datetime) -> None:
        self.kind = kind
        self.content = content
        self.mail: dict[str, Any] = content["mail"]
        self.received_at = received_at
        self.ses_message_id = text(self.mail.get("messageId"))
        self.accepted_at = self.moment(self.mail.get("timestamp")) or received_at

    def part(self, name: str) -> dict[str, Any]:
        value = self.content.get(name)
        return value if isinstance(value, dict) else {}

    def moment(self, value: Any) -> datetime | None:
        """A time of SES's, unless it cannot be."""
        try:
            moment = datetime.fromisoformat(value)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            plausible = _EARLIEST <= moment <= self.received_at + timedelta(hours=1)
        except (TypeError, ValueError, OverflowError):
            return None
        return moment if plausible else None

    def tag(self, name: str) -> str:
        tags = self.mail.get("tags")
        value = tags.get(name) if isinstance(tags, dict) else None
        if isinstance(value, list):
            value = value[0] if value else None
        return value if isinstance(value, str) else ""

    def happening(
        self,
        kind: str,
        part: Mapping[str, Any],
        *,
        recipient: str = "",
        details: Mapping[str, str] | None = None,
    ) -> Happening:
        feedback = part.get("feedbackId")
        stamp = part.get("timestamp") or self.mail.get("timestamp") or ""
        tag = self.tag("message")
        same = (
            [feedback, recipient.strip().lower()]
            if isinstance(feedback, str) and feedback
            # Without a feedback id: the same message, kind, time and recipient is the same event.
            else [self.ses_message_id, tag, str(stamp), recipient.strip().lower()]
        )
        at = self.moment(stamp)
        return Happening(
            kind=kind,
            message_id=_number(tag),
            ses_message_id=self.ses_message_id,
            accepted_at=self.accepted_at,
            at=at or self.received_at,
            at_is_its_own=at is not None,
            # A hash, because the recipient is part of it.
            dedupe_key="ses:" + _digest([self.kind, *same]),
            recipient=recipient,
            details={name: value for name, value in (details or {}).items() if value},
        )


def text(value: Any) -> str:
    """A text as it may be stored: printable, not endless, with addresses taken out."""
    if not isinstance(value, str):
        return ""
    clean = _CONTROLS.sub(" ", value).encode("utf-8", "replace").decode("utf-8")
    return _ADDRESS.sub("[address]", clean[: 2 * LONGEST_TEXT])[:LONGEST_TEXT].strip()


def _number(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None


def _digest(parts: Iterable[str]) -> str:
    joined = "\0".join(parts).encode("utf-8", "replace")
    return hashlib.sha256(joined).hexdigest()[:40]


def _recipients(value: Any) -> list[dict[str, Any]]:
    entries = value if isinstance(value, list) else []
    return [
        entry
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("emailAddress"), str)
    ]


def _read_plain(kind: str, part: str) -> Callable[[_Notification], Iterable[Happening]]:
    def read(notification: _Notification) -> Iterable[Happening]:
        yield notification.happening(kind, notification.part(part))

    return read


def _read_bounce(notification: _Notification) -> Iterable[Happening]:
    bounce = notification.part("bounce")
    kind = _kind_of_bounce(text(bounce.get("bounceType")), text(bounce.get("bounceSubType")))
    for entry in _recipients(bounce.get("bouncedRecipients")):
        yield notification.happening(
            kind,
            bounce,
            recipient=entry["emailAddress"],
            details={
                "type": text(bounce.get("bounceType")),
                "subtype": text(bounce.get("bounceSubType")),
                "status": text(entry.get("status")),
                "answer": text(entry.get("diagnosticCode")),
            },
        )


def _kind_of_bounce(kind: str, subtype: str) -> str:
    if kind != "Permanent":
        return "soft_bounce"  # also what we do not know: it must not cost anybody their place
    if subtype == "UnsubscribedRecipient":
        return "unsubscribed"
    return "listed" if subtype in _LISTED else "hard_bounce"


def _read_complaint(notification: _Notification) -> Iterable[Happening]:
    complaint = notification.part("complaint")
    feedback = complaint.get("complaintFeedbackType")
    kind = {"not-spam": "not_spam", "auth-failure": "auth_failure"}.get(str(feedback), "complaint")
    if text(complaint.get("complaintSubType")) in _LISTED:
        kind = "listed"  # an old complaint's echo: this message was not even tried
    for entry in _recipients(complaint.get("complainedRecipients")):
        yield notification.happening(
            kind,
            complaint,
            recipient=entry["emailAddress"],
            details={
                "type": text(feedback),
                "subtype": text(complaint.get("complaintSubType")),
            },
        )


def _read_reject(notification: _Notification) -> Iterable[Happening]:
    reject = notification.part("reject")
    yield notification.happening("reject", reject, details={"reason": text(reject.get("reason"))})


def _read_failure(notification: _Notification) -> Iterable[Happening]:
    failure = notification.part("failure")
    yield notification.happening(
        "rendering_failure", failure, details={"reason": text(failure.get("errorMessage"))}
    )


def _read_delay(notification: _Notification) -> Iterable[Happening]:
    delay = notification.part("deliveryDelay")
    for entry in _recipients(delay.get("delayedRecipients"))[:1] or [{}]:
        yield notification.happening(
            "delay",
            delay,
            details={
                "type": text(delay.get("delayType")),
                "status": text(entry.get("status")),
                "answer": text(entry.get("diagnosticCode")),
            },
        )


# Opens and clicks come through our own links; SES's own tracking is off and, if it is not, its
# events are not a source that the notice declares.
_READERS: dict[str, Callable[[_Notification], Iterable[Happening]]] = {
    "Send": _read_plain("send", "send"),
    "Delivery": _read_plain("delivery", "delivery"),
    "Bounce": _read_bounce,
    "Complaint": _read_complaint,
    "Reject": _read_reject,
    "Rendering Failure": _read_failure,
    "DeliveryDelay": _read_delay,
    "Subscription": _read_plain("subscription", "subscription"),
}
