"""The form that corrects a company's facts, each figure with its year and source (R21)."""

from collections.abc import Mapping
from datetime import date, datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer import clock
from mailer.contacts import company_facts as facts
from mailer.contacts import provenance
from mailer.contacts.merging import FIGURES
from mailer.contacts.models import Company
from mailer.contacts.provenance import Origin
from mailer.languages import N_, TIMEZONE
from mailer.languages import gettext as _
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import FIELDS, SOURCE_KINDS
from mailer.web.companies import company_or_404
from mailer.web.guard import requires
from mailer.web.request import db_session, notice_in_force, signed_in_user

blueprint = Blueprint("company_facts", __name__, url_prefix="/companies/<int:company_id>/facts")

LONGEST_SOURCE = 200
LONGEST_URL = 2000
_ORIGIN_PROBLEMS = {
    "source_kind": N_("Choose what kind of source it is."),
    "source_name": N_("Say where it was found, for example “Trade register”."),
    "url": N_("Data from the public web needs the address of the page."),
    "dated": N_("Write the date as year-month-day, for example 2027-06-30."),
}

Answer = str | Response | tuple[str, int]


@blueprint.get("")
@requires("contacts.edit")
def edit(company_id: int) -> str:
    """The form that corrects a company."""
    company = company_or_404(company_id)
    today = clock.now().astimezone(TIMEZONE).date().isoformat()
    return _page(company, {}, {**facts.values_of(company), "dated": today}, _seen(company))


@blueprint.post("")
@requires("contacts.edit")
def save(company_id: int) -> Answer:
    """Correct a company; tells when somebody else has saved it meanwhile."""
    company, notice, now = company_or_404(company_id), notice_in_force(), clock.now()
    if notice is None:
        abort(409)
    read = facts.read(request.form, notice, now=now)
    origin, wrong = _origin(notice, now)
    errors = {name: _(facts.PROBLEMS[code]) for name, code in read.problems.items()} | wrong
    seen = _moment(request.form.get("seen", ""))
    if errors or origin is None:
        return _page(company, errors, request.form, request.form.get("seen", "")), 422
    changed = facts.edit(
        db_session(),
        company,
        read,
        origin,
        seen=seen,
        now=now,
        actor_id=signed_in_user().id,
    )
    if changed is None:
        errors = {"": _("Somebody else has changed the company meanwhile. Nothing was saved.")}
        return _page(company, errors, request.form, request.form.get("seen", "")), 409
    flash(_("Saved.") if changed else _("Nothing was changed."))
    return redirect(url_for("companies.show", company_id=company.id), 303)


def _origin(notice: Notice, now: datetime) -> tuple[Origin | None, dict[str, str]]:
    form = request.form
    kind, name = form.get("source_kind", ""), form.get("source_name", "").strip()
    url, dated = form.get("url", "").strip(), _day(form.get("dated", ""))
    wrong = {
        "source_kind": kind not in provenance.source_kinds(notice),
        "source_name": not name or len(name) > LONGEST_SOURCE,
        "url": len(url) > LONGEST_URL or (kind == "public_web" and not url.startswith("http")),
        "dated": dated is None or dated > now.astimezone(TIMEZONE).date(),
    }
    errors = {field: _(_ORIGIN_PROBLEMS[field]) for field, is_wrong in wrong.items() if is_wrong}
    if errors or dated is None:
        return None, errors
    return Origin(kind, name, dated, url=url or None), {}


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if 1900 < day.year < 2900 else None


def _seen(company: Company) -> str:
    return company.updated_at.isoformat()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        abort(400)
    if moment.tzinfo is None:
        abort(400)
    return moment


def _page(company: Company, errors: dict[str, str], values: Mapping[str, str], seen: str) -> str:
    notice = notice_in_force()
    kinds = provenance.source_kinds(notice) if notice else []
    names = (*facts.values_of(company), *_ORIGIN_PROBLEMS)
    return render_template(
        "web/companies/facts.html",
        company=company,
        errors=errors,
        values={name: values.get(name, "") for name in names},
        seen=seen,
        offered=facts.offered(notice) if notice else (),
        figures=FIGURES,
        labels={name: _(label) for name, label in FIELDS.items()},
        source_kinds=[(kind, _(SOURCE_KINDS[kind])) for kind in kinds],
    )
