"""Campaigns through the API: reading them, checking them, making drafts."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from mailer import installation
from mailer.campaigns import drafts, merge
from mailer.campaigns.content import ContentError, compile_content
from mailer.campaigns.models import STATES, Campaign
from mailer.campaigns.problems import sentence
from mailer.campaigns.verdicts import EFFECTS, Check
from mailer.languages import LANGUAGES, N_
from mailer.notice.vocabulary import PURPOSES
from mailer.roles.taxonomy import FUNCTION_LABELS
from mailer.segments.models import Segment
from mailer.sending import readiness
from mailer.sending.readiness import Readiness
from mailer.web.api import paging
from mailer.web.api.contacts import declared_notice, version_tag
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
    text,
)
from mailer.web.campaign_recipients import faults_of

_WORD: Schema = {"type": "string"}
_HEAD: dict[str, Schema] = {
    "id": ID,
    "name": _WORD,
    "state": one_of(STATES),
    "version": VERSION,
    "segment_id": nullable(ID),
    "starts_at": nullable(MOMENT),
    "launched_at": nullable(MOMENT),
    "finished_at": nullable(MOMENT),
    "pause_reason": nullable(_WORD),
    "updated_at": MOMENT,
}
CONTENT = component(
    "Content",
    record(
        {"subject": text(1000), "preheader": text(1000), "mjml": text(500_000)},
        "preheader",
    ),
)
_CONTENTS: Schema = record(dict.fromkeys(LANGUAGES, CONTENT), *LANGUAGES)
_ABOUT: dict[str, Schema] = {
    "purpose": one_of(tuple(PURPOSES), N_("One that the notice declares.")),
    "target_functions": items(one_of(tuple(FUNCTION_LABELS)), len(FUNCTION_LABELS)),
    "relevance_basis": text(1000, about=N_("Why the message concerns these people's work.")),
    "entity": text(100, about=N_("The key of the sending company in the notice.")),
    "sender_name": text(100),
    "sender_address": text(254),
    "reply_to": text(254),
}
CAMPAIGN = component("Campaign", record(_HEAD))
CAMPAIGN_SHOWN = component(
    "CampaignShown",
    record(
        {
            **_HEAD,
            **dict.fromkeys(_ABOUT, _WORD),
            "target_functions": items(_WORD, 1000),
            "business_hours": BOOLEAN,
            "spread_days": BOOLEAN,
            "contents": {"type": "object", "additionalProperties": CONTENT},
        }
    ),
)
NEW_CAMPAIGN = component(
    "NewCampaign",
    record(
        {
            "name": text(120, shortest=1),
            "segment_id": ID,
            **_ABOUT,
            "contents": {**_CONTENTS, "description": N_("The message by language, in MJML.")},
        },
        *("segment_id", *_ABOUT, "contents"),
    ),
)
_FAULT_OF_CONTENT = record(
    {"language": _WORD, "field": _WORD, "line": nullable({"type": "integer"}), "code": _WORD,
     "detail": _WORD}
)  # fmt: skip
CHECK = component(
    "Check",
    record(
        {
            "code": {**_WORD, "description": N_("B: must be mended first. W: should be.")},
            "effect": one_of(EFFECTS),
            "title": _WORD,
            "detail": _WORD,
        }
    ),
)


# Reading


@operation(
    "GET",
    "/campaigns",
    scope="campaigns.read",
    summary=N_("List campaigns"),
    query={**paging.QUERY, "state": one_of(STATES)},
    answers={200: ("A page of campaigns", paging.page_of(CAMPAIGN))},
)
def list_campaigns(call: Call) -> Reply:
    after, limit = paging.asked(call.query)
    statement = select(Campaign).where(Campaign.id > after)
    if "state" in call.query:
        statement = statement.where(Campaign.state == call.query["state"])
    rows = call.session.scalars(statement.order_by(Campaign.id).limit(limit + 1)).all()
    return Reply(paging.page(rows, limit, number=lambda campaign: campaign.id, show=_head))


@operation(
    "GET",
    "/campaigns/{campaign_id}",
    scope="campaigns.read",
    summary=N_("Show a campaign"),
    answers={200: ("The campaign with its content; its version is the ETag", CAMPAIGN_SHOWN)},
)
def show_campaign(call: Call) -> Reply:
    campaign = campaign_of(call)
    contents = drafts.contents(call.session, campaign.id)
    body = {
        **_head(campaign),
        **{name: getattr(campaign, name) for name in _ABOUT},
        "business_hours": campaign.business_hours,
        "spread_days": campaign.spread_days,
        "contents": {
            language: {
                "subject": content.subject,
                "preheader": content.preheader,
                "mjml": content.mjml,
            }
            for language, content in sorted(contents.items())
        },
    }
    return Reply(body, headers=version_tag(campaign.version))


@operation(
    "GET",
    "/campaigns/{campaign_id}/checks",
    scope="campaigns.read",
    summary=N_("Check a draft"),
    about=N_("What must be mended before the draft may be scheduled, worst first."),
    answers={200: ("Every check", record({"ready": BOOLEAN, "checks": items(CHECK, 200)}))},
    may_fail=("wrong_state",),
)
def check_campaign(call: Call) -> Reply:
    campaign = campaign_of(call)
    if campaign.state != "draft":
        raise wrong_state(campaign)
    found = look_at(call, campaign, None)
    checks = [check_shown(check) for check in found.checks]
    return Reply({"ready": not found.blocking, "checks": checks})


# Drafting


@operation(
    "POST",
    "/campaigns",
    scope="campaigns.write",
    summary=N_("Make a draft"),
    about=N_(
        "What is left out is filled in as the screen does: from the notice and the segment."
        " Content with faults is kept; the faults are told."
    ),
    body=NEW_CAMPAIGN,
    answers={
        201: (
            "Made",
            component(
                "SavedCampaign",
                record(
                    {
                        "id": ID,
                        "state": one_of(STATES),
                        "version": VERSION,
                        "problems": items(_FAULT_OF_CONTENT, 1000),
                    }
                ),
            ),
        )
    },
    may_fail=("no_notice",),
    repeatable=True,
)
def make_campaign(call: Call) -> Reply:
    notice, session, body = declared_notice(), call.session, call.body
    name = " ".join(body["name"].split())
    segment = session.get(Segment, body["segment_id"]) if "segment_id" in body else None
    if "segment_id" in body and segment is None:
        raise Problem("invalid", faults=[Fault("/segment_id", "not_allowed")])
    draft = drafts.create(
        session, name, notice=notice, segment=segment, now=call.now, actor_id=call.user_id
    )
    values = {name: getattr(draft, name) for name in drafts.RECIPIENT_COLUMNS}
    values |= {name: _trimmed(body[name]) for name in _ABOUT if name in body}
    faults = [
        Fault(f"/{name}", "not_allowed", detail)
        for name, detail in faults_of(values, notice).items()
    ]
    faults += _characters(body.get("contents", {}))
    if faults:
        raise Problem("invalid", faults=faults)
    drafts.save_recipients(session, draft, values, now=call.now, actor_id=call.user_id)
    problems = [
        problem
        for language, content in body.get("contents", {}).items()
        for problem in _keep_content(call, draft, language, content)
    ]
    session.flush()
    answer = {"id": draft.id, "state": "draft", "version": draft.version, "problems": problems}
    headers = {"Location": f"/api/v1/campaigns/{draft.id}", **version_tag(draft.version)}
    return Reply(answer, Record("campaign", draft.id), 201, headers)


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _lines(value: str) -> str:
    # A lone CR would throw the count of lines off.
    return value.replace("\r\n", "\n").replace("\r", "\n")


def _characters(contents: dict[str, Any]) -> list[Fault]:
    return [
        Fault(f"/contents/{language}/{name}", "wrong_form")
        for language, content in contents.items()
        for name, given in content.items()
        if merge.has_bad_characters(given)
    ]


def _keep_content(
    call: Call, draft: Campaign, language: str, content: dict[str, str]
) -> list[dict[str, Any]]:
    kept = drafts.save_content(
        call.session,
        draft,
        language,
        subject=_lines(content["subject"]).strip(),
        preheader=_lines(content.get("preheader", "")).strip(),
        mjml=_lines(content["mjml"]),
        now=call.now,
        actor_id=call.user_id,
    )
    try:
        compile_content(language, kept.subject, kept.preheader, kept.mjml)
    except ContentError as error:
        return [
            {
                "language": language,
                "field": problem.field,
                "line": problem.line,
                "code": problem.code,
                "detail": sentence(problem),
            }
            for problem in error.problems
        ]
    return []


def campaign_of(call: Call, *, lock: bool = False) -> Campaign:
    """The campaign of the path, as it stands now. Raises Problem."""
    statement = select(Campaign).where(Campaign.id == call.path["campaign_id"])
    statement = statement.execution_options(populate_existing=True)
    campaign = call.session.scalar(statement.with_for_update() if lock else statement)
    if campaign is None:
        raise Problem("not_found")
    return campaign


def wrong_state(campaign: Campaign) -> Problem:
    """What is said when a campaign stands where a call cannot move it from."""
    return Problem("wrong_state", more={"state": campaign.state})


def look_at(call: Call, campaign: Campaign, starts_at: datetime | None) -> Readiness:
    """The campaign looked at as before sending."""
    return readiness.look(
        call.session, campaign, installation.current(), now=call.now, starts_at=starts_at
    )


def check_shown(check: Check) -> dict[str, str]:
    """A line of the checklist."""
    return {
        "code": check.code,
        "effect": check.effect,
        "title": check.title,
        "detail": check.detail,
    }


def _head(campaign: Campaign) -> dict[str, Any]:
    return {name: getattr(campaign, name) for name in _HEAD}
