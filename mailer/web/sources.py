"""The sources of the register: how many people each brought, and on what terms they may be used."""

from collections.abc import Mapping
from datetime import date

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer import clock
from mailer.contacts import sources
from mailer.contacts.models import Source
from mailer.contacts.sources import Terms
from mailer.languages import N_
from mailer.languages import gettext as _
from mailer.notice.vocabulary import BASES
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, notice_in_force, signed_in_user

blueprint = Blueprint("sources", __name__, url_prefix="/contacts/sources")

LONGEST_ASSURANCE = 5000
_MAX_ID = 2**63
_PROBLEMS = {
    "assurance": N_("Write what the supplier has assured, and where the document is."),
    "assured_at": N_("Write the date of the assurance, for example 2026-06-30."),
    "expires": N_("Write the date as year-month-day, for example 2027-06-30."),
}

Answer = str | Response | tuple[str, int]


@blueprint.get("")
@requires("contacts.view")
def show_list() -> str:
    """All sources, or those whose assurance is missing."""
    session, number = db_session(), page_number()
    only = request.args.get("unassured") == "1"
    listed, total = sources.page(session, unassured=only, offset=Paging(number, 0).offset)
    notice = notice_in_force()
    return render_template(
        "web/sources/list.html",
        sources=listed,
        only=only,
        missing=sources.unassured(session),
        paging=Paging(number, total),
        today=clock.now().date(),
        declared=notice.source_kinds if notice else frozenset(),
        is_unassured=sources.is_unassured,
    )


@blueprint.get("/<int:source_id>")
@requires("contacts.view")
def show(source_id: int) -> str:
    """One source and its terms."""
    source = _source_or_404(source_id)
    return _source_page(source, {}, _stored(source))


@blueprint.post("/<int:source_id>")
@requires("contacts.edit")
def save(source_id: int) -> Answer:
    """Store the assurance and what the source allows."""
    source, form, now = _source_or_404(source_id), request.form, clock.now()
    assurance = form.get("assurance", "").strip()
    assured_at, expires = _date(form.get("assured_at", "")), _date(form.get("expires", ""))
    wrong = {
        "assurance": len(assurance) > LONGEST_ASSURANCE
        or bool(assurance) < bool(form.get("assured_at", "").strip()),
        "assured_at": bool(assurance) > (assured_at is not None)
        or (assured_at is not None and assured_at > now.date()),
        "expires": bool(form.get("expires", "").strip()) and expires is None,
    }
    errors = {field: _(_PROBLEMS[field]) for field, is_wrong in wrong.items() if is_wrong}
    if errors:
        return _source_page(source, errors, form), 422
    terms = Terms(assurance, assured_at, expires, form.get("marketing_allowed") == "1")
    changed = sources.set_terms(db_session(), source, terms, now=now, actor_id=signed_in_user().id)
    flash(_("Saved.") if changed else _("Nothing was changed."))
    return redirect(url_for("sources.show", source_id=source_id), 303)


def _source_or_404(source_id: int) -> Source:
    source = db_session().get(Source, source_id) if source_id < _MAX_ID else None
    if source is None:
        abort(404)
    return source


def _stored(source: Source) -> dict[str, str]:
    return {
        "assurance": source.assurance or "",
        "assured_at": source.assured_at.isoformat() if source.assured_at else "",
        "expires": source.expires.isoformat() if source.expires else "",
        "marketing_allowed": "1" if source.marketing_allowed else "",
    }


def _source_page(source: Source, errors: dict[str, str], values: Mapping[str, str]) -> str:
    names = ("assurance", "assured_at", "expires", "marketing_allowed")
    return render_template(
        "web/sources/show.html",
        listed=sources.look(db_session(), source),
        needs_assurance=sources.needs_assurance(source),
        is_unassured=sources.is_unassured(source),
        basis=_(BASES[source.basis]) if source.basis in BASES else "",
        errors=errors,
        values={name: values.get(name, "") for name in names},
    )


def _date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if 1900 < day.year < 2900 else None
