"""Leavers on screen: the list, the successor, staff's word; shared mailboxes have no role."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import suppression
from mailer.contacts.address import address_key, canonical
from mailer.contacts.models import Contact
from mailer.db import transaction
from tests.web.people import Browser, sign_in
from tests.web.register import add_contact, audited, publish

Sessions = sessionmaker[Session]


def add_leaver(sessions: Sessions, **facts: Any) -> Contact:
    leaver = add_contact(sessions, left_at=clock.now() - timedelta(days=2), **facts)
    with transaction(sessions) as session:
        entry = suppression.Entry("address", address_key(canonical(leaver.email)))
        suppression.suppress(session, [entry], "hard_bounce", origin="ses_event", now=clock.now())
    return leaver


@pytest.mark.parametrize(
    ("roles", "status"), [(["auditor"], 403), (["approver"], 200), (["marketer"], 200)]
)
def test_each_role_opens_what_it_may(client: Browser, roles: list[str], status: int) -> None:
    sign_in(client, roles=roles)
    assert client.get("/contacts/leavers?unanswered=1&page=99").status_code == status


def test_the_list_and_the_page_say_who_has_left(client: Browser, sessions: Sessions) -> None:
    publish(sessions)
    leaver = add_leaver(sessions)
    sign_in(client, roles=["marketer"])
    assert "Lehtonen" in client.get("/contacts/leavers").text
    company = client.get(f"/companies/{leaver.company_id}").text
    assert "Anna Lehtonen has probably left the company." in company
    assert f"/contacts/new?successor_of={leaver.id}" in company
    page = client.get(f"/contacts/{leaver.id}").text
    assert "Has probably left the employer" in page
    assert "Add the successor" in page
    assert "Still works there" in page


def test_a_successor_is_added_with_employer_and_duties_filled_in(
    client: Browser, sessions: Sessions
) -> None:
    publish(sessions)
    leaver = add_leaver(sessions, title="Talouspäällikkö", duties="palkanlaskenta")
    sign_in(client, roles=["marketer"])
    form = client.get(f"/contacts/new?successor_of={leaver.id}").text
    for prefilled in ("Puutyö Oy", "Talouspäällikkö", "palkanlaskenta", "The successor of"):
        assert prefilled in form
    data = {
        "first_name": "Berta", "last_name": "Berg", "email": "berta.berg@puutyo.example",
        "company_name": "Puutyö Oy", "business_id": "1234567-1", "title": "Talouspäällikkö",
        "duties": "palkanlaskenta", "source_kind": "system_entry", "source_name": "Phone call",
        "dated": clock.now().date().isoformat(), "basis": "legitimate_interest",
        "relationship": "prospect", "successor_of": str(leaver.id),
    }  # fmt: skip
    assert client.post("/contacts/new", data=data).status_code == 303
    with sessions() as session:
        berta = session.scalars(select(Contact).filter_by(first_name="Berta")).one()
        assert session.get_one(Contact, leaver.id).successor_id == berta.id
    assert "Berta Berg" in client.get(f"/contacts/{leaver.id}").text
    assert "Lehtonen" not in client.get("/contacts/leavers?unanswered=1").text
    assert "has probably left" not in client.get(f"/companies/{leaver.company_id}").text


@pytest.mark.parametrize("other", ["x", "0", "999", "99999999999999999999", "-1"])
def test_a_successor_of_nobody_is_a_plain_new_contact(
    client: Browser, sessions: Sessions, other: str
) -> None:
    publish(sessions)
    add_contact(sessions)
    sign_in(client)
    page = client.get(f"/contacts/new?successor_of={other}")
    assert page.status_code == 200
    assert "The successor of" not in page.text


def test_the_word_of_staff_takes_the_mark_away_and_not_the_suppression(
    client: Browser, sessions: Sessions
) -> None:
    leaver = add_leaver(sessions)
    sign_in(client, roles=["approver"])
    assert client.post(f"/contacts/{leaver.id}/stays").status_code == 403
    sign_in(client, roles=["marketer"], name="other")
    assert client.post(f"/contacts/{leaver.id}/stays").status_code == 303
    assert client.post("/contacts/999/stays").status_code == 404
    assert "Has probably left the employer:" not in client.get(f"/contacts/{leaver.id}").text
    assert len(audited(sessions, "contact.stays")) == 1
    with sessions() as session:
        assert suppression.find(session, canonical(leaver.email))


def test_whose_processing_is_restricted_is_left_alone(client: Browser, sessions: Sessions) -> None:
    leaver = add_leaver(sessions, restricted_at=clock.now())
    sign_in(client)
    assert "Lehtonen" not in client.get("/contacts/leavers").text
    assert client.post(f"/contacts/{leaver.id}/stays").status_code == 403


def test_a_shared_mailbox_has_no_role_card(client: Browser, sessions: Sessions) -> None:
    box = add_contact(
        sessions, kind="shared_mailbox", first_name="", last_name="", title="",
        email="info@puutyo.example",
    )  # fmt: skip
    sign_in(client)
    page = client.get(f"/contacts/{box.id}").text
    assert "Shared mailbox" in page
    assert "Confirm the duties" not in page
    assert "Job functions" not in page
