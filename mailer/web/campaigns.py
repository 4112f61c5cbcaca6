"""The list of campaigns; making, copying and deleting one; the way to where each one stands."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from mailer import clock
from mailer.accounts.models import User
from mailer.campaigns import drafts, lifecycle
from mailer.campaigns.models import STATES, Campaign, CampaignContent
from mailer.languages import LANGUAGES
from mailer.languages import gettext as _
from mailer.segments.models import Segment
from mailer.sending import progress
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number, sorting
from mailer.web.request import db_session, notice_in_force, signed_in_user

blueprint = Blueprint("campaigns", __name__, url_prefix="/campaigns")

LONGEST_NAME = 120
TABS: dict[str, frozenset[str]] = {
    "drafts": frozenset({"draft", "waiting_for_approval", "failed"}),
    "scheduled": frozenset({"scheduled", "starting"}),
    "sending": frozenset({"sending", "paused"}),
    "sent": frozenset({"sent", "stopped"}),
    "all": frozenset(STATES),
}
COLUMNS: dict[str, Any] = {
    "name": func.lower(Campaign.name),
    "state": Campaign.state,
    "time": func.coalesce(Campaign.launched_at, Campaign.starts_at, Campaign.updated_at),
}
# A state's kind of pill, and its icon.
PILLS = {
    "draft": ("neutral", "pencil"),
    "waiting_for_approval": ("info", "hourglass"),
    "scheduled": ("info", "calendar-clock"),
    "starting": ("warn", "hourglass"),
    "sending": ("info", "send"),
    "paused": ("warn", "circle-pause"),
    "sent": ("ok", "circle-check"),
    "stopped": ("bad", "circle-stop"),
    "failed": ("bad", "circle-x"),
}


def campaign_or_404(campaign_id: int) -> Campaign:
    """The campaign, or a page that says there is none."""
    # An id that no bigint holds is nobody's.
    campaign = db_session().get(Campaign, campaign_id) if campaign_id < 2**63 else None
    if campaign is None:
        abort(404)
    return campaign


def address_of(campaign: Campaign) -> str:
    """Where a campaign is worked on in the state it is in."""
    if campaign.state == "draft":
        return url_for("campaign_recipients.edit", campaign_id=campaign.id)
    if campaign.state in lifecycle.WAITING:
        return url_for("campaign_progress.hold", campaign_id=campaign.id)
    return url_for("campaign_progress.show", campaign_id=campaign.id)


@blueprint.app_template_global("campaign_state")
def campaign_state(campaign: Campaign) -> tuple[str, str, str]:
    """A campaign's state as a word, a kind of pill and an icon."""
    return _(lifecycle.LABELS[campaign.state]), *PILLS[campaign.state]


@blueprint.app_template_global("held_campaigns")
def held_campaigns() -> list[Campaign]:
    """Campaigns in their hold, for the banner of every page."""
    return list(
        db_session().scalars(
            select(Campaign).where(Campaign.state == "starting").order_by(Campaign.starts_at)
        )
    )


@blueprint.get("")
@requires("campaigns.view")
def show_list() -> str:
    """The campaigns, newest first, by tab."""
    session = db_session()
    tab = request.args.get("tab", "all")
    if tab not in TABS:
        tab = "all"
    order = sorting(COLUMNS, "-time")
    total = session.scalar(
        select(func.count()).select_from(Campaign).where(Campaign.state.in_(TABS[tab]))
    )
    paging = Paging(page_number(), total or 0)
    column = COLUMNS[order.key]
    rows = session.execute(
        select(Campaign, Segment.name, User.name)
        .outerjoin(Segment, Segment.id == Campaign.segment_id)
        .outerjoin(User, User.id == Campaign.created_by)
        .where(Campaign.state.in_(TABS[tab]))
        .order_by(column.desc() if order.descending else column, Campaign.id.desc())
        .limit(paging.size)
        .offset(paging.offset)
    ).all()
    ids = [campaign.id for campaign, _segment, _owner in rows]
    return render_template(
        "web/campaigns/list.html",
        rows=rows,
        tab=tab,
        tabs=_tabs(),
        order=order,
        paging=paging,
        subjects=_subjects(ids),
        numbers=progress.sent_of(session, ids) if ids else {},
        address_of=address_of,
        anything=bool(total) or session.scalar(select(Campaign.id).limit(1)) is not None,
    )


def _tabs() -> list[tuple[str, str, int]]:
    rows = db_session().execute(select(Campaign.state, func.count()).group_by(Campaign.state))
    counted = {state: number for state, number in rows}  # noqa: C416 - a Row is no tuple to dict
    labels = {
        "drafts": _("Drafts"),
        "scheduled": _("Scheduled"),
        "sending": _("Sending"),
        "sent": _("Sent"),
        "all": _("All"),
    }
    return [(key, labels[key], sum(counted.get(state, 0) for state in TABS[key])) for key in TABS]


def _subjects(ids: list[int]) -> dict[int, str]:
    """A subject of each campaign, in the first language that has one."""
    subjects: dict[int, str] = {}
    contents = db_session().scalars(
        select(CampaignContent).where(CampaignContent.campaign_id.in_(ids))
    )
    for content in sorted(contents, key=lambda each: LANGUAGES.index(each.language)):
        if content.subject:
            subjects.setdefault(content.campaign_id, content.subject)
    return subjects


@blueprint.get("/new")
@requires("campaigns.edit")
def new() -> str:
    """Ask for the name of a new campaign."""
    return render_template(
        "web/campaigns/new.html", errors={}, values={"name": ""}, segment=_wanted_segment()
    )


def _wanted_segment() -> Segment | None:
    """The segment whose page led here."""
    number = request.values.get("segment", "")
    fits = number.isascii() and number.isdigit() and len(number) < 19
    return db_session().get(Segment, int(number)) if fits else None


@blueprint.post("/new")
@requires("campaigns.edit")
def create() -> Any:
    """Make a draft and go to its first step."""
    name = " ".join(request.form.get("name", "").split())
    error = fault_of_name(name)
    if error:
        page = render_template(
            "web/campaigns/new.html",
            errors={"name": error},
            values=request.form,
            segment=_wanted_segment(),
        )
        return page, 422
    campaign = drafts.create(
        db_session(),
        name,
        notice=notice_in_force(),
        segment=_wanted_segment(),
        now=clock.now(),
        actor_id=signed_in_user().id,
    )
    return redirect(address_of(campaign), 303)


def fault_of_name(name: str) -> str:
    """What is wrong with a campaign's name, or nothing."""
    if not name:
        return _("Give the campaign a name.")
    if len(name) > LONGEST_NAME:
        return _("The name can have at most %(num)s characters.", num=LONGEST_NAME)
    return ""


@blueprint.get("/<int:campaign_id>")
@requires("campaigns.view")
def show(campaign_id: int) -> Response:
    """Go to where the campaign stands."""
    return redirect(address_of(campaign_or_404(campaign_id)), 303)


@blueprint.post("/<int:campaign_id>/copy")
@requires("campaigns.edit")
def copy(campaign_id: int) -> Response:
    """Make a draft that says the same."""
    original = campaign_or_404(campaign_id)
    draft = drafts.copy(db_session(), original, now=clock.now(), actor_id=signed_in_user().id)
    flash(_("This is a copy. Check the recipients before you send it."))
    return redirect(address_of(draft), 303)


@blueprint.get("/<int:campaign_id>/delete")
@requires("campaigns.edit")
def confirm_delete(campaign_id: int) -> Any:
    """Ask before a draft is deleted."""
    campaign = campaign_or_404(campaign_id)
    if campaign.state != "draft":
        return redirect(address_of(campaign), 303)
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Delete the draft %(name)s?", name=campaign.name),
        text=_("Its content is deleted in every language. This cannot be undone."),
        facts=[],
        action=url_for("campaigns.delete", campaign_id=campaign.id),
        button=_("Delete the draft"),
        back=address_of(campaign),
        danger=True,
    )


@blueprint.post("/<int:campaign_id>/delete")
@requires("campaigns.edit")
def delete(campaign_id: int) -> Response:
    """Delete a draft."""
    campaign = campaign_or_404(campaign_id)
    session = db_session()
    draft = drafts.find(session, campaign_id)
    if draft is None or not drafts.delete(
        session, draft, now=clock.now(), actor_id=signed_in_user().id
    ):
        flash(_("Only a draft of which nothing has been sent can be deleted."), "bad")
        return redirect(address_of(campaign), 303)
    flash(_("The draft was deleted."))
    return redirect(url_for("campaigns.show_list"), 303)
