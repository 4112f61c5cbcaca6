"""The warm-up of a new sender domain: so many messages a day, more after each good day.

Mailbox providers distrust a domain that nobody knows and that sends much at once. A domain starts
its warm-up when it is first seen in the notice; it follows TABLE by itself and stays where it is
after a day with too many hard bounces or complaints. Days are calendar days in Helsinki.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from sqlalchemy import ColumnElement, column, exists, func, or_, select, table, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer import audit
from mailer.campaigns.models import Campaign, SenderDomain
from mailer.languages import N_, TIMEZONE
from mailer.sending.models import ACCEPTED, Message
from mailer.sending.plan_models import WarmupDay
from mailer.sending.slots import day_of

# Messages on each day that something is sent. Like the ramps that mailbox and sending services
# advise: about double each time, a small first day, no limit after two working weeks.
TABLE = (200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 80_000, 150_000)
# One hard bounce in so many, one complaint in so many: stricter than the brake, whose limits are
# those at which Amazon SES looks at the account, because here the mailbox providers still decide.
BOUNCES_PER = 100 / 3
COMPLAINTS_PER = 1_250
BOUNCES_FROM = 100
HELD = {
    "bounces": N_("More than 3 % of the day's messages could not be delivered."),
    "complaints": N_("More than 0.08 % of the day's messages were reported as spam."),
}

# Above this module, so named here and not imported.
_events = table("events", column("message_id"), column("kind"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one day's messages of a domain."""

    accepted: int
    bounced: int
    complained: int


@dataclass(frozen=True, slots=True)
class Day:
    """One line of a warm-up as it went. `held`: a key of HELD."""

    day: date
    most: int
    outcome: Outcome
    held: str | None


@dataclass(frozen=True, slots=True)
class Warmup:
    """A domain's warm-up, the last day first; `ahead` are the figures after it."""

    domain: str
    days: list[Day]
    ahead: tuple[int, ...]


def trouble(outcome: Outcome) -> str | None:
    """Why a day's outcome must not be followed by a larger day; a key of HELD."""
    if outcome.accepted >= BOUNCES_FROM and outcome.bounced * BOUNCES_PER > outcome.accepted:
        return "bounces"
    # One complaint among a few hundred says nothing; two do.
    enough = outcome.accepted >= COMPLAINTS_PER or outcome.complained >= 2
    if enough and outcome.complained * COMPLAINTS_PER > outcome.accepted:
        return "complaints"
    return None


def coming(step: int, *, held: bool) -> tuple[int, ...]:
    """The figures of the coming sending days, the first for today."""
    figures = TABLE[step:]
    return (figures[0], *figures) if held and figures else figures


def figures(session: Session, domain: str) -> tuple[int, ...] | None:
    """The figures of a domain's coming sending days, or None when it is not in a warm-up."""
    known = session.get(SenderDomain, domain)
    if known is None or not known.warming:
        return None
    last = _last_day(session, domain)
    return coming(last.step, held=last.held is not None) if last else TABLE


def turn(session: Session, *, now: datetime) -> list[str]:
    """Begin the day of every domain in warm-up, and note a bad one; the domains that changed."""
    domains = session.scalars(
        select(SenderDomain)
        .where(SenderDomain.warming)
        .order_by(SenderDomain.domain)
        .with_for_update()
    ).all()
    return [domain.domain for domain in domains if _turn(session, domain, now)]


def _turn(session: Session, domain: SenderDomain, now: datetime) -> bool:
    today = day_of(now)
    last = _last_day(session, domain.domain)
    if last is None:
        session.add(WarmupDay(domain=domain.domain, day=today, step=0))
        session.flush()
        return True
    outcome = outcomes(session, domain.domain, since=last.day).get(last.day, Outcome(0, 0, 0))
    before = last.held
    last.held = last.held or trouble(outcome)
    if last.day >= today:
        session.flush()
        return last.held != before
    if not outcome.accepted:
        # Nothing was sent: the line is still to be used.
        last.day = today
    elif last.held is None and last.step + 1 >= len(TABLE):
        domain.warming = False
        audit.record(session, "domain.warmed_up", "domain", None, now=now, domain=domain.domain)
    else:
        step = last.step if last.held else last.step + 1
        session.add(WarmupDay(domain=domain.domain, day=today, step=step))
    session.flush()
    return True


def begin(session: Session, domain: str, *, now: datetime, actor_id: int) -> bool:
    """Put a domain into warm-up from the first line. False for an unknown domain."""
    return _set(session, domain, True, now=now, actor_id=actor_id)


def end(session: Session, domain: str, *, now: datetime, actor_id: int) -> bool:
    """Let a domain send without a warm-up, on a person's word. False for an unknown domain."""
    return _set(session, domain, False, now=now, actor_id=actor_id)


def _set(session: Session, domain: str, warming: bool, *, now: datetime, actor_id: int) -> bool:
    found = session.scalar(
        update(SenderDomain)
        .where(SenderDomain.domain == domain, SenderDomain.warming.is_(not warming))
        .values(warming=warming)
        .returning(SenderDomain.domain)
    )
    if found is None:
        return False
    if warming:
        values = {"domain": domain, "day": day_of(now), "step": 0, "held": None}
        session.execute(
            insert(WarmupDay)
            .values(values)
            .on_conflict_do_update(index_elements=["domain", "day"], set_={"step": 0, "held": None})
        )
    action = "domain.warmup_begun" if warming else "domain.warmup_ended"
    audit.record(session, action, "domain", None, now=now, actor_id=actor_id, domain=domain)
    return True


def of(session: Session, domain: str, *, most_days: int = 14) -> Warmup:
    """How a domain's warm-up has gone."""
    rows = session.scalars(
        select(WarmupDay)
        .where(WarmupDay.domain == domain)
        .order_by(WarmupDay.day.desc())
        .limit(most_days)
    ).all()
    if not rows:
        return Warmup(domain, [], TABLE)
    found = outcomes(session, domain, since=rows[-1].day)
    days = [
        Day(row.day, TABLE[row.step], found.get(row.day, Outcome(0, 0, 0)), row.held)
        for row in rows
    ]
    return Warmup(domain, days, coming(rows[0].step, held=rows[0].held is not None)[1:])


def outcomes(session: Session, domain: str, *, since: date) -> dict[date, Outcome]:
    """What came of a domain's messages, by the day on which Amazon SES accepted them."""
    start = datetime.combine(since, time(), TIMEZONE)
    day = func.date(func.timezone(str(TIMEZONE), Message.sent_at))

    def has(kind: str) -> ColumnElement[bool]:
        return (
            exists()
            .where(_events.c.message_id == Message.id, _events.c.kind == kind)
            .correlate(Message)
        )

    rows = session.execute(
        select(
            day,
            func.count(),
            func.count().filter(has("hard_bounce")),
            func.count().filter(has("complaint")),
        )
        .where(
            Message.campaign_id.in_(campaigns_of(session, domain, since=start)),
            Message.sent_at >= start,
            Message.state.in_(ACCEPTED),
        )
        .group_by(day)
    )
    return {row[0]: Outcome(*row[1:]) for row in rows}


def campaigns_of(session: Session, domain: str, *, since: datetime) -> Sequence[int]:
    """Campaigns of a domain that can have sent something since a moment.

    By them what a new domain sent is found, without a look at what all the others sent.
    """
    return session.scalars(
        select(Campaign.id).where(
            of_domain(domain),
            or_(Campaign.finished_at.is_(None), Campaign.finished_at >= since),
            Campaign.state.not_in(("draft", "waiting_for_approval", "scheduled", "starting")),
        )
    ).all()


def of_domain(domain: str) -> ColumnElement[bool]:
    """SQL: the campaign is sent from the domain."""
    return func.split_part(Campaign.sender_address, "@", 2) == domain


def _last_day(session: Session, domain: str) -> WarmupDay | None:
    return session.scalar(
        select(WarmupDay).where(WarmupDay.domain == domain).order_by(WarmupDay.day.desc()).limit(1)
    )
