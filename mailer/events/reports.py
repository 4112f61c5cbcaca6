"""Every number a report shows, defined once: the SQL, and a sentence that says what is counted.

A person is one message of the campaign, for nobody is in a campaign twice. Where people are
counted by what they did, only what looks like a person's doing counts (mailer.events.actors); what
machines did is kept and shown beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Executable, Select, Subquery, case, func, select
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign
from mailer.events.models import EventCount, EventReach, HitCount, Reaction
from mailer.languages import N_
from mailer.sending.models import Message

DEFINITIONS: Mapping[str, str] = {
    "audience": N_("People in the segment when sending began."),
    "blocked": N_("People whom a rule kept out; the first rule that did is the reason."),
    "sent": N_("Messages that Amazon SES accepted."),
    "delivered": N_("Messages that the recipient's mail server accepted."),
    "bounced": N_("Messages that came back for good."),
    "soft_bounced": N_(
        "Messages not delivered so far, of which a delay or a temporary failure was reported."
    ),
    "complained": N_("People who reported the message as spam."),
    "opted_out": N_("People who opted out through this message and did not take it back."),
    "not_my_work": N_("People who said that the message was not about their work."),
    "opened": N_(
        "People with at least one open that looks like a person's. An estimate: mail programs block"
        " images, and some fetch them ahead."
    ),
    "clicked": N_("People with at least one click that looks like a person's."),
    "machine_opens": N_("Opens by programs that fetch images ahead."),
    "machine_clicks": N_("Clicks by security gateways and other programs."),
    "unclear_clicks": N_("Clicks that cannot be told to be a person's or a machine's."),
    "failed": N_("Messages that Amazon SES refused."),
    "uncertain": N_("Messages of which it is not known whether Amazon SES accepted them."),
    "waiting": N_("Messages that wait to be sent, or are just being sent."),
    "cancelled": N_("Messages that were not sent because the campaign was stopped."),
}


@dataclass(frozen=True, slots=True)
class Funnel:
    """The numbers of a campaign by the names of DEFINITIONS, and who was left out by verdict."""

    numbers: Mapping[str, int]
    left_out: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.numbers[name]


@dataclass(frozen=True, slots=True)
class Line:
    """One campaign in the list of reports."""

    campaign: Campaign
    sent: int
    delivered: int
    clicked: int
    opted_out: int


def funnel(session: Session, campaign_id: int) -> Funnel:
    """What became of everybody in the audience."""
    ledger = _ledger(session, campaign_id)
    numbers = {
        **{name: sum(count(row) for row in ledger) for name, count in _OF_LEDGER.items()},
        **_happened(session, campaign_id),
        "soft_bounced": session.scalar(_soft_bounced(campaign_id)) or 0,
    }
    blocked = [(row.verdict or "", row.messages) for row in ledger if row.state == "blocked"]
    return Funnel(numbers, dict(sorted(blocked, key=lambda each: (-each[1], each[0]))))


class _State(NamedTuple):
    """The messages of a campaign in one state; of blocked ones, by one verdict."""

    state: str
    verdict: str | None
    messages: int
    sent: int
    delivered: int


def _ledger(session: Session, campaign_id: int) -> list[_State]:
    # All in one pass: of a large campaign this is what a report takes longest for.
    verdict = case((Message.state == "blocked", Message.verdict)).label("verdict")
    rows = session.execute(
        select(
            Message.state,
            verdict,
            func.count(),
            func.count(Message.sent_at),
            func.count(Message.delivered_at),
        )
        .where(Message.campaign_id == campaign_id, Message.kind == "campaign")
        .group_by(Message.state, verdict)
    )
    return [_State(*row) for row in rows]


def _in(*states: str) -> Callable[[_State], int]:
    return lambda row: row.messages if row.state in states else 0


_OF_LEDGER: Mapping[str, Callable[[_State], int]] = {
    "audience": lambda row: row.messages,
    "blocked": _in("blocked"),
    "sent": lambda row: row.sent,
    "delivered": lambda row: row.delivered,
    "bounced": _in("bounced"),
    "complained": _in("complained"),
    "failed": _in("failed"),
    "uncertain": _in("uncertain"),
    "waiting": _in("queued", "sending"),
    "cancelled": _in("cancelled"),
}


# People by what they did, and single hits by kind and actor (mailer.events.rollups).
_PEOPLE: Mapping[str, str] = {
    "opened": "open",
    "clicked": "click",
    "opted_out": "opt_out",
    "not_my_work": "not_my_work",
}
_HITS: Mapping[str, tuple[str, str]] = {
    "machine_opens": ("open", "machine"),
    "machine_clicks": ("click", "machine"),
    "unclear_clicks": ("click", "unknown"),
}


def _happened(session: Session, campaign_id: int) -> dict[str, int]:
    people = {
        kind: int(number)
        for kind, number in session.execute(
            select(EventReach.kind, func.sum(EventReach.people))
            .where(EventReach.campaign_id == campaign_id, EventReach.link_id == 0)
            .group_by(EventReach.kind)
        )
    }
    hits = {
        (kind, actor): number
        for kind, actor, number in session.execute(
            select(EventCount.kind, EventCount.actor, func.sum(EventCount.hits))
            .where(EventCount.campaign_id == campaign_id, EventCount.kind.in_(["open", "click"]))
            .group_by(EventCount.kind, EventCount.actor)
        )
    }
    return {name: people.get(kind, 0) for name, kind in _PEOPLE.items()} | {
        name: int(hits.get(which, 0)) for name, which in _HITS.items()
    }


def _soft_bounced(campaign_id: int) -> Select[Any]:
    return (
        select(func.count())
        .select_from(Reaction)
        .join(Message, Message.id == Reaction.message_id)
        .where(
            Reaction.campaign_id == campaign_id,
            Reaction.kind == "soft_bounce",
            Reaction.hits > 0,
            Message.state == "sent",
        )
    )


def who(campaign_id: int, kind: str) -> Subquery:
    """The messages whose recipient did a thing; of an opt-out, and did not take it back."""
    return (
        select(Reaction.message_id)
        .where(
            Reaction.campaign_id == campaign_id,
            Reaction.kind == kind,
            Reaction.link_id == 0,
            Reaction.hits > 0,
        )
        .subquery()
    )


def counted(session: Session, campaign_id: int) -> dict[str, int]:
    """Opens and clicks where the notice declares numbers only: hits, not people."""
    rows = session.execute(
        select(HitCount.kind, func.sum(HitCount.hits))
        .where(HitCount.campaign_id == campaign_id, HitCount.actor == "human")
        .group_by(HitCount.kind)
    )
    return {kind: int(hits) for kind, hits in rows}


def launched(session: Session) -> int:
    """How many campaigns have anything to report."""
    return session.scalar(select(func.count()).where(Campaign.launched_at.is_not(None))) or 0


def lines(session: Session, *, limit: int, offset: int) -> list[Line]:
    """Launched campaigns with their main numbers, newest first."""
    campaigns = list(
        session.scalars(
            select(Campaign)
            .where(Campaign.launched_at.is_not(None))
            .order_by(Campaign.launched_at.desc(), Campaign.id.desc())
            .limit(limit)
            .offset(offset)
        )
    )
    ids = [campaign.id for campaign in campaigns]
    sent = _pairs(
        session,
        select(
            Message.campaign_id,
            func.count(Message.sent_at),
            func.count(Message.delivered_at),
        )
        .where(Message.campaign_id.in_(ids))
        .group_by(Message.campaign_id),
    )
    reached = {
        (campaign_id, kind): int(people)
        for campaign_id, kind, people in session.execute(
            select(EventReach.campaign_id, EventReach.kind, func.sum(EventReach.people))
            .where(EventReach.campaign_id.in_(ids), EventReach.link_id == 0)
            .group_by(EventReach.campaign_id, EventReach.kind)
        )
    }
    return [
        Line(
            campaign,
            sent=sent.get(campaign.id, (0, 0))[0],
            delivered=sent.get(campaign.id, (0, 0))[1],
            clicked=reached.get((campaign.id, "click"), 0),
            opted_out=reached.get((campaign.id, "opt_out"), 0),
        )
        for campaign in campaigns
    ]


def _pairs(session: Session, statement: Executable) -> dict[int, tuple[int, ...]]:
    return {row[0]: tuple(row[1:]) for row in session.execute(statement)}
