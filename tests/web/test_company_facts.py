"""A company's facts on the screen: each figure with its year and its source."""

import html
import re

import pytest
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts.models import Company
from mailer.db import transaction
from tests.web.people import Browser, sign_in
from tests.web.register import add_contact, audited, publish

Sessions = sessionmaker[Session]
SOURCE = {"source_kind": "authority", "source_name": "Kaupparekisteri", "dated": "2026-01-15"}
ALL_KINDS = ["authority", "employer", "public_web", "system_entry"]


@pytest.fixture
def company_id(sessions: Sessions) -> int:
    publish(sessions, source_kinds=ALL_KINDS)
    found = add_contact(sessions).company_id
    assert found is not None
    return found


def stored(sessions: Sessions, company_id: int) -> Company:
    with transaction(sessions) as session:
        return session.get_one(Company, company_id)


def seen(client: Browser, company_id: int) -> str:
    page = client.get(f"/companies/{company_id}/facts").text
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found is not None
    return html.unescape(found.group(1))


@pytest.mark.parametrize(
    ("roles", "status"), [(["auditor"], 403), (["approver"], 403), (["marketer"], 200)]
)
def test_each_role_opens_what_it_may(
    client: Browser, company_id: int, roles: list[str], status: int
) -> None:
    sign_in(client, roles=roles)
    assert client.get(f"/companies/{company_id}/facts").status_code == status
    assert client.get("/companies/987654/facts").status_code == (404 if status == 200 else 403)


def test_a_figure_is_saved_and_shown_with_its_year_and_its_source(
    client: Browser, sessions: Sessions, company_id: int
) -> None:
    sign_in(client, roles=["marketer"])
    form = {
        **SOURCE, "headcount": "120", "headcount_year": "2025", "turnover_eur": "6 893 000",
        "turnover_year": "2025", "city": "Oulu", "seen": seen(client, company_id),
    }  # fmt: skip
    assert client.post(f"/companies/{company_id}/facts", data=form).status_code == 303
    company = stored(sessions, company_id)
    assert (company.headcount, company.headcount_year, company.city) == (120, 2025, "Oulu")
    page = client.get(f"/companies/{company_id}").text
    assert "120 (2025)" in page
    assert page.count("Kaupparekisteri (Public authority)") == 2
    assert len(audited(sessions, "company.edited")) == 1
    again = {**form, "seen": seen(client, company_id)}
    assert client.post(f"/companies/{company_id}/facts", data=again).status_code == 303
    assert len(audited(sessions, "company.edited")) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"headcount": "120"}, "headcount_year"),
        ({"headcount_year": "2025"}, "headcount"),
        ({"turnover_eur": "paljon", "turnover_year": "2025"}, "turnover_eur"),
        ({"result_eur": "5", "result_year": "2999"}, "result_year"),
        ({"source_kind": ""}, "source_kind"),
        ({"source_kind": "b2b_supplier"}, "source_kind"),
        ({"source_name": " "}, "source_name"),
        ({"dated": ""}, "dated"),
        ({"dated": "2999-01-01"}, "dated"),
        ({"source_kind": "public_web"}, "url"),
    ],
)
def test_a_figure_without_year_or_source_is_refused_at_its_field(
    client: Browser, sessions: Sessions, company_id: int, changes: dict[str, str], field: str
) -> None:
    sign_in(client, roles=["marketer"])
    form = {**SOURCE, "city": "Oulu", "seen": seen(client, company_id), **changes}
    answer = client.post(f"/companies/{company_id}/facts", data=form)
    assert answer.status_code == 422
    assert f'href="#f-{field}"' in answer.text
    assert stored(sessions, company_id).city is None


def test_of_two_who_edit_at_once_the_second_is_told(
    client: Browser, sessions: Sessions, company_id: int
) -> None:
    sign_in(client, roles=["marketer"])
    old = seen(client, company_id)
    with transaction(sessions) as session:
        company = session.get_one(Company, company_id)
        company.city, company.updated_at = "Turku", clock.now()
    form = {**SOURCE, "city": "Oulu", "seen": old}
    answer = client.post(f"/companies/{company_id}/facts", data=form)
    assert answer.status_code == 409
    assert "Somebody else has changed the company" in answer.text
    assert stored(sessions, company_id).city == "Turku"


@pytest.mark.parametrize("wrong", ["", "x", "2026-01-15T10:00:00"])
def test_a_form_without_a_moment_is_refused(
    client: Browser, sessions: Sessions, company_id: int, wrong: str
) -> None:
    sign_in(client, roles=["marketer"])
    form = {**SOURCE, "city": "Oulu", "seen": wrong}
    assert client.post(f"/companies/{company_id}/facts", data=form).status_code == 400
    assert stored(sessions, company_id).city is None


def test_only_declared_facts_are_offered(client: Browser, sessions: Sessions) -> None:
    publish(sessions, fields=["email", "company_name", "city"])
    company_id = add_contact(sessions).company_id
    sign_in(client, roles=["marketer"])
    page = client.get(f"/companies/{company_id}/facts").text
    assert 'name="city"' in page
    assert 'name="headcount"' not in page
