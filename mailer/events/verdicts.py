"""Writing down who made a hit: a person, a machine, or nobody can tell.

The statement gathers all hits of the messages asked for, mailer.events.actors judges each message
by itself, and what changed is written in one go. The hit itself is never changed.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Row, any_, cast, func, select, text
from sqlalchemy.orm import Session

from mailer.campaigns.models import Link
from mailer.events.actors import judge
from mailer.events.links import KINDS
from mailer.events.models import Event
from mailer.events.patterns import Hit
from mailer.events.rules import RULESET
from mailer.sending.models import Message


class _Changed(NamedTuple):
    id: int
    at: datetime
    actor: str
    reasons: str


def hold(session: Session, message_ids: Collection[int]) -> None:
    """Let nobody else add hits of messages, tell of their delivery or judge them until the end of
    the transaction: two who each saw half of a burst would both take it for a person's."""
    session.execute(
        select(Message.id)
        .where(Message.id == any_(cast(sorted(message_ids), ARRAY(BigInteger))))
        .order_by(Message.id)
        .with_for_update(key_share=True)
    )


def reclassify(session: Session, message_ids: Collection[int]) -> None:
    """Judge all hits of messages anew, with every hit and the time of delivery known by now."""
    if not message_ids:
        return
    hold(session, message_ids)
    changed = [
        change
        for _message_id, rows in groupby(_gather(session, message_ids), key=lambda r: r.message_id)
        for change in _judge(list(rows))
    ]
    _write_verdicts(session, changed)


def _gather(session: Session, message_ids: Collection[int]) -> Sequence[Row[Any]]:
    links = (
        select(func.count())
        .where(Link.campaign_id == Message.campaign_id, Link.language == Message.language)
        .correlate(Message)
        .scalar_subquery()
    )
    return session.execute(
        select(
            Event.id,
            Event.message_id,
            Event.kind,
            Event.at,
            Event.link_id,
            Event.actor,
            Event.reasons,
            Event.ruleset_version,
            Event.details,
            Event.dedupe_key,
            Message.delivered_at,
            links.label("links"),
        )
        .join(Message, Message.id == Event.message_id)
        .where(
            Event.message_id == any_(cast(sorted(message_ids), ARRAY(BigInteger))),
            Event.kind.in_(KINDS),
            Event.dedupe_key.startswith("hit:"),
        )
        .order_by(Event.message_id)
    ).all()


def _judge(rows: Sequence[Row[Any]]) -> Iterator[_Changed]:
    verdicts = judge(
        [_hit(row) for row in rows], delivered_at=rows[0].delivered_at, links=rows[0].links
    )
    for row in rows:
        verdict = verdicts[row.dedupe_key]
        known = (row.actor, tuple(row.reasons), row.ruleset_version)
        if known != (verdict.actor, verdict.reasons, RULESET):
            yield _Changed(row.id, row.at, verdict.actor, ",".join(verdict.reasons))


def _hit(row: Row[Any]) -> Hit:
    details = row.details
    return Hit(
        row.dedupe_key,
        row.kind,
        row.at,
        row.link_id,
        str(details.get("client", "")),
        frozenset(details.get("signals", ())),
        str(details.get("network", "")),
        str(details.get("agent", "")),
    )


def _write_verdicts(session: Session, changed: Sequence[_Changed]) -> None:
    if not changed:
        return
    # In one order always, so that two who write at once wait and do not block each other.
    ordered = sorted(changed)
    session.execute(
        text(
            "UPDATE events AS e SET actor = v.actor, ruleset_version = :ruleset,"
            " reasons = CASE v.reasons WHEN '' THEN '{}'"
            " ELSE string_to_array(v.reasons, ',') END"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:moments AS timestamptz[]),"
            " CAST(:actors AS text[]), CAST(:reasons AS text[])) AS v(id, at, actor, reasons)"
            " WHERE e.id = v.id AND e.at = v.at"
        ),
        {
            "ruleset": RULESET,
            "ids": [change.id for change in ordered],
            "moments": [change.at for change in ordered],
            "actors": [change.actor for change in ordered],
            "reasons": [change.reasons for change in ordered],
        },
    )
