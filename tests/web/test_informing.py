"""Who must be told where their data came from: the list, and writing it down."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.campaigns.models import Campaign
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.sending.models import Message
from tests.web.people import Browser, sign_in
from tests.web.register import add_contact, audited

Sessions = sessionmaker[Session]


def read(sessions: Sessions, contact: Contact) -> Contact:
    with sessions() as session:
        return session.get_one(Contact, contact.id)


@pytest.mark.parametrize(
    ("roles", "path", "status"),
    [
        (["auditor"], "/contacts/informing", 403),
        (["approver"], "/contacts/informing", 200),
        (["approver"], "/contacts/informing/record", 403),
        (["marketer"], "/contacts/informing/record?source=1", 200),
        (["marketer"], "/contacts/informing?source=x&overdue=maybe&page=99", 200),
        (["marketer"], "/contacts/informing?source=99999999999999999999", 200),
    ],
)
def test_each_role_opens_what_it_may(
    client: Browser, roles: list[str], path: str, status: int
) -> None:
    sign_in(client, roles=roles)
    assert client.get(path).status_code == status


def test_the_list_says_until_when_and_what_is_too_late(client: Browser, sessions: Sessions) -> None:
    now = clock.now()
    late = add_contact(sessions, created_at=now - timedelta(days=60))
    add_contact(sessions, email="b@puutyo.example", last_name="Berg", created_at=now)
    sign_in(client)
    page = client.get("/contacts/informing").text
    assert "Berg" in page
    assert "Too late" in page
    assert "days left" in page
    only = client.get("/contacts/informing?overdue=1").text
    assert late.last_name in only
    assert "Berg" not in only
    shown = client.get(f"/contacts/{late.id}").text
    assert "Must be informed by" in shown


def test_who_is_restricted_is_not_on_the_list(client: Browser, sessions: Sessions) -> None:
    add_contact(sessions, restricted_at=clock.now())
    sign_in(client)
    assert "Lehtonen" not in client.get("/contacts/informing").text


def test_writing_it_down_holds_for_one_source_and_is_on_record(
    client: Browser, sessions: Sessions
) -> None:
    one = add_contact(sessions)
    other = add_contact(sessions, email="b@puutyo.example")
    user = sign_in(client, roles=["marketer"])
    data = {"source": one.source_id, "way": "letter", "on": clock.now().date().isoformat()}
    assert client.post("/contacts/informing/record", data=data).status_code == 303
    assert read(sessions, one).art14_way == "letter"
    assert read(sessions, other).art14_informed_at is None
    (line,) = audited(sessions, "contacts.informed")
    assert (line.actor_id, line.object_id, line.details["people"]) == (user.id, one.source_id, 1)
    assert "By letter" in client.get(f"/contacts/{one.id}").text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"way": "pigeon"}, "Choose how they were informed."),
        ({"on": ""}, "Write the day"),
        ({"on": "2999-01-01"}, "Write the day"),
        ({"source": ""}, "Choose a source first."),
    ],
)
def test_what_is_not_clear_is_not_written_down(
    client: Browser, sessions: Sessions, changes: dict[str, str], sentence: str
) -> None:
    contact = add_contact(sessions)
    sign_in(client)
    data = {"source": str(contact.source_id), "way": "letter", "on": "2026-01-01", **changes}
    answer = client.post("/contacts/informing/record", data=data)
    assert answer.status_code == 422
    assert sentence in answer.text
    with transaction(sessions) as session:
        assert session.get_one(Contact, contact.id).art14_informed_at is None


def test_the_page_names_the_campaign_whose_message_told_it(
    client: Browser, sessions: Sessions
) -> None:
    now = clock.now()
    contact = add_contact(sessions, art14_informed_at=now - timedelta(days=2))
    with transaction(sessions) as session:
        for days, name in ((2, "First letter"), (1, "Second letter")):
            campaign = Campaign(name=name, created_at=now, updated_at=now)
            session.add(campaign)
            session.flush()
            at = now - timedelta(days=days)
            session.add(
                Message(
                    campaign_id=campaign.id, contact_id=contact.id, state="sent", sent_at=at,
                    created_at=at,
                )
            )  # fmt: skip
    sign_in(client)
    page = client.get(f"/contacts/{contact.id}").text
    assert "In a message of First letter" in page
    assert "In a message of Second letter" not in page
