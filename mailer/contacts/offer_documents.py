"""What happens to an offer document after it was sent (R26).

To whom somebody forwarded it is a third person's data: there is no place for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts.interaction_entry import EARLIEST, Refused
from mailer.contacts.interaction_models import Interaction, OfferDocumentEvent
from mailer.contacts.interactions import Recorded
from mailer.contacts.models import Contact, Source
from mailer.languages import N_
from mailer.notice import switches

KIND = "offer_document"
EVENTS = {
    "sent": N_("Sent"),
    "opened": N_("Opened"),
    "viewed": N_("Viewed"),
    "forwarded": N_("Forwarded"),
}
MOST_PAGE = 100_000
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
    """Note what happened to an offer document; what is told again is there once."""
    if (problem := _check(session, happening, now)) is not None:
        return problem
    document = session.execute(
        select(Interaction.id, Interaction.contact_id, Contact.restricted_at)
        .outerjoin(Contact, Contact.id == Interaction.contact_id)
        .where(Interaction.id == interaction_id, Interaction.kind == KIND)
        .with_for_update(read=True, key_share=True, of=Interaction)
    ).one_or_none()
    if document is None:
        return Refused("", "no_document")
    if document.restricted_at is not None:
        return Refused("", "contact_restricted")
    done = _store(session, interaction_id, happening, source, now=now)
    if isinstance(done, Recorded) and done.new:
        audit.record(
            session, "offer_document.event", "interaction", interaction_id, now=now,
            actor_id=actor_id, event=happening.event, contact_id=document.contact_id,
        )  # fmt: skip
    return done


def events(session: Session, interaction_id: int) -> Sequence[OfferDocumentEvent]:
    """What happened to a document, oldest first."""
    return session.scalars(
        select(OfferDocumentEvent)
        .where(OfferDocumentEvent.interaction_id == interaction_id)
        .order_by(OfferDocumentEvent.at, OfferDocumentEvent.id)
    ).all()


def _check(session: Session, happening: Happening, now: datetime) -> Refused | None:
    notice = switches.in_force(session, now)
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
    numbers = (happening.page, happening.seconds)
    if happening.event != "viewed" and numbers != (None, None):
        return Refused("page", "page_unfit")
    if happening.page is not None and not 1 <= happening.page <= MOST_PAGE:
        return Refused("page", "page_unfit")
    if happening.seconds is not None and not 0 <= happening.seconds <= MOST_SECONDS:
        return Refused("seconds", "page_unfit")
    return None


def _store(
    session: Session, interaction_id: int, happening: Happening, source: Source, *, now: datetime
) -> Recorded | Refused:
    told = {
        "interaction_id": interaction_id,
        "event": happening.event,
        "at": happening.at,
        "page": happening.page,
        "seconds": happening.seconds,
    }
    added = session.scalar(
        insert(OfferDocumentEvent)
        .values(**told, source_id=source.id, external_id=happening.external_id, created_at=now)
        .on_conflict_do_nothing(
            index_elements=[OfferDocumentEvent.source_id, OfferDocumentEvent.external_id],
            index_where=OfferDocumentEvent.external_id.is_not(None),
        )
        .returning(OfferDocumentEvent.id)
    )
    if added is not None:
        return Recorded(added, True)
    there = session.scalars(
        select(OfferDocumentEvent).where(
            OfferDocumentEvent.source_id == source.id,
            OfferDocumentEvent.external_id == happening.external_id,
        )
    ).one()
    if all(getattr(there, name) == value for name, value in told.items()):
        return Recorded(there.id, False)
    return Refused("", "event_known_otherwise")
