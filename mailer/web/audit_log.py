"""The audit log: who did what to which record and when, and whether the chain is whole."""

import json
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import ColumnElement, func, select
from werkzeug.wrappers import Response

from mailer import audit, clock
from mailer.accounts.models import User
from mailer.audit import AuditEntry
from mailer.languages import N_, TIMEZONE
from mailer.languages import gettext as _
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("audit_log", __name__, url_prefix="/audit")

# A test compares these with what the code records.
ACTIONS = {
    "user.signed_in": N_("Signed in"),
    "user.sign_in_failures": N_("Repeated failed sign-ins"),
    "user.added": N_("User added"),
    "user.grant_changed": N_("User's access changed"),
    "user.disabled": N_("Account closed"),
    "user.enabled": N_("Account opened again"),
    "user.password_reset": N_("Password replaced by an administrator"),
    "user.password_changed": N_("Own password changed"),
    "user.undertaking_accepted": N_("Undertaking accepted"),
    "setup.token_issued": N_("Set-up link printed"),
    "api_token.created": N_("API token made"),
    "api_token.revoked": N_("API token revoked"),
    "api_token.failures": N_("Repeated calls with a bad API token"),
    "api.read": N_("Read through the API"),
    "api.changed": N_("Changed through the API"),
    "notice.published": N_("Notice published"),
    "audit.verified": N_("Audit log checked"),
    "campaign.launched": N_("Campaign launched"),
    "domain.warmup_begun": N_("Warm-up of a sender domain begun"),
    "domain.warmup_ended": N_("Warm-up of a sender domain ended by hand"),
    "domain.warmed_up": N_("Warm-up of a sender domain completed"),
    "settings.caps_changed": N_("Caps of sending changed"),
    "campaign.created": N_("Campaign created"),
    "campaign.changed": N_("Campaign changed"),
    "campaign.copied": N_("Campaign copied"),
    "campaign.deleted": N_("Campaign deleted"),
    "campaign.tested": N_("Test sent"),
    "campaign.exported": N_("List of a campaign downloaded"),
    "campaign.treated_as_sent": N_("Uncertain messages treated as sent"),
    "campaign.sent_again": N_("Uncertain messages sent again"),
    "campaign.treated_as_not_sent": N_("Uncertain messages treated as not sent"),
    "campaign.scheduled": N_("Campaign scheduled"),
    "campaign.starting": N_("Campaign's hold begun"),
    "campaign.sending": N_("Sending begun or resumed"),
    "campaign.paused": N_("Campaign paused"),
    "campaign.sent": N_("Campaign sent"),
    "campaign.stopped": N_("Campaign stopped"),
    "campaign.failed": N_("Launch failed"),
    "campaign.draft": N_("Campaign taken back to draft"),
    "sending.stopped": N_("All sending stopped"),
    "sending.resumed": N_("All sending let go on"),
    "contact.opened": N_("Contact's page opened"),
    "contact.created": N_("Contact added"),
    "contact.edited": N_("Contact changed"),
    "contact.deleted": N_("Contact deleted"),
    "contact.private_marked": N_("Deleted as a private person"),
    "contact.statement_recorded": N_("Consent or ban recorded"),
    "contact.role_confirmed": N_("Duties confirmed"),
    "contact.restricted": N_("Processing restricted"),
    "contact.restriction_lifted": N_("Restriction lifted"),
    "contacts.private_deleted": N_("Private persons deleted by the sweep"),
    "contact.released": N_("Released from quarantine"),
    "contact.probably_left": N_("Has probably left the employer"),
    "contact.back": N_("Mail arrives again"),
    "contact.stays": N_("Staff say: still works there"),
    "contact.successor_named": N_("A successor was named"),
    "contacts.informed": N_("People told where their data came from"),
    "contacts.not_informed_in_time": N_("People blocked who were not told in time"),
    "contacts.uninformed_deleted": N_("People deleted who were not told in time"),
    "contacts.checked": N_("Check of data written down"),
    "source.terms_changed": N_("Assurance or terms of a source changed"),
    "contact.signed_up": N_("Signed up by a form and confirmed it"),
    "webhook.created": N_("Webhook made"),
    "webhook.changed": N_("Webhook changed"),
    "webhook.secret_renewed": N_("Webhook's secret renewed"),
    "webhook.deleted": N_("Webhook deleted"),
    "webhook.paused": N_("Webhook paused"),
    "webhook.resumed": N_("Webhook let go on"),
    "webhook.replayed": N_("Events told to a webhook again"),
    "sign_up_form.created": N_("Sign-up form made"),
    "sign_up_form.changed": N_("Sign-up form changed"),
    "sign_up_form.switched": N_("Sign-up form taken into or out of use"),
    "company.banned": N_("Company's ban recorded"),
    "company.edited": N_("Company's facts changed"),
    "interaction.noted": N_("Dealing noted"),
    "interaction.opened": N_("Dealing opened"),
    "interaction.corrected": N_("Dealing corrected"),
    "interaction.deleted": N_("Dealing deleted"),
    "interactions.imported": N_("Dealings imported"),
    "interactions.released": N_("Dealings deleted that were kept for accounting"),
    "offer_document.event": N_("Event of an offer document noted"),
    "suppression.added": N_("Put on the suppression list"),
    "suppression.lift_asked": N_("Taking off the suppression list asked for"),
    "suppression.lift_refused": N_("Stays on the suppression list"),
    "suppression.lifted": N_("Taken off the suppression list"),
    "suppressions.list_added": N_("List put on the suppression list"),
    "suppressions.exported": N_("Suppression list downloaded"),
    "reply.obeyed": N_("Opted out for a reply"),
    "reply.dismissed": N_("Reply marked as no request"),
    "reply.undone": N_("Opt-out for a reply taken back"),
    "segment.created": N_("Segment created"),
    "segment.changed": N_("Segment changed"),
    "segment.deleted": N_("Segment deleted"),
    "segment.fixed": N_("People of a segment fixed in a list"),
    "segment.list_deleted": N_("Fixed list deleted"),
    "report.exported": N_("Report downloaded"),
    "hits.reclassified": N_("Opens and clicks judged anew"),
    "import.uploaded": N_("File uploaded"),
    "import.checked": N_("Import checked"),
    "import.started": N_("Import started"),
    "import.done": N_("Import done"),
    "import.failed": N_("Import failed"),
    "import.discarded": N_("Import discarded"),
    "import.undone": N_("Import undone"),
    "title.accepted": N_("Title accepted"),
    "title.changed": N_("Title's role changed"),
    "title.not_relevant": N_("Title marked as not relevant"),
    "title.reopened": N_("Title put back into review"),
    "titles.accepted_in_bulk": N_("Sure titles accepted"),
    "titles.reclassified": N_("Titles read again by new rules"),
}


@blueprint.get("")
@requires("audit.view")
def show() -> str:
    """The newest entries first, filtered by the URL."""
    session = db_session()
    conditions = _conditions()
    total = session.scalar(select(func.count()).select_from(AuditEntry).where(*conditions)) or 0
    paging = Paging(page_number(), total)
    entries = session.scalars(
        select(AuditEntry)
        .where(*conditions)
        .order_by(AuditEntry.id.desc())
        .limit(paging.size)
        .offset(paging.offset)
    ).all()
    return render_template(
        "web/audit_log/list.html",
        entries=entries,
        names=_names(entries),
        words={code: _(word) for code, word in ACTIONS.items()},
        details={entry.id: _details(entry.details) for entry in entries},
        paging=paging,
        actions=_known_actions(),
        actors=_known_actors(),
        filtered=bool(conditions),
        values=request.args,
    )


@blueprint.post("/verify")
@requires("audit.view")
def verify() -> Response:
    """Check the whole chain, and note that it was checked."""
    session, user = db_session(), signed_in_user()
    broken = audit.verify(session)
    audit.record(
        session, "audit.verified", "audit", broken, now=clock.now(), actor_id=user.id,
        whole=broken is None,
    )  # fmt: skip
    if broken is None:
        flash(_("The chain is whole: no entry has been changed or removed."))
    else:
        flash(_("The chain is broken at entry %(number)s.", number=broken), "bad")
    return redirect(url_for("audit_log.show"), 303)


def _conditions() -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    action, actor = request.args.get("action", ""), _number("actor")
    if action:
        conditions.append(AuditEntry.action == action)
    if actor is not None:
        conditions.append(AuditEntry.actor_id == actor)
    if kind := request.args.get("kind", ""):
        conditions.append(AuditEntry.object_kind == kind)
    if (number := _number("number")) is not None:
        conditions.append(AuditEntry.object_id == number)
    if (first := _day("from")) is not None:
        conditions.append(AuditEntry.at >= first)
    if (last := _day("to")) is not None:
        conditions.append(AuditEntry.at < last + timedelta(days=1))
    return conditions


def _number(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _day(name: str) -> datetime | None:
    try:
        day = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    if not 1 < day.year < 9000:
        return None
    return datetime.combine(day, time(), TIMEZONE)


def _known_actions() -> list[tuple[str, str]]:
    codes = db_session().scalars(select(AuditEntry.action).distinct())
    return sorted(((code, _(ACTIONS.get(code, code))) for code in codes), key=lambda pair: pair[1])


def _known_actors() -> list[tuple[int, str]]:
    rows = db_session().execute(select(User.id, User.name).order_by(User.name, User.id))
    return [(row[0], row[1]) for row in rows]


def _names(entries: Sequence[AuditEntry]) -> dict[int, str]:
    ids = {entry.actor_id for entry in entries if entry.actor_id is not None}
    rows = db_session().execute(select(User.id, User.name).where(User.id.in_(ids)))
    return {row[0]: row[1] for row in rows}


def _details(details: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, _shown(value)) for name, value in details.items() if value not in ("", None)]


def _shown(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
