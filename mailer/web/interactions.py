"""Dealings with people and companies: noted, shown, corrected, deleted (R23, R24, R26)."""

import secrets
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer import audit, clock
from mailer.accounts.models import User
from mailer.contacts import interaction_lists, interactions, offer_documents, provenance
from mailer.contacts.interaction_entry import Refused
from mailer.contacts.interaction_holds import is_held
from mailer.contacts.interaction_models import Interaction
from mailer.contacts.models import Company, Contact, Source
from mailer.contacts.provenance import Origin
from mailer.languages import TIMEZONE
from mailer.languages import gettext as _
from mailer.notice.vocabulary import INTERACTION_KINDS
from mailer.web import interaction_form as forms
from mailer.web.companies import company_or_404
from mailer.web.contacts import changeable_contact_or_403, name_of, open_contact_or_403
from mailer.web.guard import may, requires
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, keep_changes, notice_in_force, signed_in_user

blueprint = Blueprint("interactions", __name__)

_MAX_ID = 2**63
Answer = str | Response | tuple[str, int]


@blueprint.app_template_global("kind_words")
def kind_words(kind: str) -> str:
    """A kind of dealing in words."""
    return forms.kind_words(kind)


@blueprint.app_template_filter("happened")
def happened(at: Any) -> str:
    """When a dealing was, in words."""
    return forms.happened(at)


@blueprint.app_template_filter("money")
def money(amount: Any, currency: str) -> str:
    """A sum in words."""
    return forms.money(amount, currency)


# Noting


@blueprint.get("/contacts/<int:contact_id>/note")
@requires("contacts.edit")
def new_of_contact(contact_id: int) -> str:
    """The form that notes what happened with a person."""
    contact = changeable_contact_or_403(contact_id)
    return _new_page({}, _blank(), contact=contact)


@blueprint.post("/contacts/<int:contact_id>/note")
@requires("contacts.edit")
def note_of_contact(contact_id: int) -> Answer:
    """Note what happened with a person."""
    contact = changeable_contact_or_403(contact_id)
    errors = _note(contact_id=contact.id)
    if errors:
        return _new_page(errors, request.form, contact=contact), 422
    flash(_("Noted."))
    return redirect(url_for("contacts.show", contact_id=contact.id), 303)


@blueprint.get("/companies/<int:company_id>/note")
@requires("contacts.edit")
def new_of_company(company_id: int) -> str:
    """The form that notes what happened with a company."""
    return _new_page({}, _blank(), company=company_or_404(company_id))


@blueprint.post("/companies/<int:company_id>/note")
@requires("contacts.edit")
def note_of_company(company_id: int) -> Answer:
    """Note what happened with a company."""
    company = company_or_404(company_id)
    errors = _note(company_id=company.id)
    if errors:
        return _new_page(errors, request.form, company=company), 422
    flash(_("Noted."))
    return redirect(url_for("companies.show", company_id=company.id), 303)


def _note(**party: int) -> dict[str, str]:
    """Note what the form says; what is wrong with it, if anything."""
    session, now, user = db_session(), clock.now(), signed_in_user()
    read = forms.read(request.form, **party)
    if read.entry is None:
        return read.errors
    done = interactions.record(session, read.entry, _entered(), now=now, actor_id=user.id)
    return forms.words_of(done) if isinstance(done, Refused) else {}


def _entered() -> Source:
    """The source of what staff enter today (R30)."""
    now = clock.now()
    origin = Origin("system_entry", "", now.astimezone(TIMEZONE).date())
    return provenance.add_source(db_session(), origin, now=now, actor_id=signed_in_user().id)


def _blank() -> dict[str, str]:
    today = clock.now().astimezone(TIMEZONE).date().isoformat()
    return {"on": today, "currency": "EUR", "once": secrets.token_hex(16)}


def _new_page(
    errors: dict[str, str],
    values: Mapping[str, str],
    *,
    contact: Contact | None = None,
    company: Company | None = None,
) -> str:
    return render_template(
        "web/interactions/new.html",
        errors=errors,
        values={name: values.get(name, "") for name in forms.FIELDS},
        back=_back_link(contact, company),
        notice=notice_in_force(),
        **forms.choices(notice_in_force()),
    )


# Looking


@blueprint.get("/companies/<int:company_id>/dealings")
@requires("contacts.view")
def of_company(company_id: int) -> str:
    """All dealings with a company and its people."""
    company, number = company_or_404(company_id), page_number()
    kind = request.args.get("kind", "")
    found, total = interaction_lists.of_company(
        db_session(),
        company.id,
        kind=kind if kind in INTERACTION_KINDS else "",
        to_desk=may("requests.view"),
        offset=Paging(number, 0).offset,
    )
    return render_template(
        "web/interactions/company.html",
        company=company,
        dealings=found,
        paging=Paging(number, total),
        kinds=[(key, _(label)) for key, label in INTERACTION_KINDS.items()],
        kind=kind,
        values=request.args,
    )


@blueprint.get("/dealings/<int:interaction_id>")
@requires("contacts.view")
def show(interaction_id: int) -> str:
    """One dealing with its whole text. Opening it leaves a line in the audit log (R70)."""
    row, contact = _open_or_403(interaction_id)
    audit.record(
        db_session(), "interaction.opened", "interaction", row.id, now=clock.now(),
        actor_id=signed_in_user().id, contact_id=row.contact_id,
    )  # fmt: skip
    keep_changes()
    return _page(row, contact, {}, _blank())


def _page(
    row: Interaction, contact: Contact | None, errors: dict[str, str], values: Mapping[str, str]
) -> str:
    session, now = db_session(), clock.now()
    company = session.get(Company, row.company_id) if row.company_id else None
    writer = session.get(User, row.created_by) if row.created_by else None
    is_document = row.kind == offer_documents.KIND
    return render_template(
        "web/interactions/show.html",
        row=row,
        contact=contact,
        person=name_of(contact) if contact else "",
        company=company,
        source=session.get_one(Source, row.source_id),
        writer=writer.name if writer else "",
        hold=forms.hold_words(row, now),
        held=is_held(row, now),
        changeable=row.detached_at is None and (contact is None or not contact.restricted_at),
        back=_back_link(contact, company),
        document_events=offer_documents.events(session, row.id) if is_document else None,
        event_words={key: _(word) for key, word in offer_documents.EVENTS.items()},
        errors=errors,
        values={name: values.get(name, "") for name in ("event", "on", "at", "page", "seconds")},
    )


# Correcting and deleting


@blueprint.get("/dealings/<int:interaction_id>/edit")
@requires("contacts.edit")
def edit(interaction_id: int) -> str:
    """The form that corrects a dealing."""
    row, _contact = _changeable_or_403(interaction_id)
    return _edit_page(row, {}, {**forms.values_of(row), "version": str(row.version)})


@blueprint.post("/dealings/<int:interaction_id>/edit")
@requires("contacts.edit")
def save(interaction_id: int) -> Answer:
    """Correct a dealing; tells when somebody else has saved it meanwhile."""
    row, _contact = _changeable_or_403(interaction_id)
    version = request.form.get("version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        abort(400)
    read = forms.read(request.form)
    if read.entry is None:
        return _edit_page(row, read.errors, request.form), 422
    done = interactions.correct(
        db_session(),
        row.id,
        forms.as_before(read.entry, row),
        version=int(version),
        now=clock.now(),
        actor_id=signed_in_user().id,
    )
    if isinstance(done, Refused):
        status = 409 if done.code == "changed_meanwhile" else 422
        return _edit_page(row, forms.words_of(done), request.form), status
    flash(_("Saved.") if done.changed else _("Nothing was changed."))
    return redirect(url_for("interactions.show", interaction_id=row.id), 303)


def _edit_page(row: Interaction, errors: dict[str, str], values: Mapping[str, str]) -> str:
    return render_template(
        "web/interactions/edit.html",
        row=row,
        errors=errors,
        values={name: values.get(name, "") for name in (*forms.FIELDS, "version")},
        hold=forms.hold_words(row, clock.now()),
        **forms.choices(notice_in_force(), had=row.kind),
    )


@blueprint.get("/dealings/<int:interaction_id>/delete")
@requires("contacts.edit")
def ask_delete(interaction_id: int) -> str:
    """Ask before a dealing is deleted."""
    row, contact = _deletable_or_403(interaction_id)
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Delete this note for good?"),
        text=_("It cannot be brought back."),
        facts=[
            (_("Kind"), forms.kind_words(row.kind)),
            (_("When"), forms.happened(row.at)),
            (_("Title"), row.title or "–"),
            (_("Person"), name_of(contact) if contact else "–"),
        ],
        action=url_for("interactions.delete", interaction_id=row.id),
        button=_("Delete"),
        back=url_for("interactions.show", interaction_id=row.id),
        danger=True,
    )


@blueprint.post("/dealings/<int:interaction_id>/delete")
@requires("contacts.edit")
def delete(interaction_id: int) -> Answer:
    """Delete a dealing that the law does not hold."""
    row, contact = _deletable_or_403(interaction_id)
    company = db_session().get(Company, row.company_id) if row.company_id else None
    back, _words = _back_link(contact, company)
    refused = interactions.remove(
        db_session(), row.id, now=clock.now(), actor_id=signed_in_user().id
    )
    if refused is not None:
        abort(409)
    flash(_("Deleted."))
    return redirect(back, 303)


# Offer documents


@blueprint.post("/dealings/<int:interaction_id>/events")
@requires("contacts.edit")
def note_event(interaction_id: int) -> Answer:
    """Note what happened to an offer document."""
    row, contact = _changeable_or_403(interaction_id)
    errors = _note_event(row)
    if errors:
        return _page(row, contact, errors, request.form), 422
    flash(_("Noted."))
    return redirect(url_for("interactions.show", interaction_id=row.id), 303)


def _note_event(row: Interaction) -> dict[str, str]:
    form = {name: request.form.get(name, "").strip() for name in ("on", "at", "page", "seconds")}
    at = forms.moment_of(form["on"], form["at"])
    errors: dict[str, str] = {}
    if at is None:
        errors["on"] = _("Write the date as year-month-day, for example 2027-06-30.")
    unfit = offer_documents.REFUSALS["page_unfit"]
    for name in ("page", "seconds"):
        text = form[name]
        if text and not (text.isascii() and text.isdigit() and len(text) < 9):
            errors[name] = _(unfit)
    if errors or at is None:
        return errors
    happening = offer_documents.Happening(
        event=request.form.get("event", ""),
        at=at,
        page=int(form["page"]) if form["page"] else None,
        seconds=int(form["seconds"]) if form["seconds"] else None,
    )
    done = offer_documents.record(
        db_session(), row.id, happening, _entered(), now=clock.now(), actor_id=signed_in_user().id
    )
    return forms.words_of(done) if isinstance(done, Refused) else {}


# Who may


def _open_or_403(interaction_id: int) -> tuple[Interaction, Contact | None]:
    """The dealing and its person. Those of restricted or deleted people open at the desk only."""
    row = db_session().get(Interaction, interaction_id) if interaction_id < _MAX_ID else None
    if row is None:
        abort(404)
    if row.detached_at is not None and not may("requests.view"):
        abort(403)
    return row, open_contact_or_403(row.contact_id) if row.contact_id is not None else None


def _changeable_or_403(interaction_id: int) -> tuple[Interaction, Contact | None]:
    row, contact = _open_or_403(interaction_id)
    if row.detached_at is not None or (contact is not None and contact.restricted_at is not None):
        abort(403)
    return row, contact


def _deletable_or_403(interaction_id: int) -> tuple[Interaction, Contact | None]:
    row, contact = _changeable_or_403(interaction_id)
    if is_held(row, clock.now()):
        abort(403)
    return row, contact


def _back_link(contact: Contact | None, company: Company | None) -> tuple[str, str]:
    if contact is not None:
        return url_for("contacts.show", contact_id=contact.id), name_of(contact)
    if company is not None:
        return url_for("companies.show", company_id=company.id), company.name
    return url_for("contacts.show_list"), _("Contacts")
