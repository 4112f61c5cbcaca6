"""What happens to an offer document after it was sent (R26).

To whom somebody forwarded it is a third person's data: there is no place for it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts.interaction_entry import EARLIEST, Refused
from mailer.contacts.interaction_models import Interaction, OfferDocumentEvent
from mailer.contacts.interaction_repeats import Recorded, store
from mailer.contacts.models import Contact, Source
from mailer.languages import N_
from mailer.notice import switches
from mailer.notice.schema import Notice

KIND = "offer_document"
EVENTS = {
    "sent": N_("Sent"),
    "opened": N_("Opened"),
    "viewed": N_("Viewed"),
    "forwarded": N_("Forwarded"),
}
MOST_PAGE = 100_000
_TOLD = ("interaction_id", "event", "at", "page", "seconds")
MOST_SECONDS = 7 * 24 * 3600
REFUSALS = {
    "no_document": N_("There is no such offer document."),
    "event_unknown": N_("Choose what happened to the document."),
    "page_unfit": N_("Page and time belong to a view of the document; each is a whole number."),
    "event_known_otherwise": N_(
        "This has been recorded before with other content. What is there was kept."
    ),
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a document. `page` and `seconds` belong to a view only."""

    event: str
    at: datetime
    page: int | None = None
    seconds: int | None = None
    external_id: str | None = None


def record(
    session: Session,
    interaction_id: int,
    happening: Happening,
    source: Source,
    *,
    now: datetime,
    actor_id: int | None,
) -> Recorded | Refused:
    """Note what happened to an offer document, with a line in the audit log."""
    [done] = record_many(session, [(interaction_id, happening)], source, now=now)
    if isinstance(done, Recorded) and done.new:
        audit.record(
            session, "offer_document.event", "interaction", interaction_id, now=now,
            actor_id=actor_id, event=happening.event,
        )  # fmt: skip
    return done


def record_many(
    session: Session,
    happenings: Sequence[tuple[int, Happening]],
    source: Source,
    *,
    now: datetime,
) -> list[Recorded | Refused]:
    """Note what happened to documents, a batch with few statements; what is told again is there
    once. The caller writes the audit log."""
    notice = switches.in_force(session, now)
    documents = _documents(session, {interaction_id for interaction_id, _ in happenings})
    outcomes: dict[int, Refused] = {}
    for at, (interaction_id, happening) in enumerate(happenings):
        problem = _check(happening, notice, now) or documents.get(
            interaction_id, Refused("", "no_document")
        )
        if problem is not None:
            outcomes[at] = problem
    rows = [
        _values(interaction_id, happening, source, now)
        for at, (interaction_id, happening) in enumerate(happenings)
        if at not in outcomes
    ]
    stored = iter(
        store(
            session,
            OfferDocumentEvent,
            source.id,
            rows,
            told=_TOLD,
            otherwise="event_known_otherwise",
        )
    )
    return [outcomes[at] if at in outcomes else next(stored) for at in range(len(happenings))]


def find(session: Session, source_id: int, external_ids: Collection[str]) -> dict[str, int]:
    """The documents of a source by their external ids."""
    rows = session.execute(
        select(Interaction.external_id, Interaction.id).where(
            Interaction.source_id == source_id,
            Interaction.external_id.in_(external_ids),
            Interaction.kind == KIND,
        )
    )
    return {str(row.external_id): row.id for row in rows}


def events(session: Session, interaction_id: int) -> Sequence[OfferDocumentEvent]:
    """What happened to a document, oldest first."""
    return session.scalars(
        select(OfferDocumentEvent)
        .where(OfferDocumentEvent.interaction_id == interaction_id)
        .order_by(OfferDocumentEvent.at, OfferDocumentEvent.id)
    ).all()


def _check(happening: Happening, notice: Notice | None, now: datetime) -> Refused | None:
    if notice is None:
        return Refused("", "no_notice")
    if KIND not in notice.interaction_kinds:
        return Refused("", "kind_undeclared")
    if happening.event not in EVENTS:
        return Refused("event", "event_unknown")
    if happening.at > now:
        return Refused("at", "future")
    if happening.at < EARLIEST:
        return Refused("at", "too_old")
    return _check_numbers(happening)


def _check_numbers(happening: Happening) -> Refused | None:
    numbers = (happening.page, happening.seconds)
    if happening.event != "viewed" and numbers != (None, None):
        return Refused("page", "page_unfit")
    if happening.page is not None and not 1 <= happening.page <= MOST_PAGE:
        return Refused("page", "page_unfit")
    if happening.seconds is not None and not 0 <= happening.seconds <= MOST_SECONDS:
        return Refused("seconds", "page_unfit")
    return None


def _documents(session: Session, ids: Collection[int]) -> dict[int, Refused | None]:
    """The documents that are there: None for those that may be noted about, else why not."""
    rows = session.execute(
        select(Interaction.id, Contact.restricted_at)
        .outerjoin(Contact, Contact.id == Interaction.contact_id)
        .where(Interaction.id.in_(ids), Interaction.kind == KIND)
        .order_by(Interaction.id)
        .with_for_update(read=True, key_share=True, of=Interaction)
    )
    return {
        row.id: None if row.restricted_at is None else Refused("", "contact_restricted")
        for row in rows
    }


def _values(
    interaction_id: int, happening: Happening, source: Source, now: datetime
) -> dict[str, Any]:
    return {
        "interaction_id": interaction_id,
        "event": happening.event,
        "at": happening.at,
        "page": happening.page,
        "seconds": happening.seconds,
        "source_id": source.id,
        "external_id": happening.external_id,
        "created_at": now,
    }
