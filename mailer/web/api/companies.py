"""Companies through the API: what the register knows of them, as far as the notice declares it."""

from typing import Any

from sqlalchemy import select

from mailer.contacts import companies
from mailer.contacts.models import Company
from mailer.languages import N_
from mailer.notice.schema import Notice
from mailer.web.api import paging
from mailer.web.api.contacts import declared_notice
from mailer.web.api.operations import Call, Record, Reply, operation
from mailer.web.api.problems import Problem
from mailer.web.api.schemas import ID, MOMENT, component, nullable, record

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}
# field of the notice -> what is shown of it
_SHOWN = {
    "company_name": ("name",),
    "business_id": ("business_id",),
    "industry_code": ("industry_code",),
    "industry_name": ("industry_name",),
    "headcount": ("headcount", "headcount_year"),
    "turnover_eur": ("turnover_eur", "turnover_year"),
    "result_eur": ("result_eur", "result_year"),
    "street": ("street",),
    "postal_code": ("postal_code",),
    "city": ("city",),
    "country": ("country",),
}
_NUMBERS = frozenset({"headcount", "turnover_eur", "result_eur"})
_MEMBERS = {
    name: nullable(_NUMBER if field in _NUMBERS else _TEXT)
    for field, names in _SHOWN.items()
    for name in names
}
COMPANY = component(
    "Company",
    record({"id": ID, "kind": _TEXT, "updated_at": MOMENT, **_MEMBERS}, *_MEMBERS),
)


@operation(
    "GET",
    "/companies",
    scope="companies.read",
    summary=N_("List companies"),
    query=paging.QUERY,
    answers={200: ("A page of companies", paging.page_of(COMPANY))},
    may_fail=("no_notice",),
)
def list_companies(call: Call) -> Reply:
    notice = declared_notice()
    after, limit = paging.asked(call.query)
    rows = call.session.scalars(
        select(Company).where(Company.id > after).order_by(Company.id).limit(limit + 1)
    ).all()
    page = paging.page(
        rows, limit, number=lambda company: company.id, show=lambda row: _shown(row, notice)
    )
    return Reply(page, _disclosed(notice, [each["id"] for each in page["items"]]))


@operation(
    "GET",
    "/companies/{company_id}",
    scope="companies.read",
    summary=N_("Show a company"),
    answers={
        200: (
            "The company, and whether it forbids marketing to its people",
            component(
                "CompanyShown",
                record(
                    {
                        "id": ID,
                        "kind": _TEXT,
                        "updated_at": MOMENT,
                        **_MEMBERS,
                        "banned": {"type": "boolean"},
                    },
                    *_MEMBERS,
                ),
            ),
        )
    },
    may_fail=("no_notice",),
)
def show_company(call: Call) -> Reply:
    notice = declared_notice()
    company = call.session.get(Company, call.path["company_id"])
    if company is None:
        raise Problem("not_found")
    banned = bool(companies.bans(call.session, company))
    return Reply({**_shown(company, notice), "banned": banned}, _disclosed(notice, [company.id]))


def _shown(company: Company, notice: Notice) -> dict[str, Any]:
    return {
        "id": company.id,
        "kind": company.organisation_kind,
        "updated_at": company.updated_at,
        **{
            name: getattr(company, name)
            for field, names in _SHOWN.items()
            if field in notice.fields
            for name in names
        },
    }


def _disclosed(notice: Notice, company_ids: list[int]) -> Record:
    # A sole trader's company is a person too, so reading companies is on record as well.
    facts = {
        "count": len(company_ids),
        "fields": [field for field in _SHOWN if field in notice.fields],
        "companies": company_ids,
    }
    return Record("company", company_ids[0] if len(company_ids) == 1 else None, facts)
