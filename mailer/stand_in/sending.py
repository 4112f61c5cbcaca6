"""Accepting mail: limits and refusals first, then fate, then the store and the events."""

from collections.abc import Sequence
from typing import Any

from mailer import clock
from mailer.stand_in.account import Account, Pace, Quota
from mailer.stand_in.addresses import at_simulator, bare_address
from mailer.stand_in.behaviours import REFUSALS, Behaviours
from mailer.stand_in.composition import Refusal, compose_bulk, compose_single
from mailer.stand_in.errors import QUOTA_MESSAGE, ApiError
from mailer.stand_in.faults import Faults
from mailer.stand_in.mail import Mail
from mailer.stand_in.messages import Keeper
from mailer.stand_in.notifications import Sender, build_notifications
from mailer.stand_in.outbox import Outbox
from mailer.stand_in.protocol import Caller

VIRUS = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"


class Sending:
    """SendEmail and SendBulkEmail."""

    def __init__(
        self,
        *,
        account: Account,
        pace: Pace,
        quota: Quota,
        faults: Faults,
        behaviours: Behaviours,
        keeper: Keeper,
        outbox: Outbox | None,
        sender: Sender,
    ) -> None:
        """`outbox` None means that no events are published."""
        self._account = account
        self._pace = pace
        self._quota = quota
        self._faults = faults
        self._behaviours = behaviours
        self._keeper = keeper
        self._outbox = outbox
        self._sender = sender

    def send_email(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """One message. Raises ApiError."""
        self._check_open()
        configuration_set = self._account.check_configuration_set(
            params.get("ConfigurationSetName")
        )
        mail = compose_single(params, caller, clock.now(), configuration_set)
        self._check_sender(mail.sender, caller)
        status = self._refusal(mail)
        if status:
            raise ApiError(REFUSALS[status[0]])
        status = self._admit([mail])[0]
        if status:
            raise ApiError(REFUSALS[status[0]], status[1])
        self._accept([mail])
        return {"MessageId": mail.id}

    def send_bulk_email(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Up to 50 messages; each entry has its own status. Raises ApiError for the whole call."""
        self._check_open()
        configuration_set = self._account.check_configuration_set(
            params.get("ConfigurationSetName")
        )
        if params.get("FromEmailAddress"):
            self._check_sender(params["FromEmailAddress"], caller)
        composed = compose_bulk(params, caller, clock.now(), configuration_set)
        results: list[Mail | Refusal] = [
            (self._refusal(item) or self._stumble() or item) if isinstance(item, Mail) else item
            for item in composed
        ]
        mails = [item for item in results if isinstance(item, Mail)]
        refusals = self._admit(mails)
        if mails and all(refusals):
            status, text = refusals[0] or ("", "")
            raise ApiError(REFUSALS[status], text)
        admitted = [mail for mail, refusal in zip(mails, refusals, strict=True) if not refusal]
        self._accept(admitted)
        fates = iter(refusals)
        return {
            "BulkEmailEntryResults": [
                _entry_result(item, next(fates) if isinstance(item, Mail) else None)
                for item in results
            ]
        }

    def _check_open(self) -> None:
        settings = self._faults.settings
        if settings.account_suspended:
            raise ApiError("AccountSuspendedException")
        if settings.sending_paused:
            raise ApiError("SendingPausedException")

    def _check_sender(self, sender: str, caller: Caller) -> None:
        address = bare_address(sender)
        if not self._account.is_verified(address):
            raise ApiError(
                "MessageRejected",
                "Email address is not verified. The following identities failed the check in"
                f" region {caller.region.upper()}: {address}",
            )

    def _refusal(self, mail: Mail) -> Refusal | None:
        """Decides what becomes of the message; a refusal when it is not even accepted."""
        outcomes: dict[str, list[str]] = {}
        for address in mail.recipients:
            fate = self._behaviours.of(address)
            if fate in REFUSALS:
                return fate, "Refused as the stand-in was told."
            if fate == "success" and self._account.is_suppressed(address):
                fate = "suppressed"
            outcomes.setdefault(fate, []).append(address)
        if mail.error is not None:
            outcomes = {"rendering failure": list(mail.recipients)}
        elif mail.content.attachments and _holds_virus(mail):
            outcomes = {"reject": list(mail.recipients)}
        mail.outcomes = outcomes
        mail.outcome = next((fate for fate in outcomes if fate != "success"), "delivered")
        return None

    def _stumble(self) -> Refusal | None:
        if self._faults.rolls(self._faults.settings.entry_failure_rate):
            return "TRANSIENT_FAILURE", "The entry could not be processed. Try again later."
        return None

    def _admit(self, mails: Sequence[Mail]) -> list[Refusal | None]:
        """Takes pace and quota for as many as possible, in order; says why for the rest."""
        sizes = [len(mail.recipients) for mail in mails]
        # The simulator's addresses use no quota, though they keep to the pace.
        counted = [sum([not at_simulator(a) for a in mail.recipients]) for mail in mails]
        pace = self._pace.take(sum(sizes))
        quota = self._quota.take(sum(counted))
        refusals: list[Refusal | None] = []
        for size, toll in zip(sizes, counted, strict=True):
            if toll > quota:
                refusals.append(("ACCOUNT_DAILY_QUOTA_EXCEEDED", QUOTA_MESSAGE))
            elif size > pace:
                refusals.append(("ACCOUNT_THROTTLED", "Maximum sending rate exceeded."))
            else:
                refusals.append(None)
                pace -= size
                quota -= toll
        if pace:
            self._pace.give_back(pace)
        if quota:
            self._quota.give_back(quota)
        return refusals

    def _accept(self, mails: Sequence[Mail]) -> None:
        self._keeper.add(mails)
        if self._outbox is not None:
            self._publish(mails, self._outbox)
        for mail in mails:
            if mail.outcome != "delivered":
                self._remember(mail)

    def _publish(self, mails: Sequence[Mail], outbox: Outbox) -> None:
        now = clock.now()
        settings = self._faults.settings
        messages: list[tuple[str, str]] = []
        for mail in mails:
            for text in build_notifications(mail, self._sender, now):
                if self._faults.rolls(settings.event_loss_rate):
                    continue
                messages.append((mail.id, text))
                if self._faults.rolls(settings.event_duplicate_rate):
                    messages.append((mail.id, text))
        if not settings.event_jitter_ms:
            outbox.add(messages, delay=self._faults.event_delay())
            return
        for message in messages:
            outbox.add([message], delay=self._faults.event_delay())

    def _remember(self, mail: Mail) -> None:
        # As SES does by default: hard bounces and complaints enter the account's list.
        for fate, reason in (("bounce", "BOUNCE"), ("complaint", "COMPLAINT")):
            for address in mail.outcomes.get(fate, ()):
                if not at_simulator(address):
                    self._account.suppress(address, reason)


def _holds_virus(mail: Mail) -> bool:
    return any(VIRUS in attachment.data for attachment in mail.content.attachments)


def _entry_result(item: Mail | Refusal, refusal: Refusal | None) -> dict[str, str]:
    if isinstance(item, Mail):
        if refusal is None:
            return {"Status": "SUCCESS", "MessageId": item.id}
        item = refusal
    return {"Status": item[0], "Error": item[1]}
