"""What an event of Amazon SES does to its message, to the contact and to the suppression list.

EFFECTS is the one table. Order and repetition do not matter: a message's state only rises (along
mailer.sending.models.TRANSITIONS), and the suppression of an event is made with its row in
`events`, so a repeated event does nothing, not even when a person has undone their opt-out since.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.contacts import suppression
from mailer.contacts.address import AddressError, address_key, canonical
from mailer.contacts.models import Contact
from mailer.contacts.suppression import Entry
from mailer.events import answers, links
from mailer.events.models import Event
from mailer.events.ses_events import Happening
from mailer.languages import N_
from mailer.sending.models import ACCEPTED, TRANSITIONS, Message


@dataclass(frozen=True, slots=True)
class Effect:
    """`state`: what the message becomes; `suppression`: the kind of entry for its recipient."""

    label: str
    state: str | None = None
    suppression: str | None = None


EFFECTS: Mapping[str, Effect] = {
    "send": Effect(N_("Accepted by Amazon SES"), state="sent"),
    "delivery": Effect(N_("Delivered"), state="delivered"),
    "hard_bounce": Effect(N_("Bounced for good"), state="bounced", suppression="hard_bounce"),
    "listed": Effect(
        N_("Not tried: on Amazon SES's suppression list"),
        state="bounced",
        suppression="ses_account_list",
    ),
    "unsubscribed": Effect(N_("Not tried: opted out"), state="bounced", suppression="optout"),
    # Also automatic replies: whether a mailbox is full or its owner away, nothing follows from one.
    "soft_bounce": Effect(N_("Bounced for now")),
    "complaint": Effect(N_("Reported as spam"), state="complained", suppression="complaint"),
    "not_spam": Effect(N_("Reported as not spam")),
    "auth_failure": Effect(N_("Failed the receiver's authentication check")),
    "reject": Effect(N_("Refused by Amazon SES"), state="failed"),
    "rendering_failure": Effect(N_("Could not be put together"), state="failed"),
    "delay": Effect(N_("Delayed")),
    # SES's own subscription lists are not used; if one speaks all the same, it is heeded.
    "subscription": Effect(N_("Opted out at Amazon SES"), suppression="optout"),
}
# Of two states that events give a message, the later one stands.
_RISING = ("sent", "failed", "delivered", "bounced", "complained")


@dataclass(frozen=True, slots=True)
class Arrival:
    """The happenings of one notification and when it came."""

    raw_id: int
    received_at: datetime
    happenings: Sequence[Happening]


class Target(NamedTuple):
    """The message an event is about, as it was when it was locked."""

    id: int
    kind: str
    state: str
    campaign_id: int | None
    contact_id: int | None
    sent_at: datetime | None


def settle(state: str, told: Iterable[str]) -> str:
    """The state of a message in `state` of which events tell the states `told`.

    >>> settle("sending", ["delivered", "sent"])
    'delivered'
    """
    best = max((s for s in (state, *told) if s in _RISING), key=_RISING.index, default=state)
    return best if best in TRANSITIONS[state] else state


def apply(session: Session, arrivals: Sequence[Arrival], *, now: datetime) -> dict[int, str]:
    """Apply notifications; by raw id `applied`, `unknown` (no such message yet) or `busy`.

    A message that somebody else holds locked just now makes its notifications `busy`: waiting for
    the lock could deadlock with a sender.
    """
    found = _Found(session, arrivals)
    outcomes: dict[int, str] = {}
    known: list[tuple[Target, Happening, datetime]] = []
    for arrival in arrivals:
        outcome, messages = found.of(arrival)
        outcomes[arrival.raw_id] = outcome
        if outcome == "applied":
            known += [
                (message, happening, arrival.received_at)
                for message, happening in zip(messages, arrival.happenings, strict=True)
            ]
    if known:
        fresh = _insert(session, known)
        _move(session, known)
        _suppress(session, [entry for entry in known if entry[1].dedupe_key in fresh], now)
        delivered = {m.id for m, happening, _ in known if happening.kind == "delivery"}
        links.reclassify(session, delivered)
    return outcomes


class _Found:
    """The messages that notifications are about, locked."""

    def __init__(self, session: Session, arrivals: Sequence[Arrival]) -> None:
        happenings = [h for arrival in arrivals for h in arrival.happenings]
        wanted = {h.message_id for h in happenings if h.message_id is not None}
        self._by_ses_id = _find_untagged(session, happenings)
        wanted |= set(self._by_ses_id.values())
        rows = session.execute(
            select(
                Message.id,
                Message.kind,
                Message.state,
                Message.campaign_id,
                Message.contact_id,
                Message.sent_at,
            )
            .where(Message.id.in_(wanted))
            .order_by(Message.id)
            .with_for_update(skip_locked=True, key_share=True)
        ).all()
        self._rows = {row.id: Target(*row) for row in rows}
        self._busy: set[int] = set()
        if missing := wanted - self._rows.keys():
            self._busy = set(session.scalars(select(Message.id).where(Message.id.in_(missing))))

    def of(self, arrival: Arrival) -> tuple[str, list[Target]]:
        ids = [
            h.message_id if h.message_id is not None else self._by_ses_id.get(h.ses_message_id)
            for h in arrival.happenings
        ]
        if any(message_id in self._busy for message_id in ids):
            return "busy", []
        rows = [self._rows[i] for i in ids if i is not None and i in self._rows]
        if len(rows) < len(ids):
            return "unknown", []
        return "applied", rows


def _find_untagged(session: Session, happenings: Iterable[Happening]) -> dict[str, int]:
    # Identity notifications and a few events lack our tag. SES's own id is not indexed, since it
    # is written for every message and looked for so rarely: the time of acceptance narrows it down.
    untagged = [h for h in happenings if h.message_id is None and h.ses_message_id]
    if not untagged:
        return {}
    rows = session.execute(
        text(
            "SELECT ses_message_id, max(id) AS id FROM messages"
            " WHERE ses_message_id = ANY(CAST(:ids AS text[]))"
            " AND sent_at BETWEEN CAST(:first AS timestamptz) - interval '10 minutes'"
            " AND CAST(:last AS timestamptz) + interval '10 minutes' GROUP BY ses_message_id"
        ),
        {
            "ids": sorted({h.ses_message_id for h in untagged}),
            "first": min(h.accepted_at for h in untagged),
            "last": max(h.accepted_at for h in untagged),
        },
    )
    return {row.ses_message_id: row.id for row in rows}


def _insert(session: Session, known: Sequence[tuple[Target, Happening, datetime]]) -> set[str]:
    """Add the events; the keys of those that were not there before."""
    added = session.scalars(
        insert(Event)
        .on_conflict_do_nothing(index_elements=[Event.dedupe_key])
        .returning(Event.dedupe_key),
        [
            {
                "message_id": message.id,
                "campaign_id": message.campaign_id,
                "kind": happening.kind,
                "at": happening.at,
                "actor": "ses",
                "details": dict(happening.details),
                "dedupe_key": happening.dedupe_key,
            }
            for message, happening, _ in known
        ],
    )
    return set(added)


class _Told:
    """What the events of one message say about it, together."""

    def __init__(self, message: Target) -> None:
        self.message = message
        self.states: set[str] = set()
        self.accepted_at: datetime | None = None
        self.ses_message_id: str | None = None
        self.confirmed_at: datetime | None = None
        self.delivered_at: datetime | None = None
        self.reason: str | None = None

    def add(self, happening: Happening, received_at: datetime) -> None:
        effect = EFFECTS[happening.kind]
        if effect.state is not None:
            self.states.add(effect.state)
        if effect.state in ("failed", "bounced", "complained"):
            self.reason = happening.kind
        if effect.state in ACCEPTED:
            self.accepted_at = happening.accepted_at
            self.ses_message_id = happening.ses_message_id or None
        if happening.kind == "send":
            self.confirmed_at = _earlier(self.confirmed_at, received_at)
        if happening.kind == "delivery":
            self.delivered_at = _earlier(self.delivered_at, happening.at)


def _earlier(known: datetime | None, other: datetime) -> datetime:
    return other if known is None else min(known, other)


_MOVE = text(
    """
    UPDATE messages AS m SET
        state = t.state,
        error = CASE WHEN t.state = m.state THEN m.error ELSE t.reason END,
        sent_at = coalesce(m.sent_at, t.accepted_at),
        ses_message_id = coalesce(m.ses_message_id, t.ses_message_id),
        confirmed_at = least(m.confirmed_at, t.confirmed_at),
        delivered_at = least(m.delivered_at, t.delivered_at)
    FROM unnest(
        CAST(:ids AS bigint[]), CAST(:was AS text[]), CAST(:states AS text[]),
        CAST(:reasons AS text[]), CAST(:accepted AS timestamptz[]), CAST(:ses_ids AS text[]),
        CAST(:confirmed AS timestamptz[]), CAST(:delivered AS timestamptz[])
    ) AS t(id, was, state, reason, accepted_at, ses_message_id, confirmed_at, delivered_at)
    WHERE m.id = t.id AND m.state = t.was
    """
)


def _move(session: Session, known: Sequence[tuple[Target, Happening, datetime]]) -> None:
    told: dict[int, _Told] = {}
    for message, happening, received_at in known:
        told.setdefault(message.id, _Told(message)).add(happening, received_at)
    moves = list(told.values())
    after = [settle(each.message.state, each.states) for each in moves]
    session.execute(
        _MOVE,
        {
            "ids": [each.message.id for each in moves],
            "was": [each.message.state for each in moves],
            "states": after,
            "reasons": [each.reason for each in moves],
            "accepted": [each.accepted_at for each in moves],
            "ses_ids": [each.ses_message_id for each in moves],
            "confirmed": [each.confirmed_at for each in moves],
            "delivered": [each.delivered_at for each in moves],
        },
    )
    _note_contacted(
        session,
        [
            (each.message.contact_id, each.accepted_at)
            for each in moves
            if each.message.sent_at is None
            and each.accepted_at is not None
            and each.message.contact_id is not None
        ],
    )


def _note_contacted(session: Session, contacted: list[tuple[int, datetime]]) -> None:
    """What the sender notes when SES answers, for messages whose acceptance an event tells."""
    if not contacted:
        return
    session.execute(
        text(
            """
            UPDATE contacts AS c SET
                last_marketing_at = greatest(c.last_marketing_at, t.at),
                art14_informed_at = coalesce(c.art14_informed_at, t.at)
            FROM (SELECT id, max(at) AS at FROM unnest(
                CAST(:ids AS bigint[]), CAST(:moments AS timestamptz[])
            ) AS u(id, at) GROUP BY id) AS t
            WHERE c.id = t.id
            """
        ),
        {"ids": [i for i, _ in contacted], "moments": [at for _, at in contacted]},
    )


def _suppress(
    session: Session,
    fresh: Sequence[tuple[Target, Happening, datetime]],
    now: datetime,
) -> None:
    for message, happening, _ in fresh:
        kind = EFFECTS[happening.kind].suppression
        # A colleague's test copy says nothing about a recipient of marketing.
        if kind is None or message.kind != "campaign":
            continue
        if kind == "optout":
            _opt_out(session, message, happening, now)
            continue
        suppression.suppress(
            session,
            _entries(session, kind, message, happening),
            kind,
            origin="ses_event",
            now=now,
            evidence=" ".join(filter(None, (happening.kind, happening.details.get("subtype")))),
            campaign_id=message.campaign_id,
            message_id=message.id,
        )


def _entries(session: Session, kind: str, message: Target, happening: Happening) -> list[Entry]:
    recipient = _key(happening.recipient)
    contact = session.execute(
        select(Contact.address_key, Contact.person_key).where(Contact.id == message.contact_id)
    ).one_or_none()
    # A bounce is about the mailbox that bounced, and the contact may have another one by now; a
    # complaint is a person's objection and holds for all we know of them.
    if kind != "complaint" and recipient is not None:
        return [Entry("address", recipient)]
    keys = [("address", recipient)]
    if contact is not None:
        keys.append(("address", contact.address_key))
    if contact is not None and kind == "complaint":
        keys.append(("person", contact.person_key))
    return [Entry(scope, key) for scope, key in dict.fromkeys(keys) if key is not None]


def _opt_out(session: Session, message: Target, happening: Happening, now: datetime) -> None:
    key = _key(happening.recipient)
    if key is None:
        key = session.scalar(select(Contact.address_key).where(Contact.id == message.contact_id))
    if key is not None:
        answers.opt_out(session, message.id, key, origin="ses_event", now=now)


def _key(recipient: str) -> bytes | None:
    try:
        return address_key(canonical(recipient))
    except AddressError:
        return None
