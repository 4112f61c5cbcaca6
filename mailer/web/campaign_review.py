"""Step 3: the checks, the numbers, the time, and the button that sends."""

from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import select

from mailer import clock, installation
from mailer.accounts.models import User
from mailer.campaigns import drafts, lifecycle
from mailer.campaigns.facts import Forecast
from mailer.campaigns.models import Campaign
from mailer.campaigns.verdicts import ACTIONS, EFFECTS, Fix
from mailer.languages import LANGUAGES, TIMEZONE, format_datetime, ngettext
from mailer.languages import gettext as _
from mailer.notice.vocabulary import PURPOSES
from mailer.roles.taxonomy import FUNCTION_LABELS
from mailer.segments import build
from mailer.sending import plan, readiness
from mailer.sending.models import Message
from mailer.sending.readiness import Readiness
from mailer.web.campaigns import address_of, campaign_or_404
from mailer.web.guard import requires
from mailer.web.htmx import is_htmx
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("campaign_review", __name__, url_prefix="/campaigns/<int:campaign_id>")

FURTHEST = timedelta(days=366)
# Kinds of the line on the checklist, worst first as EFFECTS.
_KINDS = dict(zip(EFFECTS, ("bad", "warn", "info", "ok"), strict=True))


@blueprint.get("/review")
@requires("campaigns.view")
def show(campaign_id: int) -> Any:
    """The checklist, worst first, and what will happen."""
    campaign = campaign_or_404(campaign_id)
    if campaign.state != "draft":
        return redirect(address_of(campaign), 303)
    starts_at, _errors = _moment(request.args)
    # A link without choices shows what is stored; the form, which follows the choices, has them.
    if "chosen" in request.args:
        _choose(campaign, request.args)
    found = _look(campaign, starts_at)
    if is_htmx():
        return render_template("web/campaigns/forecast.html", **_ahead(campaign, found))
    return _page(campaign, found, values=request.args, errors={})


@blueprint.post("/review")
@requires("campaigns.send")
def schedule(campaign_id: int) -> Any:
    """Send now or at a time, if nothing blocks it."""
    session = db_session()
    draft = drafts.find(session, campaign_id)
    if draft is None:
        return redirect(address_of(campaign_or_404(campaign_id)), 303)
    starts_at, errors = _moment(request.form)
    _choose(draft, request.form)
    found = _look(draft, starts_at)
    if not errors and request.form.get("content_hash") != found.content_hash:
        errors[""] = _("The content was changed while this page was open. Check it again.")
    if errors or found.blocking:
        return _page(draft, found, values=request.form, errors=errors, pressed=True), 422
    now = clock.now()
    lifecycle.schedule(
        session,
        draft.id,
        starts_at=starts_at or now,
        now=now,
        actor_id=signed_in_user().id,
        content_hash=found.content_hash,
    )
    return redirect(url_for("campaign_progress.hold", campaign_id=draft.id), 303)


def _choose(campaign: Campaign, values: Any) -> None:
    """Take over the choices of when; kept only if the campaign is scheduled with them."""
    campaign.business_hours = values.get("business_hours") == "1"
    campaign.spread_days = values.get("spread_days") == "1"


def _ahead(campaign: Campaign, found: Readiness) -> dict[str, Any]:
    """What the forecast shows."""
    forecast = found.facts.forecast
    limits = found.facts.limits
    over = limits is not None and found.facts.people > limits.left and limits.per_day >= 1
    return {
        "campaign": campaign,
        "forecast": forecast,
        "reasons": reasons(forecast),
        # Without consent nothing over the quota goes at all.
        "refused": over and not campaign.spread_days,
        "over": over,
    }


def reasons(forecast: Forecast | None) -> list[str]:
    """Why a sending takes as long as it does, in sentences."""
    felt = forecast.limits if forecast else frozenset()
    return [_(sentence) for key, sentence in plan.LIMITS.items() if key in felt]


def _look(campaign: Campaign, starts_at: datetime | None) -> Readiness:
    return readiness.look(
        db_session(),
        campaign,
        installation.current(),
        now=clock.now(),
        starts_at=starts_at,
    )


def _page(
    campaign: Campaign,
    found: Readiness,
    *,
    values: Any,
    errors: dict[str, str],
    pressed: bool = False,
) -> str:
    now = clock.now()
    today = now.astimezone(TIMEZONE)
    return render_template(
        "web/campaigns/review.html",
        found=found,
        corrected=db_session().get(Campaign, campaign.corrects) if campaign.corrects else None,
        lines=[
            (f"check-{number}", _KINDS[check.effect], check, fix_of(campaign, check.fix))
            for number, check in enumerate(found.checks, 1)
        ],
        pressed=pressed,
        errors=errors,
        values={
            "when": values.get("when", "now"),
            "date": values.get("date", "") or _next_working_day(today.date()).isoformat(),
            "time": values.get("time", "") or "09:00",
        },
        today=today.date().isoformat(),
        sentence=build.sentence,
        left_out=readiness.left_out(found.audience),
        purpose=_(PURPOSES.get(campaign.purpose, campaign.purpose)),
        functions=[_(FUNCTION_LABELS.get(key, key)) for key in campaign.target_functions],
        tests=_tests(campaign),
        hold_seconds=installation.current().settings.hold_seconds,
        button=_button(values.get("when", "now"), found.facts.people),
        **_ahead(campaign, found),
    )


def _next_working_day(day: date) -> date:
    following = day + timedelta(days=1)
    while following.weekday() >= 5:
        following += timedelta(days=1)
    return following


def _button(when: str, people: int) -> str:
    if when == "at":
        return ngettext("Schedule %(num)s message", "Schedule %(num)s messages", people)
    return ngettext("Send %(num)s message", "Send %(num)s messages", people)


def fix_of(campaign: Campaign, fix: Fix | None) -> tuple[str, str]:
    """The address where a finding is mended and the words of its link; empty without one."""
    if fix is None:
        return "", ""
    anchor = f"f-{fix.field}" if fix.field else None
    if fix.screen == "recipients":
        where = url_for("campaign_recipients.edit", campaign_id=campaign.id, _anchor=anchor)
    elif fix.screen == "content":
        where = url_for(
            "campaign_content.edit",
            campaign_id=campaign.id,
            language=fix.language or LANGUAGES[0],
            _anchor=anchor,
        )
    elif fix.screen == "test":
        where = url_for("campaign_test.choose", campaign_id=campaign.id)
    elif fix.screen == "sending":
        where = url_for("settings_sending.show")
    else:
        where = "/settings" if fix.screen == "settings" else f"#{anchor}"
    return where, _(ACTIONS[fix.screen])


def _tests(campaign: Campaign) -> list[Any]:
    return list(
        db_session()
        .execute(
            select(User.name, Message.language, Message.state, Message.created_at)
            .join(User, User.id == Message.to_user)
            .where(Message.test_of == campaign.id)
            .order_by(Message.id.desc())
            .limit(3)
        )
        .all()
    )


def _moment(values: Any) -> tuple[datetime | None, dict[str, str]]:
    """When to send; None for now."""
    if values.get("when", "now") != "at":
        return None, {}
    try:
        day = date.fromisoformat(values.get("date", ""))
        hour = time.fromisoformat(values.get("time", ""))
        local = datetime.combine(day, hour.replace(tzinfo=None), TIMEZONE)
        moment = local.astimezone(clock.now().tzinfo)
    except (ValueError, OverflowError):
        return None, {"date": _("Write a date and a time, for example 24.11.2026 and 9.00.")}
    if moment.astimezone(TIMEZONE).replace(tzinfo=None) != local.replace(tzinfo=None):
        return None, {"time": _("There is no such time: the clocks are moved then.")}
    if moment < clock.now():
        return None, {"date": _("%(time)s is past.", time=format_datetime(moment))}
    if moment > clock.now() + FURTHEST:
        return None, {"date": _("Choose a time within a year.")}
    return moment, {}
