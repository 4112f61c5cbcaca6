"""Messages of which nobody knows whether they left: shown with age and cause, decided by a person.

The sweep settles what can be settled (mailer.sending.sweep); the rest stays here for as long as it
takes. Each decision is audited with who took it, and an event of SES that comes later still wins.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Text, func, literal_column, select, text, update
from sqlalchemy.orm import Session

from mailer import audit
from mailer.campaigns import lifecycle
from mailer.campaigns.models import Campaign
from mailer.contacts.models import Company, Contact
from mailer.languages import N_
from mailer.sending import proof
from mailer.sending.models import Message
from mailer.sending.proof import Margins

# One audit entry names at most so many messages.
_NAMED = 1_000

CAUSES = {
    "claim_expired": N_("The worker that was sending it ended without noting an answer."),
    "call_accepted": N_("The answer was lost; Amazon took others of the same call."),
    "lost": N_("The connection to Amazon was lost before its answer came."),
    "answered": N_("Amazon answered with an error that does not say whether it took the message."),
}


@dataclass(frozen=True, slots=True)
class OpenCampaign:
    """A campaign with messages to be decided: how many, and the moment of the oldest."""

    campaign: Campaign
    number: int
    since: datetime


@dataclass(frozen=True, slots=True)
class OpenMessage:
    """One message to be decided. `cause`: a key of CAUSES; `standing`: of proof.STANDINGS."""

    message_id: int
    contact_id: int | None
    first_name: str
    last_name: str
    email: str
    company: str
    claimed_at: datetime | None
    cause: str
    standing: str


def campaigns(session: Session) -> list[OpenCampaign]:
    """The campaigns with open messages, the longest waiting first."""
    since = func.min(func.coalesce(Message.claimed_at, Message.created_at))
    rows = session.execute(
        select(Campaign, func.count(), since)
        .join(Message, Message.campaign_id == Campaign.id)
        .where(*_open())
        .group_by(Campaign.id)
        .order_by(since, Campaign.id)
    )
    return [OpenCampaign(*row) for row in rows]


def of_campaign(session: Session, campaign_id: int) -> OpenCampaign | None:
    """The same of one campaign; None when it has none."""
    return next((each for each in campaigns(session) if each.campaign.id == campaign_id), None)


def messages(
    session: Session,
    *,
    margins: Margins,
    now: datetime,
    campaign_id: int | None = None,
    after: int = 0,
    limit: int = 50,
) -> list[OpenMessage]:
    """Open messages by id from `after` on, of one campaign or of all."""
    statement = (
        select(
            Message.id,
            Message.campaign_id,
            Message.contact_id,
            func.coalesce(Contact.first_name, "").label("first_name"),
            func.coalesce(Contact.last_name, "").label("last_name"),
            func.coalesce(Contact.email, "").label("email"),
            func.coalesce(Company.name, "").label("company"),
            Message.claimed_at,
            Message.error,
            literal_column(proof.version_of("messages"), Text).label("version"),
        )
        .outerjoin(Contact, Contact.id == Message.contact_id)
        .outerjoin(Company, Company.id == Contact.company_id)
        .where(*_open(), Message.id > after)
        .order_by(Message.id)
        .limit(limit)
    )
    if campaign_id is not None:
        statement = statement.where(Message.campaign_id == campaign_id)
    standings: dict[tuple[int | None, datetime | None, str], str] = {
        (call.campaign_id, call.claimed_at, call.version): call.standing
        for call in proof.calls(session, margins=margins, now=now)
    }
    return [
        OpenMessage(
            message_id=row.id,
            contact_id=row.contact_id,
            first_name=row.first_name,
            last_name=row.last_name,
            email=row.email,
            company=row.company,
            claimed_at=row.claimed_at,
            cause=cause_of(row.error),
            standing=_standing(
                row.error, standings.get((row.campaign_id, row.claimed_at, row.version))
            ),
        )
        for row in session.execute(statement)
    ]


def by_campaign(session: Session, ids: Collection[int]) -> dict[int, list[int]]:
    """Open messages among these ids, by campaign."""
    found: dict[int, list[int]] = {}
    rows = session.execute(
        select(Message.id, Message.campaign_id).where(*_open(), Message.id.in_(ids))
    )
    for row in rows:
        found.setdefault(row.campaign_id, []).append(row.id)
    return found


def cause_of(error: str | None) -> str:
    """The key of CAUSES for what the ledger notes."""
    if error in ("claim_expired", "call_accepted"):
        return error
    return "lost" if error in proof.LOST else "answered"


def _standing(error: str | None, known: str | None) -> str:
    if error == "call_accepted":
        return "call_accepted"
    return known or ("too_old" if error in proof.LOST else "answered")


def treat_as_sent(
    session: Session,
    campaign_id: int,
    ids: Collection[int] | None = None,
    *,
    now: datetime,
    actor_id: int | None,
) -> int:
    """Take open messages of a campaign (`ids`, or all) for sent; how many were open still.

    They count for the frequency cap, but nobody is taken to have read who keeps their data.
    """
    decided = session.execute(
        update(Message)
        .where(*_chosen(campaign_id, ids))
        .values(
            state="sent",
            sent_at=func.coalesce(Message.sent_at, Message.claimed_at, now),
            error="treated_as_sent",
        )
        .returning(Message.id, Message.contact_id, Message.sent_at)
        .execution_options(synchronize_session=False)
    ).all()
    session.execute(
        text(
            """
            UPDATE contacts AS c SET last_marketing_at = greatest(c.last_marketing_at, t.at)
            FROM unnest(CAST(:ids AS bigint[]), CAST(:moments AS timestamptz[])) AS t(id, at)
            WHERE c.id = t.id
            """
        ),
        {
            "ids": [row.contact_id for row in decided],
            "moments": [row.sent_at for row in decided],
        },
    )
    _note(session, "treated_as_sent", campaign_id, [row.id for row in decided], now, actor_id)
    return len(decided)


def send_again(
    session: Session,
    campaign_id: int,
    ids: Collection[int] | None = None,
    *,
    now: datetime,
    actor_id: int | None,
) -> int:
    """Put open messages back in the queue, where the gate is asked again; how many.

    None of a campaign that has ended: nothing of it is sent any more (`treat_as_not_sent`).
    """
    if not _goes_on(session, campaign_id):
        return 0
    return _put(session, "queued", "sent_again", campaign_id, ids, now=now, actor_id=actor_id)


def treat_as_not_sent(
    session: Session,
    campaign_id: int,
    ids: Collection[int] | None = None,
    *,
    now: datetime,
    actor_id: int | None,
) -> int:
    """Take open messages of a campaign for never sent, without sending them; how many."""
    return _put(
        session, "cancelled", "treated_as_not_sent", campaign_id, ids, now=now, actor_id=actor_id
    )


def _put(
    session: Session,
    state: str,
    decision: str,
    campaign_id: int,
    ids: Collection[int] | None,
    *,
    now: datetime,
    actor_id: int | None,
) -> int:
    decided = session.scalars(
        update(Message)
        .where(*_chosen(campaign_id, ids))
        .values(state=state, not_before=now, error=decision)
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).all()
    _note(session, decision, campaign_id, decided, now, actor_id)
    return len(decided)


def _goes_on(session: Session, campaign_id: int) -> bool:
    # Held until the end of the transaction, so that nobody stops it in between.
    state = session.scalar(
        select(Campaign.state).where(Campaign.id == campaign_id).with_for_update()
    )
    return state in lifecycle.UNDER_WAY


def _open() -> tuple[ColumnElement[bool], ...]:
    return (Message.state == "uncertain", Message.kind == "campaign")


def _chosen(campaign_id: int, ids: Collection[int] | None) -> tuple[ColumnElement[bool], ...]:
    chosen = (*_open(), Message.campaign_id == campaign_id)
    return chosen if ids is None else (*chosen, Message.id.in_(ids))


def _note(
    session: Session,
    decision: str,
    campaign_id: int,
    ids: Sequence[int],
    now: datetime,
    actor_id: int | None,
) -> None:
    for start in range(0, len(ids), _NAMED):
        named = sorted(ids)[start : start + _NAMED]
        audit.record(
            session,
            f"campaign.{decision}",
            "campaign",
            campaign_id,
            now=now,
            actor_id=actor_id,
            messages=named,
        )
