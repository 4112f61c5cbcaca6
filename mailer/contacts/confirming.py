"""The proven act of signing up: what it stores, what it takes back, and what it leaves as it was.

A hard bounce, a complaint, a ban of a company or domain, a restriction and an erasure stay: none of
them is the person's own opt-out, so no form of ours lifts them (R28, R49, R90).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts import consents, people, sign_up_forms, sign_ups, suppression
from mailer.contacts.address import Address, canonical, masked
from mailer.contacts.checked_rows import Row
from mailer.contacts.consents import Statement
from mailer.contacts.models import Contact, Suppression
from mailer.contacts.people import Conflict, Refused, Saved
from mailer.contacts.provenance import Origin
from mailer.contacts.sign_up_models import SignUp, SignUpForm, SignUpWording
from mailer.languages import LANGUAGES, N_, TIMEZONE
from mailer.notice import switches
from mailer.notice.schema import Notice
from mailer.webhooks import outbox

OUTCOMES = {
    "confirmed": N_("You have been added."),
    "repeated": N_("You have confirmed this already."),
    "expired": N_("The link is no longer valid."),
    "closed": N_("The form is no longer in use."),
    "refused": N_("You cannot be added with this form."),
}
# Bans that forbid what is consented to now, whatever the purpose.
_WIDE_BANS = ("all_marketing", "email_marketing")


@dataclass(frozen=True, slots=True)
class Standing:
    """What the page behind a link may show. `outcome`: a key of OUTCOMES, "" while it is open."""

    outcome: str
    language: str = ""
    entity: str = ""
    address: str = ""
    text: Mapping[str, str] | None = None
    takes_back: bool = False
    # Somebody else may have typed it, so its owner sees what would be stored.
    values: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """A sign-up that can be confirmed, and what it rests on."""

    sign_up: SignUp
    form: SignUpForm
    wording: SignUpWording
    row: Row
    values: Mapping[str, str]
    notice: Notice
    contact: Contact | None
    own_opt_outs: list[Suppression]

    @property
    def text(self) -> dict[str, str]:
        """The words that were read."""
        return text_of(self.wording, self.sign_up.language)


def languages_of(wording: SignUpWording) -> list[str]:
    """The languages that a wording has words in, in the order of the product's."""
    return [language for language in LANGUAGES if language in wording.texts]


def text_of(wording: SignUpWording, language: str) -> dict[str, str]:
    """A wording in a language, or in the first it has."""
    found: dict[str, str] = wording.texts.get(language) or wording.texts[languages_of(wording)[0]]
    return found


def may_be_asked(session: Session, row: Row) -> bool:
    """Whether a confirmation may go to what was typed: not where it could confirm nothing."""
    return _takes_back(session, row, _contact(session, row)) is not None


def standing(session: Session, sign_up_id: int, key: bytes, *, now: datetime) -> Standing:
    """What there is to confirm. Changes nothing."""
    found = _open(session, sign_up_id, key, now=now)
    if isinstance(found, Standing):
        return found
    return Standing(
        "",
        found.sign_up.language,
        found.form.entity,
        masked(found.row.email),
        found.text,
        bool(found.own_opt_outs),
        {name: found.values[name] for name in sign_up_forms.FIELDS if found.values.get(name)},
    )


def confirm(session: Session, sign_up_id: int, key: bytes, *, now: datetime) -> Standing:
    """Store the person and their consent, once. Commit before telling them."""
    found = _open(session, sign_up_id, key, now=now, lock=True)
    if isinstance(found, Standing):
        return found
    shown = Standing("confirmed", found.sign_up.language, found.form.entity)
    contact = _store(session, found, now)
    if contact is None:
        return Standing("refused", shown.language, shown.entity)
    suppression.lift_own(
        session, found.own_opt_outs, reason=f"signed up by form {found.form.id}", now=now
    )
    _record_consent(session, found, contact, now)
    if found.contact is not None:
        outbox.note(session, "contact.changed", [contact.id], now=now)
    sign_up = found.sign_up
    sign_up.state, sign_up.confirmed_at, sign_up.contact_id = "confirmed", now, contact.id
    sign_up.typed, sign_up.next_at = None, None
    session.execute(
        update(SignUpForm)
        .where(SignUpForm.id == found.form.id)
        .values(confirmed=SignUpForm.confirmed + 1)
    )
    audit.record(
        session, "contact.signed_up", "contact", contact.id, now=now, form_id=found.form.id,
        wording=found.wording.number, took_back=len(found.own_opt_outs),
    )  # fmt: skip
    return shown


def _open(
    session: Session, sign_up_id: int, key: bytes, *, now: datetime, lock: bool = False
) -> _Case | Standing:
    sign_up = session.get(SignUp, sign_up_id, with_for_update=lock or None)
    if sign_up is None or sign_up.address_key != key:
        return Standing("expired")
    form, wording = sign_ups.wording_of(session, sign_up)
    if sign_up.confirmed_at is not None:
        return Standing("repeated", sign_up.language, form.entity)
    if sign_up.typed is None or now - sign_up.created_at > sign_ups.KEPT:
        return Standing("expired", sign_up.language, form.entity)
    notice = switches.in_force(session, now)
    if notice is None or not form.active or not is_open(form, notice):
        return Standing("closed", sign_up.language, form.entity)
    typed = sign_ups.read(session, form, sign_up.typed, notice, sign_up.language)
    refused = Standing("refused", sign_up.language, form.entity)
    if typed.problems:  # the notice has changed meanwhile
        return refused
    contact = _contact(session, typed.row, lock=lock)
    own = _takes_back(session, typed.row, contact)
    if own is None:
        return refused
    return _Case(sign_up, form, wording, typed.row, typed.values, notice, contact, own)


def is_open(form: SignUpForm, notice: Notice | None) -> bool:
    """Whether the notice still has what a form is for."""
    return (
        notice is not None
        and sign_up_forms.closed(notice) is None
        and form.purpose in notice.purposes
        and notice.entity(form.entity) is not None
    )


def _contact(session: Session, row: Row, *, lock: bool = False) -> Contact | None:
    wanted = select(Contact).where(Contact.email == row.email)
    return session.scalar(wanted.with_for_update() if lock else wanted)


def _takes_back(session: Session, row: Row, contact: Contact | None) -> list[Suppression] | None:
    """The opt-outs that confirming would take back; None where something else stands against it."""
    if _is_held(session, row, contact):
        return None
    own = suppression.own_opt_outs(session, row.address_key)
    theirs = {entry.id for entry in own}
    address: Address = canonical(row.email)
    against = {entry.id for entry in suppression.find(session, address)}
    keys = [row.person_key, row.company.company_key if row.company else None]
    against.update(
        session.scalars(
            select(Suppression.id).where(
                Suppression.key.in_([key for key in keys if key is not None]),
                Suppression.lifted_at.is_(None),
            )
        )
    )
    return own if against <= theirs else None


def _is_held(session: Session, row: Row, contact: Contact | None) -> bool:
    """Whether the person is restricted or erased, under whatever spelling of their mailbox."""
    if contact is not None and (contact.restricted_at or contact.erased_at):
        return True
    held = select(Contact.id).where(
        Contact.address_key == row.address_key,
        or_(Contact.restricted_at.is_not(None), Contact.erased_at.is_not(None)),
    )
    return session.scalar(held.limit(1)) is not None


def _store(session: Session, case: _Case, now: datetime) -> Contact | None:
    """The contact with what was typed; None where the register does not take it."""
    origin = Origin("form", case.form.name, now.astimezone(TIMEZONE).date(), basis="consent")
    saved: Saved | Refused | Conflict
    if case.contact is None:
        saved = people.create(session, case.row, origin, notice=case.notice, now=now, actor_id=None)
    else:
        told = [name for name in sign_up_forms.FIELDS if case.values.get(name)]
        saved = people.edit(
            session, case.contact, case.row, version=case.contact.version, source_kind="form",
            fields=told, now=now, actor_id=None, origin=origin,
        )  # fmt: skip
    if not isinstance(saved, Saved):
        return None
    contact = saved.contact
    contact.verified_at = now
    contact.basis = contact.basis or "consent"
    # The form has told them what Article 13 asks for.
    if contact.art14_informed_at is None:
        contact.art14_informed_at, contact.art14_way = now, "has_it"
    return contact


def _record_consent(session: Session, case: _Case, contact: Contact, now: datetime) -> None:
    sign_up = case.sign_up
    evidence = (
        f"sign-up form {case.form.id}, wording {case.wording.number} ({sign_up.language}), typed"
        f" {sign_up.created_at.isoformat()}, confirmed by link {now.isoformat()}"
    )
    stands = consents.standing(session, contact.id)
    lifted = [kind for kind in _WIDE_BANS if stands.get(kind) in ("objected", "withdrawn")]
    said = [(kind, "lifted") for kind in lifted] + [(case.form.purpose, "given")]
    consents.record(
        session,
        [
            Statement(contact.id, kind, event, wording=case.text["consent"], evidence=evidence)
            for kind, event in said
        ],
        actor="recipient",
        now=now,
    )
