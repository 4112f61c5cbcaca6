"""Claim, hand to SES, record. The only code that sends.

A claim asks the gate inside the statement that takes the messages, for at most one SES call's
worth, right before that call; the transaction is closed before SES is called and another one
records each entry's outcome. Whatever dies in between leaves `sending` rows, which the sweep turns
into `uncertain`: never sent again blindly.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from mailer import clock, gate
from mailer.adapters.ses import (
    TRANSIENT,
    BulkCall,
    BulkEntry,
    Outcome,
    Result,
    Ses,
    SesClient,
    SingleMail,
)
from mailer.campaigns.models import Campaign
from mailer.config import Settings
from mailer.contacts.countries import OPEN_TRACKING_NEEDS_CONSENT
from mailer.contacts.models import Company, ConsentState, Contact, Source
from mailer.notice.schema import Notice, Tracking
from mailer.sending import envelope, stops
from mailer.sending.envelope import Person
from mailer.sending.models import TRANSITIONS, Message
from mailer.sending.rendering import Rendering

log = logging.getLogger(__name__)

# Not accepted, may be tried again: after this long, doubled at each attempt.
RETRY_AFTER = timedelta(seconds=5)
RETRY_AT_MOST = timedelta(minutes=10)
MAX_ATTEMPTS = 12
_MAY_BE_SENT = sorted(state for state, after in TRANSITIONS.items() if "sent" in after)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message the gate has just cleared and this process alone holds. Only `Claims` makes one."""

    person: Person
    attempt: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claim took: messages to send, and how many the gate blocked."""

    messages: list[Claimed]
    blocked: int

    @property
    def empty(self) -> bool:
        """Whether there was nothing left to take."""
        return not self.messages and not self.blocked


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


class Claims:
    """Takes messages of one campaign. Built once for a while of sending, since putting the gate's
    expression together costs more than asking it; what it reads is read anew at each claim."""

    def __init__(self, session: Session, campaign: Campaign, ask: gate.Ask) -> None:
        self._campaign = campaign
        compiled = _claim(campaign.id, ask).compile(
            dialect=session.get_bind().dialect, compile_kwargs={"render_postcompile": True}
        )
        self._statement = str(compiled)
        self._values = dict(compiled.params)

    def take(self, session: Session, *, limit: int, now: datetime) -> Claim:
        """Move up to `limit` queued messages to `sending`, or to `blocked` with the gate's reason.

        Nothing is taken unless the campaign is `sending` at that moment and no stop is open.
        Commit, then send.
        """
        values = {**self._values, "claimed_now": now, "at_most": limit}
        rows = session.connection().exec_driver_sql(self._statement, values).all()
        messages = [
            Claimed(_person(row, self._campaign), row.attempt)
            for row in rows
            if row.verdict == gate.CLEAR
        ]
        return Claim(messages, blocked=len(rows) - len(messages))


def _person(row: Any, campaign: Campaign) -> Person:
    return Person(
        message_id=row.id,
        contact_id=row.contact_id,
        address=row.email,
        address_key=row.address_key,
        language=row.language,
        first_name=row.first_name,
        last_name=row.last_name,
        company_name=row.company_name or "",
        title=row.title,
        function=row.function or "",
        shared_mailbox=row.shared_mailbox,
        source_kind=row.source_kind,
        source_name=row.source_name,
        source_date=row.source_date,
        informed=row.art14_informed_at is not None,
        track_opens=campaign.track_opens and row.track_opens,
        track_clicks=campaign.track_clicks and row.track_clicks,
    )


def _claim(campaign_id: int, ask: gate.Ask) -> ReturningUpdate[Any]:
    now = bindparam("claimed_now", None, type_=DateTime(timezone=True))
    picked = (
        select(Message.id, Message.contact_id)
        .where(
            Message.campaign_id == campaign_id,
            Message.state == "queued",
            Message.not_before <= now,
            exists().where(Campaign.id == campaign_id, Campaign.state == "sending"),
            stops.none_open(),
        )
        .order_by(Message.not_before, Message.id)
        .limit(bindparam("at_most", None, type_=BigInteger))
        .with_for_update(skip_locked=True, of=Message)
        .cte("picked")
    )
    asked = gate.scope(
        select(
            picked.c.id,
            gate.verdict(ask).label("verdict"),
            Contact.email,
            Contact.address_key,
            Contact.first_name,
            Contact.last_name,
            Contact.title,
            (Contact.kind == "shared_mailbox").label("shared_mailbox"),
            Contact.art14_informed_at,
            Company.name.label("company_name"),
            Source.kind.label("source_kind"),
            Source.name.label("source_name"),
            Source.dated.label("source_date"),
            tracked(ask.notice, "opens").label("track_opens"),
            tracked(ask.notice, "clicks").label("track_clicks"),
        )
        .select_from(picked)
        .outerjoin(Contact, Contact.id == picked.c.contact_id)
    ).cte("asked")
    clear = asked.c.verdict == gate.CLEAR
    return (
        update(Message)
        .where(Message.id == asked.c.id, Message.state == "queued")
        .values(
            verdict=asked.c.verdict,
            state=case((clear, "sending"), else_="blocked"),
            claimed_at=now,
            attempt=Message.attempt + 1,
        )
        .returning(
            Message.id,
            Message.contact_id,
            Message.language,
            Message.attempt,
            Message.duties["function"].astext.label("function"),
            *(column for column in asked.c if column.name != "id"),
        )
    )


def prepare(rendering: Rendering, claimed: Sequence[Claimed]) -> list[Handover]:
    """One bulk call for each language, complete before the first is made: whatever goes wrong
    here, nothing has left. Raises OptOutMissingError."""
    by_language: dict[str, list[Claimed]] = {}
    for message in claimed:
        by_language.setdefault(rendering.language_of(message.person), []).append(message)
    return [_prepare(rendering, language, group) for language, group in by_language.items()]


def _prepare(rendering: Rendering, language: str, claimed: list[Claimed]) -> Handover:
    skeleton = rendering.skeleton(language)
    entries = [
        BulkEntry(
            to=message.person.address,
            data=rendering.data(message.person),
            headers=rendering.headers(message.person),
            tags=envelope.tags(message.person, rendering.campaign_id),
        )
        for message in claimed
    ]
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


def record(session: Session, outcomes: Sequence[tuple[Claimed, Result]], *, now: datetime) -> None:
    """Write each outcome to the ledger, set-wise. Never undoes what an event already told."""
    accepted = [(c, r) for c, r in outcomes if r.outcome is Outcome.ACCEPTED]
    if accepted:
        _record_accepted(session, accepted, now)
    for message, result in outcomes:
        if result.outcome is Outcome.ACCEPTED:
            continue
        state, wait = _after(result, message.attempt)
        session.execute(
            update(Message)
            .where(
                Message.id == message.person.message_id,
                Message.state == "sending",
                # A claim that was taken for lost may be another sender's by now.
                Message.attempt == message.attempt,
            )
            .values(
                state=state,
                not_before=Message.not_before if wait is None else now + wait,
                error=result.error,
                claimed_at=None if state == "queued" else Message.claimed_at,
            )
            .execution_options(synchronize_session=False)
        )


def _after(result: Result, attempt: int) -> tuple[str, timedelta | None]:
    """The ledger state that follows an outcome other than acceptance, and how long it waits."""
    if result.outcome is Outcome.UNKNOWN:
        return "uncertain", None
    if result.outcome is Outcome.REFUSED:
        return "failed", None
    # Throttling and a network that is away are not about this message: it outlives any outage.
    if result.error == TRANSIENT and attempt >= MAX_ATTEMPTS:
        return "failed", None
    return "queued", min(RETRY_AFTER * 2 ** min(attempt - 1, 10), RETRY_AT_MOST)


def _record_accepted(
    session: Session, accepted: Sequence[tuple[Claimed, Result]], now: datetime
) -> None:
    answers = (
        func.unnest(
            cast([c.person.message_id for c, _ in accepted], ARRAY(BigInteger)),
            cast([r.message_id for _, r in accepted], ARRAY(Text)),
        )
        .table_valued("id", "ses_message_id", name="answers")
        .render_derived()
    )
    session.execute(
        update(Message)
        .where(Message.id == answers.c.id)
        .values(
            # SES's own events may have come first and moved the message on; and a message that was
            # taken for lost in the meantime is proven to have left.
            state=case(
                (Message.state.in_(_MAY_BE_SENT), literal("sent")),
                else_=Message.state,
            ),
            ses_message_id=answers.c.ses_message_id,
            sent_at=func.coalesce(Message.sent_at, now),
            error=None,
        )
        .execution_options(synchronize_session=False)
    )
    informed = [c.person.contact_id for c, _ in accepted if c.person.contact_id is not None]
    session.execute(
        update(Contact)
        .where(Contact.id.in_(informed))
        .values(
            last_marketing_at=now,
            art14_informed_at=func.coalesce(Contact.art14_informed_at, now),
        )
        .execution_options(synchronize_session=False)
    )


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


def tracked(notice: Notice | None, kind: str) -> ColumnElement[bool]:
    """SQL: whether this person's opens or clicks may be recorded by the notice and by themselves.

    Asked again at each hit; here it decides whether the message carries the pixel and our links.
    """
    tracking: Tracking | None = getattr(notice, kind) if notice else None
    if tracking is None or tracking.mode == "off":
        return literal(value=False)
    said = (
        select(ConsentState.event)
        .where(ConsentState.contact_id == Contact.id, ConsentState.kind == "email_tracking")
        .correlate_except(ConsentState)
        .scalar_subquery()
    )
    given = func.coalesce(said == "given", literal(value=False))
    if tracking.basis == "consent":
        return given
    free = func.coalesce(said.in_(["given", "lifted"]), true())
    if kind != "opens":
        return free
    strict = Contact.countries.overlap(
        cast(sorted(OPEN_TRACKING_NEEDS_CONSENT), Contact.countries.type)
    )
    return case((strict, given), else_=and_(free, true()))
