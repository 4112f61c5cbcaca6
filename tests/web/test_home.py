"""The home page and the settings pages."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.campaigns.models import Campaign, SenderDomain
from mailer.contacts import suppression
from mailer.contacts.models import Import, ImportProblem
from mailer.db import transaction
from mailer.notice import profiles, switches
from mailer.roles.models import Title
from mailer.sending.models import Message
from tests.segments.register import make_contact, make_source
from tests.web.people import Browser, sign_in


def make_campaign(state: str = "draft", **values: object) -> Campaign:
    now = clock.now()
    fields: dict[str, object] = {"name": "Autumn", "created_at": now, "updated_at": now}
    return Campaign(state=state, **(fields | values))


def publish(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        switches.publish(session, profiles.load("example"), now=clock.now() - timedelta(days=30))


def test_an_empty_installation_shows_the_first_steps(client: Browser) -> None:
    sign_in(client, language="en")
    page = client.get("/").text
    assert "First steps: 0 of 5 done" in page
    assert "No notice is in force" in page
    assert "No campaign is scheduled for the next 14 days." in page


def test_the_first_steps_go_away_when_all_are_done(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    sign_in(client, language="en")
    publish(sessions)
    assert "First steps: 1 of 5 done" in client.get("/").text


def test_what_needs_the_user_is_on_top(client: Browser, sessions: sessionmaker[Session]) -> None:
    sign_in(client, language="en")
    publish(sessions)
    now = clock.now()
    with transaction(sessions) as session:
        paused = make_campaign("paused", name="Winter <b>sale</b>")
        file = Import(file_name="fair.csv", file_hash="x", state="done", created_at=now)
        title = Title(
            key="x", text="X", functions=[], level=0, confidence=0.2, rule="", ruleset_version=1
        )
        session.add_all([paused, file, title, SenderDomain(domain="posti.example")])
        session.flush()
        for row in (3, 9):
            session.add(
                ImportProblem(
                    import_id=file.id,
                    row=row,
                    position=0,
                    column="email",
                    value="x",
                    code="x",
                    rejects=True,
                )
            )
        session.add(
            Message(campaign_id=paused.id, state="uncertain", created_at=now, claimed_at=now)
        )
    page = client.get("/").text
    assert "Winter &lt;b&gt;sale&lt;/b&gt;: Paused" in page
    assert "The import fair.csv left rows out" in page
    assert "2 rows were left out." in page
    assert "1 job title waits for review" in page
    assert "The domain posti.example is not verified" in page
    assert "not known whether it left: 1 message" in page
    assert f"/campaigns/{paused.id}/uncertain" in page
    assert page.index("is not verified") < page.index("Paused"), "the worst comes first"


def test_an_approval_waits_only_for_those_who_may_give_it(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    sign_in(client, roles=["marketer"], language="en")
    with transaction(sessions) as session:
        session.add(make_campaign("waiting_for_approval"))
    assert "Waiting for approval" not in client.get("/").text
    sign_in(client, roles=["approver"], language="en")
    assert "Autumn: Waiting for approval" in client.get("/").text


def test_an_auditor_sees_numbers_and_no_campaign_plans(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    sign_in(client, roles=["auditor"], language="en")
    with transaction(sessions) as session:
        session.add(make_campaign("scheduled", starts_at=clock.now()))
    page = client.get("/").text
    assert "Autumn" not in page
    assert "People in the register" in page


def test_next_sends_and_the_last_campaign_are_shown(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    sign_in(client, language="en")
    now = clock.now()
    with transaction(sessions) as session:
        session.add_all(
            [
                make_campaign("scheduled", name="Soon", starts_at=now + timedelta(days=2)),
                make_campaign("scheduled", name="Later", starts_at=now + timedelta(days=30)),
            ]
        )
        sent = make_campaign("sent", name="Done", finished_at=now)
        session.add(sent)
        session.flush()
        for state, delivered in (("delivered", now), ("sent", None), ("bounced", None)):
            session.add(
                Message(
                    campaign_id=sent.id,
                    state=state,
                    created_at=now,
                    sent_at=now,
                    delivered_at=delivered,
                )
            )
    page = client.get("/").text
    assert "Soon" in page
    assert "Later" not in page
    assert "Done" in page
    assert "1 (33.3 %)" in page.replace("\u00a0", " ").replace("33.3%", "33.3 %")


def test_the_notice_in_force_is_shown_field_by_field(
    client: Browser, sessions: sessionmaker[Session], now: datetime
) -> None:
    sign_in(client, roles=["dpo"], language="en")
    assert "No notice is in force" in client.get("/settings/notice").text
    publish(sessions)
    page = client.get("/settings/notice").text
    content = profiles.load("example")
    assert content["register_name"] in page
    assert "Legitimate interest" in page
    assert content["entities"][0]["name"] in page


def test_settings_show_only_the_pages_one_may_open(client: Browser) -> None:
    sign_in(client, roles=["dpo"])
    page = client.get("/settings").text
    assert "/settings/notice" in page
    assert "/settings/users" not in page


def test_one_person_who_opts_out_is_one_opt_out(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    with transaction(sessions) as session:
        source = make_source(session, clock.now())
        contact = make_contact(session, source, clock.now(), first_name="Anna")
        stopped = suppression.opt_out(
            session, contact.address_key, origin="stop_page", now=clock.now()
        )
    assert stopped == 2  # the address and the person
    sign_in(client, language="en")
    assert "1 opt-out in 30 days" in client.get("/").text


def test_what_the_register_owes_its_people_is_on_top(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    now = clock.now()
    with transaction(sessions) as session:
        supplier = make_source(session, now, kind="b2b_supplier", name="Listapalvelu")
        make_contact(session, supplier, now, art14_overdue_at=now)
        make_contact(session, supplier, now, art14_overdue_at=now, art14_informed_at=now)
        make_contact(session, supplier, now, art14_overdue_at=now, restricted_at=now)
        make_contact(session, supplier, now, art14_informed_at=now, left_at=now)
    sign_in(client, roles=["marketer"])
    page = client.get("/").text
    assert "1 person was not told in time where the data came from" in page
    assert "1 source lacks the supplier&#39;s assurance" in page
    assert "1 person has probably left the employer" in page
    for path in ("/contacts/informing", "/contacts/sources", "/contacts/leavers"):
        assert f'href="{path}"' in page
    sign_in(client, roles=["approver"])
    assert "was not told in time" not in client.get("/").text
