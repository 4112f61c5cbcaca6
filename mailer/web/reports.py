"""What became of campaigns: the list, one report with its charts, and its tables as files."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from sqlalchemy.orm import Session

from mailer import audit, clock
from mailer.campaigns.models import Campaign
from mailer.contacts.cells import neutralise
from mailer.events import answers, effects, report_tables, reports
from mailer.events.actors import REASONS
from mailer.languages import format_datetime
from mailer.languages import gettext as _
from mailer.segments.build import sentence
from mailer.web import db_session, keep_changes, signed_in_user
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number
from mailer.web.report_figures import FOLDED, SIDE, STEPS, bars, chart, named, shown
from mailer.web.report_source import report_session

blueprint = Blueprint("reports", __name__, url_prefix="/reports")

LIST_SIZE = 20


@blueprint.get("")
@requires("reports.view")
def show_list() -> str:
    """Launched campaigns with their main numbers."""
    session = report_session()
    paging = Paging(page_number(), reports.launched(session), size=LIST_SIZE)
    lines = reports.lines(session, limit=paging.size, offset=paging.offset)
    return render_template("web/reports/list.html", lines=lines, paging=paging)


@blueprint.get("/<int:campaign_id>")
@requires("reports.view")
def show(campaign_id: int) -> str:
    """One campaign's report."""
    session = report_session()
    campaign = _campaign(session, campaign_id)
    funnel = reports.funnel(session, campaign_id)
    hours = report_tables.timeline(session, campaign_id, begins=_launched_at(campaign))
    grouping = request.args.get("by", "function")
    if grouping not in report_tables.GROUPINGS:
        grouping = "function"
    visible = shown(campaign)
    return render_template(
        "web/reports/show.html",
        campaign=campaign,
        funnel=funnel,
        shown=visible,
        steps=bars(STEPS, funnel, visible, of="audience"),
        side=[bar for bar in bars(SIDE, funnel, visible, of="sent") if bar.value],
        folded=[(_(label), funnel[name]) for name, label in FOLDED if funnel[name]],
        left_out=[(sentence(code), people) for code, people in funnel.left_out.items()],
        counted=reports.counted(session, campaign_id),
        hours=hours,
        chart=chart(hours),
        links=report_tables.link_lines(session, campaign_id) if "clicks" in visible else [],
        grouping=grouping,
        groupings=report_tables.GROUPINGS,
        groups=named(grouping, report_tables.groups(session, campaign_id, grouping)),
        problems=report_tables.problems(session, campaign_id),
        kinds=effects.EFFECTS,
        reasons=report_tables.reasons(session, campaign_id),
        reason_labels=answers.REASONS,
        machine_reasons=REASONS,
        definitions=reports.DEFINITIONS,
    )


@blueprint.get("/<int:campaign_id>/<part>.csv")
@requires("reports.view")
def export(campaign_id: int, part: str) -> Response:
    """One table of a report as a file, which is noted as a disclosure (R60)."""
    if part not in _TABLES:
        abort(404)
    session = db_session()
    campaign = _campaign(session, campaign_id)
    heading, rows = _TABLES[part](session, campaign)
    audit.record(
        session,
        "report.exported",
        "campaign",
        campaign_id,
        now=clock.now(),
        actor_id=signed_in_user().id,
        part=part,
    )
    keep_changes()
    response = Response(_csv(heading, rows), mimetype="text/csv")
    response.headers["Content-Disposition"] = (
        f'attachment; filename="report-{campaign_id}-{part}.csv"'
    )
    return response


def _campaign(session: Session, campaign_id: int) -> Campaign:
    # An id that no bigint holds is nobody's.
    campaign = session.get(Campaign, campaign_id) if campaign_id < 2**63 else None
    if campaign is None or campaign.launched_at is None:
        abort(404)
    return campaign


def _launched_at(campaign: Campaign) -> datetime:
    return campaign.launched_at or campaign.created_at


_Table = tuple[list[str], list[list[Any]]]


def _funnel_table(session: Session, campaign: Campaign) -> _Table:
    funnel = reports.funnel(session, campaign.id)
    visible = shown(campaign)
    steps = [*bars(STEPS, funnel, visible, of="audience"), *bars(SIDE, funnel, visible, of="sent")]
    rows: list[list[Any]] = [[bar.label, bar.value, bar.whole, bar.sentence] for bar in steps]
    rows += [
        [f"{_('Left out')}: {sentence(code)}", people, funnel["audience"], ""]
        for code, people in funnel.left_out.items()
    ]
    return [_("Number"), _("People"), _("Out of"), _("How it is counted")], rows


def _timeline_table(session: Session, campaign: Campaign) -> _Table:
    hours = report_tables.timeline(session, campaign.id, begins=_launched_at(campaign))
    visible = shown(campaign)
    columns: list[tuple[str, Callable[[report_tables.Hour], Any]]] = [
        (_("Hour from"), lambda hour: format_datetime(hour.at))
    ]
    if "opens" in visible:
        columns.append((_("Opens (estimate)"), lambda hour: hour.opens))
    if "clicks" in visible:
        columns.append((_("Clicks"), lambda hour: hour.clicks))
    columns.append((_("Opt-outs"), lambda hour: hour.opt_outs))
    return [name for name, _value in columns], [
        [value(hour) for _name, value in columns] for hour in hours
    ]


def _links_table(session: Session, campaign: Campaign) -> _Table:
    if "clicks" not in shown(campaign):
        abort(404)
    heading = [
        _("Link"),
        _("Address"),
        _("Language"),
        _("People"),
        _("Clicks"),
        _("Clicks by machines"),
    ]
    return heading, [
        [line.label, line.url, line.language, line.people, line.clicks, line.machine_clicks]
        for line in report_tables.link_lines(session, campaign.id)
    ]


def _groups_table(session: Session, campaign: Campaign) -> _Table:
    clicks = "clicks" in shown(campaign)
    rows: list[list[Any]] = []
    for grouping, label in report_tables.GROUPINGS.items():
        for name, group in named(grouping, report_tables.groups(session, campaign.id, grouping)):
            counts = group.counts if clicks else group.counts[1:]
            rows.append([_(label), name, group.people, *counts])
    heading = [_("By"), _("Group"), _("Sent")]
    heading += [_("Clicked")] if clicks else []
    return [*heading, _("Opted out")], rows


_TABLES: Mapping[str, Callable[[Session, Campaign], _Table]] = {
    "funnel": _funnel_table,
    "timeline": _timeline_table,
    "links": _links_table,
    "groups": _groups_table,
}


def _csv(heading: list[str], rows: Iterable[list[Any]]) -> bytes:
    """UTF-8 with a mark and semicolons, which Nordic spreadsheets open without asking."""
    output = io.StringIO()
    writer = csv.writer(output, delimiter=";", lineterminator="\r\n")
    writer.writerow([neutralise(name) for name in heading])
    for row in rows:
        writer.writerow(
            [
                "" if cell is None else neutralise(cell) if isinstance(cell, str) else cell
                for cell in row
            ]
        )
    return output.getvalue().encode("utf-8-sig")
