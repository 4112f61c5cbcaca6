"""Taking messages to send: the gate is asked in the statement that takes them.

Two statements in one transaction. The first picks queued messages and holds them, and with a
frequency cap holds their people too; the second, which sees everything committed before those
people were held, asks the gate and moves each message. So of two campaigns that reach for one
person in the same moment, one gets them and the other sees that.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from psycopg import RawCursor
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    DateTime,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.visitors import replacement_traverse

from mailer import gate
from mailer.campaigns.models import Campaign
from mailer.contacts.models import Company, Contact, Source
from mailer.contacts.tracking import tracked
from mailer.sending import clocks, stops
from mailer.sending.envelope import Person
from mailer.sending.models import Message

# A claim takes at most one SES call's worth; the planner is told so.
AT_MOST = 50
# How long a message waits while another one to the same person is being handed over.
WAIT_FOR_ANOTHER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message the gate has just cleared and this process alone holds. Only `Claims` makes one."""

    person: Person
    attempt: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claim took: messages to send, and how many were blocked or must wait."""

    messages: list[Claimed]
    blocked: int

    @property
    def empty(self) -> bool:
        """Whether there was nothing left to take."""
        return not self.messages and not self.blocked


class Claims:
    """Takes messages of one campaign. Built once for a while of sending, since putting the gate's
    expression together costs more than asking it; what it reads is read anew at each claim."""

    def __init__(self, campaign: Campaign, ask: gate.Ask) -> None:
        self._campaign = campaign
        capped = ask.notice is not None and ask.notice.frequency_cap_days > 0
        self._pick = _Statement(_pick(holds_people=capped))
        self._take = _Statement(_take(ask, capped=capped))

    def take(self, session: Session, *, limit: int, now: datetime) -> Claim:
        """Move up to `limit` queued messages to `sending`, or to `blocked` with the gate's reason.

        Nothing is taken unless the campaign is `sending` at that moment and no stop is open.
        Commit, then send.
        """
        common = {"campaign": self._campaign.id, "claimed_now": now}
        picked = self._pick.run(session, **common, at_most=limit)
        if not picked:
            return Claim([], 0)
        rows = self._take.run(
            session,
            **common,
            ids=array_text(message_id for message_id, _ in picked),
            people=array_text(contact_id for _, contact_id in picked),
        )
        messages = [
            Claimed(_person(row, self._campaign), row[1]) for row in rows if row[0] == gate.CLEAR
        ]
        return Claim(messages, blocked=len(rows) - len(messages))


class _Statement:
    """A statement written out once, prepared by the server, and run by the driver as it is.

    Everything but moments and what a claim names is written into it: only with a constant state
    can a plan that is made for all executions use a partial index. The driver's ordinary cursor
    would look through the whole text for its parameters at each run.
    """

    def __init__(self, statement: Any) -> None:
        compiled = _with_constants(statement).compile(
            dialect=_DIALECT, compile_kwargs={"render_postcompile": True}
        )
        self._text = str(compiled).encode()
        self._names = list(compiled.positiontup or ())
        self._values = dict(compiled.params)

    def run(self, session: Session, **values: Any) -> list[tuple[Any, ...]]:
        """The rows. Raises OperationalError of SQLAlchemy, as its own statements do."""
        connection = session.connection()
        driver: Any = connection.connection.driver_connection
        values = {**self._values, **values}
        try:
            cursor = RawCursor(driver).execute(
                self._text, [values[name] for name in self._names], prepare=True
            )
            return cursor.fetchall()
        except psycopg.OperationalError as error:
            if driver.closed:
                connection.invalidate(error)
            raise OperationalError("claim", None, error) from None


_DIALECT = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_NAMED = frozenset({"campaign", "claimed_now", "at_most", "ids", "people"})


def _with_constants(statement: Any) -> Any:
    return replacement_traverse(statement, {}, _constant)


def _constant(element: Any, **_: Any) -> Any:
    """A parameter that stays as it is for as long as the claims are kept, as a literal."""
    if not isinstance(element, BindParameter) or element.key in _NAMED:
        return None
    return None if isinstance(element.value, date) else element.render_literal_execute()


_IN_ARRAY = re.compile(r'(["\\\\])')


def array_text(values: Iterable[int | str | None]) -> str:
    """Values as PostgreSQL writes an array. The driver would look for a type for each of them."""
    return "{" + ",".join([_member(value) for value in values]) + "}"


def _member(value: int | str | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return '"' + _IN_ARRAY.sub(r"\\\1", value) + '"'


def _person(row: Sequence[Any], campaign: Campaign) -> Person:
    """In the order in which a claim answers."""
    *person, opens, clicks = row[2:]
    tracked_by_campaign = (campaign.track_opens and opens, campaign.track_clicks and clicks)
    return Person(*[*person, *tracked_by_campaign])


def _campaign_id() -> ColumnElement[int]:
    return bindparam("campaign", None, type_=BigInteger)


def _now() -> ColumnElement[datetime]:
    return bindparam("claimed_now", None, type_=DateTime(timezone=True))


def _may_be_sent() -> ColumnElement[bool]:
    """SQL: whether anything of the campaign may leave at this moment, by the clocks of both."""
    sending = exists().where(Campaign.id == _campaign_id(), Campaign.state == "sending")
    return and_(sending, stops.none_open(), clocks.agrees(_now()))


def _pick(*, holds_people: bool) -> Select[Any]:
    """The messages that are next, held until the end of the transaction."""
    queued = (
        select(Message.id, Message.contact_id, Message.not_before)
        .where(
            Message.campaign_id == _campaign_id(),
            Message.state == "queued",
            Message.not_before <= _now(),
            _may_be_sent(),
        )
        .order_by(Message.not_before, Message.id)
        # Known when the statement is planned for all its executions, unlike the limit below.
        .limit(AT_MOST)
        .with_for_update(skip_locked=True, of=Message)
    )
    if holds_people:
        # Whoever holds the person is about to send to them; the message is met again later.
        held = func.pg_try_advisory_xact_lock(-Message.contact_id)
        queued = queued.where(or_(Message.contact_id.is_(None), held))
    picked = queued.subquery("picked")
    return select(picked.c.id, picked.c.contact_id).limit(
        bindparam("at_most", None, type_=BigInteger)
    )


def _take(ask: gate.Ask, *, capped: bool) -> ReturningUpdate[Any]:
    picked = (
        func.unnest(
            cast(bindparam("ids", None, type_=Text), ARRAY(BigInteger)),
            cast(bindparam("people", None, type_=Text), ARRAY(BigInteger)),
        )
        .table_valued("id", "contact_id", name="picked")
        .render_derived()
    )
    asking = gate.scope(
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
    )
    # Else the planner would write the gate's expression out at each of its uses.
    asked = _with_constants(asking).cte("asked").prefix_with("MATERIALIZED")
    clear = asked.c.verdict == gate.CLEAR
    changes: dict[str, Any] = {
        "verdict": asked.c.verdict,
        "state": case((clear, "sending"), else_="blocked"),
        "claimed_at": _now(),
        "attempt": Message.attempt + 1,
    }
    if capped:
        changes = _unless(_must_wait(asked), changes)
    return (
        update(Message)
        .where(Message.id == asked.c.id, Message.state == "queued", _may_be_sent())
        .values(**changes)
        .returning(
            asked.c.verdict,
            Message.attempt,
            # From here on in the order of Person.
            Message.id,
            Message.contact_id,
            asked.c.email,
            asked.c.address_key,
            Message.language,
            asked.c.first_name,
            asked.c.last_name,
            func.coalesce(asked.c.company_name, ""),
            asked.c.title,
            func.coalesce(Message.duties["function"].astext, ""),
            asked.c.shared_mailbox,
            asked.c.source_kind,
            asked.c.source_name,
            asked.c.source_date,
            asked.c.art14_informed_at.is_not(None),
            asked.c.track_opens,
            asked.c.track_clicks,
        )
    )


def _must_wait(asked: Any) -> ColumnElement[bool]:
    """SQL: capped by a message that is being handed over and may yet turn out not to leave."""
    other = aliased(Message)
    under_way = (
        exists()
        .where(other.contact_id == Message.contact_id, other.state == "sending")
        .correlate_except(other)
    )
    return and_(asked.c.verdict == "frequency_cap", under_way)


def _unless(waits: ColumnElement[bool], changes: dict[str, Any]) -> dict[str, Any]:
    """The changes, or just a later moment for what must wait."""
    kept = {name: case((waits, getattr(Message, name)), else_=to) for name, to in changes.items()}
    return kept | {"not_before": case((waits, _now() + WAIT_FOR_ANOTHER), else_=Message.not_before)}
