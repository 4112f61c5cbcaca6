"""One claim handed to SES: a call for each language, in halves when one entry spoils it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from mailer import clock
from mailer.adapters.ses import PERHAPS_ONE_ENTRY, TOO_LATE, BulkCall, Outcome, Result, Ses
from mailer.sending import filling
from mailer.sending.claims import Claimed
from mailer.sending.rendering import Rendering

# So many entries refused alone while none was accepted: it is about the call after all.
AT_FAULT_ALONE = 3


@dataclass(frozen=True, slots=True)
class Handover:
    """Claimed messages of one language and the call that carries them, in the same order."""

    claimed: list[Claimed]
    call: BulkCall


class Lease:
    """The time in which claimed messages may be handed over. Begun before the claim, and counted by
    two clocks, so that one that is set back makes it no longer."""

    def __init__(self, seconds: float) -> None:
        self._until = clock.now() + timedelta(seconds=seconds)
        self._end = time.monotonic() + seconds

    def holds(self) -> bool:
        """Whether it is not over yet by either clock."""
        return clock.now() < self._until and time.monotonic() < self._end


def prepare(rendering: Rendering, claimed: Sequence[Claimed]) -> list[Handover]:
    """One bulk call for each language, complete before the first is made: whatever goes wrong
    here, nothing has left. Raises OptOutMissingError."""
    by_language: dict[str, list[Claimed]] = {}
    for message in claimed:
        by_language.setdefault(rendering.language_of(message.person), []).append(message)
    return [_prepare(rendering, language, group) for language, group in by_language.items()]


def _prepare(rendering: Rendering, language: str, claimed: list[Claimed]) -> Handover:
    skeleton = rendering.skeleton(language)
    entries = [rendering.entry(message.person) for message in claimed]
    # A fault of ours would be in all of them alike: the first is read as its recipient would.
    filling.read_back(entries[0], rendering.links, claimed[0].person)
    call = BulkCall(
        sender=rendering.sender,
        reply_to=rendering.reply_to,
        subject=skeleton.subject,
        html=skeleton.html,
        text=skeleton.text,
        headers=rendering.common_headers,
        entries=entries,
    )
    return Handover(claimed, call)


def hand_over(
    ses: Ses, handovers: Sequence[Handover], *, lease: Lease, proven: bool = False
) -> list[tuple[Claimed, Result]]:
    """Make the calls, outside any transaction, as long as the lease holds: later, others may have
    taken the claim for lost.

    A call that SES refuses as a whole for what may be one entry's fault is made again in halves,
    down to that entry, which alone is refused. `proven`: SES has accepted others of this campaign,
    so its form is not at fault.
    """
    outcomes: list[tuple[Claimed, Result]] = []
    for handover in handovers:
        calls = _Calls(ses, lease)
        results = calls.make(handover.call)
        if proven or calls.accepted:
            results = [_of_this_one(result) for result in results]
        outcomes.extend(zip(handover.claimed, results, strict=True))
    return outcomes


class _Calls:
    """A call, or the parts of it."""

    def __init__(self, ses: Ses, lease: Lease) -> None:
        self._ses = ses
        self._lease = lease
        self._at_fault = 0
        self.accepted = False

    def make(self, call: BulkCall) -> list[Result]:
        """A result for each entry."""
        if not self._lease.holds():
            return [TOO_LATE] * len(call.entries)
        results = self._ses.send_bulk(replace(call, may_leave=self._lease.holds))
        self.accepted |= any(result.outcome is Outcome.ACCEPTED for result in results)
        if not _may_be_one(results):
            return results
        self._at_fault += len(results) == 1
        hopeless = self._at_fault >= AT_FAULT_ALONE and not self.accepted
        if len(results) == 1 or hopeless:
            return results
        half = len(results) // 2
        return [
            result
            for part in (call.entries[:half], call.entries[half:])
            for result in self.make(replace(call, entries=part))
        ]


def _may_be_one(results: Sequence[Result]) -> bool:
    """Whether this is SES's answer to a whole call that one entry may have spoilt."""
    return all(
        result.outcome is Outcome.HALT and result.error in PERHAPS_ONE_ENTRY for result in results
    )


def _of_this_one(result: Result) -> Result:
    return Result(Outcome.REFUSED, error=result.error) if _may_be_one([result]) else result
