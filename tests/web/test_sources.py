"""Sources and checks of data on screen."""

import pytest
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts.models import Contact, Source
from mailer.db import transaction
from tests.segments.register import make_contact, make_source
from tests.web.people import Browser, sign_in
from tests.web.register import add_contact, audited, publish

Sessions = sessionmaker[Session]
OLD = "2025-06-01"


def add_supplier(sessions: Sessions) -> int:
    with transaction(sessions) as session:
        now = clock.now()
        source = make_source(session, now, kind="b2b_supplier", name="Listapalvelu")
        make_contact(session, source, now)
        return source.id


def look(sessions: Sessions, source_id: int) -> Source:
    with sessions() as session:
        return session.get_one(Source, source_id)


@pytest.mark.parametrize(
    ("roles", "path", "status"),
    [
        (["auditor"], "/contacts/sources", 403),
        (["approver"], "/contacts/sources?unassured=1&page=9", 200),
        (["approver"], "/contacts/checking", 200),
        (["approver"], "/contacts/checking/record", 403),
        (["marketer"], "/contacts/checking/record?contact=x", 200),
        (["marketer"], "/contacts/sources/999", 404),
        (["marketer"], "/contacts/sources/99999999999999999999", 404),
    ],
)
def test_each_role_opens_what_it_may(
    client: Browser, sessions: Sessions, roles: list[str], path: str, status: int
) -> None:
    publish(sessions)
    sign_in(client, roles=roles)
    assert client.get(path).status_code == status


def test_without_a_notice_the_lists_still_open(client: Browser) -> None:
    sign_in(client)
    assert "No privacy notice is in force." in client.get("/contacts/checking").text
    assert client.get("/contacts/sources").status_code == 200
    assert client.get("/contacts/checking/record").status_code == 409


def test_an_assurance_is_stored_with_its_date(client: Browser, sessions: Sessions) -> None:
    source_id = add_supplier(sessions)
    user = sign_in(client, roles=["marketer"])
    assert "assurance" in client.get("/contacts/sources").text
    data = {"assurance": "Contract 14/2026", "assured_at": "2026-06-30", "marketing_allowed": "1"}
    answer = client.post(f"/contacts/sources/{source_id}", data=data)
    assert answer.status_code == 303
    stored = look(sessions, source_id)
    assert (stored.assurance, str(stored.assured_at)) == ("Contract 14/2026", "2026-06-30")
    (line,) = audited(sessions, "source.terms_changed")
    assert line.actor_id == user.id
    assert "Contract 14/2026" in client.get(f"/contacts/sources/{source_id}").text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"assured_at": ""}, "Write the date of the assurance"),
        ({"assured_at": "soon"}, "Write the date of the assurance"),
        ({"assured_at": "2999-01-01"}, "Write the date of the assurance"),
        ({"assurance": ""}, "Write what the supplier has assured"),
        ({"assurance": "x" * 5001}, "Write what the supplier has assured"),
        ({"expires": "31.12.2027"}, "Write the date as year-month-day"),
    ],
)
def test_terms_that_are_not_clear_are_refused_and_kept_in_the_form(
    client: Browser, sessions: Sessions, changes: dict[str, str], sentence: str
) -> None:
    source_id = add_supplier(sessions)
    sign_in(client)
    data = {"assurance": "Contract", "assured_at": "2026-06-30", **changes}
    answer = client.post(f"/contacts/sources/{source_id}", data=data)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert look(sessions, source_id).assurance is None


def test_who_only_looks_sees_the_terms_without_a_form(client: Browser, sessions: Sessions) -> None:
    source_id = add_supplier(sessions)
    sign_in(client, roles=["approver"])
    page = client.get(f"/contacts/sources/{source_id}").text
    assert "May be used until" not in page
    assert client.post(f"/contacts/sources/{source_id}", data={}).status_code == 403


def test_a_check_is_written_down_for_a_source(client: Browser, sessions: Sessions) -> None:
    publish(sessions)
    contact = add_contact(sessions, collected_at=f"{OLD}T09:00:00+00:00")
    sign_in(client, roles=["marketer"])
    assert "Lehtonen" in client.get("/contacts/checking").text
    data = {
        "source": contact.source_id,
        "source_kind": "authority",
        "source_name": "Trade Register",
        "on": clock.now().date().isoformat(),
    }
    assert client.post("/contacts/checking/record", data=data).status_code == 303
    assert "Lehtonen" not in client.get("/contacts/checking").text
    assert "Trade Register" in client.get(f"/contacts/{contact.id}").text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"source": ""}, "Choose a source or an import first."),
        ({"source_kind": "b2b_supplier"}, "Choose what the data was compared with."),
        ({"source_name": " "}, "Name it"),
        ({"source_kind": "public_web"}, "needs the address of the page"),
        ({"on": "2999-01-01"}, "Write the day"),
    ],
)
def test_a_check_that_is_not_clear_is_refused(
    client: Browser, sessions: Sessions, changes: dict[str, str], sentence: str
) -> None:
    publish(sessions)
    contact = add_contact(sessions, collected_at=f"{OLD}T09:00:00+00:00")
    sign_in(client)
    data = {
        "source": str(contact.source_id),
        "source_kind": "authority",
        "source_name": "Trade Register",
        "on": "2026-01-01",
        **changes,
    }
    answer = client.post("/contacts/checking/record", data=data)
    assert answer.status_code == 422
    assert sentence in answer.text
    with transaction(sessions) as session:
        assert session.get_one(Contact, contact.id).verified_at is None
