"""What workers run for webhooks. Safe to run twice, and safe to lose."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError

from mailer import clock, installation, stopping
from mailer.db import transaction
from mailer.installation import Installation
from mailer.webhooks import delivery
from mailer.webhooks.delivery import Telling

log = logging.getLogger(__name__)

# Short, since events of Amazon SES wait in the same queue.
SLICE_SECONDS = 20
THREADS = 8


def deliver() -> None:
    """Tell what is due, every webhook in a thread of its own: a slow one delays no other."""
    here = installation.current()
    until = time.monotonic() + SLICE_SECONDS
    with ThreadPoolExecutor(THREADS, "webhooks") as threads:
        while time.monotonic() < until and not stopping.asked():
            with transaction(here.sessions) as session:
                claimed = delivery.claim(session, now=clock.now())
            if not claimed:
                return
            list(threads.map(lambda batch: _tell_one(here, batch, until), claimed))


def _tell_one(here: Installation, batch: list[Telling], until: float) -> None:
    """One webhook's events, one after the other, until one fails or the time is over."""
    for done, telling in enumerate(batch):
        if time.monotonic() >= until or stopping.asked():
            _hand_back(here, batch[done:], wait=False)
            return
        answer = delivery.tell(telling, here.settings, now=clock.now())
        try:
            with transaction(here.sessions) as session:
                arrived = delivery.record(session, telling, answer, now=clock.now())
        except SQLAlchemyError as error:  # the lease ends and it is told again
            log.warning("webhook_answer_not_kept", extra={"error": type(error).__name__})
            return
        if not arrived:
            log.info("webhook_failed", extra={"webhook_id": telling.webhook_id})
            _hand_back(here, batch[done + 1 :], wait=True)
            return


def _hand_back(here: Installation, left: list[Telling], *, wait: bool) -> None:
    if not left:
        return
    at = clock.now() + (delivery.WAITS[0] if wait else delivery.WAITS[0] * 0)
    try:
        with transaction(here.sessions) as session:
            delivery.hand_back(session, left, at=at)
    except SQLAlchemyError as error:
        log.warning("webhook_claim_not_handed_back", extra={"error": type(error).__name__})


def forget_old() -> None:
    """Delete lines of the log that are older than thirty days."""
    with transaction(installation.current().sessions) as session:
        delivery.forget_old(session, now=clock.now())
