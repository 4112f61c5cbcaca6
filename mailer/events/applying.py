"""Applying notifications: find the messages, add the events, move the ledger, suppress.

What each kind of event does is one table, mailer.events.effects.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, BigInteger, any_, cast, select, text
from sqlalchemy.orm import Session

from mailer.contacts import suppression
from mailer.contacts.address import AddressError, address_key, canonical
from mailer.contacts.models import Contact
from mailer.contacts.suppression import Entry, Finding
from mailer.events import answers, journal
from mailer.events.effects import EFFECTS
from mailer.events.journal import NewEvent
from mailer.events.ledger_moves import Known, Target, move
from mailer.events.ses_events import Happening
from mailer.events.verdicts import reclassify
from mailer.sending.models import Message


@dataclass(frozen=True, slots=True)
class Arrival:
    """The happenings of one notification and when it came."""

    raw_id: int
    received_at: datetime
    happenings: Sequence[Happening]


def apply(session: Session, arrivals: Sequence[Arrival], *, now: datetime) -> dict[int, str]:
    """Apply notifications; by raw id `applied`, `unknown` (no such message yet) or `busy`.

    A message that somebody else holds locked just now makes its notifications `busy`: waiting for
    the lock could deadlock with a sender.
    """
    found = _Found(session, arrivals)
    outcomes: dict[int, str] = {}
    known: list[Known] = []
    for arrival in arrivals:
        outcome, messages = found.of(arrival)
        outcomes[arrival.raw_id] = outcome
        if outcome == "applied":
            known += [
                Known(message, happening, arrival.received_at)
                for message, happening in zip(messages, arrival.happenings, strict=True)
            ]
    if known:
        fresh = journal.add(session, [_event(each) for each in known])
        move(session, known)
        _suppress(session, [each for each in known if each.happening.dedupe_key in fresh], now)
        reclassify(session, {m.id for m, happening, _ in known if happening.kind == "delivery"})
    return outcomes


def _event(known: Known) -> NewEvent:
    message, happening, _received_at = known
    return NewEvent(
        message.id,
        message.campaign_id,
        happening.kind,
        happening.at,
        happening.dedupe_key,
        details=happening.details,
        moment_is_its_own=happening.at_is_its_own,
    )


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
            .where(Message.id == any_(cast(sorted(wanted), ARRAY(BigInteger))))
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


def _suppress(session: Session, fresh: Sequence[Known], now: datetime) -> None:
    # A colleague's test copy says nothing about a recipient of marketing.
    told = [
        (known, kind)
        for known in fresh
        if (kind := EFFECTS[known.happening.kind].suppression) is not None
        and known.target.kind == "campaign"
    ]
    contacts = _keys_of_contacts(session, {known.target.contact_id for known, _ in told})
    findings = []
    for known, kind in told:
        keys = contacts.get(known.target.contact_id or 0, _Keys())
        if kind == "optout":
            _opt_out(session, known, keys, now)
            continue
        findings += [
            Finding(
                entry,
                kind,
                " ".join(
                    filter(None, (known.happening.kind, known.happening.details.get("subtype")))
                ),
                known.target.campaign_id,
                known.target.id,
            )
            for entry in _entries(kind, known.happening, keys)
        ]
    suppression.suppress_all(session, findings, origin="ses_event", now=now)


class _Keys(NamedTuple):
    """What a contact is suppressed by."""

    address: bytes | None = None
    person: bytes | None = None


def _keys_of_contacts(session: Session, ids: Collection[int | None]) -> dict[int, _Keys]:
    if not ids:
        return {}
    rows = session.execute(
        select(Contact.id, Contact.address_key, Contact.person_key).where(
            Contact.id.in_([i for i in ids if i is not None])
        )
    )
    return {row.id: _Keys(row.address_key, row.person_key) for row in rows}


def _entries(kind: str, happening: Happening, contact: _Keys) -> list[Entry]:
    recipient = _key(happening.recipient)
    # A bounce is about the mailbox that bounced, and the contact may have another one by now; a
    # complaint is a person's objection and holds for all we know of them.
    if kind != "complaint" and recipient is not None:
        return [Entry("address", recipient)]
    keys = [("address", recipient), ("address", contact.address)]
    if kind == "complaint":
        keys.append(("person", contact.person))
    return [Entry(scope, key) for scope, key in dict.fromkeys(keys) if key is not None]


def _opt_out(session: Session, known: Known, contact: _Keys, now: datetime) -> None:
    key = _key(known.happening.recipient) or contact.address
    if key is not None:
        answers.opt_out(session, known.target.id, key, origin="ses_event", now=now)


def _key(recipient: str) -> bytes | None:
    try:
        return address_key(canonical(recipient))
    except AddressError:
        return None
