"""The contact screens: who may do what, what is shown, and what a form changes."""

from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.campaigns.models import Campaign, Link
from mailer.contacts import consents, suppression
from mailer.contacts.address import canonical
from mailer.contacts.models import Contact, FieldChange, Suppression
from mailer.db import transaction
from mailer.events.models import Event
from mailer.segments.models import Segment
from mailer.sending.models import Message
from tests.web.people import Browser, sign_in
from tests.web.register import add_contact, audited, publish

Sessions = sessionmaker[Session]
FORM = {
    "first_name": "Karl",
    "last_name": "Nyström",
    "email": "karl.nystrom@nordkraft.example",
    "title": "Ekonomichef",
    "company_name": "Nordkraft Ab",
    "language": "sv",
    "source_kind": "data_subject",
    "source_name": "Messut Lahdessa",
    "dated": "2026-01-15",
    "basis": "legitimate_interest",
    "relationship": "prospect",
}


def stored(sessions: Sessions, contact: Contact) -> Contact | None:
    with transaction(sessions) as session:
        return session.get(Contact, contact.id)


def people(sessions: Sessions) -> int:
    with transaction(sessions) as session:
        return session.scalar(select(func.count()).select_from(Contact)) or 0


def edit_form(contact: Contact, **changes: str) -> dict[str, str]:
    return {
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "email": contact.email,
        "title": contact.title,
        "company_name": "Puutyö Oy",
        "business_id": "1234567-1",
        "language": contact.language,
        "version": str(contact.version),
        "told_by": "data_subject",
        **changes,
    }


@pytest.mark.parametrize(
    ("roles", "path", "status"),
    [
        (["auditor"], "/contacts", 403),
        (["approver"], "/contacts", 200),
        (["approver"], "/contacts/new", 403),
        (["approver"], "/contacts/{id}", 200),
        (["approver"], "/contacts/{id}/edit", 403),
        (["approver"], "/contacts/{id}/statement", 403),
        (["approver"], "/contacts/{id}/private", 403),
        (["marketer"], "/contacts/{id}/edit", 200),
        (["marketer"], "/contacts/{id}/restriction", 403),
        (["dpo"], "/contacts/{id}/restriction", 200),
    ],
)
def test_each_role_opens_what_it_may(
    client: Browser, sessions: Sessions, roles: list[str], path: str, status: int
) -> None:
    publish(sessions)
    contact = add_contact(sessions)
    sign_in(client, roles=roles)
    assert client.get(path.format(id=contact.id)).status_code == status


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_every_page_is_there_in_every_language(
    client: Browser, sessions: Sessions, language: str
) -> None:
    publish(sessions)
    contact = add_contact(sessions)
    sign_in(client, language=language)
    for path in ("", "/edit", "/role", "/statement", "/restrict", "/private", "/delete"):
        assert client.get(f"/contacts/{contact.id}{path}").status_code == 200
    assert client.get("/contacts/new").status_code == 200
    assert client.get("/contacts?q=anna&state=yes&sort=-company").status_code == 200


def test_a_contact_that_is_not_there_or_was_erased_is_not_found(
    client: Browser, sessions: Sessions
) -> None:
    contact = add_contact(sessions, erased_at=clock.now())
    sign_in(client)
    for number in (contact.id, 999_999, 2**70):
        assert client.get(f"/contacts/{number}").status_code == 404


# The list


def test_an_empty_register_says_what_to_do(client: Browser) -> None:
    sign_in(client)
    assert "No contacts yet" in client.get("/contacts").text


def test_the_list_says_who_can_be_mailed_and_why_not(client: Browser, sessions: Sessions) -> None:
    publish(sessions)
    add_contact(sessions)
    no = add_contact(sessions, last_name="Salo", email="salo@puutyo.example")
    with transaction(sessions) as session:
        suppression.opt_out(session, no.address_key, origin="stop_page", now=clock.now())
    sign_in(client)
    page = client.get("/contacts").text
    assert page.index("Lehtonen") < page.index("Salo")
    assert "Has opted out of marketing messages." in page
    assert "1–2 of 2" in page
    yes = client.get("/contacts?state=yes").text
    assert "Lehtonen" in yes
    assert "Salo" not in yes
    refused = client.get("/contacts?state=no").text
    assert "Salo" in refused
    assert "Lehtonen" not in refused


def test_before_a_notice_is_in_force_nobody_can_be_mailed(
    client: Browser, sessions: Sessions
) -> None:
    contact = add_contact(sessions)
    sign_in(client)
    for path in ("/contacts", "/contacts?state=no&sort=company", f"/contacts/{contact.id}"):
        assert "No privacy notice is in force." in client.get(path).text
    assert "Nobody matches" in client.get("/contacts?state=yes&sort=company").text
    assert "nothing may be stored" in client.get("/contacts/new").text


@pytest.mark.parametrize(
    "query",
    [
        "q=%25", "q=" + "x" * 5000, "level=wizard", "function=x&language=xx", "state=x",
        "sort=email", "page=0", "page=99999999999", "page=-1", "q=\u202e", "q=a&q=b",
    ],
)  # fmt: skip
def test_odd_filters_do_no_harm(client: Browser, sessions: Sessions, query: str) -> None:
    publish(sessions)
    add_contact(sessions)
    sign_in(client)
    assert client.get(f"/contacts?{query}").status_code == 200


def test_names_are_shown_as_text(client: Browser, sessions: Sessions) -> None:
    contact = add_contact(sessions, last_name="<script>alert(1)</script>", title="<b>x</b>")
    sign_in(client)
    for path in ("/contacts", f"/contacts/{contact.id}", f"/contacts/{contact.id}/edit"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "<b>x</b>" not in page


# One contact


def test_opening_a_contact_is_on_record(client: Browser, sessions: Sessions) -> None:
    contact = add_contact(sessions)
    user = sign_in(client)
    client.get(f"/contacts/{contact.id}")
    (line,) = audited(sessions, "contact.opened")
    assert (line.object_id, line.actor_id) == (contact.id, user.id)
    assert "lehtonen" not in str(line.details).lower()


def test_the_page_tells_what_happened(client: Browser, sessions: Sessions) -> None:
    publish(sessions)
    contact = add_contact(sessions)
    now = clock.now()
    with transaction(sessions) as session:
        tree = {"include": [{"field": "function", "is": "any_of", "value": ["finance"]}]}
        segment = Segment(name="Finance", tree=tree, created_at=now, updated_at=now)
        session.add(segment)
        session.flush()
        done, draft = (
            Campaign(
                name=name,
                segment_id=segment.id,
                target_functions=["finance"],
                created_at=now,
                updated_at=now,
                launched_at=launched,
            )
            for name, launched in (("Autumn news", now), ("Winter news", None))
        )
        session.add_all([done, draft])
        session.flush()
        message = Message(
            campaign_id=done.id, contact_id=contact.id, state="delivered", created_at=now,
            sent_at=now, delivered_at=now,
        )  # fmt: skip
        link = Link(campaign_id=done.id, language="fi", position=1, url="https://x.example/a")
        session.add_all([message, link])
        session.flush()
        for actor in ("human", "machine"):
            session.add(
                Event(
                    message_id=message.id,
                    campaign_id=done.id,
                    kind="click",
                    at=now,
                    actor=actor,
                    link_id=link.id,
                    dedupe_key=actor,
                )
            )
    sign_in(client)
    page = client.get(f"/contacts/{contact.id}").text
    assert "Delivered: Autumn news" in page
    assert page.count("Clicked a link in Autumn news") == 1
    assert "Winter news" in page
    assert "Would get it" in page
    assert "The contact was added" in page
    assert "Company sites (Public web)" in page


def test_a_restricted_contact_opens_only_at_the_desk(client: Browser, sessions: Sessions) -> None:
    contact = add_contact(sessions, restricted_at=clock.now())
    sign_in(client, roles=["marketer"])
    page = client.get(f"/contacts/{contact.id}")
    assert "Lehtonen" not in page.text
    assert "Lehtonen" not in client.get("/contacts").text
    for path in ("edit", "role", "statement", "restrict", "private", "delete"):
        assert client.get(f"/contacts/{contact.id}/{path}").status_code == 403
    sign_in(client, roles=["dpo"])
    assert "Lehtonen" in client.get(f"/contacts/{contact.id}").text
    saved = client.post(f"/contacts/{contact.id}/edit", data=edit_form(contact, title="X"))
    assert saved.status_code == 403
    assert client.post(f"/contacts/{contact.id}/delete", data={"reason": "left"}).status_code == 403


# Adding


def test_a_contact_is_added_with_where_the_data_came_from(
    client: Browser, sessions: Sessions
) -> None:
    publish(sessions)
    user = sign_in(client, roles=["marketer"])
    answer = client.post("/contacts/new", data=FORM)
    assert answer.status_code == 303
    page = client.get(answer.location).text
    assert "Karl Nyström" in page
    assert "Messut Lahdessa (The person)" in page
    (line,) = audited(sessions, "contact.created")
    assert line.actor_id == user.id


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"email": "karl@gmail.com"}, "Private persons are not stored"),
        ({"note": "131052-308T"}, "personal identity code must not be stored"),
        ({"company_name": ""}, "Only people at work are stored"),
        ({"title": "Sairaanhoitaja"}, "outside what the notice says"),
        ({"source_kind": "b2b_supplier"}, "Choose what kind of source"),
        ({"source_name": " "}, "Say where the data came from"),
        ({"source_kind": "public_web"}, "needs the address of the page"),
        ({"dated": "2999-01-01"}, "year-month-day"),
        ({"basis": "x"}, "Choose the legal basis"),
        ({"relationship": "x"}, "Choose the relationship"),
    ],
)
def test_what_may_not_be_stored_is_refused_and_nothing_is(
    client: Browser, sessions: Sessions, changes: dict[str, str], sentence: str
) -> None:
    publish(sessions)
    sign_in(client)
    answer = client.post("/contacts/new", data={**FORM, **changes})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert people(sessions) == 0
    with transaction(sessions) as session:
        assert session.scalar(text("SELECT count(*) FROM sources")) == 0


def test_an_address_that_is_there_leads_to_its_contact(client: Browser, sessions: Sessions) -> None:
    publish(sessions)
    contact = add_contact(sessions, email="karl.nystrom@nordkraft.example")
    sign_in(client)
    answer = client.post("/contacts/new", data=FORM)
    assert answer.status_code == 422
    assert f'href="/contacts/{contact.id}"' in answer.text


# Editing


def test_an_edit_keeps_the_old_value_and_the_source(client: Browser, sessions: Sessions) -> None:
    publish(sessions)
    contact = add_contact(sessions)
    user = sign_in(client)
    form = edit_form(contact, last_name="Salo")
    assert client.post(f"/contacts/{contact.id}/edit", data=form).status_code == 303
    page = client.get(f"/contacts/{contact.id}").text
    assert "Lehtonen → Salo" in page
    assert "Last name changed by Maija Virtanen" in page
    with transaction(sessions) as session:
        assert session.scalars(select(FieldChange.field)).all() == ["last_name"]
    (line,) = audited(sessions, "contact.edited")
    assert (line.actor_id, line.details["fields"]) == (user.id, ["last_name"])


def test_two_editors_see_each_other_s_values_and_choose(
    client: Browser, sessions: Sessions
) -> None:
    publish(sessions)
    contact = add_contact(sessions)
    sign_in(client)
    client.post(f"/contacts/{contact.id}/edit", data=edit_form(contact, last_name="Salo"))
    late = client.post(f"/contacts/{contact.id}/edit", data=edit_form(contact, title="Ostaja"))
    assert late.status_code == 409
    for value in ("Salo", "Lehtonen", "Ostaja", "Talouspäällikkö", "Maija Virtanen saved"):
        assert value in late.text
    now = stored(sessions, contact)
    assert now is not None
    assert (now.last_name, now.title) == ("Salo", "Talouspäällikkö")
    chosen = edit_form(contact, last_name="Salo", title="Ostaja", version="2")
    assert client.post(f"/contacts/{contact.id}/edit", data=chosen).status_code == 303
    now = stored(sessions, contact)
    assert now is not None
    assert (now.last_name, now.title, now.functions) == ("Salo", "Ostaja", ["procurement"])


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"version": "x"}, 400),
        ({"version": ""}, 400),
        ({"told_by": ""}, 422),
        ({"email": "no address"}, 422),
        ({"note": "on raskaana"}, 422),
    ],
)
def test_an_edit_that_cannot_be_saved_changes_nothing(
    client: Browser, sessions: Sessions, changes: dict[str, str], status: int
) -> None:
    publish(sessions)
    contact = add_contact(sessions)
    sign_in(client)
    form = edit_form(contact, last_name="Salo", **changes)
    assert client.post(f"/contacts/{contact.id}/edit", data=form).status_code == status
    now = stored(sessions, contact)
    assert now is not None
    assert now.last_name == "Lehtonen"


# Duties


def test_confirmed_duties_beat_the_title(client: Browser, sessions: Sessions) -> None:
    publish(sessions)
    contact = add_contact(sessions)
    sign_in(client)
    data: dict[str, Any] = {"functions": ["hr"], "level": "director"}
    path = f"/contacts/{contact.id}/role"
    assert client.post(path, data=data).status_code == 422
    assert client.post(path, data={**data, "confirmed": "1", "functions": ["x"]}).status_code == 422
    assert client.post(path, data={**data, "confirmed": "1"}).status_code == 303
    now = stored(sessions, contact)
    assert now is not None
    assert (now.functions, now.level, now.role_evidence) == (["hr"], 50, 4)
    assert "Confirmed by the person" in client.get(f"/contacts/{contact.id}").text


# Bans


def test_a_ban_from_a_phone_call_needs_neither_identity_nor_reason_and_holds_at_once(
    client: Browser, sessions: Sessions
) -> None:
    publish(sessions)
    contact = add_contact(sessions)
    sign_in(client, roles=["marketer"])
    data = {"event": "objected", "kinds": ["email_marketing"], "channel": "phone"}
    answer = client.post(f"/contacts/{contact.id}/statement", data=data)
    assert answer.status_code == 303
    with transaction(sessions) as session:
        assert consents.standing(session, contact.id) == {"email_marketing": "objected"}
        found = suppression.find(session, canonical(contact.email))
    assert {line.kind for line in found} == {"optout"}
    page = client.get(f"/contacts/{contact.id}").text
    assert "Has opted out of marketing messages." in page
    assert "By phone" in page


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "x"},
        {"kinds": []},
        {"kinds": ["x"]},
        {"channel": "x"},
        {"event": "given"},
        {"event": "lifted"},
        {"wording": "x" * 2001},
    ],
)
def test_a_statement_without_its_facts_is_not_recorded(
    client: Browser, sessions: Sessions, changes: dict[str, Any]
) -> None:
    publish(sessions)
    contact = add_contact(sessions)
    sign_in(client)
    data = {"event": "objected", "kinds": ["disclosure"], "channel": "letter", **changes}
    assert client.post(f"/contacts/{contact.id}/statement", data=data).status_code == 422
    with transaction(sessions) as session:
        assert consents.standing(session, contact.id) == {}


# Restriction, quarantine, deletion


def test_a_restriction_is_lifted_only_after_the_person_was_told(
    client: Browser, sessions: Sessions
) -> None:
    contact = add_contact(sessions)
    sign_in(client, roles=["dpo"])
    assert client.post(f"/contacts/{contact.id}/restrict").status_code == 303
    path = f"/contacts/{contact.id}/restriction"
    for wrong in ({}, {"told": "phone"}, {"told": "phone", "told_on": "2999-01-01"}):
        assert client.post(path, data=wrong).status_code == 422
    now = stored(sessions, contact)
    assert now is not None
    assert now.restricted_at is not None
    told = {"told": "phone", "told_on": "2026-01-02"}
    assert client.post(path, data=told).status_code == 303
    (line,) = audited(sessions, "contact.restriction_lifted")
    assert line.details == {"told": "phone", "told_on": "2026-01-02"}


def test_a_contact_is_let_out_of_quarantine(client: Browser, sessions: Sessions) -> None:
    contact = add_contact(
        sessions, quarantined_at=clock.now(), quarantine_reason="free_mail_company"
    )
    sign_in(client)
    assert "free mail service" in client.get(f"/contacts/{contact.id}").text
    assert "Lehtonen" in client.get("/contacts?state=quarantined").text
    assert client.post(f"/contacts/{contact.id}/release").status_code == 303
    assert "Lehtonen" not in client.get("/contacts?state=quarantined").text


def test_a_private_person_is_deleted_at_once_and_cannot_come_back(
    client: Browser, sessions: Sessions
) -> None:
    publish(sessions)
    contact = add_contact(sessions, email="karl.nystrom@nordkraft.example")
    sign_in(client)
    path = f"/contacts/{contact.id}/private"
    assert "do-not-import list" in client.get(path).text
    assert client.post(path, data={"reason": "x"}).status_code == 422
    assert people(sessions) == 1
    assert client.post(path, data={"reason": "minor"}).status_code == 303
    assert people(sessions) == 0
    with transaction(sessions) as session:
        assert session.scalars(select(Suppression.kind)).all() == ["private_person"]
    again = client.post("/contacts/new", data=FORM)
    assert again.status_code == 422
    assert "do-not-import list" in again.text


def test_a_deletion_asks_why_and_needs_the_token(client: Browser, sessions: Sessions) -> None:
    contact = add_contact(sessions)
    sign_in(client)
    path = f"/contacts/{contact.id}/delete"
    assert client.post(path, data={}).status_code == 422
    assert client.post(path, data={"reason": "left"}, csrf=False).status_code == 400
    assert people(sessions) == 1
    assert client.get(path).status_code == 200
    assert people(sessions) == 1
    assert client.post(path, data={"reason": "left"}).status_code == 303
    assert people(sessions) == 0
    (line,) = audited(sessions, "contact.deleted")
    assert line.details == {"reason": "left"}
