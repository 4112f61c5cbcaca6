"""The contacts of the register: the list, one contact's page, adding and editing one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer import audit, clock
from mailer.accounts.models import User
from mailer.campaigns import lifecycle
from mailer.contacts import (
    consents,
    entry,
    interaction_lists,
    leavers,
    people,
    problems,
    provenance,
    searching,
)
from mailer.contacts.interaction_entry import written_kinds
from mailer.contacts.models import Company, Contact
from mailer.contacts.people import Conflict, Refused
from mailer.contacts.provenance import Origin
from mailer.contacts.searching import Search
from mailer.languages import LANGUAGE_NAMES, N_
from mailer.languages import gettext as _
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import BASES, FIELDS, INTERACTION_KINDS, SOURCE_KINDS
from mailer.roles import review
from mailer.roles.models import Title
from mailer.roles.taxonomy import FUNCTION_LABELS, LEVEL_LABELS, LEVEL_RANKS
from mailer.segments import build
from mailer.segments.fields import KIND_LABELS, RELATIONSHIP_LABELS
from mailer.web import contact_duties, contact_history, mailability
from mailer.web.guard import may, requires
from mailer.web.paging import Paging, page_number, sorting
from mailer.web.request import db_session, keep_changes, notice_in_force, signed_in_user

blueprint = Blueprint("contacts", __name__, url_prefix="/contacts")

STATES = {
    "yes": N_("Can be mailed"),
    "no": N_("Cannot be mailed"),
    "quarantined": N_("In quarantine"),
}
EVIDENCE = {
    0: N_("Nothing is known"),
    1: N_("The title alone"),
    2: N_("The title and a rule"),
    3: N_("A description of the duties"),
    4: N_("Confirmed by the person"),
}
# Whom a correction may come from, and as which kind of source it is kept.
TOLD_BY = {
    "system_entry": N_("We know or found it out ourselves"),
    "data_subject": N_("The person told it"),
    "employer": N_("The employer told it"),
}
_MAX_ID = 2**63
_CREATE_PROBLEMS = {
    "source_kind": N_("Choose what kind of source it is."),
    "source_name": N_("Say where the data came from, for example “Fair in Lahti 2026”."),
    "url": N_("Data from the public web needs the address of the page."),
    "dated": N_("Write the date as year-month-day, for example 2027-06-30."),
    "basis": N_("Choose the legal basis."),
    "relationship": N_("Choose the relationship."),
}

Answer = str | Response | tuple[str, int]


@blueprint.app_template_global("function_words")
def function_words(keys: list[str]) -> str:
    """Job functions in words, in the language in force."""
    return ", ".join(_(FUNCTION_LABELS.get(key, key)) for key in keys)


@blueprint.app_template_global("level_words")
def level_words(rank: int) -> str:
    """A stored level in words."""
    return _(LEVEL_LABELS[review.level_key(rank)])


@blueprint.app_template_global("source_words")
def source_words(source: Any) -> str:
    """A source by its name and kind; corrections by staff have no name."""
    kind = _(SOURCE_KINDS.get(source.kind, source.kind))
    return f"{source.name} ({kind})" if source.name else kind


def contact_or_404(contact_id: int) -> Contact:
    """The contact, or a page that says there is none. An erased one is not there (R90)."""
    contact = db_session().get(Contact, contact_id) if contact_id < _MAX_ID else None
    if contact is None or contact.erased_at is not None:
        abort(404)
    return contact


def open_contact_or_403(contact_id: int) -> Contact:
    """The contact, unless its processing is restricted and the user is not at the desk (R91)."""
    contact = contact_or_404(contact_id)
    if contact.restricted_at is not None and not may("requests.edit"):
        abort(403)
    return contact


def changeable_contact_or_403(contact_id: int) -> Contact:
    """The contact, unless its processing is restricted: then nobody changes it (R91)."""
    contact = open_contact_or_403(contact_id)
    if contact.restricted_at is not None:
        abort(403)
    return contact


@blueprint.get("")
@requires("contacts.view")
def show_list() -> str:
    """People by words, role, language and whether they can be mailed."""
    session, now, order = db_session(), clock.now(), sorting(searching.ORDERS, "name")
    state = request.args.get("state", "")
    search = _search(state)
    within = None
    if state in ("yes", "no"):
        within = mailability.answered(session, now, clear=state == "yes")
    number = page_number()
    found, total = searching.page(
        session,
        search,
        within=within,
        order=order.key,
        descending=order.descending,
        offset=Paging(number, 0).offset,
    )
    return render_template(
        "web/contacts/list.html",
        people=found,
        verdicts=mailability.verdicts(session, [person.id for person in found], now),
        sentence=build.sentence,
        order=order,
        paging=Paging(number, total),
        filtered=bool(search.text.strip() or search.function or search.language or state)
        or search.level is not None,
        values=request.args,
        functions=[(key, _(label)) for key, label in FUNCTION_LABELS.items()],
        levels=[(key, _(label)) for key, label in LEVEL_LABELS.items()],
        language_options=list(LANGUAGE_NAMES.items()),
        states=[(key, _(label)) for key, label in STATES.items()],
        notice=notice_in_force(),
    )


def _search(state: str) -> Search:
    language = request.args.get("language", "")
    return Search(
        text=request.args.get("q", ""),
        function=_known(request.args.get("function", ""), FUNCTION_LABELS),
        level=LEVEL_RANKS.get(request.args.get("level", "")),
        language=_known(language, LANGUAGE_NAMES),
        quarantined=state == "quarantined",
        restricted=may("requests.view"),
    )


def _known(value: str, known: Mapping[str, str]) -> str:
    return value if value in known else ""


@blueprint.get("/<int:contact_id>")
@requires("contacts.view")
def show(contact_id: int) -> Answer:
    """One contact. Opening it leaves a line in the audit log (R70)."""
    session, now = db_session(), clock.now()
    contact = contact_or_404(contact_id)
    closed = contact.restricted_at is not None and not may("requests.edit")
    audit.record(
        session, "contact.opened", "contact", contact.id, now=now, actor_id=signed_in_user().id,
        closed=closed,
    )  # fmt: skip
    keep_changes()
    if closed:
        return render_template("web/contacts/restricted.html")
    only = _known(request.args.get("kind", ""), INTERACTION_KINDS)
    notice = notice_in_force()
    ask = mailability.general_ask(session, now)
    verdict = build.check(session, contact.id, ask) if ask else None
    title = session.get(Title, contact.title_id) if contact.title_id else None
    return render_template(
        "web/contacts/show.html",
        contact=contact,
        name=name_of(contact),
        company=session.get(Company, contact.company_id) if contact.company_id else None,
        verdict=verdict,
        why=build.sentence(verdict) if verdict else "",
        sentence=build.sentence,
        standings=mailability.standings(session, contact, now),
        campaign_labels={key: _(label) for key, label in lifecycle.LABELS.items()},
        message_states={key: _(word) for key, (word, _i) in contact_history.MESSAGE_STATES.items()},
        title=title,
        by_hand=people.has_role_by_hand(contact),
        evidence=_(EVIDENCE.get(contact.role_evidence, EVIDENCE[0])),
        said=[
            (_(consents.words(kind)), event, _(consents.EVENTS[event]))
            for kind, event in sorted(consents.standing(session, contact.id).items())
        ],
        facts=_facts(contact),
        sources=provenance.sources_of(session, contact),
        timeline=contact_history.timeline(session, contact, only),
        only=only,
        dealing_kinds=_dealing_kinds(contact.id),
        may_be_noted=bool(notice and written_kinds(notice)),
        quarantine=problems.reason(contact.quarantine_reason) if contact.quarantine_reason else "",
        kind=_(KIND_LABELS.get(contact.kind, contact.kind)),
        relationship=_(
            RELATIONSHIP_LABELS.get(contact.relationship_kind, contact.relationship_kind)
        ),
        basis=_(BASES[contact.basis]) if contact.basis else "",
        **contact_duties.standing(contact, now),
    )


def _dealing_kinds(contact_id: int) -> list[tuple[str, str]]:
    """The kinds of dealings that there are with a contact, as the choices of a filter."""
    numbers = interaction_lists.kinds_of_contact(db_session(), contact_id)
    return [
        (kind, f"{_(label)} ({numbers[kind]})")
        for kind, label in INTERACTION_KINDS.items()
        if kind in numbers
    ]


def name_of(contact: Contact) -> str:
    """What a contact is called: names, else the address."""
    return f"{contact.first_name} {contact.last_name}".strip() or contact.email


def _facts(contact: Contact) -> list[tuple[str, str, str]]:
    """Field, its words and its value, of the fields that hold something."""
    company = db_session().get(Company, contact.company_id) if contact.company_id else None
    values = {
        **{name: getattr(contact, name) or "" for name in people.EDITED},
        "language": LANGUAGE_NAMES.get(contact.language, contact.language),
        "company": company.name if company else "",
        "tags": ", ".join(contact.tags),
    }
    return [
        (name, contact_history.field_label(name), value) for name, value in values.items() if value
    ]


# Adding


@blueprint.get("/new")
@requires("contacts.edit")
def new() -> str:
    """The form that adds a contact; for a successor with the employer and duties filled in."""
    today = clock.now().date().isoformat()
    values = {"dated": today, "relationship": "prospect"}
    if (leaver := contact_duties.leaver(request.args.get("successor_of", ""))) is not None:
        values |= contact_duties.of_leaver(leaver) | {"successor_of": str(leaver.id)}
    return _new_page({}, values)


@blueprint.post("/new")
@requires("contacts.edit")
def create() -> Answer:
    """Add a contact whose data passes the same checks as a row of a file."""
    notice, session, now = _notice_or_409(), db_session(), clock.now()
    checked = entry.read(request.form, notice)
    origin, wrong = _origin(notice, now)
    errors = _words_of(checked.problems) | wrong
    if errors or origin is None:
        return _new_page(errors, request.form), 422
    saved = people.create(
        session,
        checked.row,
        origin,
        notice=notice,
        now=now,
        actor_id=signed_in_user().id,
        relationship=request.form.get("relationship", "prospect"),
    )
    if isinstance(saved, Refused):
        page = _new_page(_words_of_refusal(saved), request.form, existing=saved.contact_id)
        return page, 422
    if (leaver := contact_duties.leaver(request.form.get("successor_of", ""))) is not None:
        leavers.name_successor(
            session, leaver, saved.contact, now=now, actor_id=signed_in_user().id
        )
    flash(_("The contact has been added."))
    if saved.contact.quarantine_reason:
        flash(problems.reason(saved.contact.quarantine_reason), "warn")
    return redirect(url_for("contacts.show", contact_id=saved.contact.id), 303)


def _origin(notice: Notice, now: datetime) -> tuple[Origin | None, dict[str, str]]:
    origin, wrong = provenance.read_origin(request.form, notice, now=now)
    if request.form.get("relationship", "prospect") not in RELATIONSHIP_LABELS:
        wrong.append("relationship")
    return origin, {field: _(_CREATE_PROBLEMS[field]) for field in wrong}


def _new_page(
    errors: dict[str, str], values: Mapping[str, str], *, existing: int | None = None
) -> str:
    notice = notice_in_force()
    kinds = provenance.source_kinds(notice) if notice else []
    return render_template(
        "web/contacts/new.html",
        errors=errors,
        existing=existing,
        values={
            name: values.get(name, "")
            for name in (*entry.FIELDS, *_CREATE_PROBLEMS, "successor_of")
        },
        leaver=contact_duties.leaver(values.get("successor_of", "")),
        offered=entry.offered(notice) if notice else (),
        labels={name: _(label) for name, label in FIELDS.items()},
        language_options=list(LANGUAGE_NAMES.items()),
        source_kinds=[(kind, _(SOURCE_KINDS[kind])) for kind in kinds],
        bases=[(key, _(label)) for key, label in BASES.items()],
        relationships=[(key, _(label)) for key, label in RELATIONSHIP_LABELS.items()],
        notice=notice,
    )


# Editing


@blueprint.get("/<int:contact_id>/edit")
@requires("contacts.edit")
def edit(contact_id: int) -> Answer:
    """The form that corrects a contact."""
    contact = changeable_contact_or_403(contact_id)
    return _edit_page(contact, {}, _stored(contact), contact.version)


@blueprint.post("/<int:contact_id>/edit")
@requires("contacts.edit")
def save(contact_id: int) -> Answer:
    """Correct a contact; tells when somebody else has saved it meanwhile."""
    contact, notice = changeable_contact_or_403(contact_id), _notice_or_409()
    version = request.form.get("version", "")
    told_by = request.form.get("told_by", "")
    checked = entry.read(request.form, notice)
    errors = _words_of(checked.problems)
    if told_by not in TOLD_BY:
        errors["told_by"] = _("Say how you know.")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        abort(400)
    if errors:
        return _edit_page(contact, errors, request.form, int(version)), 422
    outcome = people.edit(
        db_session(),
        contact,
        checked.row,
        version=int(version),
        source_kind=told_by,
        fields=entry.offered(notice),
        now=clock.now(),
        actor_id=signed_in_user().id,
    )
    if isinstance(outcome, Conflict):
        return _conflict_page(contact, outcome), 409
    if isinstance(outcome, Refused):
        errors, existing = _words_of_refusal(outcome), outcome.contact_id
        return _edit_page(contact, errors, request.form, int(version), existing=existing), 422
    flash(_("Saved.") if outcome.changed else _("Nothing was changed."))
    return redirect(url_for("contacts.show", contact_id=contact_id), 303)


def _stored(contact: Contact) -> dict[str, str]:
    company = db_session().get(Company, contact.company_id) if contact.company_id else None
    return entry.values_of(contact, company)


def _edit_page(
    contact: Contact,
    errors: dict[str, str],
    values: Mapping[str, str],
    version: int,
    *,
    existing: int | None = None,
) -> str:
    notice = notice_in_force()
    return render_template(
        "web/contacts/edit.html",
        contact=contact,
        name=name_of(contact),
        errors=errors,
        existing=existing,
        values={name: values.get(name, "") for name in (*entry.FIELDS, "told_by")},
        version=version,
        offered=entry.offered(notice) if notice else (),
        labels={name: _(label) for name, label in FIELDS.items()},
        language_options=list(LANGUAGE_NAMES.items()),
        told_by=[(key, _(label)) for key, label in TOLD_BY.items()],
    )


def _conflict_page(contact: Contact, conflict: Conflict) -> str:
    user = db_session().get(User, conflict.by) if conflict.by else None
    return render_template(
        "web/contacts/conflict.html",
        contact=contact,
        name=name_of(contact),
        conflict=conflict,
        by=user.name if user else "",
        labels={d.field: contact_history.field_label(d.field) for d in conflict.differences},
        values={name: request.form.get(name, "") for name in (*entry.FIELDS, "told_by")},
    )


def _notice_or_409() -> Notice:
    notice = notice_in_force()
    if notice is None:
        abort(409)
    return notice


def _words_of(wrong: Mapping[str, str]) -> dict[str, str]:
    return {
        field: _(entry.PROBLEMS[code]) if code in entry.PROBLEMS else problems.reason(code)
        for field, code in wrong.items()
    }


def _words_of_refusal(refused: Refused) -> dict[str, str]:
    return {refused.field: _(people.REFUSALS[refused.code])}
