"""Data that is too old to be used unchecked: the list, and writing down that it was checked."""

from collections.abc import Mapping
from datetime import date

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer import clock
from mailer.contacts import provenance, revalidation
from mailer.contacts.provenance import Origin
from mailer.contacts.revalidation import Which
from mailer.languages import N_, TIMEZONE, ngettext
from mailer.languages import gettext as _
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import SOURCE_KINDS
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, notice_in_force, signed_in_user

blueprint = Blueprint("revalidation", __name__, url_prefix="/contacts/checking")

LONGEST_SOURCE = 200
_PROBLEMS = {
    "": N_("Choose a source or an import first."),
    "source_kind": N_("Choose what the data was compared with."),
    "source_name": N_("Name it, for example “Trade Register” or “The company's web site”."),
    "url": N_("Data from the public web needs the address of the page."),
    "on": N_("Write the day on which the data was checked, for example 2026-11-24."),
}

Answer = str | Response | tuple[str, int]


@blueprint.get("")
@requires("contacts.view")
def show_list() -> str:
    """Those whose data needs a check, the oldest first."""
    session, now, notice = db_session(), clock.now(), notice_in_force()
    which, number = _which(request.args), page_number()
    if notice is None:
        return render_template("web/revalidation/list.html", notice=None, which=which)
    found, total = revalidation.page(
        session, which, notice, now=now, offset=Paging(number, 0).offset
    )
    return render_template(
        "web/revalidation/list.html",
        notice=notice,
        people=found,
        paging=Paging(number, total),
        which=which,
        sources=revalidation.sources(session, notice, now=now),
        imports=revalidation.imports(session, notice, now=now),
        soon_days=revalidation.SOON.days,
    )


@blueprint.get("/record")
@requires("contacts.edit")
def edit() -> str:
    """The form that writes down a check."""
    today = clock.now().astimezone(TIMEZONE).date()
    return _record_page(_notice(), _which(request.args), {}, {"on": today.isoformat()})


@blueprint.post("/record")
@requires("contacts.edit")
def record() -> Answer:
    """Write down that data was compared with a source and found right."""
    form, now, which, notice = request.form, clock.now(), _which(request.form), _notice()
    origin, errors = _origin(notice, which, form, today=now.astimezone(TIMEZONE).date())
    if origin is None:
        return _record_page(notice, which, errors, form), 422
    number = revalidation.record(
        db_session(), which, origin, notice, now=now, actor_id=signed_in_user().id
    )
    flash(
        ngettext(
            "Written down: the data of %(num)s person has been checked.",
            "Written down: the data of %(num)s people has been checked.",
            number,
        )
    )
    if which.contact_id is not None:
        return redirect(url_for("contacts.show", contact_id=which.contact_id), 303)
    return redirect(url_for("revalidation.show_list"), 303)


def _origin(
    notice: Notice, which: Which, form: Mapping[str, str], *, today: date
) -> tuple[Origin | None, dict[str, str]]:
    kind, name = form.get("source_kind", ""), form.get("source_name", "").strip()
    url, on = form.get("url", "").strip(), _date(form.get("on", ""))
    wrong = {
        "": not which.narrowed,
        "source_kind": kind not in provenance.source_kinds(notice),
        "source_name": not name or len(name) > LONGEST_SOURCE,
        "url": len(url) > 2000 or (kind == "public_web" and not url.startswith("http")),
        "on": on is None or on > today,
    }
    errors = {field: _(_PROBLEMS[field]) for field, is_wrong in wrong.items() if is_wrong}
    if errors or on is None:
        return None, errors
    return Origin(kind, name, on, url=url or None), {}


def _notice() -> Notice:
    notice = notice_in_force()
    if notice is None:
        abort(409)
    return notice


def _record_page(
    notice: Notice, which: Which, errors: dict[str, str], values: Mapping[str, str]
) -> str:
    found, total = revalidation.page(db_session(), which, notice, now=clock.now(), limit=1)
    names = ("source_kind", "source_name", "url", "on")
    return render_template(
        "web/revalidation/record.html",
        which=which,
        total=total,
        first=found[0] if found else None,
        errors=errors,
        values={name: values.get(name, "") for name in names},
        kinds=[(kind, _(SOURCE_KINDS[kind])) for kind in provenance.source_kinds(notice)],
    )


def _which(values: Mapping[str, str]) -> Which:
    return Which(
        source_id=_number(values.get("source", "")),
        import_id=_number(values.get("import", "")),
        contact_id=_number(values.get("contact", "")),
        soon=values.get("soon") == "1",
    )


def _number(text: str) -> int | None:
    """An id, or None for no restriction; what is no id restricts to nobody."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if 1900 < day.year < 2900 else None
