"""Contacts through the API: one, one by its address, or all of them page by page.

Who reads what is on record (R60, R70), and whoever forbade handing out is handed out to nobody.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, select

from mailer.contacts import address, entry
from mailer.contacts.models import Company, ConsentState, Contact, Source
from mailer.languages import LANGUAGES, N_, gettext
from mailer.notice.schema import Notice
from mailer.roles import review
from mailer.roles.taxonomy import FUNCTION_LABELS
from mailer.web.api import paging
from mailer.web.api.contact_shapes import CONTACT, EMAIL, PERSON
from mailer.web.api.operations import Call, Record, Reply, operation
from mailer.web.api.problems import Fault, Problem
from mailer.web.api.schemas import ID, MOMENT, Schema, component, one_of, record
from mailer.web.request import notice_in_force

_LISTED: dict[str, Schema] = {
    **paging.QUERY,
    "updated_since": MOMENT,
    "company_id": ID,
    "language": one_of(LANGUAGES),
    "function": one_of(tuple(FUNCTION_LABELS)),
}


_SHOWN = frozenset(PERSON) - {"business_id", "country"}


def declared_notice() -> Notice:
    """The notice in force. Raises Problem without one: nothing is declared then."""
    notice = notice_in_force()
    if notice is None:
        raise Problem("no_notice")
    return notice


@operation(
    "GET",
    "/contacts",
    scope="contacts.list",
    summary=N_("List contacts"),
    about=N_(
        "By id. Left out are people whose processing is restricted, who are in quarantine, or"
        " who have forbidden that their data is handed out."
    ),
    query=_LISTED,
    answers={200: ("A page of contacts", paging.page_of(CONTACT))},
    may_fail=("no_notice",),
)
def list_contacts(call: Call) -> Reply:
    notice = declared_notice()
    after, limit = paging.asked(call.query)
    statement = (
        _statement()
        .where(
            Contact.id > after,
            Contact.restricted_at.is_(None),
            Contact.quarantined_at.is_(None),
            ~_forbade(),
            *_wanted(call.query),
        )
        .order_by(Contact.id)
        .limit(limit + 1)
    )
    rows = call.session.execute(statement).all()
    page = paging.page(
        rows, limit, number=lambda row: row[0].id, show=lambda row: _shown(row, notice)
    )
    return Reply(page, _disclosed(notice, [each["id"] for each in page["items"]]))


@operation(
    "GET",
    "/contacts/{contact_id}",
    scope="contacts.read",
    summary=N_("Show a contact"),
    answers={200: ("The contact; its version is the ETag", CONTACT)},
    may_fail=("no_notice", "restricted", "disclosure_forbidden"),
)
def show_contact(call: Call) -> Reply:
    notice = declared_notice()
    row = call.session.execute(
        _statement().where(Contact.id == call.path["contact_id"])
    ).one_or_none()
    if row is None:
        raise Problem("not_found")
    _check_open(call, row[0])
    return Reply(
        _shown(row, notice), _disclosed(notice, [row[0].id]), headers=version_tag(row[0].version)
    )


@operation(
    "POST",
    "/contacts/lookup",
    scope="contacts.read",
    summary=N_("Find a contact by address"),
    about=N_("By POST, because an address does not belong into URLs and logs."),
    body=component("Lookup", record({"email": EMAIL})),
    answers={
        200: ("The contact, or null", record({"contact": {"anyOf": [CONTACT, {"type": "null"}]}}))
    },
    may_fail=("no_notice", "restricted", "disclosure_forbidden"),
)
def find_contact(call: Call) -> Reply:
    notice = declared_notice()
    wanted = read_address(call.body["email"], "/email")
    row = call.session.execute(_statement().where(Contact.email == str(wanted))).one_or_none()
    if row is None:
        return Reply({"contact": None}, _disclosed(notice, []))
    _check_open(call, row[0])
    return Reply({"contact": _shown(row, notice)}, _disclosed(notice, [row[0].id]))


def read_address(given: str, field: str) -> address.Address:
    """A canonical address. Raises Problem."""
    try:
        return address.canonical(given)
    except address.AddressError as error:
        detail = gettext(address.PROBLEMS[error.code])
        raise Problem("invalid", faults=[Fault(field, error.code, detail)]) from None


def _statement() -> Any:  # a Select of contact, company name and source
    return (
        select(Contact, Company.name, Source)
        .outerjoin(Company, Company.id == Contact.company_id)
        .outerjoin(Source, Source.id == Contact.source_id)
        .where(Contact.erased_at.is_(None))
    )


def _wanted(query: Mapping[str, Any]) -> Iterable[ColumnElement[bool]]:
    if "updated_since" in query:
        yield Contact.updated_at >= read_moment(query["updated_since"], "updated_since")
    if "company_id" in query:
        yield Contact.company_id == query["company_id"]
    if "language" in query:
        yield Contact.language == query["language"]
    if "function" in query:
        yield Contact.functions.contains([query["function"]])


def read_moment(given: str, name: str) -> datetime:
    """A moment of the query. Raises Problem for one that is on no calendar."""
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        raise Problem("bad_query", faults=[Fault(name, "wrong_form")]) from None


def _forbade() -> ColumnElement[bool]:
    return exists().where(
        ConsentState.contact_id == Contact.id,
        ConsentState.kind == "disclosure",
        ConsentState.event == "objected",
    )


def _check_open(call: Call, contact: Contact) -> None:
    if contact.restricted_at is not None:
        raise Problem("restricted")
    if call.session.scalar(select(_forbade()).where(Contact.id == contact.id)):
        raise Problem("disclosure_forbidden")


def _shown(row: Any, notice: Notice) -> dict[str, Any]:
    contact, company_name, source = row
    values: dict[str, Any] = {
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "email": contact.email,
        "phone": contact.phone or "",
        "title": contact.title,
        "duties": contact.duties,
        "language": contact.language,
        "note": contact.note,
        "tags": contact.tags,
        "company_name": company_name,
    }
    return {
        "id": contact.id,
        "version": contact.version,
        "kind": contact.kind,
        "company_id": contact.company_id,
        "functions": contact.functions,
        "level": review.level_key(contact.level),
        "relationship": contact.relationship_kind,
        "basis": contact.basis,
        "source": {"kind": source.kind, "name": source.name, "dated": source.dated},
        "quarantine": contact.quarantine_reason if contact.quarantined_at else None,
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
        **{name: values[name] for name in values if name in entry.offered(notice)},
    }


def _disclosed(notice: Notice, contact_ids: list[int]) -> Record:
    facts = {
        "count": len(contact_ids),
        "fields": [name for name in entry.offered(notice) if name in _SHOWN],
        "contacts": contact_ids,
    }
    only = contact_ids[0] if len(contact_ids) == 1 else None
    return Record("contact", only, facts)


def version_tag(version: int) -> dict[str, str]:
    """The header that carries a version (RFC 9110, 8.8.3)."""
    return {"ETag": f'"{version}"'}
