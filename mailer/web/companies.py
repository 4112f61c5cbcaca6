"""The companies of the register: the list, one company's page, the company's own ban."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from mailer import clock
from mailer.accounts.models import User
from mailer.contacts import (
    companies,
    company_facts,
    interaction_lists,
    leavers,
    searching,
    suppression,
)
from mailer.contacts.interaction_entry import written_kinds
from mailer.contacts.models import Company, Contact
from mailer.contacts.searching import Search
from mailer.languages import gettext as _
from mailer.segments import build
from mailer.sending.models import ACCEPTED, Message
from mailer.web import mailability
from mailer.web.guard import may, requires
from mailer.web.paging import Paging, page_number, sorting
from mailer.web.request import db_session, notice_in_force, signed_in_user

blueprint = Blueprint("companies", __name__, url_prefix="/companies")

LONGEST_TEXT = 2000
LATEST_DEALINGS = 10
_MAX_ID = 2**63
_YEAR = func.now() - func.make_interval(1)

Answer = str | Response | tuple[str, int]


def company_or_404(company_id: int) -> Company:
    """The company, or a page that says there is none."""
    company = db_session().get(Company, company_id) if company_id < _MAX_ID else None
    if company is None:
        abort(404)
    return company


@blueprint.get("")
@requires("contacts.view")
def show_list() -> str:
    """Companies by words, with how many people there are at each."""
    order = sorting(companies.ORDERS, "name")
    text, banned = request.args.get("q", ""), request.args.get("banned") == "1"
    number = page_number()
    found, total = companies.page(
        db_session(),
        text,
        banned=banned,
        order=order.key,
        descending=order.descending,
        offset=Paging(number, 0).offset,
    )
    return render_template(
        "web/companies/list.html",
        companies=found,
        order=order,
        paging=Paging(number, total),
        values=request.args,
        filtered=bool(text.strip()) or banned,
        banned=banned,
    )


@blueprint.get("/<int:company_id>")
@requires("contacts.view")
def show(company_id: int) -> str:
    """One company: its people, their roles, its figures, and whether it has said no."""
    return _company_page(company_or_404(company_id), {})


def _company_page(company: Company, errors: dict[str, str]) -> str:
    session, now = db_session(), clock.now()
    number = page_number()
    search = Search(company_id=company.id, restricted=may("requests.view"))
    found, total = searching.page(session, search, offset=Paging(number, 0).offset)
    bans = companies.bans(session, company)
    dealings, dealings_total = interaction_lists.of_company(
        session, company.id, to_desk=may("requests.view"), limit=LATEST_DEALINGS
    )
    notice = notice_in_force()
    return render_template(
        "web/companies/show.html",
        company=company,
        sources=company_facts.sources_of(session, company),
        people=found,
        paging=Paging(number, total),
        verdicts=mailability.verdicts(session, [person.id for person in found], now),
        sentence=build.sentence,
        roles=companies.roles(session, company.id),
        gone=leavers.page(session, notice, unanswered=True, company_id=company.id)[0],
        bans=bans,
        dealings=dealings,
        dealings_total=dealings_total,
        may_be_noted=bool(notice and written_kinds(notice)),
        names=_names(session, [ban.actor_id for ban in bans]),
        kinds={key: _(label) for key, label in suppression.KINDS.items()},
        sent=_messages(session, company),
        errors=errors,
        evidence=request.form.get("evidence", ""),
    )


@blueprint.get("/<int:company_id>/ban")
@requires("suppressions.edit")
def ask_ban(company_id: int) -> str:
    """The form for a company's ban on messages to all its people."""
    return _ban_page(company_or_404(company_id), {})


@blueprint.post("/<int:company_id>/ban")
@requires("suppressions.edit")
def ban(company_id: int) -> Answer:
    """Record a company's ban with how it came in (R50)."""
    company = company_or_404(company_id)
    evidence = request.form.get("evidence", "").strip()
    errors: dict[str, str] = {}
    if company.business_id is None:
        errors[""] = _("The company has no Business ID, so only its mail domain can be banned.")
    if not evidence:
        errors["evidence"] = _("Write who forbade it, when and how.")
    elif len(evidence) > LONGEST_TEXT:
        errors["evidence"] = _("The text is too long.")
    if errors:
        return _ban_page(company, errors), 422
    added = companies.ban(
        db_session(), company, evidence=evidence, now=clock.now(), actor_id=signed_in_user().id
    )
    flash(_("The ban holds from now on.") if added else _("The ban was there already."))
    return redirect(url_for("companies.show", company_id=company.id), 303)


def _ban_page(company: Company, errors: dict[str, str]) -> str:
    people = db_session().scalar(
        select(func.count()).where(Contact.company_id == company.id, Contact.erased_at.is_(None))
    )
    return render_template(
        "web/companies/ban.html",
        company=company,
        people=people or 0,
        errors=errors,
        evidence=request.form.get("evidence", ""),
    )


def _messages(session: Session, company: Company) -> int:
    """Messages to the company's people in twelve months."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Message)
            .join(Contact, Contact.id == Message.contact_id)
            .where(
                Contact.company_id == company.id,
                Message.state.in_(ACCEPTED),
                Message.sent_at >= _YEAR,
            )
        )
        or 0
    )


def _names(session: Session, ids: list[int | None]) -> dict[int, str]:
    rows = session.execute(select(User.id, User.name).where(User.id.in_([i for i in ids if i])))
    return {row.id: row.name for row in rows}
