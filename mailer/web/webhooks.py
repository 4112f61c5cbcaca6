"""Where Amazon SNS posts SES's events: verified, stored, committed, and only then answered 200."""

import logging
import time

from flask import Blueprint, request
from sqlalchemy.exc import SQLAlchemyError

from mailer import clock, installation
from mailer.adapters import sns
from mailer.adapters.queue import enqueue
from mailer.config import Settings
from mailer.db import transaction
from mailer.events import intake, mail_jobs, receipts
from mailer.web.guard import csrf_exempt, max_body, public

log = logging.getLogger(__name__)
blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")

# One ring a second is enough: the job takes everything there is, and returns by itself.
RING_SECONDS = 1.0
_verifiers: dict[Settings, sns.Verifier] = {}
_last_ring: list[float] = [0.0]


@blueprint.post("/ses")
@public
@csrf_exempt
@max_body(sns.LARGEST_BODY)
def receive() -> tuple[str, int]:
    """Take one SNS message. What is answered 5xx comes again; other refusals are final."""
    body = request.get_data()
    now = clock.now()
    try:
        envelope = _verifier().verify(body, now=now)
    except sns.MalformedError as error:
        log.warning("sns_malformed", extra={"reason": str(error)})
        return "", 400
    except sns.RefusedError as error:
        log.warning("sns_refused", extra={"reason": str(error)})
        return "", 403
    except sns.UnavailableError as error:
        log.warning("sns_not_verified", extra={"reason": str(error)})
        return "", 503
    try:
        with transaction(installation.current().sessions) as session:
            fresh = intake.store(session, envelope, body.decode(), now=now)
    except SQLAlchemyError as error:
        log.warning("sns_not_stored", extra={"error": type(error).__name__})
        return "", 500
    if envelope.kind == "UnsubscribeConfirmation":
        log.warning("sns_subscription_ended")
    if fresh and receipts.is_mail(envelope.message):
        mail_jobs.ring()
    elif fresh:
        _ring()
    return "", 200


def _verifier() -> sns.Verifier:
    settings = installation.current().settings
    verifier = _verifiers.get(settings)
    if verifier is None:
        verifier = _verifiers[settings] = sns.verifier(settings)
    return verifier


def _ring() -> None:
    moment = time.monotonic()
    if moment - _last_ring[0] >= RING_SECONDS:
        _last_ring[0] = moment
        enqueue("events", "mailer.events.jobs.apply_waiting")
