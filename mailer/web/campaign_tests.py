"""Test sends: a marked copy of the message to oneself and to colleagues."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import or_, select

from mailer import audit, clock
from mailer.accounts.models import User
from mailer.adapters.queue import enqueue_after_commit
from mailer.campaigns import drafts
from mailer.campaigns.content import ContentError
from mailer.campaigns.models import Campaign
from mailer.languages import LANGUAGE_NAMES, LANGUAGES, ngettext
from mailer.languages import gettext as _
from mailer.sending import launch, stops
from mailer.web.campaign_preview import preview_people
from mailer.web.campaigns import address_of, campaign_or_404
from mailer.web.guard import may, requires
from mailer.web.request import db_session, notice_in_force, signed_in_user

blueprint = Blueprint("campaign_test", __name__, url_prefix="/campaigns/<int:campaign_id>/test")

MOST_COPIES = 10


@blueprint.get("")
@requires("campaigns.edit")
def choose(campaign_id: int) -> Any:
    """Ask to whom, in which languages, and as whom."""
    campaign = campaign_or_404(campaign_id)
    if campaign.state != "draft":
        return redirect(address_of(campaign), 303)
    return _page(campaign, errors={})


@blueprint.post("")
@requires("campaigns.edit")
def send(campaign_id: int) -> Any:
    """Hand the copies to a worker."""
    session = db_session()
    campaign = campaign_or_404(campaign_id)
    if campaign.state != "draft":
        return redirect(address_of(campaign), 303)
    users = [user for user in _users() if str(user.id) in request.form.getlist("users")]
    languages = [each for each in _written(campaign) if each in request.form.getlist("languages")]
    errors = _faults(campaign, len(users), languages)
    if errors:
        return _page(campaign, errors=errors), 422
    contact_id = _contact(campaign)
    for user in users:
        for language in languages:
            enqueue_after_commit(
                session,
                "send",
                "mailer.sending.jobs.send_test",
                campaign.id,
                user.id,
                language,
                contact_id,
            )
    audit.record(
        session,
        "campaign.tested",
        "campaign",
        campaign.id,
        now=clock.now(),
        actor_id=signed_in_user().id,
        users=[user.id for user in users],
        languages=languages,
    )
    copies = len(users) * len(languages)
    flash(
        ngettext(
            "%(num)s test message is on its way.", "%(num)s test messages are on their way.", copies
        )
    )
    return redirect(url_for("campaign_review.show", campaign_id=campaign.id), 303)


def _faults(campaign: Campaign, users: int, languages: list[str]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not users:
        errors["users"] = _("Choose at least one person.")
    if not languages:
        errors["languages"] = _("Choose at least one language that has content.")
    if users * len(languages) > MOST_COPIES:
        errors["users"] = _("At most %(num)s copies at a time.", num=MOST_COPIES)
    notice = notice_in_force()
    if notice is None or notice.entity(campaign.entity) is None:
        errors[""] = _("Choose the sending company first, in step 1.")
    elif not launch.sender_verified(db_session(), campaign):
        errors[""] = _("The sender's domain is not verified, so no test can be sent.")
    elif stops.standing(db_session()) is not None:
        errors[""] = _("All sending is stopped, so no test can be sent.")
    try:
        launch.compiled(db_session(), campaign.id)
    except ContentError:
        errors[""] = _("The content has a fault. Mend it first, in step 2.")
    return errors


def _page(campaign: Campaign, *, errors: dict[str, str]) -> str:
    written = _written(campaign)
    me = str(signed_in_user().id)
    return render_template(
        "web/campaigns/test.html",
        campaign=campaign,
        errors=errors,
        users=[(str(user.id), user.name, user.email) for user in _users()],
        written=[(each, LANGUAGE_NAMES[each]) for each in written],
        people=preview_people(campaign),
        chosen={
            "users": request.form.getlist("users") if request.form else [me],
            "languages": request.form.getlist("languages") if request.form else written,
            "contact": request.form.get("contact", ""),
        },
    )


def _users() -> list[User]:
    now = clock.now()
    return list(
        db_session().scalars(
            select(User)
            .where(User.disabled_at.is_(None), or_(User.ends_at.is_(None), User.ends_at > now))
            .order_by(User.name)
        )
    )


def _written(campaign: Campaign) -> list[str]:
    contents = drafts.contents(db_session(), campaign.id)
    return [each for each in LANGUAGES if each in contents and contents[each].mjml.strip()]


def _contact(campaign: Campaign) -> int:
    """Whose values fill the copy: one of those offered, or 0 for an example person."""
    wanted = request.form.get("contact", "")
    offered = {number for number, _name in preview_people(campaign)}
    return int(wanted) if may("contacts.view") and wanted in offered else 0
