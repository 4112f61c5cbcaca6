"""Keeping our list and Amazon SES's account-level list alike, without ever taking anything off.

What Amazon lists is read into ours as keyed hashes: mail to it would be taken and not sent. What
bounced or complained elsewhere goes to Amazon only where SES_LIST_HANDOVER says so, because then
addresses leave. Opt-outs never do: Amazon knows no reason for them, and its list would also stop
what is no marketing. A reading is whole or nothing: whatever fails leaves our list as it was.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import Session, aliased, sessionmaker

from mailer.adapters import ses_suppressions
from mailer.adapters.ses_suppressions import Reason, SesListError
from mailer.config import Settings
from mailer.contacts.address import AddressError, canonical
from mailer.contacts.models import Contact, Suppression, SuppressionSync
from mailer.contacts.suppression import Entry, Finding, of_address, suppress, suppress_all
from mailer.db import transaction

KIND = "ses_account_list"
ORIGIN = "ses_list"
HANDED_OVER = "handed_over"
# Now and then everything is read again, since a list may be changed by other hands.
_ALL_AGAIN = timedelta(days=7)
# Amazon's clock and ours need not agree, and an address may have been listed while we read.
_OVERLAP = timedelta(days=1)
_KEPT = timedelta(days=90)
_MOST_HANDED_OVER = 500
_CHUNK = 5000
_REASONS: dict[str, Reason] = {"hard_bounce": "BOUNCE", "complaint": "COMPLAINT"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: entries read, new on our list, handed over, and SES's code if it failed."""

    read: int = 0
    added: int = 0
    handed_over: int = 0
    failure: str | None = None


def sync(sessions: sessionmaker[Session], settings: Settings, *, now: datetime) -> Outcome:
    """Read Amazon's list into ours, and hand over what may be; the outcome is kept."""
    with sessions() as session:
        since = _since(session, now)
    try:
        found, read = _read(settings, since)
    except SesListError as error:
        outcome = Outcome(failure=str(error))
        with transaction(sessions) as session:
            _keep(session, outcome, since, now, finished=False)
        return outcome
    with transaction(sessions) as session:
        added = sum(
            suppress_all(session, chunk, origin=ORIGIN, now=now) for chunk in _chunks(found)
        )
    handed, failure = _hand_over(sessions, settings, now) if settings.ses_list_handover else (0, "")
    outcome = Outcome(read, added, handed, failure or None)
    with transaction(sessions) as session:
        # A handover that was broken off does not make the reading worth less.
        _keep(session, outcome, since, now, finished=True)
    return outcome


def last(session: Session) -> SuppressionSync | None:
    """The last time Amazon's list was asked for."""
    return session.scalar(select(SuppressionSync).order_by(SuppressionSync.id.desc()).limit(1))


def _since(session: Session, now: datetime) -> datetime | None:
    """From when on Amazon's list is read; None for all of it."""
    went_well = SuppressionSync.finished_at.is_not(None)
    newest = select(SuppressionSync.started_at).order_by(SuppressionSync.id.desc()).limit(1)
    whole = session.scalar(newest.where(went_well, SuppressionSync.since.is_(None)))
    if whole is None or whole < now - _ALL_AGAIN:
        return None
    started = session.scalar(newest.where(went_well))
    return (started or whole) - _OVERLAP


def _read(settings: Settings, since: datetime | None) -> tuple[dict[Entry, Finding], int]:
    """What Amazon lists, as keyed hashes, and how many lines that was. Raises SesListError."""
    found: dict[Entry, Finding] = {}
    read = 0
    for page in ses_suppressions.read(settings, since=since):
        for listed in page:
            read += 1
            try:
                entry = of_address(canonical(listed.address))
            except AddressError:  # nobody could be mailed there either
                continue
            found[entry] = Finding(entry, KIND, listed.reason)
    return found, read


def _hand_over(
    sessions: sessionmaker[Session], settings: Settings, now: datetime
) -> tuple[int, str]:
    """Put on Amazon's list what is on ours because of the address; how many, and why it ended."""
    with sessions() as session:
        waiting = _waiting(session)
    done: list[Entry] = []
    failure = ""
    with ses_suppressions.Handover(settings) as handover:
        for address, key, kind in waiting:
            try:
                handover.put(address, _REASONS[kind])
            except SesListError as error:
                # Throttled or refused: the next time goes on from here.
                failure = str(error)
                break
            done.append(Entry("address", key))
    with transaction(sessions) as session:
        suppress(session, done, KIND, origin=ORIGIN, now=now, evidence=HANDED_OVER)
    return len(done), failure


def _waiting(session: Session) -> list[tuple[str, bytes, str]]:
    """Addresses of the register that bounced or complained and are not on Amazon's list."""
    there = aliased(Suppression)
    listed: ColumnElement[bool] = exists().where(
        there.key == Suppression.key, there.kind == KIND, there.lifted_at.is_(None)
    )
    rows = session.execute(
        select(Contact.email, Contact.address_key, Suppression.kind)
        .join(Suppression, Suppression.key == Contact.address_key)
        .where(
            Suppression.kind.in_(_REASONS),
            Suppression.scope == "address",
            Suppression.lifted_at.is_(None),
            ~listed,
            Contact.erased_at.is_(None),
            Contact.restricted_at.is_(None),
        )
        .order_by(Suppression.id)
        .limit(_MOST_HANDED_OVER)
    )
    return [(row.email, row.address_key, row.kind) for row in rows]


def _keep(
    session: Session, outcome: Outcome, since: datetime | None, now: datetime, *, finished: bool
) -> None:
    session.execute(delete(SuppressionSync).where(SuppressionSync.started_at < now - _KEPT))
    session.add(
        SuppressionSync(
            since=since,
            started_at=now,
            finished_at=now if finished else None,
            failure=outcome.failure,
            read=outcome.read,
            added=outcome.added,
            handed_over=outcome.handed_over,
        )
    )


def _chunks(found: dict[Entry, Finding]) -> Iterator[list[Finding]]:
    waiting = list(found.values())
    for start in range(0, len(waiting), _CHUNK):
        yield waiting[start : start + _CHUNK]
