"""Private persons and minors: deleted at once when found, and kept from coming back (R12).

Deleting takes the contact and everything that leads to it, calls off messages that wait, and
leaves a keyed hash on the do-not-import list and a line in the audit log without personal data.
"""

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import column, delete, func, null, or_, select, table, text, update
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts import detectors, interaction_holds, sign_ups
from mailer.contacts.models import Company, Contact, Suppression
from mailer.contacts.suppression import Entry, suppress
from mailer.notice.schema import Notice
from mailer.webhooks import outbox

# The register lies below the ledger, so it names the table instead of importing its model.
_messages = table(
    "messages", column("contact_id"), column("state"), column("verdict"), column("duties")
)
_BATCH = 1_000
# The form of a personal identity code, as PostgreSQL writes it; Python checks date and character.
_CODE_FORM = "[0-3][0-9][01][0-9]{3}[-+A-FU-Ya-fu-y][0-9]{3}[0-9A-Ya-y]"


def ban(session: Session, keys: Collection[bytes], *, rule: str, now: datetime) -> int:
    """Put addresses, by their keys, on the do-not-import list, and delete the contacts that have
    them; how many contacts that were."""
    if not keys:
        return 0
    entries = [Entry("address", key) for key in sorted(keys)]
    suppress(session, entries, "private_person", origin="detector", now=now, evidence=rule)
    found = session.scalars(select(Contact.id).where(Contact.address_key.in_(list(keys))))
    return remove(session, found.all(), rule=rule, now=now)


def remove(session: Session, contact_ids: Collection[int], *, rule: str, now: datetime) -> int:
    """Delete contacts with everything that leads to them; how many there were."""
    removed = 0
    for batch in _batches(sorted(contact_ids)):
        keys = session.scalars(select(Contact.address_key).where(Contact.id.in_(batch))).all()
        if not keys:
            continue
        entries = [Entry("address", key) for key in keys]
        suppress(session, entries, "private_person", origin="detector", now=now, evidence=rule)
        session.execute(
            update(_messages)
            .where(_messages.c.contact_id.in_(batch), _messages.c.state == "queued")
            .values(state="cancelled", verdict="private_or_minor")
        )
        session.execute(
            update(_messages).where(_messages.c.contact_id.in_(batch)).values(duties=null())
        )
        interaction_holds.part_from(session, batch, now=now)
        sign_ups.forget_of(session, batch)
        outbox.note(session, "contact.erased", batch, now=now)
        # The ledger of consents lets an erasure through, for this transaction only.
        session.execute(text("SELECT set_config('lupaposti.erasure', 'on', true)"))
        session.execute(delete(Contact).where(Contact.id.in_(batch)))
        session.execute(text("SELECT set_config('lupaposti.erasure', 'off', true)"))
        audit.record(
            session, "contacts.private_deleted", "contact", None, now=now, rule=rule, ids=batch
        )
        removed += len(keys)
    return removed


def find(session: Session, notice: Notice) -> dict[str, list[int]]:
    """Contacts that strong signs point at: rule -> ids. None where the notice has them (R13)."""
    if "private_person" in notice.person_kinds:
        return {}
    rules = {
        "private_person_earlier": _on_the_list(session),
        "private_person": _with_private_address(session),
        "identity_code": _with_identity_code(session),
        "pupil_title": _with_pupil_title(session),
    }
    return {rule: ids for rule, ids in rules.items() if ids}


def _on_the_list(session: Session) -> list[int]:
    return list(
        session.scalars(
            select(Contact.id).where(
                Contact.address_key.in_(
                    select(Suppression.key).where(
                        Suppression.kind == "private_person", Suppression.lifted_at.is_(None)
                    )
                )
            )
        )
    )


def _with_private_address(session: Session) -> list[int]:
    domain = func.split_part(Contact.email, "@", 2)
    kinds = {
        name: detectors.domain_kind(name) for name in session.scalars(select(domain).distinct())
    }
    free = [name for name, kind in kinds.items() if kind == "free"]
    thrown_away = [name for name, kind in kinds.items() if kind == "disposable"]
    return list(
        session.scalars(
            select(Contact.id)
            .outerjoin(Company, Company.id == Contact.company_id)
            .where(
                or_(
                    Contact.kind == "private_person",
                    domain.in_(thrown_away),
                    domain.in_(free) & Company.business_id.is_(None),
                )
            )
        )
    )


def _with_identity_code(session: Session) -> list[int]:
    # The phone is left out: some spellings of numbers look alike.
    texts = func.concat_ws(
        " | ", Contact.first_name, Contact.last_name, Contact.title, Contact.duties, Contact.note
    )
    candidates = session.execute(
        select(Contact.id, texts.label("texts")).where(texts.regexp_match(_CODE_FORM))
    )
    return [row.id for row in candidates if detectors.find_identity_code(row.texts)]


def _with_pupil_title(session: Session) -> list[int]:
    titles = session.scalars(select(Contact.title).where(Contact.title != "").distinct())
    pupils = [title for title in titles if detectors.is_pupil(title)]
    if not pupils:
        return []
    return list(session.scalars(select(Contact.id).where(Contact.title.in_(pupils))))


def _batches(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]
