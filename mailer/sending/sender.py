"""The threads of one send job: claim, hand over, record, until nothing is left."""

import logging
import threading
import time
from datetime import datetime, timedelta

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from mailer import clock, stopping
from mailer.adapters.ses import BULK_LIMIT, Outcome, Result
from mailer.campaigns import lifecycle
from mailer.campaigns.models import Campaign
from mailer.db import transaction
from mailer.installation import Installation
from mailer.segments.rules import SegmentError
from mailer.sending import delivery, launch, pacing, stops
from mailer.sending.delivery import Claimed
from mailer.sending.launch import LaunchError
from mailer.sending.rendering import OptOutMissingError, Rendering

log = logging.getLogger(__name__)

# A send job hands over for this long and rings for another: short enough for RQ's lease.
SLICE_SECONDS = 45
# How soon a newly published notice is heeded by a send under way. Suppressions, bans, consents and
# restrictions are read at every claim.
CLAIMS_KEPT = timedelta(seconds=5)
# How long to wait before an answer is written again.
RECORD_PAUSES = (0.1, 1.0, 5.0)
# So many refusals in one call, and nothing else, are about the campaign and not about the people.
ALL_REFUSED_FROM = 5


def reason_of(error: Exception) -> str:
    """The pause reason (mailer.sending.pacing) of a campaign that cannot be put together."""
    if isinstance(error, LaunchError):
        return error.code
    if isinstance(error, SegmentError):
        return "segment_broken"
    return "opt_out_missing" if isinstance(error, OptOutMissingError) else "content_broken"


class Sender:
    """The threads of one send job."""

    def __init__(self, here: Installation, campaign_id: int, rendering: Rendering) -> None:
        self._here = here
        self._campaign_id = campaign_id
        self._rendering = rendering
        self._ses = delivery.ses_of(here.settings)
        self._pace = pacing.pace_of(here)
        self._deadline = time.monotonic() + SLICE_SECONDS
        self._over = threading.Event()
        self._claims: delivery.Claims | None = None
        self._claims_until = clock.now()
        self._claims_lock = threading.Lock()

    def run(self) -> None:
        """Claim and hand over until nothing is left, the slice is over or sending must halt."""
        while not (self._over.is_set() or stopping.asked()) and time.monotonic() < self._deadline:
            granted, wait = self._pace.take(BULK_LIMIT)
            if not granted:
                self._over.wait(min(wait, 1.0))
                continue
            if not self._round(granted):
                return

    def _round(self, granted: int) -> bool:
        """One claim and its call; False when there was nothing to claim."""
        with transaction(self._here.sessions) as session:
            now = clock.now()
            taken = self._claims_at(session, now).take(session, limit=granted, now=now)
        self._pace.give_back(granted - len(taken.messages))
        if taken.empty:
            return False
        if taken.messages:
            self._hand_over(taken.messages, claimed_at=now)
        return True

    def _claims_at(self, session: Session, now: datetime) -> delivery.Claims:
        """The claims under the notice in force, built anew every few seconds."""
        with self._claims_lock:
            if self._claims is None or now >= self._claims_until:
                campaign = session.get_one(Campaign, self._campaign_id)
                ask = launch.ask(session, campaign, now=now, asks_ledger=False)
                self._claims = delivery.Claims(campaign, ask)
                self._claims_until = now + CLAIMS_KEPT
            return self._claims

    def _hand_over(self, messages: list[Claimed], *, claimed_at: datetime) -> None:
        until = claimed_at + timedelta(seconds=self._here.settings.claim_lease_seconds / 2)
        try:
            handovers = delivery.prepare(self._rendering, messages)
        except Exception as error:  # noqa: BLE001 - nothing has left, and the ledger must say so
            halted = Result(Outcome.HALT, error=reason_of(error))
            log.warning(
                "messages_not_prepared",
                extra={"campaign_id": self._campaign_id, "error": type(error).__name__},
            )
            outcomes = [(message, halted) for message in messages]
        else:
            outcomes = delivery.hand_over(self._ses, handovers, until=until)
        self._record(outcomes)

    def _record(self, outcomes: list[tuple[Claimed, Result]]) -> None:
        """Write the answer down. Tried again after a deadlock or a restart of the database: what
        is not written is `uncertain` until SES's own events tell it."""
        for pause in RECORD_PAUSES:
            try:
                self._write(outcomes)
            except OperationalError as error:
                log.warning("answer_not_recorded", extra={"error": type(error).__name__})
                time.sleep(pause)
            else:
                return
        self._write(outcomes)

    def _write(self, outcomes: list[tuple[Claimed, Result]]) -> None:
        with transaction(self._here.sessions) as session:
            delivery.record(session, outcomes, now=clock.now())
            self._heed(session, outcomes)

    def _heed(self, session: Session, outcomes: list[tuple[Claimed, Result]]) -> None:
        """Slow down or stop when an answer was about more than one message."""
        results = [result for _, result in outcomes]
        if any(result.outcome is Outcome.NOT_NOW for result in results):
            self._pace.slow_down()
        reason = _pause_reason(results)
        if reason is not None:
            if reason in stops.OF_THE_ACCOUNT:
                stops.stop_all(session, reason=reason, now=clock.now())
            else:
                lifecycle.pause(session, self._campaign_id, reason=reason, now=clock.now())
            log.warning("sending_halted", extra={"campaign_id": self._campaign_id})
            self._over.set()


def _pause_reason(results: list[Result]) -> str | None:
    """Why the answers of one claim must stop the campaign, if they must."""
    stopped = next((r for r in results if r.outcome in (Outcome.HALT, Outcome.QUOTA)), None)
    if stopped is not None:
        return "daily_quota" if stopped.outcome is Outcome.QUOTA else stopped.error or ""
    refused = len(results) >= ALL_REFUSED_FROM and all(
        result.outcome is Outcome.REFUSED for result in results
    )
    return "all_refused" if refused else None
