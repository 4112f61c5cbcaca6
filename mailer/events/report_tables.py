"""The tables of a report: hours, links, groups of people, problems and reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, cast, func, select
from sqlalchemy.orm import Session

from mailer.campaigns.models import Link
from mailer.contacts.models import Company, Contact
from mailer.events.models import Event, EventCount, EventReach
from mailer.events.reports import who
from mailer.events.small_cells import Group, protect
from mailer.languages import N_
from mailer.sending.models import Message

HOURS = 48


@dataclass(frozen=True, slots=True)
class Hour:
    """What happened within an hour. `at` is its beginning."""

    at: datetime
    opens: int
    clicks: int
    opt_outs: int


@dataclass(frozen=True, slots=True)
class LinkLine:
    """A link and who followed it."""

    label: str
    url: str
    language: str
    people: int
    clicks: int
    machine_clicks: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason for which messages did not arrive, with one answer as the server gave it."""

    kind: str
    subtype: str
    status: str
    messages: int
    answer: str


def timeline(session: Session, campaign_id: int, *, begins: datetime) -> list[Hour]:
    """People's opens and clicks, and opt-outs, in each of 48 hours from that of `begins` on."""
    first = begins.replace(minute=0, second=0, microsecond=0)
    human = EventCount.actor == "human"
    rows = session.execute(
        select(
            EventCount.hour,
            *(
                func.coalesce(func.sum(EventCount.hits).filter(condition), 0)
                for condition in (
                    (EventCount.kind == "open") & human,
                    (EventCount.kind == "click") & human,
                    EventCount.kind == "opt_out",
                )
            ),
        )
        .where(
            EventCount.campaign_id == campaign_id,
            EventCount.kind.in_(["open", "click", "opt_out"]),
            EventCount.hour >= first,
            EventCount.hour < first + timedelta(hours=HOURS),
        )
        .group_by(EventCount.hour)
    )
    found = {row[0]: tuple(int(number) for number in row[1:]) for row in rows}
    hours = (first + timedelta(hours=n) for n in range(HOURS))
    return [Hour(hour, *found.get(hour, (0, 0, 0))) for hour in hours]


def link_lines(session: Session, campaign_id: int) -> list[LinkLine]:
    """Every link with the people who followed it, most followed first."""
    clicks = (
        select(
            EventCount.link_id,
            *(
                func.coalesce(func.sum(EventCount.hits).filter(EventCount.actor == actor), 0)
                .cast(BigInteger)
                .label(actor)
                for actor in ("human", "machine")
            ),
        )
        .where(EventCount.campaign_id == campaign_id, EventCount.kind == "click")
        .group_by(EventCount.link_id)
        .subquery()
    )
    reach = (
        select(EventReach.link_id, func.sum(EventReach.people).cast(BigInteger).label("people"))
        .where(EventReach.campaign_id == campaign_id, EventReach.kind == "click")
        .group_by(EventReach.link_id)
        .subquery()
    )
    people = func.coalesce(reach.c.people, 0)
    rows = session.execute(
        select(
            Link.label,
            Link.url,
            Link.language,
            people,
            func.coalesce(clicks.c.human, 0),
            func.coalesce(clicks.c.machine, 0),
        )
        .outerjoin(clicks, clicks.c.link_id == Link.id)
        .outerjoin(reach, reach.c.link_id == Link.id)
        .where(Link.campaign_id == campaign_id)
        .order_by(people.desc(), Link.language, Link.position)
    )
    return [LinkLine(*row) for row in rows]


# What people can have in common. Whose contact is gone is in no group with a name.
GROUPINGS: Mapping[str, str] = {
    "function": N_("Function"),
    "level": N_("Level"),
    "industry": N_("Industry"),
    "language": N_("Language"),
    "domain": N_("Mail domain"),
}
_KEYS: Mapping[str, ColumnElement[str | None]] = {
    "function": Message.duties["function"].astext,
    "level": cast(Contact.level, Event.kind.type),
    "industry": func.left(Company.industry_code, 2),
    "language": cast(Message.language, Event.kind.type),
    "domain": func.split_part(Contact.email, "@", 2),
}


def groups(session: Session, campaign_id: int, grouping: str) -> list[Group]:
    """People who got the message by what they have in common; counts: clicked, opted out.

    Small cells are hidden (mailer.events.small_cells). Raises KeyError for an unknown grouping.
    """
    clicked, out = who(campaign_id, "click"), who(campaign_id, "opt_out")
    key = func.coalesce(_KEYS[grouping], "").label("key")
    rows = session.execute(
        select(key, func.count(), func.count(clicked.c.message_id), func.count(out.c.message_id))
        .select_from(Message)
        .outerjoin(Contact, Contact.id == Message.contact_id)
        .outerjoin(Company, Company.id == Contact.company_id)
        .outerjoin(clicked, clicked.c.message_id == Message.id)
        .outerjoin(out, out.c.message_id == Message.id)
        .where(Message.campaign_id == campaign_id, Message.sent_at.is_not(None))
        .group_by(key)
    )
    return protect(
        Group(name or "?", people, (clicks, outs)) for name, people, clicks, outs in rows
    )


def problems(session: Session, campaign_id: int) -> list[Problem]:
    """Why messages did not arrive, most frequent first."""
    details = Event.details
    subtype = func.coalesce(details["subtype"].astext, details["type"].astext, "")
    status = func.coalesce(details["status"].astext, "")
    rows = session.execute(
        select(
            Event.kind,
            subtype,
            status,
            func.count(Event.message_id.distinct()),
            func.min(func.coalesce(details["answer"].astext, details["reason"].astext, "")),
        )
        .where(
            Event.campaign_id == campaign_id,
            Event.kind.in_(
                [
                    "hard_bounce",
                    "soft_bounce",
                    "listed",
                    "unsubscribed",
                    "delay",
                    "reject",
                    "rendering_failure",
                    "auth_failure",
                ]
            ),
        )
        .group_by(Event.kind, subtype, status)
        .order_by(func.count(Event.message_id.distinct()).desc(), Event.kind, subtype, status)
        .limit(50)
    )
    return [Problem(*row) for row in rows]


def reasons(session: Session, campaign_id: int) -> dict[str, int]:
    """Why people opted out, as far as they said."""
    reason = Event.details["reason"].astext
    rows = session.execute(
        select(reason, func.count())
        .where(Event.campaign_id == campaign_id, Event.kind == "optout_reason")
        .group_by(reason)
        .order_by(func.count().desc(), reason)
    )
    return {str(name): number for name, number in rows}
