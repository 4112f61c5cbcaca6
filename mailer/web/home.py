"""The home page: what needs the user, what is sent next, how the last campaign went."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, render_template

from mailer import clock
from mailer.campaigns.models import Campaign
from mailer.contacts import informing, leavers, sources
from mailer.events import replies
from mailer.languages import N_, ngettext
from mailer.languages import gettext as _
from mailer.sending import uncertain
from mailer.web import home_figures as figures
from mailer.web.campaign_uncertain import age
from mailer.web.guard import may, requires
from mailer.web.request import db_session, notice_in_force

blueprint = Blueprint("home", __name__)

SHOWN_UNCERTAIN = 5

STATE_WORDS = {
    "draft": (N_("Draft"), "neutral", "pencil"),
    "waiting_for_approval": (N_("Waiting for approval"), "warn", "hourglass"),
    "scheduled": (N_("Scheduled"), "info", "calendar-clock"),
    "starting": (N_("Starting"), "info", "clock"),
    "sending": (N_("Sending"), "info", "send"),
    "paused": (N_("Paused"), "warn", "pause"),
    "sent": (N_("Sent"), "ok", "circle-check"),
    "stopped": (N_("Stopped"), "bad", "circle-stop"),
    "failed": (N_("Failed"), "bad", "circle-x"),
}
STEPS = (
    ("notice", "/settings/notice", N_("Publish the notice"), N_("It decides what is switched on.")),
    (
        "domain",
        "/settings/domains",
        N_("Verify a sender domain"),
        N_("So that receivers can trust your messages."),
    ),
    (
        "contacts",
        "/import",
        N_("Import contacts"),
        N_("With their source; opt-outs are kept out by themselves."),
    ),
    ("segment", "/segments", N_("Make a segment"), N_("People by duty, level and company.")),
    ("campaign", "/campaigns", N_("Send a first campaign"), N_("You see every check before it.")),
)


@dataclass(frozen=True, slots=True)
class Task:
    """One thing on the page that asks for the user, with the way there if they may go."""

    kind: str
    title: str
    text: str
    path: str
    action: str


@blueprint.get("/")
@requires("home.view")
def show() -> str:
    """What needs the user, and what goes on."""
    session, now = db_session(), clock.now()
    sees_campaigns = may("campaigns.view")
    steps = _first_steps()
    return render_template(
        "web/home.html",
        tasks=sorted(_tasks(), key=lambda task: task.kind != "bad"),
        steps=steps if not all(task.kind == "ok" for task in steps) else [],
        next_sends=figures.next_sends(session, now=now) if sees_campaigns else [],
        last=figures.last_campaign(session) if may("reports.view") else None,
        contacts=figures.contacts(session),
        opt_outs=figures.new_opt_outs(session, now=now),
        states={state: (_(word), kind, icon) for state, (word, kind, icon) in STATE_WORDS.items()},
        sees_campaigns=sees_campaigns,
    )


def _first_steps() -> list[Task]:
    if not may("campaigns.edit"):
        return []
    done = figures.set_up(db_session()) | {"notice": notice_in_force() is not None}
    return [
        Task("ok" if done[key] else "neutral", _(title), _(text), path, _("Open"))
        for key, path, title, text in STEPS
    ]


def _tasks() -> Iterator[Task]:
    if may("campaigns.view"):
        yield from _campaign_tasks()
    if may("suppressions.edit"):
        yield from _reply_tasks()
    if may("imports.run"):
        yield from _import_tasks()
    if may("contacts.edit"):
        yield from _register_tasks()
    if may("roles.review"):
        yield from _title_tasks()
    if may("settings.view"):
        yield from _settings_tasks()


def _campaign_tasks() -> Iterator[Task]:
    session = db_session()
    for campaign in figures.campaigns_needing_attention(session):
        if campaign.state == "waiting_for_approval" and not may("approvals.give"):
            continue
        yield _campaign_task(campaign)
    for each in uncertain.campaigns(session)[:SHOWN_UNCERTAIN]:
        text = ngettext("%(num)s message", "%(num)s messages", each.number)
        yield Task(
            "warn",
            _(
                "%(campaign)s: not known whether it left: %(count)s",
                campaign=each.campaign.name,
                count=text,
            ),
            _(
                "The oldest for %(age)s. They are never sent again by themselves; you can decide.",
                age=age(each.since),
            ),
            f"/campaigns/{each.campaign.id}/uncertain",
            _("Open"),
        )


def _campaign_task(campaign: Campaign) -> Task:
    word, kind, _icon = STATE_WORDS[campaign.state]
    texts = {
        "waiting_for_approval": _("A second person has to approve it before it is sent."),
        "paused": _("Nobody gets it until somebody resumes or stops it."),
        "failed": _("It could not be sent."),
    }
    return Task(
        kind,
        f"{campaign.name}: {_(word)}",
        texts[campaign.state],
        f"/campaigns/{campaign.id}",
        _("Open"),
    )


def _reply_tasks() -> Iterator[Task]:
    waiting = replies.waiting(db_session())
    if waiting:
        yield Task(
            "warn",
            ngettext("%(num)s reply waits to be read", "%(num)s replies wait to be read", waiting),
            _("An objection counts in any form, so somebody has to read each of them."),
            "/replies",
            _("Read"),
        )


def _import_tasks() -> Iterator[Task]:
    for file, left_out in figures.imports_with_problems(db_session(), now=clock.now()):
        failed = file.state == "failed"
        yield Task(
            "bad" if failed else "warn",
            _("The import %(file)s failed", file=file.file_name)
            if failed
            else _("The import %(file)s left rows out", file=file.file_name),
            ngettext("%(num)s row was left out.", "%(num)s rows were left out.", left_out),
            f"/import/{file.id}",
            _("Open"),
        )


def _register_tasks() -> Iterator[Task]:
    session = db_session()
    if number := informing.blocked(session):
        yield Task(
            "bad",
            ngettext(
                "%(num)s person was not told in time where the data came from",
                "%(num)s people were not told in time where the data came from",
                number,
            ),
            _(
                "No message is sent to them, and after %(days)s days they are deleted.",
                days=informing.KEPT_BLOCKED.days,
            ),
            "/contacts/informing",
            _("Open"),
        )
    if number := sources.unassured(session):
        yield Task(
            "warn",
            ngettext(
                "%(num)s source lacks the supplier's assurance",
                "%(num)s sources lack the supplier's assurance",
                number,
            ),
            _("No message is sent to its people."),
            "/contacts/sources",
            _("Open"),
        )
    if number := leavers.page(session, None, unanswered=True, limit=1)[1]:
        yield Task(
            "info",
            ngettext(
                "%(num)s person has probably left the employer",
                "%(num)s people have probably left their employers",
                number,
            ),
            _("Ask who does the work now."),
            "/contacts/leavers",
            _("Open"),
        )


def _title_tasks() -> Iterator[Task]:
    notice = notice_in_force()
    minimum = notice.confidence_minimum if notice is not None else 0.75
    waiting = figures.titles_to_review(db_session(), minimum)
    if waiting:
        yield Task(
            "warn",
            ngettext(
                "%(num)s job title waits for review", "%(num)s job titles wait for review", waiting
            ),
            _("People with an uncertain duty are left out of campaigns."),
            "/titles",
            _("Review"),
        )


def _settings_tasks() -> Iterator[Task]:
    if notice_in_force() is None:
        yield Task(
            "bad",
            _("No notice is in force"),
            _("Until one is published, nothing is sent."),
            "/settings/notice",
            _("Open"),
        )
    for domain in figures.unverified_domains(db_session()):
        yield Task(
            "bad",
            _("The domain %(domain)s is not verified", domain=domain),
            _("Nothing can be sent from it."),
            "/settings/domains",
            _("Open"),
        )
