"""Writing down who made a hit: a person, a machine, or nobody can tell."""

from collections.abc import Collection, Sequence

from sqlalchemy import ARRAY, BigInteger, any_, cast, func, select, text
from sqlalchemy.orm import Session

from mailer.campaigns.models import Link
from mailer.events.actors import RULESET, Hit, judge
from mailer.events.links import KINDS
from mailer.events.models import Event
from mailer.sending.models import Message


def reclassify(session: Session, message_ids: Collection[int]) -> None:
    """Judge all hits of messages anew, with every hit and the time of delivery known by now."""
    if not message_ids:
        return
    events = session.execute(
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
            select(func.count())
            .where(Link.campaign_id == Message.campaign_id, Link.language == Message.language)
            .correlate(Message)
            .scalar_subquery()
            .label("links"),
        )
        .join(Message, Message.id == Event.message_id)
        .where(
            Event.message_id == any_(cast(sorted(message_ids), ARRAY(BigInteger))),
            Event.kind.in_(KINDS),
            Event.dedupe_key.startswith("hit:"),
        )
    ).all()
    by_message: dict[int, list[int]] = {}
    for index, event in enumerate(events):
        by_message.setdefault(event.message_id, []).append(index)
    changed: list[tuple[int, str, str]] = []
    for indexes in by_message.values():
        rows = [events[index] for index in indexes]
        hits = [
            Hit(
                row.dedupe_key,
                row.kind,
                row.at,
                row.link_id,
                str(row.details.get("client", "")),
                frozenset(row.details.get("signals", ())),
            )
            for row in rows
        ]
        verdicts = judge(hits, delivered_at=rows[0].delivered_at, links=rows[0].links)
        for row in rows:
            verdict = verdicts[row.dedupe_key]
            if (row.actor, tuple(row.reasons), row.ruleset_version) != (
                verdict.actor,
                verdict.reasons,
                RULESET,
            ):
                changed.append((row.id, verdict.actor, ",".join(verdict.reasons)))
    _write_verdicts(session, changed)


def _write_verdicts(session: Session, changed: Sequence[tuple[int, str, str]]) -> None:
    if not changed:
        return
    session.execute(
        text(
            "UPDATE events AS e SET actor = v.actor, ruleset_version = :ruleset,"
            " reasons = CASE v.reasons WHEN '' THEN '{}'"
            " ELSE string_to_array(v.reasons, ',') END"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:actors AS text[]),"
            " CAST(:reasons AS text[])) AS v(id, actor, reasons) WHERE e.id = v.id"
        ),
        {
            "ruleset": RULESET,
            "ids": [row[0] for row in changed],
            "actors": [row[1] for row in changed],
            "reasons": [row[2] for row in changed],
        },
    )
