"""Many contacts in one call: each stands for itself, and each gets its result."""

from typing import Any

from mailer.contacts import people
from mailer.contacts.checked_rows import Row
from mailer.languages import N_
from mailer.notice.schema import Notice
from mailer.web.api import bodies
from mailer.web.api.contact_changes import fault_of, read_origin, read_person
from mailer.web.api.contact_shapes import ORIGIN, PERSON
from mailer.web.api.contacts import declared_notice
from mailer.web.api.operations import Call, Record, Reply, operation
from mailer.web.api.problems import Fault, Problem
from mailer.web.api.schemas import COUNT, FAULT, ID, VERSION, component, items, one_of, record

MOST = 500
_PERSON = record(PERSON, *(set(PERSON) - {"email"}))
# Rows are checked one by one, so that a bad one leaves the others alone.
BATCH = component(
    "ContactBatch",
    record({**ORIGIN, "contacts": items({"type": "object"}, MOST, least=1)}, "relationship"),
)
RESULT = component(
    "BatchResult",
    record(
        {
            "index": COUNT,
            "result": one_of(("added", "refused")),
            "id": ID,
            "version": VERSION,
            "quarantine": {"type": ["string", "null"]},
            "errors": items(FAULT, 1000),
        },
        *("id", "version", "quarantine", "errors"),
    ),
)


@operation(
    "POST",
    "/contacts/batch",
    scope="contacts.write",
    summary=N_("Add up to 500 contacts"),
    about=N_(
        "All of one source. Each member of `contacts` is a NewContact without source, basis and"
        " relationship; one that is refused leaves the others alone."
    ),
    body=BATCH,
    answers={
        200: (
            "A result for each, in their order",
            record({"added": COUNT, "refused": COUNT, "results": items(RESULT, MOST)}),
        )
    },
    may_fail=("no_notice",),
    repeatable=True,
)
def add_contacts(call: Call) -> Reply:
    notice = declared_notice()
    origin, faults = read_origin(call, notice)
    if faults or origin is None:
        raise Problem("invalid", faults=faults)
    relationship = call.body.get("relationship", "prospect")
    read = [_read(person, notice, index) for index, person in enumerate(call.body["contacts"])]
    common: dict[str, Any] = {
        "notice": notice,
        "now": call.now,
        "actor_id": call.user_id,
        "relationship": relationship,
    }
    rows = [row for row, faults in read if not faults]
    shared = people.share(call.session, rows, origin, **common) if rows else None
    results = []
    for index, (row, faults) in enumerate(read):
        if not faults:
            saved = people.create(call.session, row, origin, shared=shared, **common)
            result = _saved(saved, index)
        else:
            result = _refused(faults)
        results.append({"index": index, **result})
    added = [each["id"] for each in results if each["result"] == "added"]
    counts = {"added": len(added), "refused": len(results) - len(added)}
    return Reply({**counts, "results": results}, Record("contact", None, counts))


def _read(person: dict[str, Any], notice: Notice, index: int) -> tuple[Row, list[Fault]]:
    at = ("contacts", index)
    faults = [
        Fault(bodies.pointer(*at) + fault.field, fault.code)
        for fault in bodies.check(_PERSON, person)
    ]
    if faults:
        return Row(index), faults
    checked, faults = read_person(person, notice, at=at)
    return checked.row, faults


def _saved(saved: people.Saved | people.Refused, index: int) -> dict[str, Any]:
    if isinstance(saved, people.Refused):
        return _refused([fault_of(saved, ("contacts", index))])
    contact = saved.contact
    return {
        "result": "added",
        "id": contact.id,
        "version": contact.version,
        "quarantine": contact.quarantine_reason,
    }


def _refused(faults: list[Fault]) -> dict[str, Any]:
    return {"result": "refused", "errors": [fault.as_json() for fault in faults]}
