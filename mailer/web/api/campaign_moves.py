"""Scheduling, pausing and stopping campaigns through the API.

Nothing here is easier than at the screen: the same checks stand before sending, the same hold
follows, and what a safeguard has paused only a person lets go on.
"""

from datetime import datetime
from typing import Any

from mailer.campaigns import drafts, lifecycle
from mailer.campaigns.models import STATES
from mailer.campaigns.verdicts import WARN
from mailer.languages import N_
from mailer.languages import gettext as _
from mailer.sending import launch
from mailer.web.api.campaigns import campaign_of, check_shown, look_at, wrong_state
from mailer.web.api.contacts import version_tag
from mailer.web.api.operations import Call, Record, Reply, operation
from mailer.web.api.problems import Fault, Problem
from mailer.web.api.schemas import (
    BOOLEAN,
    ID,
    MOMENT,
    VERSION,
    Schema,
    component,
    items,
    nullable,
    one_of,
    record,
)
from mailer.web.campaign_progress import ring_again
from mailer.web.campaign_review import FURTHEST

_WORD: Schema = {"type": "string"}
MOVED = component(
    "CampaignState",
    record(
        {
            "id": ID,
            "state": one_of(STATES),
            "version": VERSION,
            "starts_at": nullable(MOMENT),
            "warnings": items(_WORD, 100),
        },
        "warnings",
    ),
)
SCHEDULE = component(
    "Schedule",
    record(
        {
            "starts_at": {**nullable(MOMENT), "description": N_("null or left out: now.")},
            "business_hours": BOOLEAN,
            "spread_days": {**BOOLEAN, "description": N_("May take days if the quota is small.")},
        },
        *("starts_at", "business_hours", "spread_days"),
    ),
)


@operation(
    "POST",
    "/campaigns/{campaign_id}/schedule",
    scope="campaigns.send",
    summary=N_("Schedule a draft"),
    about=N_(
        "Refused with the failed checks unless every check that blocks passes. Needs the version"
        " that was read, so that nobody sends what somebody else has just changed."
    ),
    body=SCHEDULE,
    answers={200: ("Scheduled, or in the hold before sending", MOVED)},
    may_fail=("wrong_state", "checks_failed"),
    locks=True,
    repeatable=True,
)
def schedule_campaign(call: Call) -> Reply:
    draft = drafts.find(call.session, call.path["campaign_id"])
    if draft is None:
        raise wrong_state(campaign_of(call))
    if draft.version not in call.versions:
        raise Problem("version_differs", headers=version_tag(draft.version))
    starts_at = _starts_at(call)
    for name in ("business_hours", "spread_days"):
        if name in call.body:
            setattr(draft, name, call.body[name])
    found = look_at(call, draft, starts_at)
    if found.blocking:
        checks = [check_shown(check) for check in found.blocking]
        raise Problem("checks_failed", more={"checks": checks})
    lifecycle.schedule(
        call.session,
        draft.id,
        starts_at=starts_at or call.now,
        now=call.now,
        actor_id=call.user_id,
        content_hash=found.content_hash,
    )
    warnings = [check.code for check in found.checks if check.effect == WARN]
    return _moved(call, warnings=warnings)


@operation(
    "POST",
    "/campaigns/{campaign_id}/cancel",
    scope="campaigns.send",
    summary=N_("Take a scheduled campaign back to draft"),
    answers={200: ("A draft again; nothing has left", MOVED)},
    may_fail=("wrong_state",),
    repeatable=True,
)
def cancel_campaign(call: Call) -> Reply:
    campaign = campaign_of(call)
    if not lifecycle.cancel(call.session, campaign.id, now=call.now, actor_id=call.user_id):
        raise wrong_state(campaign)
    return _moved(call)


@operation(
    "POST",
    "/campaigns/{campaign_id}/pause",
    scope="campaigns.send",
    summary=N_("Pause the sending"),
    about=N_("What is already on its way to Amazon SES still leaves."),
    answers={200: ("Paused", MOVED)},
    may_fail=("wrong_state",),
    repeatable=True,
)
def pause_campaign(call: Call) -> Reply:
    campaign = campaign_of(call)
    if not lifecycle.pause(
        call.session, campaign.id, reason="user", now=call.now, actor_id=call.user_id
    ):
        raise wrong_state(campaign)
    return _moved(call)


@operation(
    "POST",
    "/campaigns/{campaign_id}/resume",
    scope="campaigns.send",
    summary=N_("Resume the sending"),
    about=N_(
        "Only what a user has paused. What a safeguard has paused a person must look at first."
    ),
    answers={200: ("Sending goes on", MOVED)},
    may_fail=("wrong_state", "reason_of_pause"),
    repeatable=True,
)
def resume_campaign(call: Call) -> Reply:
    campaign = campaign_of(call, lock=True)
    if campaign.state == "paused" and campaign.pause_reason not in (None, "user"):
        raise Problem("reason_of_pause", more={"pause_reason": campaign.pause_reason})
    if not lifecycle.resume(call.session, campaign.id, now=call.now, actor_id=call.user_id):
        raise wrong_state(campaign)
    ring_again(campaign.id)
    return _moved(call)


@operation(
    "POST",
    "/campaigns/{campaign_id}/stop",
    scope="campaigns.send",
    summary=N_("Stop the sending for good"),
    about=N_("Who has the message keeps it; the others never get it from this campaign."),
    answers={200: ("Stopped", MOVED)},
    may_fail=("wrong_state",),
    repeatable=True,
)
def stop_campaign(call: Call) -> Reply:
    campaign = campaign_of(call)
    if not launch.stop(call.session, campaign.id, now=call.now, actor_id=call.user_id):
        raise wrong_state(campaign)
    return _moved(call)


def _starts_at(call: Call) -> datetime | None:
    """When to begin; None for now. Raises Problem."""
    given = call.body.get("starts_at")
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise Problem("invalid", faults=[Fault("/starts_at", "wrong_form")]) from None
    if not call.now <= moment <= call.now + FURTHEST:
        detail = _("Choose a time within a year.")
        raise Problem("invalid", faults=[Fault("/starts_at", "out_of_range", detail)])
    return moment


def _moved(call: Call, *, warnings: list[str] | None = None) -> Reply:
    campaign = campaign_of(call)
    body: dict[str, Any] = {
        "id": campaign.id,
        "state": campaign.state,
        "version": campaign.version,
        # As text, for it is kept for repeated requests.
        "starts_at": campaign.starts_at.isoformat() if campaign.starts_at else None,
    }
    if warnings is not None:
        body["warnings"] = warnings
    facts = {"state": campaign.state}
    return Reply(
        body, Record("campaign", campaign.id, facts), headers=version_tag(campaign.version)
    )
