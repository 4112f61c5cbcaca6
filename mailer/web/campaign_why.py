"""Why one person got, or did not get, one campaign."""

from typing import Any

from flask import Blueprint, render_template, request

from mailer import clock
from mailer.contacts import suppression
from mailer.contacts.address import PROBLEMS, AddressError, canonical
from mailer.contacts.models import Contact
from mailer.events import effects, fates
from mailer.languages import N_
from mailer.languages import gettext as _
from mailer.segments import words
from mailer.segments.build import sentence
from mailer.segments.choices import names
from mailer.sending import uncertain
from mailer.web.campaign_progress import STATE_WORDS
from mailer.web.campaigns import campaign_or_404
from mailer.web.guard import requires
from mailer.web.request import db_session

blueprint = Blueprint("campaign_why", __name__, url_prefix="/campaigns/<int:campaign_id>/why")

# Of the events that are not Amazon's.
HIT_WORDS = {
    "open": N_("Opened"),
    "click": N_("Clicked"),
    "opt_out": N_("Opted out"),
    "opt_out_undone": N_("Took the opt-out back"),
    "not_my_work": N_("Said that it is not about their work"),
}
ERROR_WORDS = {
    "not_accepted": N_("Amazon provably did not take it at first, so it went back to the queue."),
    "treated_as_sent": N_("A person decided to treat it as sent."),
    "treated_as_not_sent": N_("A person decided to treat it as not sent."),
    "sent_again": N_("A person decided to send it again."),
    "soft_bounce": N_("It came back for the time being and is tried again."),
    "claim_too_old": N_("It was not handed over in time and is tried again."),
    "connection": N_("Amazon could not be reached; it is tried again."),
}


@blueprint.get("")
@requires("contacts.view")
def show(campaign_id: int) -> Any:
    """The answer for the address or the contact in the query, or the question.

    Our own links name the contact: an address in a link would end in logs of proxies.
    """
    campaign = campaign_or_404(campaign_id)
    typed = request.args.get("address", "").strip() or _address_of(request.args.get("contact"))
    page: dict[str, Any] = {"campaign": campaign, "typed": typed, "fate": None, "errors": {}}
    if not typed:
        return render_template("web/campaigns/why.html", **page, **_nothing())
    try:
        address = canonical(typed)
    except AddressError as error:
        page["errors"] = {"address": _(PROBLEMS[error.code])}
        return render_template("web/campaigns/why.html", **page, **_nothing()), 422
    session, now = db_session(), clock.now()
    contact = fates.contact_at(session, address)
    fate = fates.of(session, campaign, contact=contact, now=now)
    page["fate"] = fate
    member = fate.membership
    known = names(session, [member.tree]) if member else {}
    return render_template(
        "web/campaigns/why.html",
        **page,
        suppressions=[
            (each.at, _(suppression.KINDS[each.kind]), _(suppression.SCOPES[each.scope]))
            for each in suppression.find(session, address)
        ],
        rules=[(words.clause(rule, known), holds) for rule, holds in member.answers]
        if member
        else [],
        events=[(each.at, _event_words(each.kind), each.actor) for each in fate.events],
        state_words={state: _(word) for state, word in STATE_WORDS.items()},
        noted=_note(fate),
        sentence=sentence,
    )


def _address_of(contact_id: str | None) -> str:
    if not (contact_id and contact_id.isascii() and contact_id.isdigit() and len(contact_id) < 19):
        return ""
    contact = db_session().get(Contact, int(contact_id))
    return contact.email if contact is not None else ""


def _nothing() -> dict[str, Any]:
    return {
        "suppressions": [],
        "rules": [],
        "events": [],
        "state_words": {},
        "noted": "",
        "sentence": sentence,
    }


def _event_words(kind: str) -> str:
    if kind in effects.EFFECTS:
        return _(effects.EFFECTS[kind].label)
    return _(HIT_WORDS[kind]) if kind in HIT_WORDS else kind


def _note(fate: fates.Fate) -> str:
    """What the ledger notes beside the state."""
    message = fate.message
    if message is None or not message.error:
        return ""
    if message.state == "uncertain":
        return _(uncertain.CAUSES[uncertain.cause_of(message.error)])
    if message.error in ERROR_WORDS:
        return _(ERROR_WORDS[message.error])
    return _("Amazon's answer: %(code)s", code=message.error)
