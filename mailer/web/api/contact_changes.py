"""Contacts that other systems add, change and delete, by the rules of the form."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from mailer.contacts import entry, people, provenance, removal
from mailer.contacts.models import Company, Contact
from mailer.contacts.provenance import Origin
from mailer.languages import N_, gettext
from mailer.notice.schema import Notice
from mailer.web.api import bodies
from mailer.web.api.contact_shapes import CHANGE, EMPLOYER, NEW_CONTACT, PERSON, SAVED
from mailer.web.api.contacts import declared_notice, version_tag
from mailer.web.api.operations import Call, Record, Reply, operation
from mailer.web.api.problems import Fault, Problem
from mailer.web.api.schemas import one_of


@operation(
    "POST",
    "/contacts",
    scope="contacts.write",
    summary=N_("Add a contact"),
    about=N_(
        "By the same checks as the form: only declared fields and sources, no private persons,"
        " nobody who was erased. Whoever has opted out stays opted out."
    ),
    body=NEW_CONTACT,
    answers={201: ("Added", SAVED)},
    may_fail=("no_notice",),
    repeatable=True,
)
def add_contact(call: Call) -> Reply:
    notice = declared_notice()
    origin, faults = read_origin(call, notice)
    checked, more = read_person(call.body, notice)
    faults += more
    if faults or origin is None:
        raise Problem("invalid", faults=faults)
    saved = people.create(
        call.session,
        checked.row,
        origin,
        notice=notice,
        now=call.now,
        actor_id=call.user_id,
        relationship=call.body.get("relationship", "prospect"),
    )
    if isinstance(saved, people.Refused):
        raise Problem("invalid", faults=[fault_of(saved)])
    contact = saved.contact
    facts = {"fields": sorted(set(call.body) & set(PERSON))}
    headers = {"Location": f"/api/v1/contacts/{contact.id}", **version_tag(contact.version)}
    return Reply(_saved(contact), Record("contact", contact.id, facts), 201, headers)


@operation(
    "PATCH",
    "/contacts/{contact_id}",
    scope="contacts.write",
    summary=N_("Change a contact"),
    about=N_("Members that are left out stay as they are. Needs the version that was read."),
    body=CHANGE,
    answers={200: ("Changed, or as it was", SAVED)},
    may_fail=("no_notice", "restricted"),
    locks=True,
)
def change_contact(call: Call) -> Reply:
    notice = declared_notice()
    contact = _locked(call)
    given = {name: call.body[name] for name in PERSON if name in call.body}
    company = call.session.get(Company, contact.company_id) if contact.company_id else None
    values: dict[str, Any] = dict(entry.values_of(contact, company))
    if "company_name" in given:
        values |= dict.fromkeys(EMPLOYER, "")
    checked, faults = read_person(values | given, notice, given=given)
    if faults:
        raise Problem("invalid", faults=faults)
    outcome = people.edit(
        call.session,
        contact,
        checked.row,
        version=contact.version,
        source_kind=call.body["told_by"],
        fields=tuple(given),
        now=call.now,
        actor_id=call.user_id,
    )
    if isinstance(outcome, people.Conflict):
        raise Problem("version_differs", headers=version_tag(outcome.version))
    if isinstance(outcome, people.Refused):
        raise Problem("invalid", faults=[fault_of(outcome)])
    facts = {"fields": sorted(outcome.changed)}
    return Reply(
        _saved(contact), Record("contact", contact.id, facts), headers=version_tag(contact.version)
    )


@operation(
    "DELETE",
    "/contacts/{contact_id}",
    scope="contacts.write",
    summary=N_("Delete a contact"),
    about=N_("With all that hangs on it. What is suppressed stays suppressed."),
    query={"reason": {**one_of(tuple(removal.DELETE_REASONS)), "x-required": True}},
    answers={204: ("Deleted", None)},
    may_fail=("restricted",),
    locks=True,
)
def delete_contact(call: Call) -> Reply:
    contact = _locked(call)
    reason = call.query["reason"]
    removal.remove(call.session, contact, reason=reason, now=call.now, actor_id=call.user_id)
    return Reply(None, Record("contact", call.path["contact_id"], {"reason": reason}), 204)


def _locked(call: Call) -> Contact:
    """The contact of the path in the version that the caller has read, until the call ends."""
    contact = call.session.scalar(
        select(Contact)
        .where(Contact.id == call.path["contact_id"], Contact.erased_at.is_(None))
        .with_for_update()
    )
    if contact is None:
        raise Problem("not_found")
    if contact.restricted_at is not None:
        raise Problem("restricted")
    if contact.version not in call.versions:
        raise Problem("version_differs", headers=version_tag(contact.version))
    return contact


def read_origin(call: Call, notice: Notice) -> tuple[Origin | None, list[Fault]]:
    """Where the data of a call comes from, and what is wrong with that."""
    source = call.body["source"]
    values = {
        "source_kind": source["kind"],
        "source_name": source["name"],
        "dated": source["dated"],
        "url": source.get("url", ""),
        "basis": call.body["basis"],
    }
    origin, wrong = provenance.read_origin(values, notice, now=call.now)
    return origin, [_ORIGIN_FAULTS[name] for name in wrong]


_ORIGIN_FAULTS = {
    "source_kind": Fault("/source/kind", "not_declared"),
    "source_name": Fault("/source/name", "too_short"),
    "dated": Fault("/source/dated", "wrong_form"),
    "url": Fault("/source/url", "required"),
    "basis": Fault("/basis", "not_allowed"),
}


def read_person(
    values: Mapping[str, Any],
    notice: Notice,
    *,
    given: Mapping[str, Any] | None = None,
    at: tuple[str | int, ...] = (),
) -> tuple[entry.Entry, list[Fault]]:
    """A person by the checks of the form. `given`: what was sent, if the rest is known already."""
    sent = [name for name in PERSON if name in (values if given is None else given)]
    texts = {
        name: ", ".join(values[name]) if isinstance(values[name], list) else values[name]
        for name in PERSON
        if name in values
    }
    faults = [
        Fault(bodies.pointer(*at, name), "not_declared")
        for name in sent
        if name not in entry.offered(notice)
    ]
    checked = entry.read(texts, notice)
    for name, code in checked.problems.items():
        detail = gettext(entry.PROBLEMS[code]) if code in entry.PROBLEMS else code
        faults.append(Fault(bodies.pointer(*at, name) if name else "", code, detail))
    return checked, faults


def fault_of(refused: people.Refused, at: tuple[str | int, ...] = ()) -> Fault:
    """What the register itself says no to."""
    detail = gettext(people.REFUSALS[refused.code])
    return Fault(bodies.pointer(*at, refused.field), refused.code, detail)


def _saved(contact: Contact) -> dict[str, Any]:
    return {
        "id": contact.id,
        "version": contact.version,
        "quarantine": contact.quarantine_reason if contact.quarantined_at else None,
    }
