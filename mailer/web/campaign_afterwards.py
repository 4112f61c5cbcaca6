"""After a campaign has ended: the corrected version to the rest, or a correction to the others."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, request, url_for

from mailer import clock
from mailer.languages import gettext as _
from mailer.segments.rules import SegmentError
from mailer.sending import corrections
from mailer.web.campaigns import address_of, campaign_or_404
from mailer.web.guard import requires
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("campaign_afterwards", __name__, url_prefix="/campaigns/<int:campaign_id>")


@blueprint.post("/correct")
@requires("campaigns.edit")
def correct(campaign_id: int) -> Any:
    """Make a draft to those who got it, or to those who did not, and go to its first step."""
    original = campaign_or_404(campaign_id)
    whom = request.form.get("whom", "")
    if whom not in corrections.WHOM:
        abort(400)
    back = redirect(url_for("campaign_progress.show", campaign_id=campaign_id), 303)
    try:
        draft = corrections.begin(
            db_session(),
            original,
            whom,
            with_unknown=request.form.get("with_unknown") == "1",
            now=clock.now(),
            actor_id=signed_in_user().id,
        )
    except SegmentError as error:  # no notice is in force any more
        flash(error.sentence(), "bad")
        return back
    if draft is None:
        flash(_("Stop the campaign first, or wait until it has ended."), "bad")
        return back
    flash(
        _(
            "This is a draft with the old content. Correct the message, and look at the"
            " recipients: the rules are asked again for every one of them."
        )
    )
    return redirect(address_of(draft), 303)
