"""What workers run to send. Every job takes ids, is safe to run twice, and safe to lose."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from mailer import clock, installation, stopping
from mailer.accounts.models import User
from mailer.adapters import queue
from mailer.adapters.ses import BULK_LIMIT, Outcome, Result
from mailer.campaigns import lifecycle
from mailer.campaigns.content import ContentError
from mailer.campaigns.models import Campaign
from mailer.db import transaction
from mailer.installation import Installation
from mailer.languages import gettext, in_language
from mailer.segments.rules import SegmentError
from mailer.sending import delivery, launch, pacing
from mailer.sending import sweep as sweeping
from mailer.sending.delivery import Claimed
from mailer.sending.launch import LaunchError
from mailer.sending.previews import person_for_preview
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


def send(campaign_id: int) -> None:
    """Send a campaign for one slice of time with several calls in flight."""
    here = installation.current()
    with transaction(here.sessions) as session:
        campaign = session.get(Campaign, campaign_id)
        if campaign is None or campaign.state != "sending":
            return
        try:
            rendering = launch.rendering(session, campaign, here.settings, now=clock.now())
        except (LaunchError, ContentError, OptOutMissingError) as error:
            lifecycle.pause(session, campaign_id, reason=_reason(error), now=clock.now())
            return
    sender = _Sender(here, campaign_id, rendering)
    with ThreadPoolExecutor(here.settings.sender_threads, "sender") as threads:
        for running in [threads.submit(sender.run) for _ in range(here.settings.sender_threads)]:
            running.result()
    with transaction(here.sessions) as session:
        if launch.finish(session, campaign_id, now=clock.now()):
            return
        if campaign_id in sweeping.waiting_campaigns(session, now=clock.now()):
            queue.enqueue_after_commit(session, "send", "mailer.sending.jobs.send", campaign_id)


def _reason(error: Exception) -> str:
    """The pause reason (mailer.sending.pacing) of a campaign that cannot be put together."""
    if isinstance(error, LaunchError):
        return error.code
    if isinstance(error, SegmentError):
        return "segment_broken"
    return "opt_out_missing" if isinstance(error, OptOutMissingError) else "content_broken"


class _Sender:
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
                self._claims = delivery.Claims(session, campaign, ask)
                self._claims_until = now + CLAIMS_KEPT
            return self._claims

    def _hand_over(self, messages: list[Claimed], *, claimed_at: datetime) -> None:
        until = claimed_at + timedelta(seconds=self._here.settings.claim_lease_seconds / 2)
        try:
            handovers = delivery.prepare(self._rendering, messages)
        except Exception as error:  # noqa: BLE001 - nothing has left, and the ledger must say so
            halted = Result(Outcome.HALT, error=_reason(error))
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
            lifecycle.pause(session, self._campaign_id, reason=reason, now=clock.now())
            log.warning("campaign_paused", extra={"campaign_id": self._campaign_id})
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


def start_due() -> None:
    """Scheduled campaigns whose moment has come go into their hold; held ones are launched."""
    here = installation.current()
    now = clock.now()
    with transaction(here.sessions) as session:
        for campaign_id in _in_state(session, "scheduled", now):
            # The hold begins now, also when the moment passed while no worker ran.
            lifecycle.move(session, campaign_id, to="starting", now=now, starts_at=now)
    held_until = now - timedelta(seconds=here.settings.hold_seconds)
    with here.sessions() as session:
        waiting = _in_state(session, "starting", held_until)
    for campaign_id in waiting:
        try:
            with transaction(here.sessions) as session:
                launch.launch(session, campaign_id, now=clock.now())
        except (LaunchError, ContentError, SegmentError, OptOutMissingError) as error:
            with transaction(here.sessions) as session:
                lifecycle.fail(session, campaign_id, reason=_reason(error), now=clock.now())
            log.warning("launch_failed", extra={"campaign_id": campaign_id})
        except SQLAlchemyError as error:  # the next round tries again; the others must not wait
            log.warning(
                "launch_not_done",
                extra={"campaign_id": campaign_id, "error": type(error).__name__},
            )


def _in_state(session: Session, state: str, until: datetime) -> list[int]:
    return list(
        session.scalars(
            select(Campaign.id).where(Campaign.state == state, Campaign.starts_at <= until)
        )
    )


def sweep() -> None:
    """Find what was lost: dead claims, unsettled messages, campaigns nobody is sending."""
    here = installation.current()
    now = clock.now()
    with transaction(here.sessions) as session:
        expired = sweeping.expire_claims(
            session, lease_seconds=here.settings.claim_lease_seconds, now=now
        )
        requeued = sweeping.requeue_unaccepted(
            session, settle_seconds=here.settings.settle_seconds, now=now
        )
        sweeping.cancel_left_over(session)
    if expired or requeued:
        log.info("sweep_found", extra={"expired": expired, "requeued": requeued})
    with transaction(here.sessions) as session:
        for campaign_id in _in_state(session, "sending", now):
            launch.finish(session, campaign_id, now=now)
        if queue.waiting("send") < launch.SENDER_JOBS:
            for campaign_id in sweeping.waiting_campaigns(session, now=now):
                queue.enqueue_after_commit(session, "send", "mailer.sending.jobs.send", campaign_id)


def refresh_quota() -> None:
    """Take over SES's limits and the state of our domains; resume what waited for quota."""
    here = installation.current()
    with transaction(here.sessions) as session:
        if not pacing.refresh(session, here, now=clock.now()):
            return
        limits = pacing.quota(here)
        if limits and (limits.per_day < 0 or limits.used < limits.per_day):
            lifecycle.resume_paused(session, reason="daily_quota", now=clock.now())


def send_test(campaign_id: int, user_id: int, language: str, contact_id: int) -> None:
    """Send a marked copy to a user, filled as `contact_id` (0: an example person) would get it."""
    here = installation.current()
    now = clock.now()
    with here.sessions() as session:
        campaign = session.get(Campaign, campaign_id)
        user = session.get(User, user_id)
        if campaign is None or user is None:
            return
        rendering = launch.rendering(session, campaign, here.settings, now=now)
        person = person_for_preview(
            session, campaign, contact_id=contact_id or None, language=language, address=user.email
        )
        with in_language(rendering.language_of(person)):
            mark = gettext("[TEST]")
        result = delivery.send_test(
            session,
            delivery.ses_of(here.settings),
            rendering,
            person,
            user_id=user_id,
            subject_mark=mark,
            now=now,
        )
        if result.outcome is Outcome.ACCEPTED:
            campaign.tested_hash = rendering.content_hash()
        session.commit()
