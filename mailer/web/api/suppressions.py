"""The suppression list through the API: put on it, ask about one address, read it as hashes.

Nothing is ever taken off through the API: that needs a person who has read why (R90).
"""

from typing import Any

from sqlalchemy import select

from mailer.contacts import suppression, suppression_list
from mailer.contacts.address import PROBLEMS, AddressError, address_key, canonical
from mailer.contacts.models import Suppression
from mailer.contacts.suppression_files import key_id
from mailer.contacts.suppression_list import BY_HAND, SUBJECTS
from mailer.languages import N_, gettext
from mailer.web.api import paging
from mailer.web.api.contacts import read_address
from mailer.web.api.operations import Call, Record, Reply, operation
from mailer.web.api.problems import Fault, Problem
from mailer.web.api.schemas import (
    BOOLEAN,
    COUNT,
    ID,
    MOMENT,
    component,
    items,
    one_of,
    record,
    text,
)

SUPPRESSION = component(
    "Suppression",
    record(
        {
            "id": ID,
            "scope": one_of(tuple(suppression.SCOPES)),
            "key": {"type": "string", "description": N_("Keyed hash in hexadecimal digits.")},
            "key_id": {"type": "string", "description": N_("With which key the hash was made.")},
            "kind": one_of(tuple(suppression.KINDS)),
            "since": MOMENT,
            "origin": {"type": "string"},
        }
    ),
)
NEW = component(
    "NewSuppression",
    record(
        {
            "subject": one_of(tuple(SUBJECTS)),
            "value": text(1000, shortest=1, about=N_("The address, mail domain or Business ID.")),
            "kind": one_of(
                BY_HAND, N_("Why, for an address; domains and companies have their own.")
            ),
            "evidence": text(2000, shortest=1, about=N_("Who asked for it, when and how.")),
        },
        "kind",
    ),
)


@operation(
    "GET",
    "/suppressions",
    scope="suppressions.list",
    summary=N_("List suppressions as hashes"),
    about=N_("Those in force, by id. A hash tells only whoever holds the key which address it is."),
    query={**paging.QUERY, "kind": one_of(tuple(suppression.KINDS))},
    answers={200: ("A page of suppressions", paging.page_of(SUPPRESSION))},
)
def list_suppressions(call: Call) -> Reply:
    after, limit = paging.asked(call.query)
    statement = select(Suppression).where(Suppression.id > after, Suppression.lifted_at.is_(None))
    if "kind" in call.query:
        statement = statement.where(Suppression.kind == call.query["kind"])
    rows = call.session.scalars(statement.order_by(Suppression.id).limit(limit + 1)).all()
    page = paging.page(rows, limit, number=lambda line: line.id, show=_shown)
    return Reply(page, Record("suppression", None, {"count": len(page["items"])}))


@operation(
    "POST",
    "/suppressions/lookup",
    scope="suppressions.read",
    summary=N_("Ask whether an address is suppressed"),
    about=N_("By POST, because an address does not belong into URLs and logs."),
    body={"$ref": "#/components/schemas/Lookup"},
    answers={
        200: (
            "Whether mail to it is stopped, and why",
            record({"suppressed": BOOLEAN, "kinds": items(one_of(tuple(suppression.KINDS)), 20)}),
        )
    },
)
def find_suppression(call: Call) -> Reply:
    found = suppression.find(call.session, read_address(call.body["email"], "/email"))
    kinds = [kind for kind in suppression.KINDS if any(line.kind == kind for line in found)]
    facts = {"count": 1, "suppressed": bool(found)}
    return Reply({"suppressed": bool(found), "kinds": kinds}, Record("suppression", None, facts))


@operation(
    "POST",
    "/suppressions",
    scope="suppressions.write",
    summary=N_("Put on the suppression list"),
    about=N_(
        "For opt-outs that came to another system. It holds from that moment on, also for people"
        " the register does not know; an opt-out holds for the person's other addresses too."
    ),
    body=NEW,
    answers={201: ("On the list; `added` is 0 when it was before", record({"added": COUNT}))},
    repeatable=True,
)
def add_suppression(call: Call) -> Reply:
    subject, value = call.body["subject"], call.body["value"]
    entry, kind = _entry(subject, value, call.body.get("kind"))
    common: dict[str, Any] = {
        "origin": "api",
        "now": call.now,
        "evidence": call.body["evidence"].strip(),
        "actor_id": call.user_id,
    }
    if kind == "optout":
        added = suppression.opt_out(call.session, address_key(canonical(value)), **common)
    else:
        added = suppression.suppress(call.session, [entry], kind, **common)
    facts = {"scope": entry.scope, "kind": kind, "added": added}
    return Reply({"added": added}, Record("suppression", None, facts), 201)


def _entry(subject: str, value: str, wanted: str | None) -> tuple[suppression.Entry, str]:
    """What to suppress and under which kind. Raises Problem."""
    try:
        entry, fixed = suppression_list.entry_of(subject, value)
    except AddressError as error:
        detail = gettext(PROBLEMS[error.code])
        raise Problem("invalid", faults=[Fault("/value", error.code, detail)]) from None
    except ValueError as error:
        detail = gettext(suppression_list.PROBLEMS[str(error)])
        raise Problem("invalid", faults=[Fault("/value", str(error), detail)]) from None
    if fixed and wanted is not None:
        raise Problem("invalid", faults=[Fault("/kind", "not_allowed")])
    if not fixed and wanted is None:
        raise Problem("invalid", faults=[Fault("/kind", "required")])
    return entry, fixed or wanted or ""


def _shown(line: Suppression) -> dict[str, Any]:
    return {
        "id": line.id,
        "scope": line.scope,
        "key": line.key.hex(),
        "key_id": key_id(),
        "kind": line.kind,
        "since": line.at,
        "origin": line.origin,
    }
