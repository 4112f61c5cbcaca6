"""When each message of a campaign goes: the plan is `messages.not_before` and nothing else.

Made when the audience is frozen and again when what it rests on changes: the quota, the caps, a
day of a warm-up, a closing time that came before the work was done. Opt-outs and all other rules of
whether a message goes are the claim's matter.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Subquery, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.adapters.pace import SHARE, Quota
from mailer.campaigns.facts import Forecast
from mailer.campaigns.models import Campaign
from mailer.contacts.address import domain_key
from mailer.contacts.models import Company, Contact
from mailer.languages import N_
from mailer.sending import business_hours, caps, plan_load, plan_rows, slots, warmup
from mailer.sending.caps import Caps
from mailer.sending.plan_models import CampaignPlan
from mailer.sending.plan_rows import Grouping
from mailer.sending.slots import Allocation, Group, Limits

LIMITS = {
    "hours": N_("Each message goes in the business hours of its recipient."),
    "quota": N_("Amazon SES's 24-hour quota spreads the sending over days."),
    "warmup": N_("The sender's domain is new: its daily number grows step by step."),
    "domain": N_("Large mailbox providers get only so many messages an hour."),
    "company": N_("Only so many people of one company get the message in one day."),
    "horizon": N_("It cannot be done within a year with these limits."),
}
# Room in the 24-hour quota for test messages and for the edges of hours.
QUOTA_SHARE = 0.98
# A sending that is this late has lost its plan: what it missed must not come on top of the rest.
BEHIND = timedelta(minutes=10)
_LATE_MATTERS = frozenset({"quota", "warmup", "domain", "company"})
_LOCK = 0x706C616E


@dataclass(frozen=True, slots=True)
class _Terms:
    limits: Limits
    caps: Caps
    hours: bool

    @property
    def basis(self) -> dict[str, Any]:
        """What the plan rests on, as JSON."""
        return {
            "hours": self.hours,
            "rate": self.limits.rate,
            "per_day": self.limits.per_day,
            "warmup": list(self.limits.warmup) if self.limits.warmup is not None else None,
            "caps": dict(self.caps.domains),
            "others": self.caps.others,
            "company": self.caps.company,
        }

    @property
    def are_none(self) -> bool:
        """Whether nothing says when a message may go, except the send rate."""
        limited = self.hours or self.limits.per_day or self.limits.warmup is not None
        return not (limited or self.caps.domains or self.caps.others or self.caps.company)


def make(
    session: Session, campaign: Campaign, quota: Quota | None, *, now: datetime
) -> CampaignPlan | None:
    """Plan what is queued. None when nothing limits it: then all of it may go now.

    Locks out other plans until the transaction ends, since they share the quota and the caps.
    """
    terms = _terms(session, campaign, quota, spread=campaign.spread_days)
    if terms.are_none:
        _forget(session, campaign.id, now=now)
        return None
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    rows = plan_rows.waiting(campaign.id)
    allocation, grouping = _allocate(session, campaign, rows, terms, quota, now=now, start=now)
    plan_rows.write(session, campaign.id, grouping, allocation.slots, now=now)
    values = {
        "made_at": now,
        "ends_at": allocation.ends_at,
        "days": [[day.isoformat(), number] for day, number in allocation.by_day()],
        "limits": sorted(allocation.limits),
        "basis": {
            "terms": terms.basis,
            "calendars": sorted({slot.group.calendar for slot in allocation.slots} - {""}),
        },
    }
    session.execute(
        insert(CampaignPlan)
        .values(campaign_id=campaign.id, **values)
        .on_conflict_do_update(index_elements=[CampaignPlan.campaign_id], set_=values)
    )
    return session.get_one(CampaignPlan, campaign.id, populate_existing=True)


def forecast(
    session: Session,
    campaign: Campaign,
    rows: Subquery,
    quota: Quota | None,
    *,
    now: datetime,
    starts_at: datetime | None = None,
    people: int | None = None,
) -> Forecast:
    """What the plan of a campaign would come to if it were to begin; `rows`: plan_rows.clear.

    The quota always counts: without consent to several days nothing over it can be sent at all.
    `people`: how many rows there are, if that is known already.
    """
    start = max(starts_at or now, now)
    terms = _terms(session, campaign, quota, spread=True)
    found, _ = _allocate(session, campaign, rows, terms, quota, now=now, start=start, people=people)
    return Forecast(found.ends_at, found.by_day(), found.limits)


def of(session: Session, campaign_id: int) -> Forecast | None:
    """The forecast of the last planning; None when nothing limits the campaign or it is over."""
    found = session.get(CampaignPlan, campaign_id, populate_existing=True)
    if found is None or found.ends_at is None:
        return None
    days = [(date.fromisoformat(day), int(number)) for day, number in found.days]
    return Forecast(found.ends_at, days, frozenset(found.limits))


def stale(session: Session, quota: Quota | None, *, now: datetime) -> list[int]:
    """Campaigns under way whose plan no longer holds."""
    under_way = session.scalars(
        select(Campaign)
        .where(Campaign.state == "sending", Campaign.launched_at.is_not(None))
        .order_by(Campaign.launched_at, Campaign.id)
    ).all()
    return [campaign.id for campaign in under_way if _is_stale(session, campaign, quota, now=now)]


def remake(session: Session, campaign_id: int, quota: Quota | None, *, now: datetime) -> bool:
    """Plan a campaign anew unless it is not sending, or somebody is changing it just now."""
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    campaign = session.scalar(
        select(Campaign)
        .where(Campaign.id == campaign_id, Campaign.state == "sending")
        .with_for_update(key_share=True, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if campaign is None:
        return False
    make(session, campaign, quota, now=now)
    return True


def sender_domain(campaign: Campaign) -> str:
    """The domain whose name the campaign is sent under."""
    return campaign.sender_address.rpartition("@")[2]


def _terms(session: Session, campaign: Campaign, quota: Quota | None, *, spread: bool) -> _Terms:
    known = caps.in_force(session)
    known = Caps(_caps_in_reach(session, known.domains), known.others, known.company)
    rate = quota.rate * SHARE if quota and quota.rate > 0 else None
    per_day = quota.per_day if quota and spread and quota.per_day >= 1 else None
    limits = Limits(
        rate=rate,
        per_day=max(1, int(per_day * QUOTA_SHARE)) if per_day is not None else None,
        warmup=warmup.figures(session, sender_domain(campaign)),
    )
    return _Terms(limits, known, campaign.business_hours)


def _caps_in_reach(session: Session, domains: Any) -> dict[str, int]:
    """The caps that the register is large enough to meet: found by an index, they spare a campaign
    to companies' own domains from being looked through."""
    keys = {domain_key(domain): domain for domain in domains}
    rows = session.execute(
        select(Contact.domain_key, func.count())
        .where(Contact.domain_key.in_(list(keys)))
        .group_by(Contact.domain_key)
    )
    return {keys[key]: domains[keys[key]] for key, number in rows if number > domains[keys[key]]}


def _allocate(
    session: Session,
    campaign: Campaign,
    rows: Subquery,
    terms: _Terms,
    quota: Quota | None,
    *,
    now: datetime,
    start: datetime,
    people: int | None = None,
) -> tuple[Allocation, Grouping]:
    domains = dict(terms.caps.domains)
    if terms.caps.others:
        for domain in plan_rows.domains_above(session, rows, terms.caps.others):
            domains.setdefault(domain, terms.caps.others)
    grouping = Grouping(
        business_hours=terms.hours,
        domains=frozenset(domains),
        company_cap=terms.caps.company,
        engaged_first=terms.limits.warmup is not None,
        now=start,
    )
    limits = Limits(terms.limits.rate, terms.limits.per_day, domains, terms.limits.warmup)
    if people is not None and grouping.is_trivial:
        groups = {Group(): people}
    else:
        groups = plan_rows.count(session, rows, grouping)
    load = plan_load.read(session, campaign.id, sender_domain(campaign), limits, quota, now=now)
    return slots.allocate(groups, limits, load, now=start), grouping


def _forget(session: Session, campaign_id: int, *, now: datetime) -> None:
    gone = session.scalar(
        delete(CampaignPlan)
        .where(CampaignPlan.campaign_id == campaign_id)
        .returning(CampaignPlan.campaign_id)
    )
    if gone is not None:
        plan_rows.free(session, campaign_id, now=now)


def _is_stale(session: Session, campaign: Campaign, quota: Quota | None, *, now: datetime) -> bool:
    terms = _terms(session, campaign, quota, spread=campaign.spread_days)
    made = session.get(CampaignPlan, campaign.id, populate_existing=True)
    if made is None:
        return not terms.are_none
    if made.basis["terms"] != terms.basis:
        return True
    late = made.made_at < now - BEHIND and _LATE_MATTERS.intersection(made.limits)
    if late and _any_due(session, campaign.id, before=now - BEHIND):
        return True
    closed = business_hours.closed(made.basis["calendars"], now)
    return bool(closed) and _any_due(session, campaign.id, before=now, calendars=closed)


def _any_due(
    session: Session, campaign_id: int, *, before: datetime, calendars: Collection[str] = ()
) -> bool:
    """Whether something waits that should have gone before a moment (to these calendars)."""
    rows = plan_rows.waiting(campaign_id)
    due = select(rows.c.id).where(rows.c.not_before <= before).limit(1)
    if calendars:
        due = (
            due.outerjoin(Contact, Contact.id == rows.c.contact_id)
            .outerjoin(Company, Company.id == Contact.company_id)
            .where(plan_rows.calendar().in_(sorted(calendars)))
        )
    return session.scalar(due) is not None
