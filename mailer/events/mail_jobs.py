"""What workers run for mail that came in. Safe to run twice, and safe to lose."""

import logging
import time
from dataclasses import replace

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from mailer import clock, installation, stopping
from mailer.adapters import inbound as storage
from mailer.adapters import sns
from mailer.adapters.inbound import InboundError
from mailer.adapters.queue import enqueue
from mailer.db import transaction
from mailer.events import inbound, receipts, replies, ses_events
from mailer.events.letters import READ_BYTES
from mailer.events.models import RawNotification
from mailer.events.receipts import Receipt
from mailer.installation import Installation
from mailer.tokens import Signer

log = logging.getLogger(__name__)

SLICE_SECONDS = 60
BATCH = 20


def ring() -> None:
    """Have waiting mail read now: an opt-out should not wait for the next round."""
    enqueue("events", "mailer.events.mail_jobs.read_mail")


def read_mail() -> None:
    """Read the mail that waits, oldest first, until none is left that can be read now."""
    here = installation.current()
    deadline = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < deadline and not stopping.asked():
        with transaction(here.sessions) as session:
            waiting = inbound.waiting_notifications(session, now=clock.now(), limit=BATCH)
        for raw in waiting:
            _read(here, raw)
        if not waiting:
            return


def forget_mail() -> None:
    """Delete the words of mails that somebody has decided on, and mails that need nobody."""
    with transaction(installation.current().sessions) as session:
        gone = replies.forget(session, now=clock.now())
    if gone:
        log.info("mail_forgotten", extra={"rows": gone})


def _read(here: Installation, raw: RawNotification) -> None:
    try:
        envelope = sns.parse(raw.body)
        receipt = receipts.parse(envelope.message)
    except (sns.MalformedError, ses_events.UnreadableError) as error:
        log.warning("mail_unreadable", extra={"raw_id": raw.id, "reason": str(error)})
        with transaction(here.sessions) as session:
            inbound.give_up(session, raw.id)
        return
    late = clock.now() - raw.received_at >= inbound.LONGEST_WAIT
    try:
        _receive(here, raw.id, receipt, _content(here, receipt, envelope.topic_arn, late=late))
    except (InboundError, SQLAlchemyError) as error:
        # An InboundError's text is a code; what the database says may hold an address.
        reason = str(error) if isinstance(error, InboundError) else type(error).__name__
        log.warning("mail_not_read", extra={"raw_id": raw.id, "reason": reason})
        if late and isinstance(error, DBAPIError):
            # Whatever is in it that cannot be kept, a person must hear that there was a mail.
            _receive(here, raw.id, replace(receipt, headers=b""), None)
            return
        with transaction(here.sessions) as session:
            inbound.postpone(session, raw.id)


def _receive(here: Installation, raw_id: int, receipt: Receipt, content: bytes | None) -> None:
    with transaction(here.sessions) as session:
        kind = inbound.receive(
            session,
            raw_id,
            receipt,
            content,
            signer=_signer(here),
            public_url=here.settings.public_url,
            now=clock.now(),
        )
    log.info("mail_read", extra={"raw_id": raw_id, "kind": kind})


def _signer(here: Installation) -> Signer:
    return Signer(here.settings.secret_key, *here.settings.retired_secret_keys)


def _content(here: Installation, receipt: Receipt, topic: str, *, late: bool) -> bytes | None:
    """The mail itself; None when the headers suffice, or when it could not be had for an hour."""
    if receipt.content is not None or not inbound.needs_content(
        receipt, signer=_signer(here), public_url=here.settings.public_url
    ):
        return receipt.content
    if not receipt.bucket:
        return None
    parts = topic.split(":")
    try:
        return storage.fetch(
            here.settings,
            receipt.bucket,
            receipt.key,
            region=parts[3] if len(parts) > 3 else "",
            limit=READ_BYTES,
        )
    except InboundError as error:
        if not late:
            raise
        log.warning("mail_content_missing", extra={"reason": str(error)})
        return None
