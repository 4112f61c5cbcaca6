"""How far a campaign's sending is, read from the ledger: numbers, pace, and who got it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.contacts.models import Company, Contact
from mailer.segments.fields import CAMPAIGN_STATES
from mailer.sending.models import Message

# Every state of the ledger is in exactly one list, and segments can ask for each.
LISTS = {
    "got": CAMPAIGN_STATES["got"],
    "unknown": CAMPAIGN_STATES["open"],
    "not": CAMPAIGN_STATES["missed"],
}
# The pace is measured over this long.
PACE_SECONDS = 60
_MANY = 2_000


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many messages of a campaign are in each state, and how many left in the last minute."""

    states: dict[str, int]
    blocked: dict[str, int]
    per_minute: int = 0

    def of(self, *states: str) -> int:
        """How many are in any of the states."""
        return sum(self.states.get(state, 0) for state in states)

    def in_list(self, name: str) -> int:
        """How many are in a list of LISTS."""
        return self.of(*LISTS[name])

    @property
    def audience(self) -> int:
        """Messages the gate let through when the audience was frozen, less those blocked since."""
        return sum(self.states.values()) - self.of("blocked")

    @property
    def done(self) -> int:
        """Messages with which nothing more will be done by sending."""
        return self.audience - self.of("queued", "sending")


@dataclass(frozen=True, slots=True)
class Line:
    """One person on a list of who got a message."""

    message_id: int
    contact_id: int | None
    first_name: str
    last_name: str
    email: str
    company: str
    state: str
    verdict: str
    sent_at: datetime | None


def numbers(session: Session, campaign_id: int, *, now: datetime) -> Numbers:
    """Where the messages of a campaign stand."""
    rows = session.execute(
        select(Message.state, Message.verdict, func.count())
        .where(Message.campaign_id == campaign_id)
        .group_by(Message.state, Message.verdict)
    ).all()
    states: dict[str, int] = {}
    blocked: dict[str, int] = {}
    for state, verdict, count in rows:
        states[state] = states.get(state, 0) + count
        if state == "blocked":
            blocked[verdict or "erased"] = blocked.get(verdict or "erased", 0) + count
    recent = session.scalar(
        select(func.count()).where(
            Message.campaign_id == campaign_id,
            Message.sent_at > now - timedelta(seconds=PACE_SECONDS),
        )
    )
    ordered = dict(sorted(blocked.items(), key=lambda item: -item[1]))
    return Numbers(states, ordered, per_minute=recent or 0)


def sent_of(session: Session, campaign_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """For each campaign: how many got it, and how many were to."""
    rows = session.execute(
        select(
            Message.campaign_id,
            func.count().filter(Message.state.in_(LISTS["got"])),
            func.count().filter(Message.state != "blocked"),
        )
        .where(Message.campaign_id.in_(campaign_ids))
        .group_by(Message.campaign_id)
    )
    return {int(campaign_id or 0): (got, wanted) for campaign_id, got, wanted in rows}


def lines(
    session: Session, campaign_id: int, name: str, *, after: int = 0, limit: int = 50
) -> list[Line]:
    """People on a list of LISTS, by message id from `after` on."""
    rows = session.execute(
        select(
            Message.id,
            Message.contact_id,
            func.coalesce(Contact.first_name, ""),
            func.coalesce(Contact.last_name, ""),
            func.coalesce(Contact.email, ""),
            func.coalesce(Company.name, ""),
            Message.state,
            func.coalesce(Message.verdict, ""),
            Message.sent_at,
        )
        .outerjoin(Contact, Contact.id == Message.contact_id)
        .outerjoin(Company, Company.id == Contact.company_id)
        .where(
            Message.campaign_id == campaign_id,
            Message.state.in_(LISTS[name]),
            Message.id > after,
        )
        .order_by(Message.id)
        .limit(limit)
    )
    return [Line(*row) for row in rows]


def all_lines(session: Session, campaign_id: int, name: str) -> Iterator[Line]:
    """Everybody on a list, a few at a time."""
    after = 0
    while found := lines(session, campaign_id, name, after=after, limit=_MANY):
        yield from found
        after = found[-1].message_id
