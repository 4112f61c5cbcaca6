"""The reconciliation certificate: on the page, as JSON and as PDF."""

import json
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, render_template

from mailer import clock, db, installation
from mailer.campaigns.models import Campaign
from mailer.events import certificate, certificate_pdf, effects, signing
from mailer.events.certificate import CHECKS, FAILS
from mailer.languages import gettext as _
from mailer.segments.build import sentence
from mailer.web.audit_log import ACTIONS
from mailer.web.campaign_progress import STATE_WORDS
from mailer.web.campaigns import campaign_or_404
from mailer.web.guard import requires

blueprint = Blueprint(
    "campaign_certificate", __name__, url_prefix="/campaigns/<int:campaign_id>/certificate"
)


@blueprint.app_template_filter("moment")
def moment(value: str | None) -> datetime | None:
    """A moment of the certificate, to be shown like any other."""
    return datetime.fromisoformat(value) if value else None


@blueprint.get("")
@requires("reports.view")
def show(campaign_id: int) -> str:
    """Everybody of the audience accounted for, and whether the sums add up."""
    campaign = _launched(campaign_id)
    sealed = _seal(campaign)
    document = sealed["certificate"]
    return render_template(
        "web/campaigns/certificate.html",
        campaign=campaign,
        document=document,
        signature=sealed["signature"],
        fails=any(check["result"] == FAILS for check in document["checks"]),
        words=_words(),
        checks={name: _(text) for name, text in CHECKS.items()},
        sentence=sentence,
    )


@blueprint.get("/certificate.json")
@requires("reports.view")
def download_json(campaign_id: int) -> Response:
    """The signed certificate, for `mailer certificate verify` and for other programs."""
    sealed = _seal(_launched(campaign_id))
    text = json.dumps(sealed, ensure_ascii=False, indent=1)
    return _file(text.encode() + b"\n", "application/json", campaign_id, "json")


@blueprint.get("/certificate.pdf")
@requires("reports.view")
def download_pdf(campaign_id: int) -> Response:
    """The same on paper, with the signed JSON inside."""
    made = certificate_pdf.make(_seal(_launched(campaign_id)), _words())
    return _file(made, "application/pdf", campaign_id, "pdf")


def _launched(campaign_id: int) -> Campaign:
    campaign = campaign_or_404(campaign_id)
    if campaign.launched_at is None:
        abort(404)
    return campaign


def _seal(campaign: Campaign) -> dict[str, Any]:
    here = installation.current()
    with db.snapshot(here.sessions) as session:
        document = certificate.state(
            session,
            session.get_one(Campaign, campaign.id),
            installation=here.settings.public_url,
            now=clock.now(),
        )
    return signing.sign(document, here.settings.secret_key)


def _words() -> dict[str, dict[str, str]]:
    return {
        "states": {state: _(word) for state, word in STATE_WORDS.items()},
        "actions": {action: _(word) for action, word in ACTIONS.items()},
        "kinds": {kind: _(effect.label) for kind, effect in effects.EFFECTS.items()},
    }


def _file(content: bytes, mimetype: str, campaign_id: int, ending: str) -> Response:
    response = Response(content, mimetype=mimetype)
    filename = f"certificate-{campaign_id}.{ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
