"""Opens and clicks: where a link leads, what of a hit may be kept, and keeping it.

Recording follows the notice in force at the moment of the hit and what the person has said, also
for old mail: the pixel and the links always answer, and record nothing where nothing may be
recorded. No IP address is kept, and of the user agent a coarse class only.
"""

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign, Link
from mailer.contacts.models import Contact, Suppression
from mailer.events.actors import RULESET, Hit, judge
from mailer.events.models import Event, HitCount
from mailer.notice import switches
from mailer.notice.schema import Notice
from mailer.sending.delivery import tracked
from mailer.sending.models import Message

KINDS = ("open", "click")
# One message's link, asked for again and again, must not fill the database.
MOST_HITS = 500


@dataclass(frozen=True, slots=True)
class Received:
    """A hit as it came in: of which message, and the hit."""

    message_id: int
    hit: Hit

    def encode(self) -> str:
        """One line for the stream: ids and classes, nothing personal."""
        hit = self.hit
        fields = (
            hit.key,
            hit.kind,
            str(self.message_id),
            str(hit.link_id or 0),
            str(int(hit.at.timestamp() * 1000)),
            hit.client,
            " ".join(sorted(hit.signals)),
        )
        return ",".join(fields)


def decode(line: str) -> Received:
    """The hit in a line of the stream. Raises ValueError."""
    key, kind, message_id, link_id, at, client, signals = line.split(",")
    if kind not in KINDS or not key:
        raise ValueError("kind")
    moment = datetime.fromtimestamp(int(at) / 1000, UTC)
    hit = Hit(key, kind, moment, int(link_id) or None, client, frozenset(signals.split()))
    return Received(int(message_id), hit)


def new_key() -> str:
    """A key for a hit: one hit is one event however often it is handed on."""
    return f"hit:{secrets.token_hex(8)}"


def destination(session: Session, link_id: int) -> tuple[int, str] | None:
    """The campaign and address of a frozen link."""
    row = session.execute(select(Link.campaign_id, Link.url).where(Link.id == link_id)).first()
    return (row.campaign_id, row.url) if row else None


def campaigns_of(session: Session, first: int, last: int) -> list[tuple[int, int, int]]:
    """Runs of message ids from `first` to `last` that belong to one campaign each: (first, last,
    campaign). A frozen audience is one long run."""
    rows = session.execute(
        text(
            "SELECT min(id), max(id), campaign_id FROM ("
            " SELECT id, campaign_id, id - row_number() OVER (PARTITION BY campaign_id ORDER BY id)"
            " AS run FROM messages WHERE id BETWEEN :first AND :last AND campaign_id IS NOT NULL"
            ") AS numbered GROUP BY campaign_id, run ORDER BY 1"
        ),
        {"first": first, "last": last},
    )
    return [(row[0], row[1], row[2]) for row in rows]


def record(session: Session, received: Iterable[Received], *, now: datetime) -> int:
    """Keep what may be kept of hits; how many are new. Repeating a hit changes nothing."""
    new = 0
    for notice, hits in _by_notice(session, list(received), now):
        if notice is not None and not notice.opens.mode == notice.clicks.mode == "off":
            new += _record(session, notice, hits)
    return new


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
            Event.message_id.in_(message_ids),
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
        of_campaign = own_links.get(each.hit.link_id or 0) == subject.campaign_id
        if each.hit.kind == "click" and not of_campaign:
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
            Message.delivered_at,
            and_(Campaign.track_opens, tracked(notice, "opens")).label("opens"),
            and_(Campaign.track_clicks, tracked(notice, "clicks")).label("clicks"),
            stopped_at.label("stopped_at"),
            hits.label("hits"),
        )
        .join(Campaign, Campaign.id == Message.campaign_id)
        .join(Contact, Contact.id == Message.contact_id)
        .where(
            Message.id.in_(message_ids),
            Message.kind == "campaign",
            Contact.erased_at.is_(None),
            Contact.restricted_at.is_(None),
        )
    )
    return {
        row.id: _Subject(
            row.campaign_id,
            row.contact_id,
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
    rows = []
    counted = Counter({i: subject.hits for i, subject in subjects.items()})
    for each in kept:
        counted[each.message_id] += 1
        if counted[each.message_id] > MOST_HITS:
            continue
        rows.append(
            {
                "message_id": each.message_id,
                "campaign_id": subjects[each.message_id].campaign_id,
                "kind": each.hit.kind,
                "at": each.hit.at,
                "link_id": each.hit.link_id,
                "actor": "unknown",
                "details": {"client": each.hit.client, "signals": sorted(each.hit.signals)},
                "dedupe_key": each.hit.key,
            }
        )
    if not rows:
        return 0
    added = session.scalars(
        insert(Event)
        .on_conflict_do_nothing(index_elements=[Event.dedupe_key])
        .returning(Event.message_id),
        rows,
    ).all()
    reclassify(session, set(added))
    return len(added)


def _add_last_dates(session: Session, kept: list[Received], subjects: dict[int, _Subject]) -> int:
    """The date, not the time, of a person's last hit: one row each, overwritten (CNIL 2026-042)."""
    last: dict[tuple[int, str], Received] = {}
    for each in kept:
        if _alone(each, subjects) == "machine":
            continue
        key = (subjects[each.message_id].contact_id, each.hit.kind)
        if key not in last or last[key].hit.at < each.hit.at:
            last[key] = each
    for (contact_id, kind), each in last.items():
        day = each.hit.at.replace(hour=0, minute=0, second=0, microsecond=0)
        statement = insert(Event).values(
            message_id=each.message_id,
            kind=kind,
            at=day,
            actor="unknown",
            dedupe_key=f"last_{kind}:{contact_id}",
        )
        session.execute(
            statement.on_conflict_do_update(
                index_elements=[Event.dedupe_key],
                set_={"at": day, "message_id": each.message_id},
                where=Event.at < day,
            )
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
