"""Messages of which nobody knows whether they left: who, since when, why, and what to do."""

from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from mailer import clock, installation
from mailer.campaigns import lifecycle
from mailer.campaigns.models import Campaign
from mailer.languages import N_, format_number, ngettext
from mailer.languages import gettext as _
from mailer.sending import proof, uncertain
from mailer.sending.proof import Margins
from mailer.web.campaigns import campaign_or_404
from mailer.web.guard import requires
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("campaign_uncertain", __name__, url_prefix="/campaigns")

PAGE = 50
MOST_TICKED = 500
# decision -> what is done, the button, the title of the page that asks, and what may happen
DECISIONS = {
    "treat_as_sent": (
        uncertain.treat_as_sent,
        N_("Treat as sent"),
        N_("Treat these messages as sent?"),
        N_("Whoever did not get the message never gets it from this campaign."),
    ),
    "send_again": (
        uncertain.send_again,
        N_("Send again"),
        N_("Send these messages again?"),
        N_(
            "Whoever got the message already may get it twice. The rules are asked again right"
            " before each message."
        ),
    ),
    "treat_as_not_sent": (
        uncertain.treat_as_not_sent,
        N_("Treat as not sent"),
        N_("Treat these messages as not sent?"),
        N_(
            "Nothing is sent now. They are then among those who did not get it, so whoever did"
            " may get the message twice when you send to the rest."
        ),
    ),
}


@blueprint.app_template_filter("age")
def age(since: datetime | None) -> str:
    """How long ago that was, in words."""
    if since is None:
        return "–"
    minutes = max(0, int((clock.now() - since).total_seconds() // 60))
    if minutes < 60:
        return ngettext("%(num)s minute", "%(num)s minutes", minutes)
    if minutes < 48 * 60:
        return ngettext("%(num)s hour", "%(num)s hours", minutes // 60)
    return ngettext("%(num)s day", "%(num)s days", minutes // (24 * 60))


@blueprint.get("/uncertain")
@requires("campaigns.view")
def show_campaigns() -> str:
    """The campaigns that wait for a decision."""
    return render_template(
        "web/campaigns/uncertain_campaigns.html", open_ones=uncertain.campaigns(db_session())
    )


@blueprint.get("/<int:campaign_id>/uncertain")
@requires("campaigns.view")
def show(campaign_id: int) -> str:
    """One campaign's open messages, with age and cause."""
    return _page(campaign_or_404(campaign_id), errors={})


def _page(campaign: Campaign, *, errors: dict[str, str]) -> str:
    after = request.args.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        abort(404)
    session = db_session()
    found = uncertain.messages(
        session,
        margins=_margins(),
        now=clock.now(),
        campaign_id=campaign.id,
        after=int(after),
        limit=PAGE + 1,
    )
    open_ones = uncertain.of_campaign(session, campaign.id)
    return render_template(
        "web/campaigns/uncertain.html",
        campaign=campaign,
        number=open_ones.number if open_ones else 0,
        found=found[:PAGE],
        following=found[PAGE - 1].message_id if len(found) > PAGE else None,
        causes={key: _(words) for key, words in uncertain.CAUSES.items()},
        standings={key: _(words) for key, words in proof.STANDINGS.items()},
        decisions=[(key, _(DECISIONS[key][1])) for key in _decisions_for(campaign)],
        errors=errors,
    )


def _margins() -> Margins:
    settings = installation.current().settings
    return Margins.of(
        lease_seconds=settings.claim_lease_seconds, settle_seconds=settings.settle_seconds
    )


def _decisions_for(campaign: Campaign) -> tuple[str, str]:
    second = "send_again" if campaign.state in lifecycle.UNDER_WAY else "treat_as_not_sent"
    return "treat_as_sent", second


@blueprint.get("/<int:campaign_id>/uncertain/decide")
@requires("campaigns.send")
def confirm(campaign_id: int) -> Any:
    """Ask before it is done, saying what could happen."""
    campaign = campaign_or_404(campaign_id)
    decision = _decision()
    if decision not in _decisions_for(campaign):
        return _out_of_date(campaign_id)
    everything = request.args.get("which") == "all"
    ids = _numbers(request.args.getlist("message"))
    if not everything and not ids:
        message = _("Tick at least one message, or choose all of them.")
        return _page(campaign, errors={"which": message}), 422
    session = db_session()
    number = len(uncertain.by_campaign(session, ids).get(campaign_id, ()))
    if everything:
        found = uncertain.of_campaign(session, campaign_id)
        number = found.number if found else 0
    if not number:
        flash(_("These messages have been settled meanwhile."))
        return redirect(url_for("campaign_uncertain.show", campaign_id=campaign_id), 303)
    _do, button, title, text = DECISIONS[decision]
    return render_template(
        "web/parts/confirm_page.html",
        title=_(title),
        text=_(text),
        facts=[(_("Campaign"), campaign.name), (_("Messages"), format_number(number))],
        action=url_for("campaign_uncertain.decide", campaign_id=campaign_id),
        button=_(button),
        back=url_for("campaign_uncertain.show", campaign_id=campaign_id),
        danger=decision == "send_again",
        hidden={
            "decision": decision,
            "which": "all" if everything else "ticked",
            "messages": "" if everything else " ".join(map(str, ids)),
        },
    )


@blueprint.post("/<int:campaign_id>/uncertain/decide")
@requires("campaigns.send")
def decide(campaign_id: int) -> Any:
    """Do what was decided, with the name of who did."""
    campaign = campaign_or_404(campaign_id)
    decision = _decision()
    if decision not in _decisions_for(campaign):
        return _out_of_date(campaign_id)
    ids = _numbers(request.form.get("messages", "").split())
    everything = request.form.get("which") == "all"
    if not everything and not ids:
        abort(400)
    done = DECISIONS[decision][0](
        db_session(),
        campaign_id,
        None if everything else ids,
        now=clock.now(),
        actor_id=signed_in_user().id,
    )
    if done:
        flash(ngettext("%(num)s message was settled.", "%(num)s messages were settled.", done))
    else:
        flash(_("These messages have been settled meanwhile."), "bad")
    left = _left(db_session(), campaign_id)
    page = "campaign_uncertain.show" if left else "campaign_progress.show"
    return redirect(url_for(page, campaign_id=campaign_id), 303)


def _left(session: Session, campaign_id: int) -> bool:
    return uncertain.of_campaign(session, campaign_id) is not None


def _decision() -> str:
    wanted = request.values.get("decision", "")
    if wanted not in DECISIONS:
        abort(400)
    return wanted


def _out_of_date(campaign_id: int) -> Any:
    flash(_("The campaign has been stopped or has gone on meanwhile. Decide again."), "bad")
    return redirect(url_for("campaign_uncertain.show", campaign_id=campaign_id), 303)


def _numbers(values: list[str]) -> list[int]:
    fits = [v for v in values if v.isascii() and v.isdigit() and len(v) < 19]
    if len(fits) > MOST_TICKED:
        abort(400)
    return sorted({int(value) for value in fits})
