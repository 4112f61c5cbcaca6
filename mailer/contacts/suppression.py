"""Who is never mailed: the only writers and readers of the suppression list (R46-R50, R90).

A suppression is a keyed hash, so it outlives the contact and tells nobody who it is about. Lifting
one keeps the line with who lifted it and why; an import or an event never lifts anything.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.contacts.address import Address, address_key, company_key, domain_key
from mailer.contacts.models import Company, Contact, Suppression
from mailer.languages import N_
from mailer.webhooks import outbox

KINDS = {
    "optout": N_("Opted out"),
    "complaint": N_("Spam complaint"),
    "hard_bounce": N_("Address does not work"),
    "manual": N_("Added by hand"),
    "company_ban": N_("Company's ban"),
    "domain_ban": N_("Domain ban"),
    "ses_account_list": N_("Amazon SES's list"),
    "private_person": N_("Private person"),
}
# What webhooks are told of; the other kinds are no act of the recipient or of their server.
_EVENTS = {
    "optout": "contact.opted_out",
    "complaint": "contact.complained",
    "hard_bounce": "contact.bounced",
}
SCOPES = {
    "address": N_("Address"),
    "person": N_("Person"),
    "domain": N_("Mail domain"),
    "company": N_("Company"),
}
# Where a suppression may have come from.
ORIGINS = {
    "one_click": N_("One-click unsubscribe in the mail program"),
    "stop_page": N_("Stop page"),
    "mail": N_("Mail to the unsubscribe address"),
    "reply": N_("Reply by mail"),
    "ses_event": N_("Amazon SES"),
    "staff": N_("Recorded by staff"),
    "import": N_("Imported list"),
    "ses_list": N_("Read from Amazon SES's list"),
    "api": N_("Another system, through the API"),
    "detector": N_("Found to be a private person"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What to suppress: a scope and the key that stands for it."""

    scope: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One of many entries that are suppressed at once, and what it rests on."""

    entry: Entry
    kind: str
    evidence: str = ""
    campaign_id: int | None = None
    message_id: int | None = None


def of_address(address: Address) -> Entry:
    """One mailbox."""
    return Entry("address", address_key(address))


def of_domain(domain: str) -> Entry:
    """Everybody at a mail domain, also those added later."""
    return Entry("domain", domain_key(domain))


def of_company(business_id: str) -> Entry:
    """Everybody at a company, also those added later."""
    return Entry("company", company_key(business_id))


def suppress(
    session: Session,
    entries: Iterable[Entry],
    kind: str,
    *,
    origin: str,
    now: datetime,
    evidence: str = "",
    actor_id: int | None = None,
    campaign_id: int | None = None,
    message_id: int | None = None,
    suspected_automation: bool = False,
) -> int:
    """Suppress each entry; how many were not suppressed for this kind before. Safe to repeat."""
    findings = [Finding(entry, kind, evidence, campaign_id, message_id) for entry in entries]
    return suppress_all(
        session,
        findings,
        origin=origin,
        now=now,
        actor_id=actor_id,
        suspected_automation=suspected_automation,
    )


def suppress_all(
    session: Session,
    findings: Iterable[Finding],
    *,
    origin: str,
    now: datetime,
    actor_id: int | None = None,
    suspected_automation: bool = False,
) -> int:
    """Suppress many entries at once; how many were not suppressed for their kind before."""
    rows = [
        {
            "scope": finding.entry.scope,
            "key": finding.entry.key,
            "kind": finding.kind,
            "at": now,
            "origin": origin,
            "evidence": finding.evidence,
            "actor_id": actor_id,
            "campaign_id": finding.campaign_id,
            "message_id": finding.message_id,
            "suspected_automation": suspected_automation,
        }
        # In one order for everybody: two who suppress the same people wait, and never for good.
        for finding in sorted(findings, key=lambda finding: (finding.entry.key, finding.kind))
    ]
    if not rows:
        return 0
    added = session.execute(
        insert(Suppression)
        .on_conflict_do_nothing(
            index_elements=[Suppression.key, Suppression.kind],
            index_where=Suppression.lifted_at.is_(None),
        )
        .returning(Suppression.key, Suppression.kind, Suppression.scope),
        rows,
    ).all()
    _tell(session, [(row.key, row.kind) for row in added if row.scope == "address"], now)
    return len(added)


def _tell(session: Session, added: Collection[tuple[bytes, str]], now: datetime) -> None:
    """Tell the webhooks that want it which contacts, if any, are suppressed now."""
    for kind, event in _EVENTS.items():
        keys = [key for key, of_kind in added if of_kind == kind]
        if keys and outbox.wanted(session, event):
            ids = session.scalars(select(Contact.id).where(Contact.address_key.in_(keys)))
            outbox.note(session, event, ids, now=now)


def opt_out(
    session: Session,
    key: bytes,
    *,
    origin: str,
    now: datetime,
    evidence: str = "",
    actor_id: int | None = None,
    message_id: int | None = None,
    campaign_id: int | None = None,
    suspected_automation: bool = False,
) -> int:
    """One person's opt-out by the address key of their link: the mailbox, and the person where the
    register knows who that is. Works when the contact is long gone (RFC 8058, R46, R49)."""
    entries = [Entry("address", key)]
    people = session.scalars(
        select(Contact.person_key).where(
            Contact.address_key == key, Contact.person_key.is_not(None)
        )
    )
    entries += [Entry("person", person) for person in people if person is not None]
    return suppress(
        session,
        dict.fromkeys(entries),
        "optout",
        origin=origin,
        now=now,
        evidence=evidence,
        actor_id=actor_id,
        message_id=message_id,
        campaign_id=campaign_id,
        suspected_automation=suspected_automation,
    )


def undo_opt_out(session: Session, message_id: int, *, now: datetime) -> int:
    """Lift the opt-outs that came through one message's links, at the person's own wish."""
    return _lift(
        session,
        [Suppression.message_id == message_id, Suppression.kind == "optout"],
        by="recipient",
        reason="undone on the page after opting out",
        now=now,
    )


def lift_by_evidence(
    session: Session, evidence: str, *, at: datetime, by: str, reason: str, now: datetime
) -> int:
    """Lift the opt-outs made `at` a moment on one piece of evidence; how many were in force."""
    return _lift(
        session,
        [
            Suppression.at == at,
            Suppression.evidence == evidence,
            Suppression.kind == "optout",
        ],
        by=by,
        reason=reason,
        now=now,
    )


def own_opt_outs(session: Session, key: bytes) -> list[Suppression]:
    """The opt-outs in force that one mailbox can take back: its own, and those of the person that
    were made in the same act. An erasure is none of them."""
    own = (Suppression.kind == "optout", Suppression.lifted_at.is_(None))
    of_mailbox = session.scalars(
        select(Suppression).where(Suppression.key == key, *own, Suppression.evidence != "erasure")
    ).all()
    acts = [_act(entry) for entry in of_mailbox]
    if not acts:
        return []
    of_person = session.scalars(
        select(Suppression).where(
            Suppression.scope == "person", *own, Suppression.at.in_([act[0] for act in acts])
        )
    )
    return [*of_mailbox, *(entry for entry in of_person if _act(entry) in acts)]


def _act(entry: Suppression) -> tuple[object, ...]:
    return entry.at, entry.origin, entry.evidence, entry.message_id, entry.actor_id


def lift_own(
    session: Session, entries: Iterable[Suppression], *, reason: str, now: datetime
) -> int:
    """Lift `own_opt_outs` at the proven wish of whoever has the mailbox."""
    ids = [entry.id for entry in entries]
    which: list[object] = [Suppression.id.in_(ids), Suppression.kind == "optout"]
    return _lift(session, which, by="recipient", reason=reason, now=now)


def ask_to_lift(
    session: Session, suppression_id: int, *, actor_id: int, reason: str, now: datetime
) -> bool:
    """Ask another person to lift an entry; False when it is not in force, or somebody has asked."""
    if not reason.strip():
        raise ValueError("lifting a suppression needs a reason")
    asked = session.execute(
        update(Suppression)
        .where(
            Suppression.id == suppression_id,
            Suppression.lifted_at.is_(None),
            Suppression.lift_asked_at.is_(None),
        )
        .values(lift_asked_at=now, lift_asked_by=actor_id, lift_asked_reason=reason)
        .returning(Suppression.id)
    )
    return bool(asked.all())


def drop_lift_request(session: Session, suppression_id: int) -> bool:
    """Forget that somebody asked: another one said no, or they thought better of it."""
    dropped = session.execute(
        update(Suppression)
        .where(
            Suppression.id == suppression_id,
            Suppression.lifted_at.is_(None),
            Suppression.lift_asked_at.is_not(None),
        )
        .values(lift_asked_at=None, lift_asked_by=None, lift_asked_reason=None)
        .returning(Suppression.id)
    )
    return bool(dropped.all())


def lift_as_second(session: Session, suppression_id: int, *, actor_id: int, now: datetime) -> bool:
    """Lift an entry that another person has asked to lift; False when nobody else has."""
    line = session.scalar(
        select(Suppression)
        .where(
            Suppression.id == suppression_id,
            Suppression.lifted_at.is_(None),
            Suppression.lift_asked_by != actor_id,
        )
        .with_for_update()
    )
    if line is None or not line.lift_asked_reason:
        return False
    return lift(session, line.id, by=f"user:{actor_id}", reason=line.lift_asked_reason, now=now)


def lift(session: Session, suppression_id: int, *, by: str, reason: str, now: datetime) -> bool:
    """Lift one entry by name of who asked and why. False when it was not in force."""
    if not reason.strip():
        raise ValueError("lifting a suppression needs a reason")
    return bool(_lift(session, [Suppression.id == suppression_id], by=by, reason=reason, now=now))


def _lift(session: Session, which: list[object], *, by: str, reason: str, now: datetime) -> int:
    lifted = session.execute(
        update(Suppression)
        .where(*which, Suppression.lifted_at.is_(None))  # type: ignore[arg-type]
        .values(lifted_at=now, lifted_by=by, lift_reason=reason)
        .returning(Suppression.id)
    )
    return len(lifted.all())


def find(session: Session, address: Address) -> list[Suppression]:
    """Every entry in force that stops mail to this address, known contact or not."""
    keys = {address_key(address), domain_key(address.domain)}
    known = session.execute(
        select(Contact.person_key, Company.company_key)
        .outerjoin(Company, Company.id == Contact.company_id)
        .where(or_(Contact.email == str(address), Contact.address_key == address_key(address)))
    )
    keys.update(key for row in known for key in row if key is not None)
    return list(
        session.scalars(
            select(Suppression)
            .where(Suppression.key.in_(keys), Suppression.lifted_at.is_(None))
            .order_by(Suppression.at)
        )
    )
