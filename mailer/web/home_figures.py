"""The figures of the home page, each by one small query."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, distinct, exists, func, select
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign, SenderDomain
from mailer.contacts.models import Contact, Import, ImportProblem, Suppression
from mailer.events import reports
from mailer.roles.models import Title
from mailer.segments.models import Segment

RECENT = timedelta(days=7)
AHEAD = timedelta(days=14)
ATTENTION_STATES = ("waiting_for_approval", "paused", "failed")
UNDER_WAY_STATES = ("scheduled", "starting", "sending", "paused")


@dataclass(frozen=True, slots=True)
class LastCampaign:
    """The last campaign that was sent, in numbers of people, counted as its report counts them."""

    campaign: Campaign
    accepted: int
    delivered: int
    clicked: int
    opted_out: int


def campaigns_needing_attention(session: Session) -> list[Campaign]:
    """Campaigns that wait for a person, oldest first."""
    return list(
        session.scalars(
            select(Campaign)
            .where(Campaign.state.in_(ATTENTION_STATES))
            .order_by(Campaign.updated_at)
            .limit(10)
        )
    )


def imports_with_problems(session: Session, *, now: datetime) -> list[tuple[Import, int]]:
    """Imports of the last week that failed or left rows out, with how many rows."""
    left_out = (
        select(func.count(distinct(ImportProblem.row)))
        .where(ImportProblem.import_id == Import.id, ImportProblem.rejects)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Import, left_out)
        .where(Import.state.in_(("done", "failed")), Import.created_at > now - RECENT)
        .order_by(Import.id.desc())
        .limit(10)
    )
    return [(row[0], row[1]) for row in rows if row[1] or row[0].state == "failed"]


def unverified_domains(session: Session) -> list[str]:
    """Sender domains that nothing can be sent from."""
    return list(
        session.scalars(
            select(SenderDomain.domain)
            .where(SenderDomain.verified.is_(False))
            .order_by(SenderDomain.domain)
        )
    )


def titles_to_review(session: Session, confidence: float) -> int:
    """Titles that the rules were not sure enough of, and no person has read."""
    return _count(
        session,
        select(Title.id).where(Title.reviewed_at.is_(None), Title.confidence < confidence),
    )


def next_sends(session: Session, *, now: datetime) -> list[Campaign]:
    """Campaigns under way, and those that start within a fortnight."""
    return list(
        session.scalars(
            select(Campaign)
            .where(
                Campaign.state.in_(UNDER_WAY_STATES),
                Campaign.starts_at.is_(None) | (Campaign.starts_at < now + AHEAD),
            )
            .order_by(Campaign.starts_at.nulls_first(), Campaign.id)
            .limit(10)
        )
    )


def last_campaign(session: Session) -> LastCampaign | None:
    """The campaign that was finished last, with what came of it."""
    campaign = session.scalar(
        select(Campaign)
        .where(Campaign.finished_at.is_not(None), Campaign.state.in_(("sent", "stopped")))
        .order_by(Campaign.finished_at.desc())
        .limit(1)
    )
    if campaign is None:
        return None
    funnel = reports.funnel(session, campaign.id)
    return LastCampaign(
        campaign, funnel["sent"], funnel["delivered"], funnel["clicked"], funnel["opted_out"]
    )


def contacts(session: Session) -> int:
    """How many people are in the register."""
    return _count(session, select(Contact.id).where(Contact.erased_at.is_(None)))


def new_opt_outs(session: Session, *, now: datetime) -> int:
    """People who opted out within 30 days and did not take it back."""
    return _count(
        session,
        # One opt-out stops the address, and the person too when they are known.
        select(Suppression.id).where(
            Suppression.kind == "optout",
            Suppression.scope == "address",
            Suppression.at > now - timedelta(days=30),
            Suppression.lifted_at.is_(None),
        ),
    )


def set_up(session: Session) -> dict[str, bool]:
    """Which of the first steps have been taken."""
    steps = {
        "domain": exists().where(SenderDomain.verified),
        "contacts": exists().where(Contact.id.is_not(None)),
        "segment": exists().where(Segment.id.is_not(None)),
        "campaign": exists().where(Campaign.launched_at.is_not(None)),
    }
    row = session.execute(select(*(step.label(name) for name, step in steps.items()))).one()
    return dict(zip(steps, row, strict=True))


def _count(session: Session, statement: Select[int]) -> int:
    return session.scalar(select(func.count()).select_from(statement.subquery())) or 0
