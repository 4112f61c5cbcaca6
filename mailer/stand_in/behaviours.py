"""How each address answers: the mailbox simulator's addresses, labels, and a map set by a test."""

import re
from collections.abc import Mapping
from typing import Final

from mailer.stand_in.addresses import at_simulator, domain_of

OUTCOMES: Final = frozenset(
    {
        "success",
        "bounce",
        "softbounce",
        "complaint",
        "ooto",
        "suppressionlist",
        "delay",
        "reject",
    }
)
# A bulk entry can also be refused at once; the values are BulkEmailStatus of the service model.
REFUSALS: Final[Mapping[str, str]] = {
    "MESSAGE_REJECTED": "MessageRejected",
    "MAIL_FROM_DOMAIN_NOT_VERIFIED": "MailFromDomainNotVerifiedException",
    "CONFIGURATION_SET_NOT_FOUND": "NotFoundException",
    "TEMPLATE_NOT_FOUND": "NotFoundException",
    "ACCOUNT_SUSPENDED": "AccountSuspendedException",
    "ACCOUNT_THROTTLED": "TooManyRequestsException",
    "ACCOUNT_DAILY_QUOTA_EXCEEDED": "TooManyRequestsException",
    "INVALID_SENDING_POOL_NAME": "BadRequestException",
    "ACCOUNT_SENDING_PAUSED": "SendingPausedException",
    "CONFIGURATION_SET_SENDING_PAUSED": "SendingPausedException",
    "INVALID_PARAMETER": "BadRequestException",
    "TRANSIENT_FAILURE": "InternalServiceErrorException",
    "FAILED": "InternalServiceErrorException",
}
LABEL: Final = re.compile(r"\+(softbounce|bounce|complaint|ooto|delay|reject)")


def read_behaviours(document: object) -> dict[str, str]:
    """A map from address or `@domain` to behaviour. Raises ValueError with a sentence."""
    if not isinstance(document, dict):
        raise ValueError("Behaviours must be a JSON object.")  # noqa: TRY004 - one error for the edge
    for address, behaviour in document.items():
        if "@" not in address:
            raise ValueError("Each key must be an address or @domain.")
        if not isinstance(behaviour, str) or behaviour not in OUTCOMES | REFUSALS.keys():
            raise ValueError(f"There is no behaviour {behaviour!r:.40}.")
    return {address.lower(): behaviour for address, behaviour in document.items()}


class Behaviours:
    """Looks up how an address answers."""

    def __init__(self, mapping: Mapping[str, str] | None = None, *, labels: bool = True) -> None:
        """`labels` makes `+bounce` and the like in any local part work."""
        self._initial = dict(mapping or {})
        self.mapping = dict(self._initial)
        self.labels = labels

    def reset(self) -> None:
        """Back to the map that the process was started with."""
        self.mapping = dict(self._initial)

    def of(self, address: str) -> str:
        """The behaviour of one address."""
        if self.mapping:
            folded = address.lower()
            found = self.mapping.get(folded) or self.mapping.get("@" + domain_of(folded))
            if found:
                return found
        if at_simulator(address):
            name = address.partition("@")[0].partition("+")[0].lower()
            return name if name in OUTCOMES else "success"
        if self.labels and "+" in address:
            match = LABEL.search(address.partition("@")[0].lower())
            return match[1] if match else "success"
        return "success"
