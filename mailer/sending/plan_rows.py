"""Messages as the plan sees them: counted by group, and given their moments in one statement."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    FromClause,
    Integer,
    Select,
    Subquery,
    case,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    table,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Session

from mailer.contacts.models import Company, Contact
from mailer.segments import build
from mailer.sending import business_hours, slots
from mailer.sending.models import Message
from mailer.sending.slots import Group, Slot

# How long a click or an opening says that somebody wants to be written to.
ENGAGED_WITHIN = timedelta(days=365)

# Above this module, so named here and not imported.
_events = table("events", column("message_id"), column("kind"), column("actor"), column("at"))


@dataclass(frozen=True, slots=True)
class Grouping:
    """How messages fall into groups.

    `domains`: capped recipient domains, apart from the others. `company_cap`: people of a company
    in a day. `engaged_first`: those who clicked or opened lately come first, then the newest.
    """

    business_hours: bool
    domains: Collection[str]
    company_cap: int | None
    engaged_first: bool
    now: datetime

    @property
    def is_trivial(self) -> bool:
        """Whether all messages are of one group."""
        return not (self.business_hours or self.domains or self.company_cap)


def waiting(campaign_id: int) -> Subquery:
    """SQL: id, contact and moment of a campaign's messages that a plan may move.

    What is tried again soon after SES said "not now" keeps its own moment; a day after a soft
    bounce the recipient's hours matter again.
    """
    return (
        select(Message.id, Message.contact_id, Message.not_before)
        .where(
            Message.campaign_id == campaign_id,
            Message.state == "queued",
            or_(Message.attempt == 0, Message.error == "soft_bounce"),
        )
        .subquery("waiting")
    )


def clear(tree: Any, ask: build.Question) -> Subquery:
    """SQL: those whom a segment's message would go to, as id and contact."""
    audience = build.audience(tree, ask).subquery("audience")
    return (
        select(audience.c.contact_id.label("id"), audience.c.contact_id)
        .where(audience.c.verdict == build.CLEAR)
        .subquery("waiting")
    )


def count(session: Session, rows: Subquery, grouping: Grouping) -> dict[Group, int]:
    """How many messages are in each group."""
    grouped = _grouped(rows, grouping).subquery("grouped")
    keys = (grouped.c.wave, grouped.c.calendar, grouped.c.domain)
    found = session.execute(select(*keys, func.count()).group_by(*keys))
    return {Group(*row[:3]): row[3] for row in found}


def domains_above(session: Session, rows: Subquery, most: int) -> list[str]:
    """Recipient domains with more than `most` messages."""
    domain = _domain()
    return list(
        session.scalars(
            select(domain)
            .select_from(rows)
            .join(Contact, Contact.id == rows.c.contact_id)
            .group_by(domain)
            .having(func.count() > most)
        )
    )


def write(
    session: Session,
    campaign_id: int,
    grouping: Grouping,
    planned: Sequence[Slot],
    *,
    now: datetime,
) -> None:
    """Give each message the moment of its place in its group's slots.

    A message that may go now is left alone: a million of them are not worth rewriting.
    """
    if not planned:
        return
    _prepare(session)
    grouped = _grouped(waiting(campaign_id), grouping).subquery("grouped")
    keys = (grouped.c.wave, grouped.c.calendar, grouped.c.domain)
    numbered = select(
        grouped.c.id,
        *keys,
        func.row_number().over(partition_by=keys, order_by=grouped.c.place).label("number"),
    ).cte("numbered")
    given = _slots_table(planned)
    slot = (func.width_bucket(numbered.c.number - 1, given.c.ends) + 1).label("slot")
    picked = (
        select(numbered.c.id, numbered.c.number, given.c.ends, given.c.starts, given.c.gaps, slot)
        .join(
            given,
            (given.c.wave == numbered.c.wave)
            & (given.c.calendar == numbered.c.calendar)
            & (given.c.domain == numbered.c.domain),
        )
        .cte("picked")
    )
    before = func.coalesce(picked.c.ends[picked.c.slot - 1], 0)
    within = (picked.c.number - 1 - before) * picked.c.gaps[picked.c.slot]
    moments = select(
        picked.c.id,
        (picked.c.starts[picked.c.slot] + within * text("interval '1 second'")).label("moment"),
    ).cte("moments")
    session.execute(
        update(Message)
        .where(
            Message.id == moments.c.id,
            Message.state == "queued",
            Message.not_before != moments.c.moment,
            or_(Message.not_before > now, moments.c.moment > now),
        )
        .values(not_before=moments.c.moment)
        .execution_options(synchronize_session=False)
    )


def free(session: Session, campaign_id: int, *, now: datetime) -> None:
    """Let everything that a plan holds back go now."""
    rows = waiting(campaign_id)
    session.execute(
        update(Message)
        .where(Message.id == rows.c.id, Message.state == "queued", Message.not_before > now)
        .values(not_before=now)
        .execution_options(synchronize_session=False)
    )


def calendar() -> ColumnElement[str]:
    """SQL over Contact and Company: the key of business_hours.ZONES that holds for a person."""
    # The country of the office; what else speaks for the address matters to the law, not the clock.
    country = func.upper(func.coalesce(Company.country, Contact.countries[1], ""))
    known = country.in_(sorted(business_hours.ZONES))
    return case((known, country), else_=business_hours.DEFAULT_COUNTRY)


def _domain() -> ColumnElement[str]:
    return func.split_part(Contact.email, "@", 2)


def _grouped(rows: Subquery, grouping: Grouping) -> Select[Any]:
    """id, wave, calendar, domain and the place in the order in which people are to get it."""
    order: tuple[ColumnElement[Any], ...] = (rows.c.id,)
    domain: ColumnElement[str] = literal("")
    if grouping.domains:
        domain = case((_domain().in_(sorted(grouping.domains)), _domain()), else_="")
    joined: FromClause = rows.outerjoin(Contact, Contact.id == rows.c.contact_id).outerjoin(
        Company, Company.id == Contact.company_id
    )
    if grouping.engaged_first:
        engaged = _engaged(grouping.now)
        joined = joined.outerjoin(engaged, engaged.c.contact_id == rows.c.contact_id)
        order = (
            func.coalesce(engaged.c.hits, 0).desc(),
            Contact.verified_at.desc().nulls_last(),
            rows.c.id,
        )
    wave: ColumnElement[Any] = literal(0)
    if grouping.company_cap:
        today = _had_today(grouping.now)
        joined = joined.outerjoin(today, today.c.company_id == Contact.company_id)
        place_there = func.row_number().over(partition_by=Contact.company_id, order_by=order)
        had = func.least(func.coalesce(today.c.people, 0), grouping.company_cap, type_=BigInteger)
        rank = place_there - 1 + had
        wave = case((Contact.company_id.is_(None), 0), else_=rank // grouping.company_cap)
    place: ColumnElement[Any] = rows.c.id
    if grouping.engaged_first:
        place = func.row_number().over(order_by=order)
    return select(
        rows.c.id,
        wave.label("wave"),
        (calendar() if grouping.business_hours else literal("")).label("calendar"),
        domain.label("domain"),
        place.label("place"),
    ).select_from(joined)


def _engaged(now: datetime) -> Subquery:
    return (
        select(Message.contact_id, func.count().label("hits"))
        .join(_events, _events.c.message_id == Message.id)
        .where(
            _events.c.kind.in_(("open", "click")),
            _events.c.actor == "human",
            _events.c.at > now - ENGAGED_WITHIN,
            Message.contact_id.is_not(None),
        )
        .group_by(Message.contact_id)
        .subquery("engaged")
    )


def _had_today(now: datetime) -> Subquery:
    """People of each company who were sent something today."""
    return (
        select(Contact.company_id, func.count().label("people"))
        .join(Message, Message.contact_id == Contact.id)
        .where(Message.sent_at >= slots.day_start(now), Message.kind == "campaign")
        .group_by(Contact.company_id)
        .subquery("had_today")
    )


def _slots_table(planned: Sequence[Slot]) -> Any:
    """SQL: per group the cumulated numbers, the moments and the gaps in seconds of its slots."""
    rows: dict[Group, dict[str, Any]] = {}
    for slot in planned:
        group = slot.group
        row = rows.setdefault(
            group,
            {
                "wave": group.wave,
                "calendar": group.calendar,
                "domain": group.domain,
                "ends": [],
                "starts": [],
                "gaps": [],
            },
        )
        row["ends"].append((row["ends"][-1] if row["ends"] else 0) + slot.number)
        row["starts"].append(slot.start.isoformat())
        row["gaps"].append(slot.seconds / slot.number)
    return (
        func.jsonb_to_recordset(cast(literal(list(rows.values()), JSONB), JSONB))
        .table_valued(
            column("wave", Integer),
            column("calendar", TEXT),
            column("domain", TEXT),
            column("ends", ARRAY(BigInteger)),
            column("starts", ARRAY(DateTime(timezone=True))),
            column("gaps", ARRAY(Double)),
            name="given",
        )
        .render_derived(with_types=True)
    )


def _prepare(session: Session) -> None:
    # For this transaction only: a window over a large campaign is sorted in memory.
    session.execute(select(func.set_config("work_mem", "128MB", True)))
