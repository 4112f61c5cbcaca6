"""Taking an import back, for seven days."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import column, delete, exists, func, select, table
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts.import_refusals import ImportRefusedError
from mailer.contacts.importing import RUNNING, require_state, take_turn
from mailer.contacts.interaction_models import Interaction
from mailer.contacts.models import Company, ConsentEvent, Contact, Import

UNDO_DAYS = 7
# The register lies below the ledger, so it names the table instead of importing its model.
_messages = table("messages", column("contact_id"))


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did: contacts removed, contacts kept because messages, consents or dealings
    depend on them, contacts that the import had only updated, and companies removed."""

    removed: int
    kept: int
    not_restored: int
    companies: int


def undo(session: Session, entry: Import, *, now: datetime, actor_id: int | None = None) -> Undone:
    """Remove the contacts an import created. Raises ImportRefusedError after seven days.

    Whoever has messages or consents stays: those are proof. So does whoever has dealings noted:
    they are of more than the file. Values that the import changed in
    other contacts are not put back; the history of each field has them.
    """
    require_state(entry, "done", "failed")
    if now > (entry.finished_at or now) + timedelta(days=UNDO_DAYS):
        raise ImportRefusedError("undo_too_late")
    # A run remembers the companies it has met, and so they must not go meanwhile.
    take_turn(session)
    if session.scalar(select(exists().where(Import.state.in_(RUNNING)))):
        raise ImportRefusedError("another_runs")
    depended_on = (
        exists().where(_messages.c.contact_id == Contact.id)
        | exists().where(ConsentEvent.contact_id == Contact.id)
        | exists().where(Interaction.contact_id == Contact.id)
    )
    removed = len(
        session.execute(
            delete(Contact).where(Contact.import_id == entry.id, ~depended_on).returning(Contact.id)
        ).all()
    )
    kept = session.scalar(select(func.count()).where(Contact.import_id == entry.id)) or 0
    companies = len(
        session.execute(
            delete(Company)
            .where(
                Company.import_id == entry.id,
                ~exists().where(Contact.company_id == Company.id),
                ~exists().where(Interaction.company_id == Company.id),
            )
            .returning(Company.id)
        ).all()
    )
    numbers = entry.counts.get("numbers", {})
    done = Undone(removed, kept, int(numbers.get("updated", 0)), companies)
    entry.state = "undone"
    entry.counts = {
        **entry.counts,
        "undone": {
            "removed": done.removed,
            "kept": done.kept,
            "not_restored": done.not_restored,
            "companies": done.companies,
        },
    }
    audit.record(
        session,
        "import.undone",
        "import",
        entry.id,
        now=now,
        actor_id=actor_id,
        removed=removed,
        kept=kept,
        companies=companies,
    )
    return done
