"""Dealings on the screens: noted, filtered, corrected, deleted, and what the law holds."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import removal
from mailer.contacts.interaction_models import Interaction, OfferDocumentEvent
from mailer.contacts.models import Contact, Source
from mailer.db import transaction
from mailer.notice.vocabulary import INTERACTION_KINDS
from tests.contacts.dealings import make_entry, noted
from tests.segments.register import make_source
from tests.web.people import Browser, make_user, sign_in
from tests.web.register import add_contact, audited, publish

Sessions = sessionmaker[Session]
FORM = {"kind": "call", "on": "2026-01-15", "title": "Soitto", "body": "Kysyi hintaa."}


@pytest.fixture
def contact(sessions: Sessions) -> Contact:
    publish(sessions, interaction_kinds=sorted(INTERACTION_KINDS))
    return add_contact(sessions)


def dealings(sessions: Sessions) -> list[Interaction]:
    with transaction(sessions) as session:
        return list(session.scalars(select(Interaction).order_by(Interaction.id)))


def add(sessions: Sessions, contact: Contact, **facts: Any) -> Interaction:
    now = clock.now()
    with transaction(sessions) as session:
        source = make_source(session, now, kind="system_entry", name="")
        return noted(session, source, now, **{"contact_id": contact.id, **facts})


def change(sessions: Sessions, contact: Contact, **values: Any) -> None:
    with transaction(sessions) as session:
        row = session.get_one(Contact, contact.id)
        for name, value in values.items():
            setattr(row, name, value)


@pytest.mark.parametrize(
    ("roles", "path", "status"),
    [
        (["auditor"], "/contacts/{c}/note", 403),
        (["approver"], "/contacts/{c}/note", 403),
        (["marketer"], "/contacts/{c}/note", 200),
        (["marketer"], "/contacts/987654/note", 404),
        (["approver"], "/companies/{o}/note", 403),
        (["marketer"], "/companies/{o}/note", 200),
        (["marketer"], "/companies/987654/note", 404),
        (["approver"], "/companies/{o}/dealings", 200),
        (["auditor"], "/companies/{o}/dealings", 403),
        (["approver"], "/dealings/{i}", 200),
        (["auditor"], "/dealings/{i}", 403),
        (["approver"], "/dealings/{i}/edit", 403),
        (["approver"], "/dealings/{i}/delete", 403),
        (["marketer"], "/dealings/{i}/edit", 200),
        (["marketer"], "/dealings/{i}/delete", 200),
        (["marketer"], "/dealings/987654", 404),
        (["marketer"], "/dealings/99999999999999999999", 404),
    ],
)
def test_each_role_opens_what_it_may(
    client: Browser, sessions: Sessions, contact: Contact, roles: list[str], path: str, status: int
) -> None:
    row = add(sessions, contact)
    sign_in(client, roles=roles)
    place = path.format(c=contact.id, o=contact.company_id, i=row.id)
    assert client.get(place).status_code == status


def test_a_note_is_on_the_timeline_and_on_the_company_with_who_and_when(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    user = sign_in(client, roles=["marketer"])
    answer = client.post(f"/contacts/{contact.id}/note", data={**FORM, "at": "14:30"})
    assert answer.status_code == 303
    [row] = dealings(sessions)
    assert (row.kind, row.title, row.body) == ("call", "Soitto", "Kysyi hintaa.")
    assert row.at == datetime(2026, 1, 15, 12, 30, tzinfo=UTC)
    assert (row.contact_id, row.company_id) == (contact.id, contact.company_id)
    assert row.created_by == user.id
    with transaction(sessions) as session:
        assert session.get_one(Source, row.source_id).kind == "system_entry"
    page = client.get(f"/contacts/{contact.id}").text
    assert "Phone call: Soitto" in page
    assert "Kysyi hintaa." in page
    assert "15 January 2026, 14:30" in page
    page = client.get(f"/companies/{contact.company_id}").text
    assert f'href="/dealings/{row.id}"' in page
    page = client.get(f"/dealings/{row.id}").text
    assert user.name in page
    assert "Kysyi hintaa." in page
    [line] = audited(sessions, "interaction.noted")
    assert (line.object_id, line.actor_id, line.details["kind"]) == (row.id, user.id, "call")
    assert "Soitto" not in str(line.details)
    assert len(audited(sessions, "interaction.opened")) == 1


def test_a_day_without_a_time_is_shown_as_a_day(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    sign_in(client, roles=["marketer"])
    client.post(f"/contacts/{contact.id}/note", data=FORM)
    page = client.get(f"/contacts/{contact.id}?kind=call").text
    assert "15 January 2026</time>" in page
    [row] = dealings(sessions)
    edit = client.get(f"/dealings/{row.id}/edit").text
    assert 'value="2026-01-15"' in edit


def test_a_note_about_a_company_needs_no_person(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    sign_in(client, roles=["marketer"])
    form = {
        **FORM, "kind": "invoice", "amount": "1 234,50", "currency": "EUR", "reference": "2026-17",
    }  # fmt: skip
    assert client.post(f"/companies/{contact.company_id}/note", data=form).status_code == 303
    [row] = dealings(sessions)
    assert (row.contact_id, row.company_id) == (None, contact.company_id)
    assert (str(row.amount), row.reference) == ("1234.50", "2026-17")
    page = client.get(f"/companies/{contact.company_id}").text
    assert "kept for accounting until 31 December 2032" in page
    assert "1,234.50 EUR" in page


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"kind": ""}, "kind", "Choose what it was."),
        ({"kind": "gossip"}, "kind", "Choose what it was."),
        ({"kind": "web_visit"}, "kind", "does not declare"),
        ({"on": ""}, "on", "year-month-day"),
        ({"on": "2026-02-31"}, "on", "year-month-day"),
        ({"at": "25:99"}, "at", "14:30"),
        ({"on": "2999-01-01"}, "on", "in the future"),
        ({"title": "", "body": ""}, "title", "nothing to keep"),
        ({"title": "x" * 201}, "title", "200 characters"),
        ({"body": "Hetu 131052-308T"}, "body", "identity code"),
        ({"body": "Hän on sairauslomalla."}, "body", "private matters"),
        ({"amount": "1,234"}, "amount", "1234,50"),
        ({"amount": "5"}, "amount", "does not belong"),
        ({"kind": "order", "amount": "5", "currency": "XAU"}, "currency", "currencies"),
        ({"kind": "order", "financial_year": "x"}, "financial_year", "for example 2026"),
        ({"kind": "order", "financial_year": "2031"}, "financial_year", "in the next one"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_noted(
    client: Browser,
    sessions: Sessions,
    contact: Contact,
    changes: dict[str, str],
    field: str,
    words: str,
) -> None:
    sign_in(client, roles=["marketer"])
    answer = client.post(f"/contacts/{contact.id}/note", data={**FORM, **changes})
    assert answer.status_code == 422
    assert f'href="#f-{field}"' in answer.text
    assert words in html.unescape(answer.text)
    assert dealings(sessions) == []


def test_a_form_that_is_sent_twice_notes_one_thing(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    sign_in(client, roles=["marketer"])
    page = client.get(f"/contacts/{contact.id}/note").text
    found = re.search(r'name="once" value="(\w+)"', page)
    assert found is not None
    form = {**FORM, "once": found.group(1)}
    for _ in range(2):
        assert client.post(f"/contacts/{contact.id}/note", data=form).status_code == 303
    assert len(dealings(sessions)) == 1


def test_only_declared_kinds_are_offered(client: Browser, sessions: Sessions) -> None:
    publish(sessions, interaction_kinds=["note", "web_visit"])
    contact = add_contact(sessions)
    sign_in(client, roles=["marketer"])
    page = client.get(f"/contacts/{contact.id}/note").text
    assert re.findall(r'<option value="(\w+)"', page) == ["note"]
    assert "financial_year" not in page
    assert client.post(f"/contacts/{contact.id}/note", data=FORM).status_code == 422


def test_where_no_kind_is_declared_nothing_is_offered(client: Browser, sessions: Sessions) -> None:
    publish(sessions, interaction_kinds=[])
    contact = add_contact(sessions)
    sign_in(client, roles=["marketer"])
    for path in (f"/contacts/{contact.id}", f"/companies/{contact.company_id}"):
        page = client.get(path)
        assert page.status_code == 200
        assert "/note" not in page.text
    assert "Nothing may be written down" in client.get(f"/contacts/{contact.id}/note").text


def test_the_timeline_shows_one_kind_when_asked(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    add(sessions, contact, title="Ensin soitto")
    add(sessions, contact, kind="meeting", title="Sitten tapaaminen")
    sign_in(client, roles=["approver"])
    page = client.get(f"/contacts/{contact.id}").text
    assert "Ensin soitto" in page
    assert "Sitten tapaaminen" in page
    assert "The contact was added" in page
    page = client.get(f"/contacts/{contact.id}?kind=meeting").text
    assert "Sitten tapaaminen" in page
    assert "Ensin soitto" not in page
    assert "The contact was added" not in page
    assert client.get(f"/contacts/{contact.id}?kind=gossip").status_code == 200
    page = client.get(f"/companies/{contact.company_id}/dealings?kind=meeting").text
    assert "Sitten tapaaminen" in page
    assert "Ensin soitto" not in page


def test_what_is_typed_is_shown_as_text(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    row = add(sessions, contact, title="<script>1</script>", body="<b>x</b>")
    sign_in(client, roles=["marketer"])
    for path in (
        f"/contacts/{contact.id}",
        f"/companies/{contact.company_id}",
        f"/dealings/{row.id}",
        f"/dealings/{row.id}/edit",
    ):
        page = client.get(path).text
        assert "<script>1" not in page
        assert "<b>x" not in page


def test_a_note_is_corrected_and_a_second_correction_of_the_same_page_is_told(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    row = add(sessions, contact)
    sign_in(client, roles=["marketer"])
    form = {**FORM, "title": "Oikein", "version": "1"}
    assert client.post(f"/dealings/{row.id}/edit", data=form).status_code == 303
    assert dealings(sessions)[0].title == "Oikein"
    late = client.post(f"/dealings/{row.id}/edit", data={**form, "title": "Myöhään"})
    assert late.status_code == 409
    assert "Somebody else has changed this" in late.text
    assert dealings(sessions)[0].title == "Oikein"
    for version in ("", "x", "9" * 30):
        wrong = client.post(f"/dealings/{row.id}/edit", data={**form, "version": version})
        assert wrong.status_code == 400


def fields_of(page: str) -> dict[str, str]:
    """What a form of a dealing would send."""
    typed = re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', page)
    chosen = re.findall(r'name="(kind|currency)".*?<option value="(\w+)" selected', page, re.DOTALL)
    words = re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL)
    return {name: html.unescape(value) for name, value in [*typed, *chosen, *words]}


@pytest.mark.parametrize(
    "facts",
    [
        {"at": datetime(2026, 5, 1, 9, 30, 15, 250, tzinfo=UTC)},
        {"kind": "invoice", "at": datetime(2026, 5, 1, 9, 30, tzinfo=UTC), "reference": "1"},
        {"kind": "order", "at": datetime(2026, 9, 1, tzinfo=UTC), "financial_year": 2027},
        {"body": "rivi 1\n\nrivi 2 & <b>"},
    ],
)
def test_a_form_that_is_saved_as_it_was_changes_nothing(
    client: Browser, sessions: Sessions, contact: Contact, facts: dict[str, Any]
) -> None:
    row = add(sessions, contact, **facts)
    sign_in(client, roles=["marketer"])
    form = fields_of(client.get(f"/dealings/{row.id}/edit").text)
    assert form["kind"] == row.kind
    assert client.post(f"/dealings/{row.id}/edit", data=form).status_code == 303
    [now] = dealings(sessions)
    assert (now.version, now.at, now.body, now.held_until) == (1, row.at, row.body, row.held_until)


def test_a_voucher_whose_date_was_corrected_far_back_can_be_corrected_again(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    row = add(sessions, contact, kind="invoice", at=datetime(2026, 5, 1, tzinfo=UTC))
    sign_in(client, roles=["marketer"])
    for changes in ({"on": "2021-05-01", "financial_year": ""}, {"title": "Oikein"}):
        form = fields_of(client.get(f"/dealings/{row.id}/edit").text) | changes
        assert client.post(f"/dealings/{row.id}/edit", data=form).status_code == 303
    [now] = dealings(sessions)
    assert (now.title, now.at.year, str(now.held_until)) == ("Oikein", 2021, "2032-12-31")


def test_a_note_is_deleted_after_a_question(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    row = add(sessions, contact)
    sign_in(client, roles=["marketer"])
    assert "It cannot be brought back." in client.get(f"/dealings/{row.id}/delete").text
    assert len(dealings(sessions)) == 1
    assert client.post(f"/dealings/{row.id}/delete").status_code == 303
    assert dealings(sessions) == []
    assert len(audited(sessions, "interaction.deleted")) == 1
    assert client.post(f"/dealings/{row.id}/delete").status_code == 404


def test_what_the_law_holds_says_so_and_cannot_be_deleted(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    row = add(sessions, contact, kind="invoice", at=datetime(2026, 5, 1, tzinfo=UTC))
    sign_in(client, roles=["admin"])
    page = client.get(f"/dealings/{row.id}").text
    assert "Kept for accounting until 31 December 2032." in page
    assert "/delete" not in page
    assert client.get(f"/dealings/{row.id}/delete").status_code == 403
    assert client.post(f"/dealings/{row.id}/delete").status_code == 403
    form = {**FORM, "kind": "note", "version": "1"}
    answer = client.post(f"/dealings/{row.id}/edit", data=form)
    assert answer.status_code == 422
    assert "cannot become something that is not" in answer.text
    assert [(r.id, r.kind) for r in dealings(sessions)] == [(row.id, "invoice")]


def test_nobody_notes_or_changes_anything_of_a_restricted_person(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    row = add(sessions, contact, title="Salaisuus")
    change(sessions, contact, restricted_at=clock.now())
    sign_in(client, roles=["admin"])
    for path in (
        f"/contacts/{contact.id}/note",
        f"/dealings/{row.id}/edit",
        f"/dealings/{row.id}/delete",
    ):
        assert client.get(path).status_code == 403
        assert client.post(path, data=FORM).status_code == 403
    assert client.get(f"/dealings/{row.id}").status_code == 200  # the desk sees it
    sign_in(client, roles=["marketer"])
    assert client.get(f"/dealings/{row.id}").status_code == 403
    for path in (f"/companies/{contact.company_id}", f"/companies/{contact.company_id}/dealings"):
        assert "Salaisuus" not in client.get(path).text


def test_a_voucher_of_a_deleted_person_is_hidden_from_all_but_the_desk(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    row = add(sessions, contact, kind="invoice", title="Anna Lehtonen", reference="2026-17")
    user = make_user()
    with transaction(sessions) as session:
        person = session.get_one(Contact, contact.id)
        removal.remove(session, person, reason="left", now=clock.now(), actor_id=user.id)
    lists = (f"/companies/{contact.company_id}", f"/companies/{contact.company_id}/dealings")
    sign_in(client, roles=["marketer"])
    assert client.get(f"/dealings/{row.id}").status_code == 403
    assert all(f"/dealings/{row.id}" not in client.get(path).text for path in lists)
    sign_in(client, roles=["dpo"])
    page = client.get(f"/dealings/{row.id}").text
    assert "nothing here says who it was" in page
    assert "Lehtonen" not in page
    assert all(f"/dealings/{row.id}" in client.get(path).text for path in lists)
    for path in (f"/dealings/{row.id}/edit", f"/dealings/{row.id}/delete"):
        assert client.get(path).status_code == 403


def test_deleting_a_contact_says_what_goes_and_what_is_held(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    add(sessions, contact)
    add(sessions, contact, kind="invoice")
    sign_in(client, roles=["admin"])
    for path in ("delete", "private"):
        page = client.get(f"/contacts/{contact.id}/{path}").text
        assert "1, of which 0 stay" not in page
        assert "2, of which 1 stays without name and text, as accounting law requires" in page


# Offer documents


def test_what_happens_to_an_offer_document_is_noted_without_whom_it_went_to(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    row = add(sessions, contact, kind="offer_document", title="Tarjous 7")
    sign_in(client, roles=["marketer"])
    path = f"/dealings/{row.id}/events"
    for form in (
        {"event": "viewed", "on": "2026-01-15", "at": "10:00", "page": "2", "seconds": "40"},
        {"event": "forwarded", "on": "2026-01-16", "to": "toinen@muualla.example"},
    ):
        assert client.post(path, data=form).status_code == 303
    page = client.get(f"/dealings/{row.id}").text
    assert "Viewed" in page
    assert "Forwarded" in page
    with transaction(sessions) as session:
        events = session.execute(select(OfferDocumentEvent.__table__)).all()
    assert len(events) == 2
    assert "muualla" not in str(events) + page


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"event": "", "on": "2026-01-15"}, "event"),
        ({"event": "opened", "on": ""}, "on"),
        ({"event": "opened", "on": "2999-01-01"}, "on"),
        ({"event": "opened", "on": "2026-01-15", "page": "2"}, "page"),
        ({"event": "viewed", "on": "2026-01-15", "page": "-2"}, "page"),
        ({"event": "viewed", "on": "2026-01-15", "page": "0"}, "page"),
        ({"event": "viewed", "on": "2026-01-15", "seconds": "1e9"}, "seconds"),
    ],
)
def test_a_wrong_event_of_a_document_is_told_at_its_field(
    client: Browser, sessions: Sessions, contact: Contact, form: dict[str, str], field: str
) -> None:
    row = add(sessions, contact, kind="offer_document")
    sign_in(client, roles=["marketer"])
    answer = client.post(f"/dealings/{row.id}/events", data=form)
    assert answer.status_code == 422
    assert f'href="#f-{field}"' in answer.text


def test_a_phone_call_is_no_document(client: Browser, sessions: Sessions, contact: Contact) -> None:
    row = add(sessions, contact)
    sign_in(client, roles=["marketer"])
    form = {"event": "opened", "on": "2026-01-15"}
    answer = client.post(f"/dealings/{row.id}/events", data=form)
    assert answer.status_code == 422
    assert "There is no such offer document." in answer.text


def test_a_moment_is_written_and_read_in_the_time_of_the_installation(
    client: Browser, sessions: Sessions, contact: Contact
) -> None:
    summer = make_entry(clock.now()).at.replace(month=7, day=1, hour=9, minute=15, second=0)
    row = add(sessions, contact, at=summer - timedelta(days=366))
    sign_in(client, roles=["marketer"])
    assert 'value="12:15"' in client.get(f"/dealings/{row.id}/edit").text
