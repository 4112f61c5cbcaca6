"""The button that stops all sending, and the one that lets it go on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy import func, select

from mailer import clock
from mailer.campaigns.models import Campaign
from mailer.languages import format_datetime, format_number
from mailer.languages import gettext as _
from mailer.sending import stops
from mailer.sending.models import Message
from mailer.web.guard import requires
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("stopping", __name__, url_prefix="/sending")


@dataclass(frozen=True, slots=True)
class Stopped:
    """That all sending is stopped, for the banner."""

    at: datetime
    sentence: str


@blueprint.app_template_global("sending_stop")
def sending_stop() -> Stopped | None:
    """The open stop, if there is one."""
    open_one = stops.standing(db_session())
    return Stopped(open_one.at, _(stops.sentence(open_one.reason))) if open_one else None


def _under_way() -> list[tuple[str, str]]:
    campaigns = select(Campaign.id).where(Campaign.state == "sending")
    session = db_session()
    return [
        (
            _("Campaigns that are being sent"),
            format_number(
                session.scalar(select(func.count()).select_from(campaigns.subquery())) or 0
            ),
        ),
        (
            _("Messages that wait"),
            format_number(
                session.scalar(
                    select(func.count()).where(
                        Message.state == "queued", Message.campaign_id.in_(campaigns)
                    )
                )
                or 0
            ),
        ),
    ]


@blueprint.get("/stop")
@requires("sending.stop")
def confirm() -> str:
    """Ask before everything is stopped."""
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Stop all sending?"),
        text=_(
            "From that moment nothing more is handed to Amazon SES, from any campaign, on any"
            " machine. What is in Amazon's hands cannot be called back. The campaigns keep their"
            " place and go on when the stop is lifted."
        ),
        facts=_under_way(),
        action=url_for("stopping.stop"),
        button=_("Stop all sending"),
        back=url_for("campaigns.show_list"),
        danger=True,
    )


@blueprint.post("/stop")
@requires("sending.stop")
def stop() -> Any:
    """Stop everything."""
    stopped = stops.stop_all(
        db_session(), reason="user", now=clock.now(), actor_id=signed_in_user().id
    )
    if not stopped:
        flash(_("All sending was stopped already."))
    return redirect(url_for("campaigns.show_list"), 303)


@blueprint.get("/go-on")
@requires("campaigns.send")
def confirm_lift() -> Any:
    """Ask before sending goes on, with what will go on."""
    open_one = stops.standing(db_session())
    if open_one is None:
        return redirect(url_for("campaigns.show_list"), 303)
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Let sending go on?"),
        text=_(stops.sentence(open_one.reason)),
        facts=[(_("Stopped since"), format_datetime(open_one.at)), *_under_way()],
        action=url_for("stopping.lift"),
        button=_("Let sending go on"),
        back=url_for("campaigns.show_list"),
    )


@blueprint.post("/go-on")
@requires("campaigns.send")
def lift() -> Any:
    """Lift the stop."""
    if stops.lift(db_session(), now=clock.now(), actor_id=signed_in_user().id):
        flash(_("Sending goes on."))
    else:
        flash(_("Sending was not stopped."))
    return redirect(url_for("campaigns.show_list"), 303)
