"""SendBulkEmail while messages are only counted: what is usual is read in one pass.

For benchmarks, where what the stand-in itself costs is taken from what is measured. Whatever is
unusual (labels, several recipients, a sender that is not verified, a used-up quota) is left to the
ordinary way, which says what is wrong with it. Template data is not looked into.
"""

from typing import Any, Final

import orjson

from mailer.stand_in.account import Account, Pace, Quota
from mailer.stand_in.addresses import BARE, at_simulator, bare_address
from mailer.stand_in.behaviours import Behaviours
from mailer.stand_in.counting import CountingStore
from mailer.stand_in.errors import ApiError
from mailer.stand_in.faults import Faults
from mailer.stand_in.mail import new_ids

MEMBERS: Final = frozenset(
    {
        "BulkEmailEntries",
        "ConfigurationSetName",
        "DefaultContent",
        "FromEmailAddress",
        "ReplyToAddresses",
    }
)


class Tally:
    """Answers the bulk calls that need nothing but counting."""

    def __init__(
        self,
        store: CountingStore,
        *,
        account: Account,
        pace: Pace,
        quota: Quota,
        faults: Faults,
        behaviours: Behaviours,
    ) -> None:
        """Takes the parts that the ordinary way works with."""
        self._store = store
        self._account = account
        self._pace = pace
        self._quota = quota
        self._faults = faults
        self._behaviours = behaviours

    def answer(self, body: bytes) -> bytes | None:
        """The answer to a call, or None when it takes the ordinary way."""
        settings = self._faults.settings
        if (
            settings.account_suspended
            or settings.sending_paused
            or settings.entry_failure_rate
            or self._behaviours.mapping
        ):
            return None
        try:
            params = orjson.loads(body)
            read = self._read(params)
        except (orjson.JSONDecodeError, ApiError, LookupError, TypeError, AttributeError):
            return None
        return None if read is None else self._accept(*read)

    def _read(self, params: dict[str, Any]) -> tuple[list[str], list[list[dict[str, str]]]] | None:
        """Addresses and tags of the entries."""
        if not (params.keys() <= MEMBERS and self._may_send(params)):
            return None
        entries = params["BulkEmailEntries"]
        addresses, tags = [], []
        for entry in entries:
            [address] = entry["Destination"]["ToAddresses"]
            if "+" in address or not BARE.fullmatch(address) or not _has_data(entry):
                return None
            addresses.append(address)
            tags.append(entry["ReplacementTags"])
        usual = 1 <= len(entries) <= 50 and not any(map(at_simulator, addresses))
        return (addresses, tags) if usual else None

    def _may_send(self, params: dict[str, Any]) -> bool:
        content = params["DefaultContent"]["Template"]["TemplateContent"]
        sender = bare_address(params["FromEmailAddress"])
        self._account.check_configuration_set(params.get("ConfigurationSetName"))
        return bool(content["Html"]) and self._account.is_verified(sender)

    def _accept(self, addresses: list[str], tags: list[list[dict[str, str]]]) -> bytes | None:
        number = len(addresses)
        paced = self._pace.take(number)
        admitted = self._quota.take(number)
        if min(paced, admitted) < number or any(map(self._account.is_suppressed, addresses)):
            self._pace.give_back(paced)
            self._quota.give_back(admitted)
            return None
        self._store.count(addresses, tags)
        return orjson.dumps(
            {
                "BulkEmailEntryResults": [
                    {"Status": "SUCCESS", "MessageId": message_id} for message_id in new_ids(number)
                ]
            }
        )


def _has_data(entry: dict[str, Any]) -> bool:
    data = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
    return isinstance(data, str) and data.startswith("{")
