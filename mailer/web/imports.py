"""The import wizard up to the dry run: upload, source, columns and update rules."""

from collections import Counter
from datetime import date
from itertools import islice
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from mailer import clock
from mailer.contacts import columns, detectors, importing
from mailer.contacts.countries import COUNTRIES
from mailer.contacts.csv_file import MAX_BYTES, PROBLEMS, FileError, Table
from mailer.contacts.import_refusals import REFUSALS, ImportRefusedError
from mailer.contacts.importing import Choices, SourceFacts
from mailer.contacts.merging import DEFAULT_RULE, RULES
from mailer.contacts.models import Import, Source
from mailer.languages import LANGUAGE_NAMES, LANGUAGES, N_, locale
from mailer.languages import gettext as _
from mailer.notice.vocabulary import BASES, FIELDS, SOURCE_KINDS, THIRD_PARTY_SOURCES
from mailer.web.guard import max_body, requires
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, notice_in_force, signed_in_user

blueprint = Blueprint("imports", __name__, url_prefix="/import")

MAX_UPLOAD = 60 * 2**20  # the file and the form around it
FILLED_ROWS = 10_000
LONGEST_SAMPLE = 60
# A state as a word, a kind of pill and an icon.
STATES = {
    "uploaded": (N_("Uploaded"), "neutral", "upload"),
    "mapped": (N_("Ready to check"), "neutral", "list-checks"),
    "checking": (N_("Being checked"), "info", "hourglass"),
    "checked": (N_("Checked"), "info", "list-checks"),
    "running": (N_("Being imported"), "info", "hourglass"),
    "done": (N_("Imported"), "ok", "circle-check"),
    "failed": (N_("Stopped midway"), "bad", "circle-x"),
    "undone": (N_("Undone"), "neutral", "undo-2"),
}


def import_or_404(import_id: int) -> Import:
    """The import, or a page that says there is none."""
    entry = db_session().get(Import, import_id)
    if entry is None:
        abort(404)
    return entry


@blueprint.app_template_global("import_state")
def import_state(entry: Import) -> tuple[str, str, str]:
    """An import's state as a word, a kind of pill and an icon."""
    word, kind, icon = STATES[entry.state]
    return _(word), kind, icon


@blueprint.app_template_global("import_steps")
def import_steps(entry: Import | None) -> list[tuple[str, str | None]]:
    """The steps of the wizard with the way to those that may still be changed."""
    open_for_changes = entry is not None and entry.state in ("uploaded", "mapped", "checked")
    source = url_for("imports.edit_source", import_id=entry.id) if entry is not None else None
    mapping = url_for("imports.edit_columns", import_id=entry.id) if entry is not None else None
    has_source = entry is not None and entry.source_id is not None
    return [
        (_("File"), None),
        (_("Source"), source if open_for_changes else None),
        (_("Columns"), mapping if open_for_changes and has_source else None),
        (_("Check"), None),
        (_("Import"), None),
    ]


@blueprint.get("")
@requires("imports.run")
def show_list() -> str:
    """The imports there have been, newest first."""
    session = db_session()
    paging = Paging(page_number(), session.scalar(select(func.count()).select_from(Import)) or 0)
    rows = session.execute(
        select(Import, Source.name)
        .outerjoin(Source, Source.id == Import.source_id)
        .order_by(Import.id.desc())
        .limit(paging.size)
        .offset(paging.offset)
    ).all()
    return render_template("web/imports/list.html", rows=rows, paging=paging)


@blueprint.get("/new")
@requires("imports.run")
def new() -> str:
    """The form that takes a file or pasted rows."""
    return _upload_page({}, "")


def _upload_page(errors: dict[str, str], pasted: str) -> str:
    return render_template(
        "web/imports/new.html",
        errors=errors,
        pasted=pasted,
        most_mb=MAX_BYTES >> 20,
        notice=notice_in_force(),
    )


@blueprint.post("/new")
@max_body(MAX_UPLOAD)
@requires("imports.run")
def create() -> Any:
    """Read the file; its encoding, delimiter and headings are found out."""
    given, pasted = request.files.get("file"), request.form.get("text", "")
    is_file = given is not None and bool(given.filename)
    errors: dict[str, str] = {}
    if notice_in_force() is None:
        refusal = REFUSALS["no_notice"]
        errors[""] = _(refusal)
    elif not is_file and not pasted.strip():
        errors["file"] = _("Choose a file, or paste rows.")
    else:
        try:
            if given is not None and given.filename:
                entry = _upload(given.filename, given.stream.read())
            else:
                # Cells that were copied stand between tabs; other pasted text tells by itself.
                delimiter = "\t" if "\t" in pasted.partition("\n")[0] else ""
                content = pasted.encode("utf-8", "replace")
                name = _("Pasted %(date)s", date=clock.now().date().isoformat())
                entry = _upload(name, content, encoding="utf-8", delimiter=delimiter)
        except FileError as error:
            errors["file" if is_file else "text"] = _(PROBLEMS[error.code])
        else:
            return redirect(url_for("imports.edit_source", import_id=entry.id), 303)
    return _upload_page(errors, pasted), 422


def _upload(name: str, content: bytes, **form: str) -> Import:
    return importing.upload(
        db_session(), name, content, now=clock.now(), actor_id=signed_in_user().id, **form
    )


@blueprint.get("/<int:import_id>/source")
@requires("imports.run")
def edit_source(import_id: int) -> Any:
    """Where the contacts came from, when and on what basis they are kept."""
    entry = import_or_404(import_id)
    source = db_session().get(Source, entry.source_id) if entry.source_id else None
    values = {name: getattr(source, name) if source is not None else "" for name in _SOURCE_FIELDS}
    values["marketing"] = "1" if source is None or source.marketing_allowed else ""
    values["dated"] = values["dated"] or clock.now().date()
    values["basis"] = values["basis"] or "legitimate_interest"
    return _source_page(entry, values, {})


def _source_page(entry: Import, values: Any, errors: dict[str, str]) -> str:
    notice = notice_in_force()
    kinds = sorted(notice.source_kinds if notice else (), key=list(SOURCE_KINDS).index)
    return render_template(
        "web/imports/source.html",
        entry=entry,
        values=values,
        errors=errors,
        kinds=[(kind, _(SOURCE_KINDS[kind])) for kind in kinds],
        third_parties=", ".join(
            _(SOURCE_KINDS[kind]) for kind in kinds if kind in THIRD_PARTY_SOURCES
        ),
        bases=[(key, _(name)) for key, name in BASES.items()],
        today=clock.now().date(),
    )


@blueprint.post("/<int:import_id>/source")
@requires("imports.run")
def save_source(import_id: int) -> Any:
    """Keep the source, if the notice allows it."""
    entry = import_or_404(import_id)
    form, errors = request.form, dict[str, str]()
    dates = {name: _date(name, errors) for name in ("dated", "expires", "assured_at")}
    if "dated" not in errors and dates["dated"] is None:
        errors["dated"] = _("Give the date of the data.")
    if not errors:
        facts = SourceFacts(
            kind=form.get("kind", ""),
            name=form.get("name", "")[:200],
            dated=dates["dated"] or clock.now().date(),
            basis=form.get("basis", ""),
            evidence=form.get("evidence", "")[:2000],
            url=form.get("url", "").strip()[:500] or None,
            marketing_allowed="marketing" in form,
            expires=dates["expires"],
            assurance=form.get("assurance", "").strip()[:5000] or None,
            assured_at=dates["assured_at"],
        )
        user_id = signed_in_user().id
        try:
            importing.name_source(db_session(), entry, facts, now=clock.now(), actor_id=user_id)
        except ImportRefusedError as error:
            errors[_FIELD_OF.get(error.code, "")] = error.sentence
        else:
            return redirect(url_for("imports.edit_columns", import_id=entry.id), 303)
    typed = {name: form.get(name, "") for name in (*_SOURCE_FIELDS, "marketing")}
    return _source_page(entry, typed, errors), 422


_SOURCE_FIELDS = (
    "kind",
    "name",
    "dated",
    "basis",
    "evidence",
    "url",
    "expires",
    "assurance",
    "assured_at",
)
_FIELD_OF = {
    "source_name_missing": "name",
    "source_kind_unknown": "kind",
    "source_kind_undeclared": "kind",
    "basis_unknown": "basis",
    "dated_in_future": "dated",
    "url_missing": "url",
    "assurance_undated": "assured_at",
}


def _date(name: str, errors: dict[str, str]) -> date | None:
    text = request.form.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        errors[name] = _("Write the date as 2026-11-24.")
        return None


@blueprint.get("/<int:import_id>/columns")
@requires("imports.run")
def edit_columns(import_id: int) -> Any:
    """Which column fills which field, with samples; what may overwrite what."""
    entry = import_or_404(import_id)
    options = entry.options
    rules = options.get("rules", {})
    values = {f"column-{at}": name for at, name in entry.mapping.items()}
    values |= {f"rule-{name}": rules.get(name, DEFAULT_RULE) for name in columns.TARGETS}
    values["country"] = options.get("default_country", "FI") or ""
    values["language"] = options.get("default_language", "fi")
    values["relationship"] = options.get("relationship", "prospect")
    return _columns_page(entry, values, {})


def _columns_page(entry: Import, values: Any, errors: dict[str, str]) -> Any:
    notice = notice_in_force()
    try:
        table = importing.open_table(db_session(), entry)
    except ImportRefusedError as error:
        flash(error.sentence)
        return redirect(url_for("imports.show_list"), 303)
    declared = notice.fields if notice else frozenset()
    targets = [
        (name, _(label))
        for name, label in columns.TARGETS.items()
        if columns.is_declared(name, declared)
    ]
    names = locale().territories
    return render_template(
        "web/imports/columns.html",
        entry=entry,
        values=values,
        errors=errors,
        columns=_columns(table),
        as_in=_filled_in_from(entry),
        targets=targets,
        undeclared=[
            _(label)
            for name, label in columns.TARGETS.items()
            if name in FIELDS and name not in declared
        ],
        rules=[(key, _(label)) for key, label in RULES.items()],
        countries=sorted(((code, names[code]) for code in COUNTRIES), key=lambda item: item[1]),
        language_choices=[(code, LANGUAGE_NAMES[code]) for code in LANGUAGES],
    )


def _filled_in_from(entry: Import) -> Import | None:
    """The earlier import whose choices are filled in, until something is chosen for this one."""
    earlier = entry.options.get("as_in")
    return db_session().get(Import, int(earlier)) if earlier else None


def _columns(table: Table) -> list[dict[str, Any]]:
    """What each column holds: heading, three different samples, how full it is."""
    filled: Counter[int] = Counter()
    samples: dict[int, dict[str, None]] = {at: {} for at in range(len(table.header))}
    rows = 0
    for _number, cells, _flaw in islice(table.records(), FILLED_ROWS):
        rows += 1
        for at, text in enumerate(cells[: len(table.header)]):
            if text.strip():
                filled[at] += 1
                if len(samples[at]) < 3:
                    shown = detectors.mask_identity_codes(text.strip())
                    samples[at][shown[:LONGEST_SAMPLE]] = None
    return [
        {
            "at": at,
            "heading": heading,
            "forbidden": columns.forbidden(heading),
            "samples": [] if columns.forbidden(heading) else list(samples[at]),
            "filled": filled[at],
            "rows": rows,
        }
        for at, heading in enumerate(table.header)
    ]


@blueprint.post("/<int:import_id>/columns")
@requires("imports.run")
def save_columns(import_id: int) -> Any:
    """Keep the choices and begin the dry run."""
    entry = import_or_404(import_id)
    form = request.form
    mapping = {
        int(name.removeprefix("column-")): target
        for name, target in form.items()
        if name.removeprefix("column-").isdecimal() and target in columns.TARGETS
    }
    errors: dict[str, str] = {}
    if len(set(mapping.values())) < len(mapping):
        errors[""] = _("Two columns are chosen for the same field. Choose one of them.")
    else:
        choices = Choices(
            mapping=mapping,
            rules={
                name: form[f"rule-{name}"] for name in columns.TARGETS if f"rule-{name}" in form
            },
            default_country=form.get("country") if form.get("country") in COUNTRIES else None,
            default_language=form.get("language", ""),
            relationship="customer" if form.get("relationship") == "customer" else "prospect",
        )
        user_id = signed_in_user().id
        session, now = db_session(), clock.now()
        try:
            importing.choose(session, entry, choices, now=now)
            importing.start(session, entry, dry_run=True, now=now, actor_id=user_id)
        except ImportRefusedError as error:
            errors[""] = error.sentence
        else:
            return redirect(url_for("import_runs.show", import_id=entry.id), 303)
    page = _columns_page(entry, {"country": "", "language": "", "relationship": "", **form}, errors)
    return page if isinstance(page, Response) else (page, 422)


@blueprint.post("/<int:import_id>/discard")
@requires("imports.run")
def discard(import_id: int) -> Any:
    """Delete an upload of which nothing was imported."""
    entry = import_or_404(import_id)
    try:
        importing.discard(db_session(), entry, now=clock.now(), actor_id=signed_in_user().id)
    except ImportRefusedError as error:
        flash(error.sentence)
    else:
        flash(_("The upload was deleted."))
    return redirect(url_for("imports.show_list"), 303)
