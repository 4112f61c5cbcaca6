"""Keeping opens and clicks, as far as they may be kept.

Recording follows the notice in force at the moment of the hit and what the person has said, also
for old mail: the pixel and the links always answer, and record nothing where nothing may be
recorded. No IP address is kept, and of the user agent a coarse class only; whether two hits of one
message came from one place on one day can be told, and not from where (mailer.events.origins).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, and_, any_, cast, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign, Link
from mailer.contacts.models import Contact, Suppression
from mailer.contacts.tracking import tracked
from mailer.events import journal, marks
from mailer.events.actors import judge
from mailer.events.journal import NewEvent
from mailer.events.links import KINDS, Received
from mailer.events.models import Event, HitCount
from mailer.events.origins import within
from mailer.events.patterns import Hit
from mailer.events.verdicts import hold, reclassify
from mailer.notice import switches
from mailer.notice.schema import Notice
from mailer.sending.models import Message

# One message's link, asked for again and again, must not fill the database. Beyond this, each
# client is kept once an hour for each link: a person who comes after a machine is still seen.
MOST_HITS = 500
MOST_HITS_EVER = 2 * MOST_HITS


def record(session: Session, received: Iterable[Received], *, now: datetime) -> int:
    """Keep what may be kept of hits; how many are new. Repeating a hit changes nothing."""
    new = 0
    for notice, hits in _by_notice(session, list(received), now):
        if notice is not None and not notice.opens.mode == notice.clicks.mode == "off":
            new += _record(session, notice, hits)
    return new


def _by_notice(
    session: Session, received: list[Received], now: datetime
) -> list[tuple[Notice | None, list[Received]]]:
    """Hits with the notice that was in force when they came. One group but on the day of a new
    version."""
    version = switches.version_in_force(session, now)
    if version is None or not received:
        return []
    starts = version.effective_from or now
    current = [each for each in received if each.hit.at >= starts]
    groups = [(switches.in_force(session, now), current)] if current else []
    groups += [
        (switches.in_force(session, each.hit.at), [each])
        for each in received
        if each.hit.at < starts
    ]
    return groups


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is known of the message of a hit, when its recipient may be recorded at all."""

    campaign_id: int
    contact_id: int
    domain_key: bytes
    delivered_at: datetime | None
    opens: bool
    clicks: bool
    stopped_at: datetime | None
    hits: int

    def allows(self, hit: Hit) -> bool:
        # Whoever has objected to marketing is not profiled for it any more (GDPR 21(3)).
        if self.stopped_at is not None and hit.at >= self.stopped_at:
            return False
        return self.opens if hit.kind == "open" else self.clicks


def _record(session: Session, notice: Notice, received: list[Received]) -> int:
    subjects = _subjects(session, notice, {each.message_id for each in received})
    own_links = _own_links(session, {e.hit.link_id for e in received if e.hit.link_id is not None})
    kept: dict[str, list[Received]] = {}
    for each in received:
        subject = subjects.get(each.message_id)
        if subject is None or not subject.allows(each.hit):
            continue
        link_id = each.hit.link_id
        if link_id is not None and own_links.get(link_id) != subject.campaign_id:
            continue
        mode = (notice.opens if each.hit.kind == "open" else notice.clicks).mode
        kept.setdefault(mode, []).append(each)
    new = _add_individual(session, kept.get("individual", []), subjects)
    new += _add_last_dates(session, kept.get("last_date_only", []), subjects)
    return new + _add_counts(session, kept.get("aggregate", []), subjects)


def _subjects(
    session: Session, notice: Notice, message_ids: Collection[int]
) -> dict[int, _Subject]:
    stopped_at = (
        select(func.min(Suppression.at))
        .where(
            or_(
                Suppression.key == Contact.address_key,
                Suppression.key == Contact.person_key,
            ),
            Suppression.kind.in_(["optout", "complaint"]),
            Suppression.lifted_at.is_(None),
        )
        .correlate(Contact)
        .scalar_subquery()
    )
    hits = (
        select(func.count())
        .where(Event.message_id == Message.id, Event.kind.in_(KINDS))
        .correlate(Message)
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            Message.id,
            Message.campaign_id,
            Message.contact_id,
            Contact.domain_key,
            Message.delivered_at,
            and_(Campaign.track_opens, tracked(notice, "opens")).label("opens"),
            and_(Campaign.track_clicks, tracked(notice, "clicks")).label("clicks"),
            stopped_at.label("stopped_at"),
            hits.label("hits"),
        )
        .join(Campaign, Campaign.id == Message.campaign_id)
        .join(Contact, Contact.id == Message.contact_id)
        .where(
            Message.id == any_(cast(sorted(message_ids), ARRAY(BigInteger))),
            Message.kind == "campaign",
            Contact.erased_at.is_(None),
            Contact.restricted_at.is_(None),
        )
    )
    return {
        row.id: _Subject(
            row.campaign_id,
            row.contact_id,
            row.domain_key,
            row.delivered_at,
            row.opens,
            row.clicks,
            row.stopped_at,
            row.hits,
        )
        for row in rows
    }


def _own_links(session: Session, link_ids: Collection[int]) -> dict[int, int]:
    if not link_ids:
        return {}
    rows = session.execute(select(Link.id, Link.campaign_id).where(Link.id.in_(link_ids)))
    return {row.id: row.campaign_id for row in rows}


def _add_individual(session: Session, kept: list[Received], subjects: dict[int, _Subject]) -> int:
    if not kept:
        return 0
    hold(session, {each.message_id for each in kept})
    received = {each.hit.key: each for each in _without_floods(session, kept, subjects)}
    added = journal.add(session, [_event(e, subjects[e.message_id]) for e in received.values()])
    new = [received[key] for key in added]
    crowd = marks.note(
        session,
        [marks.Seen(e.hit, e.message_id, subjects[e.message_id].domain_key) for e in new],
    )
    reclassify(session, {each.message_id for each in new} | crowd)
    return len(new)


def _event(each: Received, subject: _Subject) -> NewEvent:
    hit = each.hit
    details: dict[str, Any] = {"client": hit.client, "signals": sorted(hit.signals)}
    if hit.origin is not None:
        details["network"] = within(each.message_id, hit.network)
        details["agent"] = within(each.message_id, hit.agent)
    return NewEvent(
        each.message_id,
        subject.campaign_id,
        hit.kind,
        hit.at,
        hit.key,
        actor="unknown",
        link_id=hit.link_id,
        details=details,
    )


def _without_floods(
    session: Session, kept: list[Received], subjects: dict[int, _Subject]
) -> Iterator[Received]:
    counted = Counter({i: subject.hits for i, subject in subjects.items()})
    arriving = Counter(each.message_id for each in kept)
    flooded = [i for i, number in arriving.items() if counted[i] + number > MOST_HITS]
    known = _known(session, flooded)
    for each in kept:
        mark = _flood_mark(each)
        if counted[each.message_id] >= MOST_HITS and mark in known:
            continue
        if counted[each.message_id] >= MOST_HITS_EVER:
            continue
        counted[each.message_id] += 1
        known.add(mark)
        yield each


_FloodMark = tuple[int, str, int | None, str, str, str, datetime]


def _flood_mark(each: Received) -> _FloodMark:
    hit = each.hit
    hour = hit.at.replace(minute=0, second=0, microsecond=0)
    network, agent = (
        (within(each.message_id, hit.network), within(each.message_id, hit.agent))
        if hit.origin is not None
        else ("", "")
    )
    return (each.message_id, hit.kind, hit.link_id, hit.client, network, agent, hour)


def _known(session: Session, message_ids: list[int]) -> set[_FloodMark]:
    """Who has already been at flooded messages, by link and hour."""
    if not message_ids:
        return set()
    rows = session.execute(
        select(
            Event.message_id,
            Event.kind,
            Event.link_id,
            func.coalesce(Event.details["client"].astext, ""),
            func.coalesce(Event.details["network"].astext, ""),
            func.coalesce(Event.details["agent"].astext, ""),
            func.date_trunc("hour", Event.at, "UTC"),
        )
        .where(Event.message_id.in_(message_ids), Event.kind.in_(KINDS))
        .distinct()
    )
    return {(m, k, link, c, n, a, at) for m, k, link, c, n, a, at in rows}


def _add_last_dates(session: Session, kept: list[Received], subjects: dict[int, _Subject]) -> int:
    """The date, not the time, of a person's last hit: one row each, overwritten (CNIL 2026-042)."""
    last: dict[tuple[int, str], Received] = {}
    for each in kept:
        if _alone(each, subjects) == "machine":
            continue
        key = (subjects[each.message_id].contact_id, each.hit.kind)
        if key not in last or last[key].hit.at < each.hit.at:
            last[key] = each
    days = {
        f"last_{kind}:{contact_id}": (
            each.message_id,
            kind,
            each.hit.at.replace(hour=0, minute=0, second=0, microsecond=0),
        )
        for (contact_id, kind), each in last.items()
    }
    if days:
        # The day is part of the row's key, so two workers could each leave one.
        journal.lock(session, "last_dates")
        known = dict(
            session.execute(
                select(Event.dedupe_key, Event.at).where(Event.dedupe_key.in_(days))
            ).all()
        )
        later = {key: row for key, row in days.items() if key not in known or known[key] < row[2]}
        session.execute(delete(Event).where(Event.dedupe_key.in_(later)))
        journal.add(
            session,
            [
                NewEvent(message_id, None, kind, day, key, actor="unknown")
                for key, (message_id, kind, day) in later.items()
            ],
        )
    return len(last)


def _add_counts(session: Session, kept: list[Received], subjects: dict[int, _Subject]) -> int:
    """Numbers of hits per hour and link: nobody can be told from them."""
    counted = Counter(
        (
            subjects[each.message_id].campaign_id,
            each.hit.kind,
            _alone(each, subjects),
            each.hit.at.replace(minute=0, second=0, microsecond=0),
            each.hit.link_id or 0,
        )
        for each in kept
    )
    for (campaign_id, kind, actor, hour, link_id), hits in sorted(counted.items()):
        statement = insert(HitCount).values(
            campaign_id=campaign_id, kind=kind, actor=actor, hour=hour, link_id=link_id, hits=hits
        )
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["campaign_id", "kind", "actor", "hour", "link_id"],
                set_={"hits": HitCount.hits + hits},
            )
        )
    return len(kept)


def _alone(each: Received, subjects: dict[int, _Subject]) -> str:
    """The verdict over one hit by itself, where others of the same person are not kept."""
    delivered_at = subjects[each.message_id].delivered_at
    return judge([each.hit], delivered_at=delivered_at, links=0)[each.hit.key].actor
