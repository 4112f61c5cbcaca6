"""The opens and clicks of a campaign that did not count, and why."""

from flask import Blueprint, abort, render_template

from mailer.campaigns.models import Campaign
from mailer.events import report_verdicts
from mailer.events.rules import REASONS, RULESET
from mailer.web.guard import requires
from mailer.web.report_figures import shown
from mailer.web.report_source import report_session

blueprint = Blueprint("report_verdicts", __name__, url_prefix="/reports")

LISTED = 100


@blueprint.get("/<int:campaign_id>/verdicts")
@requires("reports.view")
def show(campaign_id: int) -> str:
    """Why opens and clicks were taken for a machine's or could not be told; nobody is named."""
    session = report_session()
    # An id that no bigint holds is nobody's.
    campaign = session.get(Campaign, campaign_id) if campaign_id < 2**63 else None
    if campaign is None or campaign.launched_at is None:
        abort(404)
    kinds = [name.removesuffix("s") for name in sorted(shown(campaign))]
    hits = report_verdicts.latest(session, campaign_id, kinds) if kinds else []
    return render_template(
        "web/reports/verdicts.html",
        campaign=campaign,
        hits=hits[:LISTED],
        considered=len(hits),
        latest=report_verdicts.LATEST,
        weightiest=report_verdicts.weightiest(hits),
        reasons=REASONS,
        ruleset=RULESET,
    )
