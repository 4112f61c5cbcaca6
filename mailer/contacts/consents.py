"""Consents and bans: an append-only ledger, and where each person stands (R28, R49, R50).

`record` is the only writer; it adds the event and sets the standing in one transaction, so what
the gate reads always equals the ledger.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.contacts import web_visits
from mailer.contacts.models import ConsentEvent, ConsentState
from mailer.languages import N_
from mailer.notice.vocabulary import ALL_PURPOSES

# What a consent or a ban can be about: a purpose of the notice, or one of these.
KINDS = {
    "all_marketing": N_("All marketing"),
    "email_marketing": N_("Marketing by e-mail"),
    "postal_marketing": N_("Marketing by post"),
    "distance_selling": N_("Distance selling"),
    "market_research": N_("Market and opinion research"),
    "disclosure": N_("Disclosure to others"),
    "publication": N_("Publication"),
    "email_tracking": N_("Recording of opens and clicks"),
    "cookies": N_("Cookies on web sites"),
}
EVENTS = {
    "given": N_("Consent given"),
    "withdrawn": N_("Consent withdrawn"),
    "objected": N_("Forbidden"),
    "lifted": N_("Ban lifted"),
}


def words(kind: str) -> str:
    """What a consent or a ban is about, to be translated."""
    return KINDS.get(kind) or ALL_PURPOSES.get(kind, kind)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person said: a kind of KINDS (or a purpose), an event of EVENTS, and its evidence."""

    contact_id: int
    kind: str
    event: str
    wording: str = ""
    evidence: str = ""


def record(
    session: Session,
    statements: list[Statement],
    *,
    actor: str,
    now: datetime,
    message_id: int | None = None,
) -> None:
    """Add statements to the ledger and set where the people stand. A later event wins."""
    if not statements:
        return
    added = session.execute(
        insert(ConsentEvent).returning(
            ConsentEvent.id,
            ConsentEvent.contact_id,
            ConsentEvent.kind,
            ConsentEvent.event,
            sort_by_parameter_order=True,
        ),
        [
            {
                "contact_id": statement.contact_id,
                "kind": statement.kind,
                "event": statement.event,
                "at": now,
                "wording": statement.wording,
                "evidence": statement.evidence,
                "actor": actor,
                "message_id": message_id,
            }
            for statement in statements
        ],
    ).all()
    # What stood on a consent alone goes with it (R27, GDPR 17(1)(b)).
    web_visits.forget(
        session,
        {
            statement.contact_id
            for statement in statements
            if statement.kind == web_visits.CONSENT and statement.event in ("withdrawn", "objected")
        },
    )
    latest = {(row.contact_id, row.kind): row for row in added}
    upsert = insert(ConsentState)
    session.execute(
        upsert.on_conflict_do_update(
            index_elements=[ConsentState.contact_id, ConsentState.kind],
            set_={
                "event": upsert.excluded.event,
                "at": upsert.excluded.at,
                "event_id": upsert.excluded.event_id,
            },
            where=ConsentState.event_id < upsert.excluded.event_id,
        ),
        [
            {
                "contact_id": row.contact_id,
                "kind": row.kind,
                "event": row.event,
                "at": now,
                "event_id": row.id,
            }
            for row in latest.values()
        ],
    )


def standing(session: Session, contact_id: int) -> dict[str, str]:
    """Where a person stands: kind -> last event, as the gate reads it."""
    rows = session.execute(
        select(ConsentState.kind, ConsentState.event).where(ConsentState.contact_id == contact_id)
    )
    return {row.kind: row.event for row in rows}


def standing_from_ledger(session: Session, contact_id: int) -> dict[str, str]:
    """The same, recomputed from the ledger: the proof that nothing was overwritten."""
    newest = (
        select(
            ConsentEvent.kind,
            ConsentEvent.event,
            func.row_number()
            .over(partition_by=ConsentEvent.kind, order_by=ConsentEvent.id.desc())
            .label("place"),
        )
        .where(ConsentEvent.contact_id == contact_id)
        .subquery()
    )
    rows = session.execute(select(newest.c.kind, newest.c.event).where(newest.c.place == 1))
    return {row.kind: row.event for row in rows}
