"""The company screens: the list, one company, its own ban and the lifting of it."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts.models import Company, Suppression
from mailer.db import transaction
from tests.segments.register import make_company, make_source
from tests.web.people import Browser, sign_in
from tests.web.register import add_contact, audited, publish

Sessions = sessionmaker[Session]


def puutyo(sessions: Sessions) -> int:
    """The company that `add_contact` makes; its id."""
    publish(sessions)
    company_id = add_contact(sessions).company_id
    assert company_id is not None
    return company_id


def in_force(sessions: Sessions) -> list[Suppression]:
    with transaction(sessions) as session:
        return list(session.scalars(select(Suppression).where(Suppression.lifted_at.is_(None))))


@pytest.mark.parametrize(
    ("roles", "path", "status"),
    [
        (["auditor"], "/companies", 403),
        (["approver"], "/companies", 200),
        (["approver"], "/companies/{id}", 200),
        (["approver"], "/companies/{id}/ban", 403),
        (["marketer"], "/companies/{id}/ban", 200),
        (["dpo"], "/companies/999999", 404),
    ],
)
def test_each_role_opens_what_it_may(
    client: Browser, sessions: Sessions, roles: list[str], path: str, status: int
) -> None:
    company_id = puutyo(sessions)
    sign_in(client, roles=roles)
    assert client.get(path.format(id=company_id)).status_code == status


def test_the_list_and_the_page_show_people_and_figures_with_their_year(
    client: Browser, sessions: Sessions
) -> None:
    company_id = puutyo(sessions)
    with transaction(sessions) as session:
        company = session.get_one(Company, company_id)
        company.headcount, company.headcount_year = 321, 2025
    sign_in(client)
    for path in ("/companies", f"/companies/{company_id}"):
        page = client.get(path).text
        assert "Puutyö Oy" in page
        assert "321" in page
        assert "2025" in page
    page = client.get(f"/companies/{company_id}").text
    assert "Anna Lehtonen" in page
    assert "Finance" in page
    assert "Company sites (Public web)" in page
    assert "No company matches" in client.get("/companies?q=nobody").text
    assert client.get("/companies?sort=-turnover&banned=1&page=7").status_code == 200


def test_an_empty_register_says_what_to_do(client: Browser) -> None:
    sign_in(client)
    assert "No companies yet" in client.get("/companies").text


def test_a_ban_needs_evidence_and_then_stops_everybody(client: Browser, sessions: Sessions) -> None:
    company_id = puutyo(sessions)
    user = sign_in(client, roles=["marketer"])
    path = f"/companies/{company_id}/ban"
    for wrong in ("", "   ", "x" * 2001):
        assert client.post(path, data={"evidence": wrong}).status_code == 422
    assert in_force(sessions) == []
    assert client.post(path, data={"evidence": "CEO by phone"}).status_code == 303
    (line,) = in_force(sessions)
    assert (line.kind, line.evidence, line.actor_id) == ("company_ban", "CEO by phone", user.id)
    page = client.get(f"/companies/{company_id}").text
    assert "The company has forbidden marketing messages." in page
    assert "CEO by phone" in page
    assert "Messages forbidden" in client.get("/companies?banned=1").text
    assert audited(sessions, "company.banned")[0].object_id == company_id


def test_a_company_without_a_business_id_cannot_be_banned_as_one(
    client: Browser, sessions: Sessions
) -> None:
    now = clock.now()
    with transaction(sessions) as session:
        company = make_company(session, make_source(session, now), now, domain="x.example")
    sign_in(client)
    assert "subject=domain" in client.get(f"/companies/{company.id}").text
    answer = client.post(f"/companies/{company.id}/ban", data={"evidence": "CEO"})
    assert answer.status_code == 422
    assert "no Business ID" in answer.text
    assert in_force(sessions) == []


def test_a_ban_is_lifted_where_every_entry_is(client: Browser, sessions: Sessions) -> None:
    company_id = puutyo(sessions)
    sign_in(client, roles=["marketer"])
    client.post(f"/companies/{company_id}/ban", data={"evidence": "CEO by phone"})
    (line,) = in_force(sessions)
    path = f"/suppressions/{line.id}/lift"
    assert path not in client.get(f"/companies/{company_id}").text
    sign_in(client, roles=["dpo"], name="Maija")
    assert path in client.get(f"/companies/{company_id}").text
    client.post(path, data={"reason": "New CEO asked"})
    assert len(in_force(sessions)) == 1
    sign_in(client, roles=["dpo"], name="Pekka")
    client.post(f"{path}/confirm")
    assert in_force(sessions) == []
