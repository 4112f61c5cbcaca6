"""The threads of one send job: claim, hand over, record, campaign by campaign in turn."""

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from mailer import clock, stopping
from mailer.adapters.ses import BULK_LIMIT, Outcome, Result
from mailer.campaigns import lifecycle
from mailer.campaigns.content import ContentError
from mailer.campaigns.models import Campaign
from mailer.db import transaction
from mailer.gate import Ask
from mailer.installation import Installation
from mailer.segments.rules import SegmentError
from mailer.sending import answers, delivery, handover, launch, pacing, stops
from mailer.sending import sweep as sweeping
from mailer.sending.claims import Claimed, Claims
from mailer.sending.handover import Lease
from mailer.sending.launch import LaunchError
from mailer.sending.rendering import OptOutMissingError, Rendering

log = logging.getLogger(__name__)

# A send job hands over for this long and rings for another: short enough for RQ's lease.
SLICE_SECONDS = 45
# How soon a newly published notice is heeded by a send under way. Suppressions, bans, consents and
# restrictions are read at every claim.
CLAIMS_KEPT = timedelta(seconds=5)
# How far the moment in the gate's own rules of months and days may lag.
MOMENT_KEPT = timedelta(minutes=1)
# How soon a campaign that has just been launched gets its first turn.
LOOK_SECONDS = 0.25
# Transactions of one process under way at once, however many calls wait for SES.
TRANSACTIONS_AT_ONCE = 8
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


class Run:
    """One campaign as this job sends it."""

    def __init__(self, campaign_id: int, rendering: Rendering) -> None:
        self.campaign_id = campaign_id
        self.rendering = rendering
        # Whether SES has accepted a message of it: then its form is not at fault.
        self.proven = False
        self._claims: Claims | None = None
        self._asked: Ask | None = None
        self._look_at = clock.now()
        self._lock = threading.Lock()

    def claims(self, session: Session, now: datetime) -> Claims:
        """The claims under the notice in force, looked at every few seconds."""
        with self._lock:
            if self._claims is None or now >= self._look_at:
                campaign = session.get_one(Campaign, self.campaign_id)
                ask = launch.ask(session, campaign, now=now, asks_ledger=False)
                if self._claims is None or self._is_old(ask):
                    self._claims, self._asked = Claims(campaign, ask), ask
                self._look_at = now + CLAIMS_KEPT
            return self._claims

    def _is_old(self, ask: Ask) -> bool:
        """Whether the claims ask something else, or about a moment long ago."""
        asked = self._asked
        if asked is None or ask.now - asked.now >= MOMENT_KEPT:
            return True
        return replace(ask, now=asked.now) != asked


class Sender:
    """The threads of one send job. It serves all campaigns that have something to send, a call's
    worth from each in turn, so a small one beside a large one is out after a few calls."""

    def __init__(self, here: Installation) -> None:
        self._here = here
        self._ses = delivery.ses_of(here.settings)
        self._pace = pacing.pace_of(here)
        self._deadline = time.monotonic() + SLICE_SECONDS
        self._over = threading.Event()
        self._turns = Turns(here)
        # Whether any claim took anything: if not, to ring again would be in vain.
        self.took = False
        # More at once would only wait for each other in the database.
        self._database = threading.BoundedSemaphore(TRANSACTIONS_AT_ONCE)

    @property
    def served(self) -> frozenset[int]:
        """The campaigns that had a turn."""
        return self._turns.served

    def run(self) -> None:
        """Claim and hand over until nothing is left, the slice is over or sending must halt."""
        while not (self._over.is_set() or stopping.asked()) and time.monotonic() < self._deadline:
            granted, wait = self._pace.take(BULK_LIMIT)
            if not granted:
                self._over.wait(min(wait, 1.0))
                continue
            run = self._turns.next()
            if run is None:
                self._pace.give_back(granted)
                return
            self._round(run, granted)

    def _round(self, run: Run, granted: int) -> None:
        """One claim and its call."""
        with self._database, transaction(self._here.sessions) as session:
            now = clock.now()
            lease = Lease(self._here.settings.claim_lease_seconds / 2)
            taken = run.claims(session, now).take(session, limit=granted, now=now)
        self._pace.give_back(granted - len(taken.messages))
        if taken.empty:
            self._turns.leave(run)
        else:
            self.took = True
        if taken.messages:
            self._hand_over(run, taken.messages, lease)

    def _hand_over(self, run: Run, messages: list[Claimed], lease: Lease) -> None:
        try:
            handovers = handover.prepare(run.rendering, messages)
        except Exception as error:  # noqa: BLE001 - nothing has left, and the ledger must say so
            halted = Result(Outcome.HALT, error=reason_of(error))
            log.warning(
                "messages_not_prepared",
                extra={"campaign_id": run.campaign_id, "error": type(error).__name__},
            )
            outcomes = [(message, halted) for message in messages]
        else:
            outcomes = handover.hand_over(self._ses, handovers, lease=lease, proven=run.proven)
        if any(result.outcome is Outcome.ACCEPTED for _, result in outcomes):
            run.proven = True
        self._record(run, outcomes)

    def _record(self, run: Run, outcomes: list[tuple[Claimed, Result]]) -> None:
        """Write the answer down. Tried again after a deadlock or a restart of the database: what
        is not written is `uncertain` until SES's own events tell it."""
        for pause in RECORD_PAUSES:
            try:
                self._write(run, outcomes)
            except OperationalError as error:
                log.warning("answer_not_recorded", extra={"error": type(error).__name__})
                time.sleep(pause)
            else:
                return
        self._write(run, outcomes)

    def _write(self, run: Run, outcomes: list[tuple[Claimed, Result]]) -> None:
        with self._database, transaction(self._here.sessions) as session:
            answers.record(session, outcomes, now=clock.now())
            self._heed(session, run, outcomes)

    def _heed(self, session: Session, run: Run, outcomes: list[tuple[Claimed, Result]]) -> None:
        """Slow down or stop when an answer was about more than one message."""
        results = [result for _, result in outcomes]
        if any(result.outcome is Outcome.NOT_NOW for result in results):
            self._pace.slow_down()
        reason = _pause_reason(results)
        if reason is None:
            return
        if reason in stops.OF_THE_ACCOUNT:
            stops.stop_all(session, reason=reason, now=clock.now())
            self._over.set()
        else:
            lifecycle.pause(session, run.campaign_id, reason=reason, now=clock.now())
            self._turns.leave(run)
        log.warning("sending_halted", extra={"campaign_id": run.campaign_id})


class Turns:
    """Whose turn it is among the campaigns that have something to send."""

    def __init__(self, here: Installation) -> None:
        self._here = here
        self._lock = threading.Lock()
        self._waiting: deque[int] = deque()
        self._runs: dict[int, Run | None] = {}
        self._look_at = time.monotonic()

    @property
    def served(self) -> frozenset[int]:
        """The campaigns that had a turn."""
        return frozenset(self._runs)

    def next(self) -> Run | None:
        """The campaign whose turn it is; None when nobody has anything to send now."""
        with self._lock:
            if time.monotonic() >= self._look_at:
                self._look()
            while self._waiting:
                campaign_id = self._waiting.popleft()
                run = self._run_of(campaign_id)
                if run is not None:
                    self._waiting.append(campaign_id)
                    return run
            return None

    def leave(self, run: Run) -> None:
        """Give up the turn until the ledger has been looked at again."""
        with self._lock, suppress(ValueError):
            self._waiting.remove(run.campaign_id)

    def _look(self) -> None:
        """Those who have come to wait go to the front, the others keep their order."""
        self._look_at = time.monotonic() + LOOK_SECONDS
        with self._here.sessions() as session:
            found = sweeping.waiting_campaigns(session, now=clock.now())
        kept = [campaign_id for campaign_id in self._waiting if campaign_id in found]
        self._waiting = deque([each for each in found if each not in kept] + kept)

    def _run_of(self, campaign_id: int) -> Run | None:
        if campaign_id not in self._runs:
            self._runs[campaign_id] = self._make(campaign_id)
        return self._runs[campaign_id]

    def _make(self, campaign_id: int) -> Run | None:
        """The campaign put together; or paused, when it cannot be."""
        with transaction(self._here.sessions) as session:
            campaign = session.get(Campaign, campaign_id)
            if campaign is None or campaign.state != "sending":
                return None
            settings, now = self._here.settings, clock.now()
            try:
                return Run(campaign_id, launch.rendering(session, campaign, settings, now=now))
            except (LaunchError, ContentError, OptOutMissingError) as error:
                lifecycle.pause(session, campaign_id, reason=reason_of(error), now=now)
                return None


def _pause_reason(results: list[Result]) -> str | None:
    """Why the answers of one claim must stop the campaign, if they must."""
    stopped = next((r for r in results if r.outcome in (Outcome.HALT, Outcome.QUOTA)), None)
    if stopped is not None:
        return "daily_quota" if stopped.outcome is Outcome.QUOTA else stopped.error or ""
    refused = len(results) >= ALL_REFUSED_FROM and all(
        result.outcome is Outcome.REFUSED for result in results
    )
    return "all_refused" if refused else None
