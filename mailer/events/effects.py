"""What an event of Amazon SES does to its message, to the contact and to the suppression list.

EFFECTS is the one table. Every event but a refusal proves that SES accepted the message. Order and
repetition do not matter: a message's state only rises (along mailer.sending.models.TRANSITIONS),
and the suppression of an event is made with its row in `events`, so a repeated event does nothing,
not even when a person has undone their opt-out since.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailer.languages import N_
from mailer.sending.models import TRANSITIONS


@dataclass(frozen=True, slots=True)
class Effect:
    """`state`: what the message becomes; `suppression`: the kind of entry for its recipient."""

    label: str
    state: str | None = None
    suppression: str | None = None


EFFECTS: Mapping[str, Effect] = {
    "send": Effect(N_("Accepted by Amazon SES"), state="sent"),
    "delivery": Effect(N_("Delivered"), state="delivered"),
    "hard_bounce": Effect(N_("Bounced for good"), state="bounced", suppression="hard_bounce"),
    "listed": Effect(
        N_("Not tried: on Amazon SES's suppression list"),
        state="bounced",
        suppression="ses_account_list",
    ),
    "unsubscribed": Effect(N_("Not tried: opted out"), state="bounced", suppression="optout"),
    # Also automatic replies: whether a mailbox is full or its owner away, nothing follows from one.
    "soft_bounce": Effect(N_("Bounced for now"), state="sent"),
    "complaint": Effect(N_("Reported as spam"), state="complained", suppression="complaint"),
    "not_spam": Effect(N_("Reported as not spam"), state="sent"),
    "auth_failure": Effect(N_("Failed the receiver's authentication check"), state="sent"),
    "reject": Effect(N_("Refused by Amazon SES"), state="failed"),
    "rendering_failure": Effect(N_("Could not be put together"), state="failed"),
    "delay": Effect(N_("Delayed"), state="sent"),
    # SES's own subscription lists are not used; if one speaks all the same, it is heeded.
    "subscription": Effect(N_("Opted out at Amazon SES"), state="sent", suppression="optout"),
}
# Of two states that events give a message, the later one stands.
_RISING = ("sent", "failed", "delivered", "bounced", "complained")


def settle(state: str, told: Iterable[str]) -> str:
    """The state of a message in `state` of which events tell the states `told`.

    >>> settle("sending", ["delivered", "sent"])
    'delivered'
    """
    best = max((s for s in (state, *told) if s in _RISING), key=_RISING.index, default=state)
    return best if best in TRANSITIONS[state] else state
