"""Visits to the company's web sites, only of people who have agreed to cookies (R27, R77).

Of a visit without that nothing is stored, and nobody is told whose it was.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.contacts import detectors
from mailer.contacts.interaction_entry import EARLIEST, Refused
from mailer.contacts.interaction_models import WebVisit
from mailer.contacts.models import ConsentState, Contact, Source
from mailer.languages import N_
from mailer.notice import switches
from mailer.notice.schema import Notice

KIND = "web_visit"
CONSENT = "cookies"
LONGEST_PATH = 500
MOST_SECONDS = 24 * 3600
REFUSALS = {
    "no_cookie_consent": N_("The person has not agreed to cookies, so visits are not stored."),
    "path_unfit": N_("The page is not a path of a web site, such as /products/planing."),
    "seconds_unfit": N_("The time on the page is not a whole number of seconds within a day."),
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A page that a person looked at. Of an address only the path is kept: what follows the
    question mark may tell anything."""

    contact_id: int
    at: datetime
    path: str
    seconds: int | None = None
    external_id: str | None = None


def record_many(
    session: Session, visits: Sequence[Visit], source: Source, *, now: datetime
) -> list[bool | Refused]:
    """Store visits, a batch with few statements: whether each was new, or why it is not stored.

    What is told again under one source and external id is there once.
    """
    notice = switches.in_force(session, now)
    may_be_kept = _with_consent(session, {visit.contact_id for visit in visits})
    outcomes: list[bool | Refused] = []
    rows: dict[Any, dict[str, Any]] = {}
    for at, visit in enumerate(visits):
        problem = _check(visit, notice, now) or may_be_kept.get(
            visit.contact_id, Refused("", "contact_gone")
        )
        if problem is not None:
            outcomes.append(problem)
            continue
        key = visit.external_id if visit.external_id is not None else at
        outcomes.append(key not in rows)
        rows.setdefault(key, _values(visit, source, now))
    added = _add(session, list(rows.values()))
    return [
        outcome
        if isinstance(outcome, Refused)
        else outcome and (visit.external_id is None or visit.external_id in added)
        for visit, outcome in zip(visits, outcomes, strict=True)
    ]


def of_contact(session: Session, contact_id: int, *, limit: int = 200) -> Sequence[WebVisit]:
    """The visits of a person, newest first."""
    return session.scalars(
        select(WebVisit)
        .where(WebVisit.contact_id == contact_id)
        .order_by(WebVisit.at.desc(), WebVisit.id.desc())
        .limit(limit)
    ).all()


def forget(session: Session, contact_ids: Collection[int]) -> None:
    """Delete the visits of people who have taken their consent back."""
    if contact_ids:
        session.execute(delete(WebVisit).where(WebVisit.contact_id.in_(contact_ids)))


def path_of(address: str) -> str | None:
    """The path of a page's address, without what follows it; None for what is no path."""
    try:
        path = urlsplit(address.strip()).path or "/"
    except ValueError:
        return None
    if not path.startswith("/") or len(path) > LONGEST_PATH or not path.isprintable():
        return None
    return path


def _check(visit: Visit, notice: Notice | None, now: datetime) -> Refused | None:
    if notice is None:
        return Refused("", "no_notice")
    if KIND not in notice.interaction_kinds:
        return Refused("kind", "kind_undeclared")
    if visit.at > now:
        return Refused("at", "future")
    if visit.at < EARLIEST:
        return Refused("at", "too_old")
    path = path_of(visit.path)
    if path is None or "@" in path or detectors.may_hold_identity_code(path):
        return Refused("path", "path_unfit")
    if visit.seconds is not None and not 0 <= visit.seconds <= MOST_SECONDS:
        return Refused("seconds", "seconds_unfit")
    return None


def _with_consent(session: Session, ids: Collection[int]) -> dict[int, Refused | None]:
    """People who are there: None for those whose visits may be stored, else why not."""
    rows = session.execute(
        select(Contact.id, Contact.restricted_at, Contact.erased_at, ConsentState.event)
        .outerjoin(
            ConsentState,
            (ConsentState.contact_id == Contact.id) & (ConsentState.kind == CONSENT),
        )
        .where(Contact.id.in_(ids))
        .order_by(Contact.id)
        .with_for_update(read=True, key_share=True, of=Contact)
    )
    found: dict[int, Refused | None] = {}
    for row in rows:
        if row.erased_at is not None:
            found[row.id] = Refused("", "contact_gone")
        elif row.restricted_at is not None:
            found[row.id] = Refused("", "contact_restricted")
        elif row.event != "given":
            found[row.id] = Refused("", "no_cookie_consent")
        else:
            found[row.id] = None
    return found


def _values(visit: Visit, source: Source, now: datetime) -> dict[str, Any]:
    return {
        "contact_id": visit.contact_id,
        "at": visit.at,
        "path": path_of(visit.path),
        "seconds": visit.seconds,
        "source_id": source.id,
        "external_id": visit.external_id,
        "created_at": now,
    }


def _add(session: Session, rows: list[dict[str, Any]]) -> frozenset[str | None]:
    if not rows:
        return frozenset()
    statement = (
        insert(WebVisit)
        .on_conflict_do_nothing(
            index_elements=[WebVisit.source_id, WebVisit.external_id],
            index_where=WebVisit.external_id.is_not(None),
        )
        .returning(WebVisit.external_id)
    )
    return frozenset(session.scalars(statement, rows))
