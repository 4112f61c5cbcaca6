"""Reports through the API: the figures of the screen, small groups hidden as there (R112)."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign
from mailer.events import report_tables, reports
from mailer.events.small_cells import OTHERS, Group
from mailer.languages import N_
from mailer.web.api.operations import Call, Record, Reply, operation
from mailer.web.api.problems import Problem
from mailer.web.api.schemas import COUNT, ID, MOMENT, Schema, component, items, one_of, record
from mailer.web.report_figures import shown
from mailer.web.report_source import report_session

_COUNTS: Schema = {"type": "object", "additionalProperties": COUNT}
# Shown only where the notice declares that they are recorded for each person.
_OPENS, _CLICKS = ("opened",), ("clicked",)
REPORT = component(
    "Report",
    record(
        {
            "campaign_id": ID,
            "name": {"type": "string"},
            "launched_at": MOMENT,
            "numbers": record(
                {
                    name: {**COUNT, "description": definition}
                    for name, definition in reports.DEFINITIONS.items()
                },
                *_OPENS,
                *_CLICKS,
            ),
            "left_out": {**_COUNTS, "description": N_("People by the rule that kept them out.")},
            "counted": {
                **_COUNTS,
                "description": N_("Opens and clicks where the notice declares totals only."),
            },
        }
    ),
)
_HIDDEN = {"type": ["integer", "null"], "description": N_("null: too few people to tell.")}
GROUPS = component(
    "ReportGroups",
    record(
        {
            "campaign_id": ID,
            "by": one_of(tuple(report_tables.GROUPINGS)),
            "groups": items(
                record(
                    {
                        "name": {
                            "type": ["string", "null"],
                            "description": N_("null: several small groups together. ?: not known."),
                        },
                        "people": COUNT,
                        "clicked": _HIDDEN,
                        "opted_out": _HIDDEN,
                    },
                    "clicked",
                ),
                100_000,
            ),
        }
    ),
)


@operation(
    "GET",
    "/reports/{campaign_id}",
    scope="reports.read",
    summary=N_("Show the figures of a campaign"),
    answers={200: ("The figures", REPORT)},
)
def show_report(call: Call) -> Reply:
    session = report_session()
    campaign, launched_at = _launched(session, call)
    funnel = reports.funnel(session, campaign.id)
    visible = shown(campaign)
    hidden = {
        *(() if "opens" in visible else _OPENS),
        *(() if "clicks" in visible else _CLICKS),
    }
    body = {
        "campaign_id": campaign.id,
        "name": campaign.name,
        "launched_at": launched_at,
        "numbers": {name: n for name, n in funnel.numbers.items() if name not in hidden},
        "left_out": dict(funnel.left_out),
        "counted": reports.counted(session, campaign.id),
    }
    return Reply(body, Record("campaign", campaign.id, {"part": "funnel"}))


@operation(
    "GET",
    "/reports/{campaign_id}/groups",
    scope="reports.read",
    summary=N_("Show the figures by group"),
    about=N_("Groups of fewer than five people are joined, and counts of one to four are null."),
    query={"by": {**one_of(tuple(report_tables.GROUPINGS)), "default": "function"}},
    answers={200: ("The groups, largest first", GROUPS)},
)
def show_report_groups(call: Call) -> Reply:
    session = report_session()
    campaign, _launched_at = _launched(session, call)
    by = call.query.get("by", "function")
    clicks = "clicks" in shown(campaign)
    groups = [
        _group(group, clicks=clicks) for group in report_tables.groups(session, campaign.id, by)
    ]
    body = {"campaign_id": campaign.id, "by": by, "groups": groups}
    return Reply(body, Record("campaign", campaign.id, {"part": "groups", "by": by}))


def _launched(session: Session, call: Call) -> tuple[Campaign, datetime]:
    campaign = session.get(Campaign, call.path["campaign_id"])
    if campaign is None or campaign.launched_at is None:
        raise Problem("not_found")
    return campaign, campaign.launched_at


def _group(group: Group, *, clicks: bool) -> dict[str, Any]:
    clicked, opted_out = group.counts
    return {
        "name": None if group.name == OTHERS else group.name,
        "people": group.people,
        **({"clicked": clicked} if clicks else {}),
        "opted_out": opted_out,
    }
