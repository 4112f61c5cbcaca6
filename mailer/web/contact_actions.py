"""What staff do to one contact besides correcting it: duties, bans, restriction, deletion."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from mailer import clock
from mailer.contacts import bans, consents, decisions, interaction_holds, removal
from mailer.contacts.models import ConsentEvent, Contact, FieldChange
from mailer.languages import N_
from mailer.languages import gettext as _
from mailer.roles import review
from mailer.roles.taxonomy import FUNCTION_LABELS, LEVEL_LABELS, LEVEL_RANKS
from mailer.sending.models import Message
from mailer.web.contacts import (
    changeable_contact_or_403,
    contact_or_404,
    name_of,
    open_contact_or_403,
)
from mailer.web.guard import requires
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("contact_actions", __name__, url_prefix="/contacts/<int:contact_id>")

LONGEST_WORDING = 2000
EVENT_WORDS = {
    "objected": N_("A ban: does not want these"),
    "lifted": N_("A ban is lifted"),
    "given": N_("A consent is given"),
    "withdrawn": N_("A consent is withdrawn"),
}

Answer = str | Response | tuple[str, int]


# Duties


@blueprint.get("/role")
@requires("contacts.edit")
def edit_role(contact_id: int) -> str:
    """The form for duties that the person has confirmed."""
    contact = changeable_contact_or_403(contact_id)
    return _role_page(contact, {}, contact.functions, review.level_key(contact.level))


@blueprint.post("/role")
@requires("contacts.edit")
def save_role(contact_id: int) -> Answer:
    """Note the duties that the person has confirmed."""
    contact = changeable_contact_or_403(contact_id)
    functions, level = request.form.getlist("functions"), request.form.get("level", "")
    errors: dict[str, str] = {}
    if not functions or not set(functions) <= FUNCTION_LABELS.keys():
        errors["functions"] = _("Choose at least one job function.")
    if level not in LEVEL_RANKS:
        errors["level"] = _("Choose the level.")
    if request.form.get("confirmed") != "1":
        errors["confirmed"] = _("Only what the person has confirmed is recorded here.")
    if errors:
        return _role_page(contact, errors, functions, level), 422
    decisions.set_role(
        db_session(),
        contact,
        functions=functions,
        level=LEVEL_RANKS[level],
        now=clock.now(),
        actor_id=signed_in_user().id,
    )
    flash(_("The duties have been confirmed."))
    return _back(contact_id)


def _role_page(contact: Contact, errors: dict[str, str], functions: Any, level: str) -> str:
    return render_template(
        "web/contacts/role.html",
        contact=contact,
        name=name_of(contact),
        errors=errors,
        functions=[(key, _(label)) for key, label in FUNCTION_LABELS.items()],
        levels=[(key, _(label)) for key, label in LEVEL_LABELS.items()],
        chosen=functions,
        level=level,
    )


# Bans and consents


@blueprint.get("/statement")
@requires("suppressions.edit")
def edit_statement(contact_id: int) -> str:
    """The form that records a ban or a consent. It never asks who is calling (R47)."""
    event = request.args.get("event", "objected")
    return _statement_page(
        open_contact_or_403(contact_id), {}, {"event": event}, ["email_marketing"]
    )


@blueprint.post("/statement")
@requires("suppressions.edit")
def save_statement(contact_id: int) -> Answer:
    """Record a ban or a consent; a ban on e-mail also suppresses the address."""
    contact, form = open_contact_or_403(contact_id), request.form
    kinds = [kind for kind in form.getlist("kinds") if kind in consents.KINDS]
    event, channel = form.get("event", ""), form.get("channel", "")
    wording = form.get("wording", "").strip()
    wrong = {
        "event": event not in consents.EVENTS and _("Choose what was said."),
        "kinds": not kinds and _("Choose what it is about."),
        "channel": channel not in bans.CHANNELS and _("Choose how it came in."),
        "wording": len(wording) > LONGEST_WORDING and _("The text is too long."),
    }
    if event in ("given", "lifted") and not wording:
        wrong["wording"] = _(
            "Write what the person said: a consent must be shown to have been given."
        )
    errors = {field: sentence for field, sentence in wrong.items() if sentence}
    if errors:
        return _statement_page(contact, errors, form, kinds), 422
    said = bans.Said(event, kinds, channel, wording)
    bans.record(db_session(), contact, said, now=clock.now(), actor_id=signed_in_user().id)
    flash(_("Recorded. It holds from now on."))
    return _back(contact_id)


def _statement_page(
    contact: Contact, errors: Mapping[str, str], values: Mapping[str, str], kinds: list[str]
) -> str:
    return render_template(
        "web/contacts/statement.html",
        contact=contact,
        name=name_of(contact),
        errors=errors,
        values={name: values.get(name, "") for name in ("event", "channel", "wording")},
        events=[(key, _(label)) for key, label in EVENT_WORDS.items()],
        kinds=[(key, _(label)) for key, label in consents.KINDS.items()],
        chosen=kinds,
        channels=[(key, _(label)) for key, label in bans.CHANNELS.items()],
    )


# Restriction and quarantine


@blueprint.get("/restrict")
@requires("contacts.edit")
def ask_restrict(contact_id: int) -> str:
    """Ask before the processing of a contact is restricted."""
    contact = changeable_contact_or_403(contact_id)
    return _confirm(
        contact,
        title=_("Restrict the processing of the data of %(name)s?", name=name_of(contact)),
        text=_(
            "The data is then only stored: no messages, no segments, no changes, no exports. Only"
            " those who answer data requests can open it."
        ),
        button=_("Restrict the processing"),
        action="contact_actions.restrict",
    )


@blueprint.post("/restrict")
@requires("contacts.edit")
def restrict(contact_id: int) -> Answer:
    """Restrict the processing."""
    contact = contact_or_404(contact_id)
    decisions.restrict(db_session(), contact, now=clock.now(), actor_id=signed_in_user().id)
    flash(_("The processing is restricted."))
    return _back(contact_id)


@blueprint.get("/restriction")
@requires("requests.edit")
def edit_restriction(contact_id: int) -> str:
    """The form that lifts a restriction, after the person was told (GDPR 18(3))."""
    today = clock.now().date().isoformat()
    return _restriction_page(contact_or_404(contact_id), {}, {"told_on": today})


@blueprint.post("/restriction")
@requires("requests.edit")
def lift_restriction(contact_id: int) -> Answer:
    """Lift a restriction."""
    contact, now = contact_or_404(contact_id), clock.now()
    told = request.form.get("told", "")
    errors: dict[str, str] = {}
    if told not in bans.CHANNELS:
        errors["told"] = _("Choose how the person was told. They must know before it is lifted.")
    told_on = _day(request.form.get("told_on", ""))
    if told_on is None or told_on > now.date():
        errors["told_on"] = _("Write the date as year-month-day, for example 2027-06-30.")
    if errors or told_on is None:
        return _restriction_page(contact, errors, request.form), 422
    decisions.lift_restriction(
        db_session(), contact, told=told, told_on=told_on, now=now, actor_id=signed_in_user().id
    )
    flash(_("The restriction is lifted."))
    return _back(contact_id)


def _restriction_page(contact: Contact, errors: dict[str, str], values: Mapping[str, str]) -> str:
    return render_template(
        "web/contacts/restriction.html",
        contact=contact,
        name=name_of(contact),
        errors=errors,
        values={name: values.get(name, "") for name in ("told", "told_on")},
        channels=[(key, _(label)) for key, label in bans.CHANNELS.items()],
    )


@blueprint.get("/release")
@requires("contacts.edit")
def ask_release(contact_id: int) -> str:
    """Ask before a contact is let out of quarantine."""
    contact = changeable_contact_or_403(contact_id)
    return _confirm(
        contact,
        title=_("Is %(name)s a contact of an organisation?", name=name_of(contact)),
        text=_(
            "The contact then counts as any other. If it is a private person, delete it instead."
        ),
        button=_("Let out of quarantine"),
        action="contact_actions.release",
    )


@blueprint.post("/release")
@requires("contacts.edit")
def release(contact_id: int) -> Answer:
    """Let a contact out of quarantine."""
    contact = changeable_contact_or_403(contact_id)
    decisions.release(db_session(), contact, now=clock.now(), actor_id=signed_in_user().id)
    flash(_("The contact is out of quarantine."))
    return _back(contact_id)


# Deletion


@blueprint.get("/private")
@requires("contacts.edit")
def ask_remove_private(contact_id: int) -> str:
    """Say what goes when a contact turns out to be a private person or a minor."""
    return _removal_page(open_contact_or_403(contact_id), "private", {})


@blueprint.post("/private")
@requires("contacts.edit")
def remove_private(contact_id: int) -> Answer:
    """Delete a private person or a minor at once (R12)."""
    contact, rule = open_contact_or_403(contact_id), request.form.get("reason", "")
    if rule not in removal.PRIVATE_RULES:
        errors = {"reason": _("Choose what you have found.")}
        return _removal_page(contact, "private", errors), 422
    removal.remove_as_private(
        db_session(), contact, rule=rule, now=clock.now(), actor_id=signed_in_user().id
    )
    flash(_("The contact has been deleted, and the address is on the do-not-import list."))
    return redirect(url_for("contacts.show_list"), 303)


@blueprint.get("/delete")
@requires("contacts.edit")
def ask_remove(contact_id: int) -> str:
    """Say what goes when a contact is deleted."""
    return _removal_page(changeable_contact_or_403(contact_id), "delete", {})


@blueprint.post("/delete")
@requires("contacts.edit")
def remove(contact_id: int) -> Answer:
    """Delete a contact. One whose processing is restricted stays (R91)."""
    contact, reason = changeable_contact_or_403(contact_id), request.form.get("reason", "")
    if reason not in removal.DELETE_REASONS:
        return _removal_page(contact, "delete", {"reason": _("Choose a reason.")}), 422
    removal.remove(
        db_session(), contact, reason=reason, now=clock.now(), actor_id=signed_in_user().id
    )
    flash(_("The contact has been deleted."))
    return redirect(url_for("contacts.show_list"), 303)


def _removal_page(contact: Contact, way: str, errors: dict[str, str]) -> str:
    reasons = removal.PRIVATE_RULES if way == "private" else removal.DELETE_REASONS
    return render_template(
        "web/contacts/removal.html",
        contact=contact,
        name=name_of(contact),
        way=way,
        errors=errors,
        reasons=[(key, _(label)) for key, label in reasons.items()],
        amounts=_amounts(contact),
    )


def _amounts(contact: Contact) -> dict[str, int]:
    """How much hangs on a contact."""
    session = db_session()
    waiting, sent = session.execute(
        select(
            func.count().filter(Message.state == "queued"),
            func.count().filter(Message.sent_at.is_not(None)),
        ).where(Message.contact_id == contact.id)
    ).one()

    def count(column: Any) -> int:
        return session.scalar(select(func.count()).where(column == contact.id)) or 0

    dealings, held = interaction_holds.amounts(session, contact.id, now=clock.now())
    return {
        "dealings": dealings,
        "held": held,
        "waiting": waiting,
        "sent": sent,
        "changes": count(FieldChange.contact_id),
        "statements": count(ConsentEvent.contact_id),
    }


def _confirm(contact: Contact, *, title: str, text: str, button: str, action: str) -> str:
    return render_template(
        "web/parts/confirm_page.html",
        title=title,
        text=text,
        facts=[(_("E-mail address"), contact.email), (_("Job title"), contact.title or "–")],
        action=url_for(action, contact_id=contact.id),
        button=button,
        back=url_for("contacts.show", contact_id=contact.id),
    )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if 1900 < day.year < 2900 else None


def _back(contact_id: int) -> Response:
    return redirect(url_for("contacts.show", contact_id=contact_id), 303)
