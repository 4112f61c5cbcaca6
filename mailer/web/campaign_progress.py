"""The hold before sending, the sending itself, and who got the message."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for

from mailer import audit, clock, installation
from mailer.adapters.queue import enqueue_after_commit
from mailer.campaigns import lifecycle
from mailer.campaigns.facts import Forecast
from mailer.campaigns.models import Campaign
from mailer.languages import N_, format_number
from mailer.languages import gettext as _
from mailer.segments import build
from mailer.sending import launch, pacing, plan, progress, readiness, slots, uncertain
from mailer.sending.progress import LISTS, Line, Numbers
from mailer.web import campaign_review
from mailer.web.campaigns import address_of, campaign_or_404
from mailer.web.guard import requires
from mailer.web.htmx import is_htmx, respond, send_to
from mailer.web.request import db_session, keep_changes, signed_in_user

blueprint = Blueprint("campaign_progress", __name__, url_prefix="/campaigns/<int:campaign_id>")

PAGE = 50
LIST_TITLES = {
    "got": N_("Got the message"),
    "unknown": N_("Not known yet"),
    "not": N_("Did not get the message"),
}
STATE_WORDS = {
    "queued": N_("Waiting"),
    "sending": N_("Being sent"),
    "sent": N_("Sent"),
    "delivered": N_("Delivered"),
    "bounced": N_("Returned"),
    "complained": N_("Reported as spam"),
    "blocked": N_("Left out"),
    "failed": N_("Refused by Amazon SES"),
    "uncertain": N_("Not known whether it left"),
    "cancelled": N_("Cancelled"),
}


@blueprint.get("/hold")
@requires("campaigns.view")
def hold(campaign_id: int) -> Any:
    """The countdown before anything leaves, or the time of a scheduled campaign."""
    campaign = campaign_or_404(campaign_id)
    if campaign.state not in lifecycle.WAITING:
        return send_to(address_of(campaign))
    now = clock.now()
    seconds = installation.current().settings.hold_seconds
    begins = (campaign.starts_at or now) + timedelta(seconds=seconds)
    people: int | None = None
    if not is_htmx():
        found = readiness.look(
            db_session(), campaign, installation.current(), now=now, starts_at=campaign.starts_at
        )
        people = found.facts.people
    return respond(
        "web/campaigns/hold.html",
        "web/campaigns/countdown.html",
        campaign=campaign,
        seconds=max(0, round((begins - now).total_seconds())),
        total=seconds,
        begins=begins,
        people=people,
    )


@blueprint.post("/cancel")
@requires("campaigns.send")
def cancel(campaign_id: int) -> Any:
    """Take it back before anything has left."""
    campaign = campaign_or_404(campaign_id)
    if lifecycle.cancel(db_session(), campaign_id, now=clock.now(), actor_id=signed_in_user().id):
        flash(_("The sending was cancelled. Nothing was sent; the campaign is a draft again."))
        return redirect(url_for("campaign_review.show", campaign_id=campaign_id), 303)
    flash(_("It was too late to cancel: the sending has begun. You can still stop it."), "bad")
    return redirect(address_of(campaign), 303)


@blueprint.get("/progress")
@requires("campaigns.view")
def show(campaign_id: int) -> Any:
    """How far the sending is, or how it ended."""
    campaign = campaign_or_404(campaign_id)
    if campaign.state in lifecycle.WAITING or campaign.state == "draft":
        return send_to(address_of(campaign))
    numbers = progress.numbers(db_session(), campaign_id, now=clock.now())
    page, status = respond(
        "web/campaigns/progress.html",
        "web/campaigns/numbers.html",
        campaign=campaign,
        numbers=numbers,
        open_ones=uncertain.of_campaign(db_session(), campaign_id),
        minutes_left=_minutes_left(numbers),
        forecast=(forecast := _forecast(campaign)),
        reasons=campaign_review.reasons(forecast),
        reason=_(pacing.pause_sentence(campaign.pause_reason)) if campaign.pause_reason else "",
        needs_tick=campaign.pause_reason not in (None, "user"),
        lists=[
            (name, _(_list_title(campaign, name)), numbers.in_list(name)) for name in LIST_TITLES
        ],
        blocked=[(build.sentence(code), number) for code, number in numbers.blocked.items()],
        state_words={state: _(word) for state, word in STATE_WORDS.items()},
        errors={},
    )
    # The buttons belong to the state: when it changes, the whole page does.
    if is_htmx() and request.args.get("state") != campaign.state:
        return send_to(url_for("campaign_progress.show", campaign_id=campaign_id))
    return page, status


def _list_title(campaign: Campaign, name: str) -> str:
    if name == "unknown" and campaign.state in lifecycle.UNDER_WAY:
        return N_("Not sent yet, or not known")
    return LIST_TITLES[name]


def _forecast(campaign: Campaign) -> Forecast | None:
    """When it will be done by its plan, from today on."""
    found = plan.of(db_session(), campaign.id) if campaign.state == "sending" else None
    if found is None or found.ends_at < clock.now():
        return None
    today = slots.day_of(clock.now())
    return replace(found, days=[each for each in found.days if each[0] >= today])


def _minutes_left(numbers: Numbers) -> int | None:
    waiting = numbers.of("queued", "sending")
    if not waiting or not numbers.per_minute:
        return None
    return -(-waiting // numbers.per_minute)


@blueprint.post("/pause")
@requires("campaigns.send")
def pause(campaign_id: int) -> Any:
    """Hold back what has not left."""
    campaign_or_404(campaign_id)
    if lifecycle.pause(
        db_session(), campaign_id, reason="user", now=clock.now(), actor_id=signed_in_user().id
    ):
        flash(_("Paused. What is already on its way to Amazon SES still leaves."))
    return redirect(url_for("campaign_progress.show", campaign_id=campaign_id), 303)


@blueprint.post("/resume")
@requires("campaigns.send")
def resume(campaign_id: int) -> Any:
    """Go on; after a pause that nobody asked for only with a tick."""
    campaign = campaign_or_404(campaign_id)
    if campaign.pause_reason not in (None, "user") and request.form.get("checked") != "1":
        flash(_("Tick that the reason of the pause has been looked at, then resume."), "bad")
    elif lifecycle.resume(db_session(), campaign_id, now=clock.now(), actor_id=signed_in_user().id):
        ring_again(campaign_id)
        flash(_("Sending goes on."))
    return redirect(url_for("campaign_progress.show", campaign_id=campaign_id), 303)


def ring_again(campaign_id: int) -> None:
    """Plan a resumed campaign anew and wake its senders."""
    # What was to go during the pause must not come on top of what goes now.
    quota = pacing.quota(installation.current())
    plan.remake(db_session(), campaign_id, quota, now=clock.now())
    enqueue_after_commit(db_session(), "send", "mailer.sending.jobs.send", campaign_id)


@blueprint.get("/stop")
@requires("campaigns.send")
def confirm_stop(campaign_id: int) -> Any:
    """Ask before it is stopped, with the numbers."""
    campaign = campaign_or_404(campaign_id)
    if campaign.state not in lifecycle.UNDER_WAY:
        return redirect(address_of(campaign), 303)
    numbers = progress.numbers(db_session(), campaign_id, now=clock.now())
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Stop the sending of %(name)s?", name=campaign.name),
        text=_("Those who have the message keep it. The others never get it from this campaign."),
        facts=[
            (_("Has left already"), format_number(numbers.in_list("got"))),
            (_("On its way or not known"), format_number(numbers.of("sending", "uncertain"))),
            (_("Would be cancelled"), format_number(numbers.of("queued"))),
        ],
        action=url_for("campaign_progress.stop", campaign_id=campaign_id),
        button=_("Stop the sending"),
        back=url_for("campaign_progress.show", campaign_id=campaign_id),
        danger=True,
    )


@blueprint.post("/stop")
@requires("campaigns.send")
def stop(campaign_id: int) -> Any:
    """End it for good."""
    campaign_or_404(campaign_id)
    if launch.stop(db_session(), campaign_id, now=clock.now(), actor_id=signed_in_user().id):
        flash(_("The sending was stopped."))
    else:
        flash(_("The sending had ended already."), "bad")
    return redirect(url_for("campaign_progress.show", campaign_id=campaign_id), 303)


@blueprint.post("/reopen")
@requires("campaigns.edit")
def reopen(campaign_id: int) -> Any:
    """Make a campaign whose launch failed a draft again."""
    campaign = campaign_or_404(campaign_id)
    lifecycle.reopen(db_session(), campaign_id, now=clock.now(), actor_id=signed_in_user().id)
    return redirect(address_of(campaign), 303)


@blueprint.get("/list/<name>")
@requires("contacts.view")
def show_list(campaign_id: int, name: str) -> str:
    """Exactly who got the message, who did not, or of whom it is not known."""
    campaign = campaign_or_404(campaign_id)
    after = request.args.get("after", "0")
    if name not in LISTS or not (after.isascii() and after.isdigit() and len(after) < 19):
        abort(404)
    lines = progress.lines(db_session(), campaign_id, name, after=int(after), limit=PAGE + 1)
    numbers = progress.numbers(db_session(), campaign_id, now=clock.now())
    return render_template(
        "web/campaigns/who.html",
        campaign=campaign,
        name=name,
        title=_(_list_title(campaign, name)),
        total=numbers.in_list(name),
        lines=lines[:PAGE],
        following=lines[PAGE - 1].message_id if len(lines) > PAGE else None,
        state_words={state: _(word) for state, word in STATE_WORDS.items()},
        sentence=build.sentence,
    )


@blueprint.get("/list/<name>.csv")
@requires("contacts.export")
def export(campaign_id: int, name: str) -> Response:
    """The same list as a file; noted as an export of personal data (R60)."""
    campaign_or_404(campaign_id)
    if name not in LISTS:
        abort(404)
    lines = list(progress.all_lines(db_session(), campaign_id, name))
    audit.record(
        db_session(),
        "campaign.exported",
        "campaign",
        campaign_id,
        now=clock.now(),
        actor_id=signed_in_user().id,
        list=name,
        people=len(lines),
    )
    keep_changes()
    response = Response("".join(_csv(lines)), mimetype="text/csv")
    filename = f"campaign-{campaign_id}-{name}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _csv(lines: list[Line]) -> Iterator[str]:
    yield "\ufeff"  # so that Excel reads UTF-8
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(["email", "first_name", "last_name", "company", "state", "reason", "sent_at"])
    for line in lines:
        reason = build.sentence(line.verdict) if line.state == "blocked" else ""
        moment = line.sent_at.isoformat() if line.sent_at else ""
        cells = (line.email, line.first_name, line.last_name, line.company)
        writer.writerow([*map(_harmless, cells), _(STATE_WORDS[line.state]), reason, moment])
    yield text.getvalue()


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
