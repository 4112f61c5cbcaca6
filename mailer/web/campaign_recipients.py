"""Step 1: whom a campaign is for, why it concerns their work, and who sends it."""

from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from mailer import clock
from mailer.accounts.models import User
from mailer.audit import AuditEntry
from mailer.campaigns import drafts, question
from mailer.campaigns.models import Campaign
from mailer.contacts.address import AddressError, canonical
from mailer.languages import format_time
from mailer.languages import gettext as _
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import PURPOSES
from mailer.roles.taxonomy import FUNCTION_LABELS
from mailer.segments import build
from mailer.segments.build import Audience
from mailer.segments.models import Segment
from mailer.segments.rules import SegmentError
from mailer.web.campaigns import address_of, campaign_or_404, fault_of_name
from mailer.web.guard import requires
from mailer.web.request import db_session, notice_in_force, signed_in_user

blueprint = Blueprint("campaign_recipients", __name__, url_prefix="/campaigns/<int:campaign_id>")

LONGEST_BASIS = 1000
LONGEST_SENDER = 100
PAGE = 50


@blueprint.get("/recipients")
@requires("campaigns.view")
def edit(campaign_id: int) -> Any:
    """The form of step 1."""
    campaign = campaign_or_404(campaign_id)
    if campaign.state != "draft":
        return redirect(address_of(campaign), 303)
    return _page(campaign, _values_of(campaign), errors={})


@blueprint.post("/recipients")
@requires("campaigns.edit")
def save(campaign_id: int) -> Any:
    """Save step 1; stay, or go on to the content."""
    session = db_session()
    draft = drafts.find(session, campaign_id)
    if draft is None:
        return redirect(address_of(campaign_or_404(campaign_id)), 303)
    values, errors = _read(notice_in_force())
    if request.form.get("version") != str(draft.version):
        return _page(draft, values, errors={"": conflict(draft)}), 409
    if errors:
        return _page(draft, values, errors=errors), 422
    now = clock.now()
    drafts.save_recipients(session, draft, values, now=now, actor_id=signed_in_user().id)
    flash(_("Saved %(time)s", time=format_time(now)))
    if request.form.get("then") == "content":
        return redirect(url_for("campaign_content.edit_first", campaign_id=draft.id), 303)
    return redirect(url_for("campaign_recipients.edit", campaign_id=draft.id), 303)


def conflict(campaign: Campaign) -> str:
    """Says who else saved the campaign while this form was open."""
    row = (
        db_session()
        .execute(
            select(User.name, AuditEntry.at)
            .join(User, User.id == AuditEntry.actor_id)
            .where(AuditEntry.object_kind == "campaign", AuditEntry.object_id == campaign.id)
            .order_by(AuditEntry.id.desc())
            .limit(1)
        )
        .first()
    )
    who = row.name if row else _("Somebody")
    when = format_time(row.at if row else campaign.updated_at)
    return _(
        "%(name)s saved this at %(time)s while you were editing. Your text is still here. Open"
        " the campaign in another tab to compare; saving again replaces what they wrote.",
        name=who,
        time=when,
    )


@blueprint.get("/functions")
@requires("campaigns.view")
def choose_functions(campaign_id: int) -> Response:
    """The list of functions with those of a segment ticked, when the segment changes."""
    campaign = campaign_or_404(campaign_id)
    segment = _segment(request.args.get("segment_id", ""))
    chosen = drafts.functions_of(segment.tree) if segment else campaign.target_functions
    page = render_template(
        "web/campaigns/functions.html",
        campaign=campaign,
        functions=_function_choices(notice_in_force(), chosen),
        values={"target_functions": chosen},
        errors={},
    )
    return Response(page, headers={"HX-Trigger-After-Settle": "functions-chosen"})


@blueprint.get("/waterfall")
@requires("campaigns.view")
def waterfall(campaign_id: int) -> str:
    """How the number of recipients comes about, for what the form says now."""
    campaign = campaign_or_404(campaign_id)
    return render_template(
        "web/campaigns/waterfall.html", campaign=campaign, **_counted(campaign, _values_asked())
    )


@blueprint.get("/people")
@requires("contacts.view")
def people(campaign_id: int) -> Any:
    """Who gets the message, or who is left out and why, page by page."""
    campaign = campaign_or_404(campaign_id)
    segment = db_session().get(Segment, campaign.segment_id) if campaign.segment_id else None
    if segment is None:
        return redirect(url_for("campaign_recipients.edit", campaign_id=campaign.id), 303)
    code = request.args.get("reason", build.CLEAR)
    after = request.args.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        abort(404)
    ask = question.ask(db_session(), campaign, now=clock.now())
    try:
        found = build.people(
            db_session(), segment.tree, ask, verdict=code, limit=PAGE + 1, after=int(after)
        )
        audience = build.counts(db_session(), segment.tree, ask)
    except SegmentError as error:
        flash(error.sentence(), "bad")
        return redirect(url_for("campaign_recipients.edit", campaign_id=campaign.id), 303)
    if code not in audience.by_verdict and code != build.CLEAR:
        abort(404)
    return render_template(
        "web/campaigns/people.html",
        campaign=campaign,
        people=found[:PAGE],
        following=found[PAGE - 1].contact_id if len(found) > PAGE else None,
        code=code,
        audience=audience,
        sentence=build.sentence,
        clear=build.CLEAR,
        address_of=address_of,
    )


def counts(campaign: Campaign) -> tuple[Audience | None, str]:
    """The audience of a campaign as saved, or why it cannot be counted."""
    counted = _counted(campaign, _values_of(campaign))
    return counted["audience"], counted["fault"]


def _page(campaign: Campaign, values: dict[str, Any], *, errors: dict[str, str]) -> str:
    notice = notice_in_force()
    segments = db_session().execute(select(Segment.id, Segment.name).order_by(Segment.name)).all()
    return render_template(
        "web/campaigns/recipients.html",
        campaign=campaign,
        values=values,
        errors=errors,
        segments=[(str(row.id), row.name) for row in segments],
        purposes=_purposes(notice),
        entities=[(entity.key, entity.name) for entity in notice.entities] if notice else [],
        domains=[d for entity in notice.entities for d in entity.sender_domains] if notice else [],
        functions=_function_choices(notice, values["target_functions"]),
        basis_hint=_(
            "For example: “Payroll managers choose and use payroll software.” It is kept as proof."
        ),
        **_counted(campaign, values),
    )


def _purposes(notice: Notice | None) -> list[tuple[str, str]]:
    declared = notice.purposes if notice else {}
    return [(key, _(label)) for key, label in PURPOSES.items() if key in declared]


def _function_choices(notice: Notice | None, chosen: list[str]) -> list[tuple[str, str]]:
    # What the notice says the offering concerns; what is ticked already stays to be seen.
    offered = (notice.offering if notice else frozenset()) | set(chosen)
    return [(key, _(label)) for key, label in FUNCTION_LABELS.items() if key in offered]


def _counted(campaign: Campaign, values: dict[str, Any]) -> dict[str, Any]:
    segment = _segment(values["segment_id"])
    if segment is None:
        return {"audience": None, "fault": "", "sentence": build.sentence, "clear": build.CLEAR}
    session = db_session()
    ask = build.ask_for(
        session,
        purpose=values["purpose"],
        functions=frozenset(values["target_functions"]),
        now=clock.now(),
        campaign_id=campaign.id,
        corrects=campaign.corrects,
    )
    audience, fault = None, ""
    try:
        audience = build.counts(session, segment.tree, ask)
    except SegmentError as error:
        fault = error.sentence()
    return {
        "audience": audience,
        "fault": fault,
        "sentence": build.sentence,
        "clear": build.CLEAR,
    }


def _segment(number: Any) -> Segment | None:
    text = str(number or "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        return None
    return db_session().get(Segment, int(text))


def _values_of(campaign: Campaign) -> dict[str, Any]:
    return {name: getattr(campaign, name) for name in drafts.RECIPIENT_COLUMNS}


def _values_asked() -> dict[str, Any]:
    functions = [key for key in request.args.getlist("target_functions") if key in FUNCTION_LABELS]
    purpose = request.args.get("purpose", "")
    return {
        "segment_id": request.args.get("segment_id", ""),
        "target_functions": functions,
        "purpose": purpose if purpose in PURPOSES else "",
    }


def _read(notice: Notice | None) -> tuple[dict[str, Any], dict[str, str]]:
    form = request.form
    segment = _segment(form.get("segment_id", ""))
    values: dict[str, Any] = {
        "name": " ".join(form.get("name", "").split()),
        "segment_id": segment.id if segment else None,
        "target_functions": [
            key for key in FUNCTION_LABELS if key in form.getlist("target_functions")
        ],
        "purpose": form.get("purpose", ""),
        "relevance_basis": form.get("relevance_basis", "").strip(),
        "entity": form.get("entity", ""),
        "sender_name": " ".join(form.get("sender_name", "").split()),
        "sender_address": form.get("sender_address", "").strip(),
        "reply_to": form.get("reply_to", "").strip(),
    }
    errors = faults_of(values, notice)
    if form.get("segment_id") and segment is None:
        errors["segment_id"] = _("This segment does not exist any more. Choose another.")
    return values, errors


def faults_of(values: dict[str, Any], notice: Notice | None) -> dict[str, str]:
    """What is wrong with what is said of a campaign's recipients and sender, by field. Addresses
    in `values` are made canonical."""
    errors = {"name": fault_of_name(values["name"])}
    if notice is None or values["purpose"] not in notice.purposes:
        errors["purpose"] = _("Choose a purpose that the published notice declares.")
    if len(values["relevance_basis"]) > LONGEST_BASIS:
        errors["relevance_basis"] = _("Use at most %(num)s characters.", num=LONGEST_BASIS)
    errors |= _faults_of_sender(values, notice)
    return {name: error for name, error in errors.items() if error}


def _faults_of_sender(values: dict[str, Any], notice: Notice | None) -> dict[str, str]:
    entity = notice.entity(values["entity"]) if notice else None
    errors = {}
    if entity is None:
        errors["entity"] = _("Choose the sending company. It must be named in the notice.")
    if len(values["sender_name"]) > LONGEST_SENDER:
        errors["sender_name"] = _("Use at most %(num)s characters.", num=LONGEST_SENDER)
    for name in ("sender_address", "reply_to"):
        if not values[name]:
            continue
        try:
            values[name] = str(canonical(values[name]))
        except AddressError:
            errors[name] = _("Write the address in the form name@company.fi.")
    domain = values["sender_address"].rpartition("@")[2]
    if entity and domain and "sender_address" not in errors and domain not in entity.sender_domains:
        errors["sender_address"] = _(
            "%(company)s may send from: %(domains)s",
            company=entity.name,
            domains=", ".join(entity.sender_domains),
        )
    return errors
