"""An import under way and after: progress, what a dry run foretells, the result, undo."""

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from sqlalchemy import exists, func, select

from mailer import clock
from mailer.contacts import exporting, import_undo, importing
from mailer.contacts.columns import DROPPED
from mailer.contacts.import_refusals import FAILURES, REFUSALS, ImportRefusedError
from mailer.contacts.models import Import, ImportFile, ImportProblem, Source
from mailer.contacts.problems import QUARANTINES, REJECTIONS, reason
from mailer.languages import N_, format_number
from mailer.languages import gettext as _
from mailer.web.guard import requires
from mailer.web.htmx import is_htmx, respond, send_to
from mailer.web.imports import import_or_404
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("import_runs", __name__, url_prefix="/import/<int:import_id>")

# What happened to rows, in the order shown; for a dry run, what would happen.
NUMBERS = {
    "created": N_("New contacts"),
    "updated": N_("Contacts updated"),
    "unchanged": N_("Contacts already known, nothing new"),
    "quarantined": N_("Put in quarantine until somebody decides"),
    "rejected": N_("Rows left out"),
}
# Of those above.
AMONG = {
    "opted_out_earlier": N_("Have opted out earlier and stay out"),
    "uncertain_titles": N_("Have a title that needs a look"),
    "do_not_import": N_("Put on the do-not-import list as private persons"),
    "private_deleted": N_("Contacts deleted as private persons"),
    "companies_created": N_("New companies"),
    "companies_updated": N_("Companies updated"),
    "titles_created": N_("New titles"),
}


@blueprint.get("")
@requires("imports.run")
def show(import_id: int) -> Any:
    """Where an import stands: the next step, the progress, or the result."""
    entry = import_or_404(import_id)
    if entry.state == "uploaded":
        return send_to(url_for("imports.edit_source", import_id=import_id))
    if entry.state == "mapped":
        return send_to(url_for("imports.edit_columns", import_id=import_id))
    if entry.state in ("checking", "running"):
        return respond("web/imports/running.html", "web/imports/progress.html", entry=entry)
    if is_htmx():
        return send_to(url_for("import_runs.show", import_id=import_id))
    return _result(entry)


def _result(entry: Import) -> str:
    session = db_session()
    numbers = entry.counts.get("numbers", {})
    codes = sorted(entry.counts.get("codes", {}).items(), key=lambda item: (-item[1], item[0]))
    return render_template(
        "web/imports/result.html",
        entry=entry,
        source=session.get(Source, entry.source_id) if entry.source_id else None,
        numbers=[(_(label), int(numbers.get(key, 0)), None) for key, label in NUMBERS.items()],
        among=[
            (_(label), int(numbers[key]), None) for key, label in AMONG.items() if numbers.get(key)
        ],
        problems=[(code, _kind(code), reason(code), count) for code, count in codes],
        dropped=[
            (heading, _(DROPPED.get(why, ""))) for heading, why in entry.counts.get("dropped", [])
        ],
        has_errors=any(code in REJECTIONS or code in QUARANTINES for code, _count in codes),
        has_file=session.scalar(select(exists().where(ImportFile.import_id == entry.id))),
        may_undo=_may_undo(entry),
        failure=_(FAILURES.get(entry.failure or "", FAILURES["unexpected"])),
    )


def _kind(code: str) -> str:
    if code in REJECTIONS:
        return "bad"
    return "warn" if code in QUARANTINES else "info"


def _may_undo(entry: Import) -> bool:
    if entry.state not in ("done", "failed") or entry.finished_at is None:
        return False
    return (clock.now() - entry.finished_at).days < import_undo.UNDO_DAYS


@blueprint.post("/start")
@requires("imports.run")
def start(import_id: int) -> Any:
    """Begin the real run."""
    entry = import_or_404(import_id)
    try:
        importing.start(
            db_session(), entry, dry_run=False, now=clock.now(), actor_id=signed_in_user().id
        )
    except ImportRefusedError as error:
        flash(error.sentence)
    return redirect(url_for("import_runs.show", import_id=import_id), 303)


@blueprint.get("/problems")
@requires("imports.run")
def problems(import_id: int) -> str:
    """Every problem with its row, column and value; of one kind or all."""
    entry = import_or_404(import_id)
    session = db_session()
    code = request.args.get("code", "")
    which = [ImportProblem.import_id == entry.id]
    if code:
        which.append(ImportProblem.code == code)
    total = session.scalar(select(func.count()).select_from(ImportProblem).where(*which)) or 0
    paging = Paging(page_number(), total)
    rows = session.scalars(
        select(ImportProblem)
        .where(*which)
        .order_by(ImportProblem.row, ImportProblem.position)
        .limit(paging.size)
        .offset(paging.offset)
    ).all()
    found = entry.counts.get("codes", {})
    return render_template(
        "web/imports/problems.html",
        entry=entry,
        code=code,
        rows=rows,
        paging=paging,
        reason=reason,
        kind_of=_kind,
        codes=[(key, f"{reason(key)} ({format_number(count)})") for key, count in found.items()],
    )


@blueprint.get("/errors.csv")
@requires("imports.run")
def error_file(import_id: int) -> Any:
    """The rows left out or put aside, in the format of the file, to mend and upload again."""
    entry = import_or_404(import_id)
    try:
        made = exporting.error_file(db_session(), entry)
    except ImportRefusedError as error:
        flash(error.sentence)
        return redirect(url_for("import_runs.show", import_id=import_id), 303)
    answer = Response(made.content, mimetype="text/csv")
    answer.headers.set(
        "Content-Disposition", "attachment", filename=f"import-{import_id}-errors.csv"
    )
    return answer


@blueprint.get("/undo")
@requires("imports.run")
def confirm_undo(import_id: int) -> Any:
    """Ask before the contacts are removed."""
    entry = import_or_404(import_id)
    if not _may_undo(entry):
        refusal = REFUSALS["undo_too_late"]
        flash(_(refusal))
        return redirect(url_for("import_runs.show", import_id=import_id), 303)
    numbers = entry.counts.get("numbers", {})
    created = int(numbers.get("created", 0)) + int(numbers.get("quarantined", 0))
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Undo the import of %(file)s?", file=entry.file_name),
        text=_(
            "The contacts that it created are removed, except those who have been sent messages."
            " Contacts that it only updated are not put back; their history keeps the old values."
        ),
        facts=[
            (_("Contacts created"), format_number(created)),
            (_("Contacts updated, not put back"), format_number(int(numbers.get("updated", 0)))),
        ],
        action=url_for("import_runs.undo", import_id=import_id),
        button=_("Undo the import"),
        back=url_for("import_runs.show", import_id=import_id),
        danger=True,
    )


@blueprint.post("/undo")
@requires("imports.run")
def undo(import_id: int) -> Any:
    """Remove the contacts that the import created."""
    entry = import_or_404(import_id)
    try:
        done = import_undo.undo(db_session(), entry, now=clock.now(), actor_id=signed_in_user().id)
    except ImportRefusedError as error:
        flash(error.sentence)
    else:
        flash(_("%(number)s contacts were removed.", number=format_number(done.removed)))
    return redirect(url_for("import_runs.show", import_id=import_id), 303)
