"""What takes room besides the campaign that is planned: sent lately, and planned by others."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, literal, select
from sqlalchemy.orm import Session

from mailer.adapters.pace import Quota
from mailer.campaigns.models import Campaign
from mailer.contacts.models import Contact
from mailer.languages import TIMEZONE
from mailer.sending import warmup
from mailer.sending.models import Message
from mailer.sending.slots import DAY_HOURS, HOUR, Limits, Load, day_of, day_start, hour_of


def read(
    session: Session,
    campaign_id: int,
    sender_domain: str,
    limits: Limits,
    quota: Quota | None,
    *,
    now: datetime,
) -> Load:
    """Only what the limits ask for is read."""
    hours = _planned_hours(session, campaign_id, now) if limits.rate or limits.per_day else {}
    sent = _sent_hours(session, quota, now) if limits.per_day else {}
    domains = _domain_hours(session, campaign_id, limits.caps, now) if limits.caps else {}
    days = _warmup_days(session, campaign_id, sender_domain, now) if limits.warmup else {}
    return Load(sent=sent, hours=hours, domains=domains, days=days)


def planned_between(
    session: Session, campaign_id: int, start: datetime, end: datetime, *, now: datetime
) -> int:
    """Messages that other campaigns under way have waiting to go in a stretch of time."""
    hours = _planned_hours(session, campaign_id, now)
    return sum(number for hour, number in hours.items() if start <= hour < end)


def _others(
    session: Session, campaign_id: int, sender_domain: str | None = None
) -> ColumnElement[bool]:
    """SQL: waits in another campaign that is under way (from a sender's domain).

    By their ids, so that only the small index of what is queued is read.
    """
    under_way = select(Campaign.id).where(Campaign.state == "sending", Campaign.id != campaign_id)
    if sender_domain is not None:
        under_way = under_way.where(warmup.of_domain(sender_domain))
    ids = session.scalars(under_way).all()
    return and_(Message.state == "queued", Message.campaign_id.in_(ids))


def _planned_hours(session: Session, campaign_id: int, now: datetime) -> dict[datetime, int]:
    hour = _hour(func.greatest(Message.not_before, literal(now)))
    rows = session.execute(
        select(hour, func.count()).where(_others(session, campaign_id)).group_by(hour)
    )
    return {hour_of(row[0]): row[1] for row in rows}


def _sent_hours(session: Session, quota: Quota | None, now: datetime) -> dict[datetime, int]:
    hour = _hour(Message.sent_at)
    since = hour_of(now) - HOUR * (DAY_HOURS - 1)
    rows = session.execute(
        select(hour, func.count()).where(Message.sent_at >= since).group_by(hour)
    )
    found: dict[datetime, int] = defaultdict(int, {hour_of(row[0]): row[1] for row in rows})
    # What others send through the account; nobody knows when, so it stays for a day.
    unknown = int(quota.used) - sum(found.values()) if quota else 0
    found[hour_of(now)] += max(0, unknown)
    return found


def _domain_hours(
    session: Session, campaign_id: int, domains: Collection[str], now: datetime
) -> Mapping[tuple[str, datetime], int]:
    domain = func.split_part(Contact.email, "@", 2)
    found: dict[tuple[str, datetime], int] = defaultdict(int)
    # Apart, because each has a small index of its own.
    for moment, which in (
        (Message.sent_at, Message.sent_at >= hour_of(now)),
        (func.greatest(Message.not_before, literal(now)), _others(session, campaign_id)),
    ):
        hour = _hour(moment)
        rows = session.execute(
            select(domain, hour, func.count())
            .join(Contact, Contact.id == Message.contact_id)
            .where(which, domain.in_(sorted(domains)))
            .group_by(domain, hour)
        )
        for name, begins, number in rows:
            found[name, hour_of(begins)] += number
    return found


def _warmup_days(
    session: Session, campaign_id: int, sender_domain: str, now: datetime
) -> Mapping[date, int]:
    moment = func.greatest(Message.not_before, literal(now))
    day = func.date(func.timezone(str(TIMEZONE), moment))
    rows = session.execute(
        select(day, func.count()).where(_others(session, campaign_id, sender_domain)).group_by(day)
    )
    found: dict[date, int] = defaultdict(int, {row[0]: row[1] for row in rows})
    found[day_of(now)] += _sent_today(session, sender_domain, now)
    return found


def _sent_today(session: Session, sender_domain: str, now: datetime) -> int:
    """What has left today or is on its way."""
    today = day_start(now)
    of_domain = Message.campaign_id.in_(warmup.campaigns_of(session, sender_domain, since=today))
    # Apart, because each has a small index of its own.
    sent = select(func.count()).where(of_domain, Message.sent_at >= today)
    open_ones = select(func.count()).where(
        of_domain,
        Message.state.in_(("sending", "uncertain")),
        Message.claimed_at >= today,
    )
    return (session.scalar(sent) or 0) + (session.scalar(open_ones) or 0)


def _hour(moment: ColumnElement[datetime] | object) -> ColumnElement[datetime]:
    hour: ColumnElement[datetime] = func.date_trunc("hour", moment, "UTC")
    return hour
