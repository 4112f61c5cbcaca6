"""The suppression list: finding, adding one or many, lifting by two people, a hashed export."""

from collections.abc import Mapping
from typing import Any

from flask import (
    Blueprint,
    abort,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from sqlalchemy import select
from werkzeug.wrappers import Response

from mailer import audit, clock
from mailer.accounts.models import User
from mailer.contacts import (
    address,
    suppression,
    suppression_files,
    suppression_list,
    suppression_sync,
    suppression_words,
)
from mailer.contacts.models import Suppression
from mailer.contacts.suppression_files import Listed, ListError
from mailer.contacts.suppression_list import BY_HAND, SUBJECTS
from mailer.languages import N_
from mailer.languages import gettext as _
from mailer.web.guard import max_body, requires
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("suppressions", __name__, url_prefix="/suppressions")

LONGEST_TEXT = 2000
_MAX_ID = 2**63
_PROBLEMS = {**address.PROBLEMS, **suppression_list.PROBLEMS}
_NO_EVIDENCE = N_("Write who asked for it, when and how, or why the address is put there.")

Answer = str | Response | tuple[str, int]


@blueprint.get("")
@requires("suppressions.view")
def show_list() -> str:
    """How much of what, and the newest entries."""
    session = db_session()
    kind = request.args.get("kind", "")
    kind = kind if kind in suppression.KINDS else ""
    lifted = request.args.get("lifted") == "1"
    number = page_number()
    found, total = suppression_list.page(
        session, kind=kind, lifted=lifted, offset=Paging(number, 0).offset
    )
    return _list_page(found, Paging(number, total), kind=kind, lifted=lifted)


@blueprint.post("/find")
@requires("suppressions.view")
def find() -> Answer:
    """Every entry that stops mail to one address, known contact or not. By POST: an address
    does not belong into URLs and logs."""
    typed = request.form.get("address", "")
    try:
        wanted = address.canonical(typed)
    except address.AddressError as error:
        return _list_page([], Paging(1, 0), errors={"address": _(_PROBLEMS[error.code])}), 422
    found = suppression.find(db_session(), wanted)
    return _list_page(found, Paging(1, len(found)), searched=str(wanted))


def _list_page(
    entries: list[Suppression],
    paging: Paging,
    *,
    kind: str = "",
    lifted: bool = False,
    searched: str = "",
    errors: Mapping[str, str] | None = None,
) -> str:
    counts = suppression_list.counts(db_session())
    return render_template(
        "web/suppressions/list.html",
        entries=entries,
        paging=paging,
        counts=counts,
        total=sum(counts.values()),
        kind=kind,
        lifted=lifted,
        searched=searched,
        typed=request.form.get("address", ""),
        errors=errors or {},
        names=_names(entries),
        evidence_words=suppression_words.evidence,
        synced=suppression_sync.last(db_session()),
        **_words(),
    )


def _words() -> dict[str, dict[str, str]]:
    return {
        "kinds": {key: _(label) for key, label in suppression.KINDS.items()},
        "scopes": {key: _(label) for key, label in suppression.SCOPES.items()},
        "origins": {key: _(label) for key, label in suppression.ORIGINS.items()},
    }


def _names(entries: list[Suppression]) -> dict[int, str]:
    ids = {line.actor_id for line in entries} | {_user_id(line.lifted_by) for line in entries}
    ids |= {line.lift_asked_by for line in entries}
    rows = db_session().execute(
        select(User.id, User.name).where(User.id.in_([number for number in ids if number]))
    )
    return {row.id: row.name for row in rows}


@blueprint.app_template_global("lifted_by")
def _user_id(text: str | None) -> int | None:
    """The user who lifted an entry, if a user did."""
    kind, _colon, number = (text or "").partition(":")
    return int(number) if kind == "user" and number.isdigit() else None


# Adding


@blueprint.get("/new")
@requires("suppressions.edit")
def new() -> str:
    """The form that adds one entry."""
    subject, value = request.args.get("subject", "address"), request.args.get("value", "")
    return _new_page({}, {"subject": subject, "value": value, "kind": "manual"})


@blueprint.post("/new")
@requires("suppressions.edit")
def add() -> Answer:
    """Add an address, a mail domain or a company; one that nobody knows too."""
    session, form, now = db_session(), request.form, clock.now()
    subject, evidence = form.get("subject", ""), form.get("evidence", "").strip()
    errors = _evidence_problem(evidence)
    entry, kind = None, form.get("kind", "")
    try:
        if subject in SUBJECTS:
            entry, fixed = suppression_list.entry_of(subject, form.get("value", ""))
            kind = fixed or kind
        else:
            errors["subject"] = _("Choose what to put on the list.")
    except address.AddressError as error:
        errors["value"] = _(_PROBLEMS[error.code])
    except ValueError as error:
        errors["value"] = _(_PROBLEMS[str(error)])
    if subject == "address" and kind not in BY_HAND:
        errors["kind"] = _("Choose why.")
    if errors or entry is None:
        return _new_page(errors, form), 422
    user = signed_in_user()
    added = suppression.suppress(
        session, [entry], kind, origin="staff", now=now, evidence=evidence, actor_id=user.id
    )
    audit.record(
        session, "suppression.added", "suppression", None, now=now, actor_id=user.id,
        scope=entry.scope, kind=kind, added=added,
    )  # fmt: skip
    flash(
        _("Put on the list. It holds from now on.") if added else _("It was on the list already.")
    )
    return redirect(url_for("suppressions.show_list"), 303)


def _new_page(errors: Mapping[str, str], values: Mapping[str, str]) -> str:
    return render_template(
        "web/suppressions/new.html",
        errors=errors,
        values={name: values.get(name, "") for name in ("subject", "value", "kind", "evidence")},
        subjects=[(key, _(label)) for key, label in SUBJECTS.items()],
        kinds=[(kind, _(suppression.KINDS[kind])) for kind in BY_HAND],
    )


@blueprint.get("/list")
@requires("suppressions.edit")
def new_list() -> str:
    """The form that adds many addresses at once."""
    return _many_page({}, {"kind": "manual"})


@blueprint.post("/list")
@requires("suppressions.edit")
@max_body(20 * 2**20)
def add_many() -> Answer:
    """Add a pasted or uploaded list. Unknown addresses are never refused."""
    form = request.form
    evidence, kind = form.get("evidence", "").strip(), form.get("kind", "")
    errors = _evidence_problem(evidence)
    if kind not in BY_HAND:
        errors["kind"] = _("Choose why.")
    listed, problem = _listed(form.get("addresses", ""))
    if problem:
        errors["addresses"] = _(suppression_files.PROBLEMS[problem])
    elif not listed.entries:
        errors["addresses"] = _("Paste a list or choose a file: one address a line.")
    if errors:
        return _many_page(errors, form), 422
    added = suppression_files.add(
        db_session(),
        listed,
        kind,
        evidence=evidence,
        now=clock.now(),
        actor_id=signed_in_user().id,
    )
    return render_template(
        "web/suppressions/added.html",
        added=added,
        earlier=len(listed.entries) - added,
        numbers=[(_(suppression.SCOPES[key]), n) for key, n in listed.numbers().items()],
        listed=listed,
        problems=[(each, _(suppression_files.PROBLEMS[each.code])) for each in listed.problems],
    )


def _listed(pasted: str) -> tuple[Listed, str]:
    """What the box and the file hold together, and what is wrong with them."""
    file = request.files.get("file")
    content = file.read() if file else b""
    try:
        listed = suppression_files.read(content)
        beside = suppression_files.read_text(pasted)
    except ListError as error:
        return Listed(), error.code
    for entry, line in beside.entries.items():
        listed.entries.setdefault(entry, line)
    listed.problems += beside.problems
    listed.passed_over += beside.passed_over
    return listed, ""


def _many_page(errors: Mapping[str, str], values: Mapping[str, str]) -> str:
    return render_template(
        "web/suppressions/many.html",
        errors=errors,
        values={name: values.get(name, "") for name in ("addresses", "kind", "evidence")},
        kinds=[(kind, _(suppression.KINDS[kind])) for kind in BY_HAND],
    )


def _evidence_problem(evidence: str) -> dict[str, str]:
    if not evidence:
        return {"evidence": _(_NO_EVIDENCE)}
    return {"evidence": _("The text is too long.")} if len(evidence) > LONGEST_TEXT else {}


# Lifting and handing out


@blueprint.get("/<int:suppression_id>/lift")
@requires("suppressions.lift")
def ask_lift(suppression_id: int) -> str:
    """The form that asks for an entry to be lifted, or the request that somebody else made."""
    return _lift_page(_entry_or_404(suppression_id), {})


@blueprint.post("/<int:suppression_id>/lift")
@requires("suppressions.lift")
def lift(suppression_id: int) -> Answer:
    """Ask, with a reason, for an entry to be lifted: a second person does it."""
    session, line, now = db_session(), _entry_or_404(suppression_id), clock.now()
    reason = request.form.get("reason", "").strip()
    if not reason or len(reason) > LONGEST_TEXT:
        return _lift_page(line, {"reason": _("Write who asked for it and why.")}), 422
    user = signed_in_user()
    asked = suppression.ask_to_lift(session, line.id, actor_id=user.id, reason=reason, now=now)
    if asked:
        _note("suppression.lift_asked", line)
        flash(_("Asked for. Another person who may do so has to take it off the list."))
    return redirect(url_for("suppressions.ask_lift", suppression_id=line.id), 303)


@blueprint.post("/<int:suppression_id>/lift/confirm")
@requires("suppressions.lift")
def confirm_lift(suppression_id: int) -> Answer:
    """Lift what another person has asked to lift; the line stays with both names and why."""
    session, line, now = db_session(), _entry_or_404(suppression_id), clock.now()
    if not suppression.lift_as_second(session, line.id, actor_id=signed_in_user().id, now=now):
        return _lift_page(line, {"": _("Another person must have asked for it first.")}), 409
    _note("suppression.lifted", line, asked_by=line.lift_asked_by)
    flash(_("Taken off the list."))
    return redirect(url_for("suppressions.show_list"), 303)


@blueprint.post("/<int:suppression_id>/lift/refuse")
@requires("suppressions.lift")
def refuse_lift(suppression_id: int) -> Response:
    """Say no to a request, or take one's own back. The entry stays."""
    line = _entry_or_404(suppression_id)
    asked_by = line.lift_asked_by
    if suppression.drop_lift_request(db_session(), line.id):
        _note("suppression.lift_refused", line, asked_by=asked_by)
        flash(_("It stays on the list."))
    return redirect(url_for("suppressions.show_list"), 303)


def _note(action: str, line: Suppression, **details: Any) -> None:
    audit.record(
        db_session(), action, "suppression", line.id, now=clock.now(),
        actor_id=signed_in_user().id, kind=line.kind, **details,
    )  # fmt: skip


def _entry_or_404(suppression_id: int) -> Suppression:
    line = db_session().get(Suppression, suppression_id) if suppression_id < _MAX_ID else None
    if line is None or line.lifted_at is not None:
        abort(404)
    return line


def _lift_page(line: Suppression, errors: Mapping[str, str]) -> str:
    words: dict[str, Any] = _words()
    return render_template(
        "web/suppressions/lift.html",
        line=line,
        errors=errors,
        reason=request.form.get("reason", ""),
        names=_names([line]),
        own=line.lift_asked_by == signed_in_user().id,
        evidence=suppression_words.evidence(line),
        **words,
    )


@blueprint.post("/export")
@requires("contacts.export")
def export() -> Response:
    """The list in force as hashes; handing it out is on record (R60)."""
    session, now = db_session(), clock.now()
    audit.record(
        session, "suppressions.exported", "suppression", None, now=now,
        actor_id=signed_in_user().id,
    )  # fmt: skip
    name = f"suppressions-{now.date().isoformat()}.csv"
    return Response(
        stream_with_context(suppression_files.export(session)),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
