"""What workers run for what comes back. Every job is safe to run twice, and safe to lose."""

import logging
import time

from mailer import clock, installation, stopping
from mailer.adapters import sns
from mailer.adapters.tracking import HitStream, StreamUnavailableError
from mailer.db import transaction
from mailer.events import hits, intake, leavers, links, marks, partitions, rejudging
from mailer.events.rules import RULESET

log = logging.getLogger(__name__)

# A job works for this long; what is left is found by the next one.
SLICE_SECONDS = 60
HITS = 1000


def apply_waiting() -> None:
    """Apply stored notifications, oldest first, until none is left that can be applied now."""
    here = installation.current()
    deadline = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < deadline and not stopping.asked():
        with transaction(here.sessions) as session:
            batch = intake.apply_batch(session, now=clock.now())
        for confirmation in batch.confirmations:
            _confirm(confirmation)
        if not batch.settled and not batch.confirmations:
            return


def _confirm(confirmation: intake.Confirmation) -> None:
    here = installation.current()
    try:
        # Outside any transaction: this asks Amazon.
        sns.confirm_subscription(here.settings, confirmation.topic_arn, confirmation.token)
        outcome = "applied"
        log.info("subscription_confirmed", extra={"raw_id": confirmation.raw_id})
    except sns.RefusedError as error:
        outcome = "ignored"
        log.warning(
            "subscription_refused",
            extra={"raw_id": confirmation.raw_id, "reason": str(error)},
        )
    except sns.UnavailableError as error:
        outcome = "waiting"
        log.warning(
            "subscription_not_confirmed",
            extra={"raw_id": confirmation.raw_id, "reason": str(error)},
        )
    with transaction(here.sessions) as session:
        intake.settle_confirmation(session, confirmation, outcome=outcome)


def apply_tracking() -> None:
    """Move opens and clicks from the stream to PostgreSQL until the stream is empty."""
    here = installation.current()
    stream = HitStream(here.redis)
    deadline = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < deadline and not stopping.asked():
        try:
            lines = stream.take(HITS)
            if not lines:
                return
            with transaction(here.sessions) as session:
                hits.record(session, _decode(lines), now=clock.now())
            stream.finish([id_ for id_, _ in lines])
        except StreamUnavailableError as error:
            log.warning("tracking_stream_unavailable", extra={"reason": str(error)})
            return


def _decode(lines: list[tuple[str, str]]) -> list[links.Received]:
    received = []
    for _, line in lines:
        try:
            received.append(links.decode(line))
        except (ValueError, OverflowError, OSError):
            log.warning("tracking_line_unreadable")
    return received


def delete_old_raw() -> None:
    """Delete raw notifications, which hold addresses, after thirty days."""
    here = installation.current()
    deadline = time.monotonic() + SLICE_SECONDS
    gone = 0
    # In slices, each its own transaction: after a large send there are millions.
    while time.monotonic() < deadline and not stopping.asked():
        with transaction(here.sessions) as session:
            slice_ = intake.delete_old(session, now=clock.now())
        gone += slice_
        if not slice_:
            break
    if gone:
        log.info("raw_notifications_deleted", extra={"rows": gone})


def make_months() -> None:
    """Make the tables of the coming months' events."""
    with transaction(installation.current().sessions) as session:
        made = partitions.make_ahead(session, now=clock.now())
    if made:
        log.info("event_months_made", extra={"tables": ",".join(made)})


def watch_leavers() -> None:
    """Mark who has probably left the employer, and take the mark from those who are there."""
    now = clock.now()
    with transaction(installation.current().sessions) as session:
        back, gone = leavers.unmark(session, now=now), leavers.mark(session, now=now)
    if back or gone:
        log.info("leavers_marked", extra={"gone": gone, "back": back})


def judge_anew() -> None:
    """Forget old marks of origins, and judge hits by today's rules that older rules judged."""
    here = installation.current()
    with transaction(here.sessions) as session:
        marks.forget(session, now=clock.now())
    deadline = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < deadline and not stopping.asked():
        with transaction(here.sessions) as session:
            step = rejudging.go_on(session, now=clock.now())
        if step is None:
            return
        log.info("hits_judged_anew", extra={"messages": step.judged, "ruleset": RULESET})
        if step.done:
            return
