"""Claim, hand to SES, record. The only code that sends.

A claim asks the gate inside the statement that takes the messages, for at most one SES call's
worth, right before that call; the transaction is closed before SES is called and another one
records each entry's outcome. Whatever dies in between leaves `sending` rows, which the sweep turns
into `uncertain`: never sent again blindly.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer import clock
from mailer.adapters.ses import (
    BulkCall,
    Outcome,
    Result,
    Ses,
    SesClient,
    SingleMail,
)
from mailer.config import Settings
from mailer.sending import filling
from mailer.sending.answers import MAX_ATTEMPTS, RETRY_AT_MOST, record
from mailer.sending.claims import Claim, Claimed, Claims, tracked
from mailer.sending.envelope import Person
from mailer.sending.models import Message
from mailer.sending.rendering import Rendering

__all__ = [
    "MAX_ATTEMPTS",
    "RETRY_AT_MOST",
    "Claim",
    "Claimed",
    "Claims",
    "Handover",
    "hand_over",
    "prepare",
    "record",
    "send_test",
    "ses_of",
    "tracked",
]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Handover:
    """Claimed messages of one language and the call that carries them, in the same order."""

    claimed: list[Claimed]
    call: BulkCall


_clients: dict[Settings, SesClient] = {}


def ses_of(settings: Settings) -> Ses:
    """This process's SES client: making one takes long, so it is made once."""
    client = _clients.get(settings)
    if client is None:
        client = _clients[settings] = SesClient(
            settings.aws_region,
            endpoint_url=settings.ses_endpoint_url,
            configuration_set=settings.ses_configuration_set,
            connections=settings.sender_threads + 2,
        )
    return client


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
    ses: Ses, handovers: Sequence[Handover], *, until: datetime
) -> list[tuple[Claimed, Result]]:
    """Make the calls, outside any transaction. What has not been called by `until` is not called
    any more: by then others may have taken the claim for lost."""
    outcomes: list[tuple[Claimed, Result]] = []
    for handover in handovers:
        if clock.now() < until:
            results = ses.send_bulk(handover.call)
        else:
            results = [Result(Outcome.NOT_NOW, error="claim_too_old")] * len(handover.claimed)
        outcomes.extend(zip(handover.claimed, results, strict=True))
    return outcomes


def send_test(
    session: Session,
    ses: Ses,
    rendering: Rendering,
    person: Person,
    *,
    user_id: int,
    subject_mark: str,
    now: datetime,
) -> Result:
    """One marked copy to a colleague, by SendEmail; its opt-out links lead to a demo page."""
    message = Message(
        kind="test",
        test_of=rendering.campaign_id,
        to_user=user_id,
        language=person.language,
        state="sending",
        created_at=now,
        claimed_at=now,
        attempt=1,
    )
    session.add(message)
    session.flush()
    session.commit()  # on the ledger before SES is called
    final = rendering.final(person, test=True)
    result = ses.send_single(
        SingleMail(
            sender=rendering.sender,
            reply_to=rendering.reply_to,
            to=person.address,
            subject=f"{subject_mark} {final.subject}",
            html=final.html,
            text=final.text,
            headers=[],
            tags={"message": str(message.id), "test": "yes"},
        )
    )
    if result.outcome is Outcome.ACCEPTED:
        message.state, message.ses_message_id, message.sent_at = "sent", result.message_id, now
    else:
        message.state = "uncertain" if result.outcome is Outcome.UNKNOWN else "failed"
        message.error = result.error
    return result
