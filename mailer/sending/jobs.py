"""What workers run to send. Every job takes ids, is safe to run twice, and safe to lose."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mailer import clock, installation, stopping
from mailer.accounts.models import User
from mailer.adapters import queue
from mailer.adapters.ses import Outcome
from mailer.campaigns import lifecycle
from mailer.campaigns.content import ContentError
from mailer.campaigns.models import Campaign
from mailer.db import transaction
from mailer.installation import Installation
from mailer.languages import gettext, in_language
from mailer.segments.rules import SegmentError
from mailer.sending import brake as braking
from mailer.sending import (
    clocks,
    confirmations,
    delivery,
    launch,
    pacing,
    probes,
    retries,
    stops,
    warmup,
)
from mailer.sending import plan as planning
from mailer.sending import sweep as sweeping
from mailer.sending.launch import LaunchError
from mailer.sending.previews import person_for_preview
from mailer.sending.proof import Margins
from mailer.sending.rendering import OptOutMissingError
from mailer.sending.sender import Sender, reason_of

log = logging.getLogger(__name__)

_SECONDS = 30


def send(campaign_id: int) -> None:
    """Send for one slice of time with several calls in flight: this campaign and all others that
    have something to send. The bell of one is answered for all."""
    here = installation.current()
    sender = Sender(here)
    with ThreadPoolExecutor(here.settings.sender_threads, "sender") as threads:
        for running in [threads.submit(sender.run) for _ in range(here.settings.sender_threads)]:
            running.result()
    with transaction(here.sessions) as session:
        for served in sorted(sender.served | {campaign_id}):
            launch.finish(session, served, now=clock.now())
        # One that took nothing would do so again: the sweep looks later.
        if sender.took:
            _ring_again(session)


def _ring_again(session: Session) -> None:
    """Ring for what still waits, unless enough bells are waiting to be answered."""
    if queue.waiting("send") < launch.SENDER_JOBS:
        for waiting in sweeping.waiting_campaigns(session, now=clock.now())[:1]:
            queue.enqueue_after_commit(session, "send", "mailer.sending.jobs.send", waiting)


def start_due() -> None:
    """Scheduled campaigns whose moment has come go into their hold; held ones are launched."""
    here = installation.current()
    now = clock.now()
    with transaction(here.sessions) as session:
        if not _clock_agrees(session, now):
            return
        for campaign_id in _in_state(session, "scheduled", now):
            # The hold begins now, also when the moment passed while no worker ran.
            lifecycle.move(session, campaign_id, to="starting", now=now, starts_at=now)
    held_until = now - timedelta(seconds=here.settings.hold_seconds)
    with here.sessions() as session:
        # While everything is stopped nothing is launched either: it can still be taken back.
        stopped = stops.standing(session) is not None
        waiting = [] if stopped else _in_state(session, "starting", held_until)
    for campaign_id in waiting:
        try:
            with transaction(here.sessions) as session:
                launch.launch(session, campaign_id, now=clock.now(), quota=pacing.quota(here))
        except (LaunchError, ContentError, SegmentError, OptOutMissingError) as error:
            with transaction(here.sessions) as session:
                lifecycle.fail(session, campaign_id, reason=reason_of(error), now=clock.now())
            log.warning("launch_failed", extra={"campaign_id": campaign_id})
        except SQLAlchemyError as error:  # the next round tries again; the others must not wait
            log.warning(
                "launch_not_done",
                extra={"campaign_id": campaign_id, "error": type(error).__name__},
            )


def _clock_agrees(session: Session, now: datetime) -> bool:
    agrees = clocks.check(session, now=now)
    if not agrees:
        log.warning("clock_disagrees_with_database")
    return agrees


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
        if not _clock_agrees(session, now):
            return
        expired = sweeping.expire_claims(
            session, lease_seconds=here.settings.claim_lease_seconds, now=now
        )
        margins = _margins(here)
        sweeping.settle_by_traces(session, margins=margins)
        requeued = sweeping.requeue_unaccepted(session, margins=margins, now=now)
        sweeping.cancel_left_over(session)
    if expired or requeued:
        log.info("sweep_found", extra={"expired": expired, "requeued": requeued})
    with transaction(here.sessions) as session:
        for campaign_id in _in_state(session, "sending", now):
            launch.finish(session, campaign_id, now=now)
        if queue.waiting("send") < launch.SENDER_JOBS:
            for campaign_id in sweeping.waiting_campaigns(session, now=now):
                queue.enqueue_after_commit(session, "send", "mailer.sending.jobs.send", campaign_id)
    probe()


def _margins(here: Installation) -> Margins:
    return Margins.of(
        lease_seconds=here.settings.claim_lease_seconds, settle_seconds=here.settings.settle_seconds
    )


def probe() -> None:
    """Send probes where a lost call has no witnesses, or soon could have none."""
    here = installation.current()
    with transaction(here.sessions) as session:
        wanted = probes.wanted(session, margins=_margins(here), now=clock.now())
        if wanted is None:
            return
        number, _ = pacing.pace_of(here).take(wanted.number)
        if not number:
            return
        batch = probes.begin(session, wanted, number=number, now=clock.now())
    results = delivery.ses_of(here.settings).send_bulk(batch.call)
    with transaction(here.sessions) as session:
        probes.record(session, batch, results, now=clock.now())
    log.info("probes_sent", extra={"probes": number})


def brake() -> None:
    """Pause campaigns that bounce or are complained about too much."""
    here = installation.current()
    with transaction(here.sessions) as session:
        for campaign_id in braking.apply(session, now=clock.now()):
            log.warning("campaign_braked", extra={"campaign_id": campaign_id})


def retry_soft_bounced() -> None:
    """Queue again what a recipient's server could not take and may take now."""
    here = installation.current()
    with transaction(here.sessions) as session:
        if retries.requeue_soft_bounced(session, now=clock.now()):
            # Here and not by the next keep_plans: nobody is to be tried again at night.
            quota = pacing.quota(here)
            for campaign_id in planning.stale(session, quota, now=clock.now()):
                planning.remake(session, campaign_id, quota, now=clock.now())


def confirm_sign_ups() -> None:
    """Ask those who signed up whether it was they."""
    # Ends well before its queue would end it: a call that is cut off is never repeated.
    until = time.monotonic() + _SECONDS
    confirmations.send_due(
        installation.current(), lambda: not stopping.asked() and time.monotonic() < until
    )


def refresh_quota() -> None:
    """Take over SES's limits and the state of our domains; resume what waited for quota."""
    here = installation.current()
    with transaction(here.sessions) as session:
        if not pacing.refresh(session, here, now=clock.now()):
            return
        limits = pacing.quota(here)
        if limits and (limits.per_day < 0 or limits.used < limits.per_day):
            for campaign_id in lifecycle.resume_paused(
                session, reason="daily_quota", now=clock.now()
            ):
                planning.remake(session, campaign_id, limits, now=clock.now())


def keep_plans() -> None:
    """Begin the day of each warm-up, and plan anew what is no longer as it was planned."""
    here = installation.current()
    with transaction(here.sessions) as session:
        warmup.turn(session, now=clock.now())
    with transaction(here.sessions) as session:
        stale = planning.stale(session, pacing.quota(here), now=clock.now())
    for campaign_id in stale:
        with transaction(here.sessions) as session:
            planning.remake(session, campaign_id, pacing.quota(here), now=clock.now())


def send_test(campaign_id: int, user_id: int, language: str, contact_id: int) -> None:
    """Send a marked copy to a user, filled as `contact_id` (0: an example person) would get it."""
    here = installation.current()
    now = clock.now()
    with here.sessions() as session:
        campaign = session.get(Campaign, campaign_id)
        user = session.get(User, user_id)
        # The page says so before; here for those who pressed just before the stop.
        if campaign is None or user is None or stops.standing(session) is not None:
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
