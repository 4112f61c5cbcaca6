"""Contacts through the API: the form's rules hold, and what is read is on record."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import consents, suppression
from mailer.contacts.address import canonical
from mailer.contacts.models import Contact, FieldChange, Source
from mailer.db import transaction
from mailer.notice import profiles
from mailer.web.api import contact_batches
from tests.web.api.caller import Api, codes, new_contact
from tests.web.people import Browser
from tests.web.register import add_contact, audited, publish

Sessions = sessionmaker[Session]


def stored(sessions: Sessions, contact_id: int) -> Contact | None:
    with transaction(sessions) as session:
        return session.get(Contact, contact_id)


def everybody(sessions: Sessions) -> list[str]:
    with transaction(sessions) as session:
        return list(session.scalars(select(Contact.email).order_by(Contact.id)))


def suppress(sessions: Sessions, email: str, kind: str, **facts: Any) -> None:
    with transaction(sessions) as session:
        entry = suppression.of_address(canonical(email))
        suppression.suppress(session, [entry], kind, origin="staff", now=clock.now(), **facts)


def kinds_of(sessions: Sessions, email: str) -> list[str]:
    with transaction(sessions) as session:
        return [line.kind for line in suppression.find(session, canonical(email))]


def forbid(sessions: Sessions, contact: Contact, event: str = "objected") -> None:
    with transaction(sessions) as session:
        consents.record(
            session,
            [consents.Statement(contact.id, "disclosure", event, wording="x")],
            actor="staff",
            now=clock.now(),
        )


# Adding


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"email": None}, "/email", "required"),
        ({"email": "nobody"}, "/email", "bad_address"),
        ({"email": "anna.lehtonen@gmail.com"}, "/email", "private_person"),
        ({"email": "anna@mailinator.com"}, "/email", "disposable_domain"),
        ({"company_name": None}, "/company_name", "no_company"),
        ({"note": "hetu 131052-308T"}, "/note", "identity_code"),
        ({"duties": "131052-308T"}, "/duties", "identity_code"),
        ({"note": "sairauslomalla masennuksen takia"}, "/note", "special_category"),
        ({"title": "koululainen"}, "/title", "pupil_title"),
        ({"phone": "12"}, "/phone", "bad_phone"),
        ({"business_id": "1234567-8"}, "/business_id", "business_id_check_digit"),
        ({"country": "Atlantis"}, "/country", "bad_country"),
        ({"language": "de"}, "/language", "not_allowed"),
        ({"tags": ["a,b"]}, "/tags/0", "wrong_form"),
        ({"tags": "a"}, "/tags", "wrong_type"),
        ({"first_name": "x" * 101}, "/first_name", "too_long"),
        ({"gender": "f"}, "/gender", "unknown_member"),
        ({"id": 7}, "/id", "unknown_member"),
        ({"source": None}, "/source", "required"),
        ({"basis": None}, "/basis", "required"),
        ({"basis": "because"}, "/basis", "not_allowed"),
        ({"relationship": "friend"}, "/relationship", "not_allowed"),
    ],
)
def test_what_the_form_refuses_the_api_refuses(
    api: Api, sessions: Sessions, change: dict[str, Any], field: str, code: str
) -> None:
    answer = api.post("/contacts", new_contact(**change))
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert codes(answer)[field] == code
    assert "131052" not in answer.text
    assert everybody(sessions) == []
    with transaction(sessions) as session:
        assert session.query(Source).count() == 0


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"kind": "b2b_supplier"}, "/source/kind", "not_declared"),
        ({"kind": "cookies"}, "/source/kind", "not_declared"),
        ({"kind": "rumour"}, "/source/kind", "not_allowed"),
        ({"name": ""}, "/source/name", "too_short"),
        ({"name": "   "}, "/source/name", "too_short"),
        ({"dated": "2099-01-01"}, "/source/dated", "wrong_form"),
        ({"dated": "2026-02-30"}, "/source/dated", "wrong_form"),
        ({"dated": "20260130"}, "/source/dated", "wrong_form"),
        ({"dated": "2026-01-30\n"}, "/source/dated", "wrong_form"),
        ({"dated": None}, "/source/dated", "required"),
        ({"kind": "public_web"}, "/source/url", "required"),
    ],
)
def test_a_contact_needs_a_source_that_the_notice_declares(
    api: Api, sessions: Sessions, change: dict[str, Any], field: str, code: str
) -> None:
    source = {"kind": "data_subject", "name": "Messut", "dated": "2026-01-15", **change}
    source = {name: value for name, value in source.items() if value is not None}
    answer = api.post("/contacts", new_contact(source=source))
    assert answer.status_code == 422
    assert codes(answer)[field] == code
    assert everybody(sessions) == []


def test_a_field_that_the_notice_does_not_declare_is_neither_taken_nor_shown(
    client: Browser, sessions: Sessions, api: Api
) -> None:
    contact = add_contact(sessions, phone="+358401234567", note="Soita aamulla")
    fields = [name for name in profiles.load("example")["fields"] if name not in ("phone", "note")]
    publish(sessions, fields=fields)
    answer = api.post("/contacts", new_contact(phone="+358401234567"))
    assert codes(answer) == {"/phone": "not_declared"}
    shown = api.get(f"/contacts/{contact.id}").json
    assert "phone" not in shown
    assert "note" not in shown
    assert "+358401234567" not in api.get("/contacts").text


def test_without_a_notice_nothing_is_taken_or_handed_out(
    client: Browser, sessions: Sessions
) -> None:
    api = Api(client)
    contact = add_contact(sessions)
    for answer in (
        api.post("/contacts", new_contact()),
        api.post("/contacts/batch", {**_origin(), "contacts": [_person()]}),
        api.get("/contacts"),
        api.get(f"/contacts/{contact.id}"),
        api.get("/companies"),
        api.post("/contacts/lookup", {"email": contact.email}),
    ):
        assert (answer.status_code, answer.json["code"]) == (409, "no_notice")


def test_an_added_contact_is_what_was_sent_with_its_source_on_record(
    api: Api, sessions: Sessions
) -> None:
    body = new_contact(tags=["messut", "lounas"], phone="040 123 4567", relationship="customer")
    answer = api.post("/contacts", body)
    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"1"'
    shown = api.get(answer.headers["Location"].removeprefix("/api/v1"))
    assert shown.headers["ETag"] == '"1"'
    assert {name: shown.json[name] for name in ("email", "last_name", "tags", "relationship")} == {
        "email": body["email"],
        "last_name": "Nyström",
        "tags": ["messut", "lounas"],
        "relationship": "customer",
    }
    assert shown.json["phone"] == "+358401234567"
    assert shown.json["functions"] == ["finance"]
    assert shown.json["source"] == body["source"]
    # The change names the person's id; what was said of them is in no log.
    (entry,) = audited(sessions, "api.changed")
    assert (entry.object_kind, entry.object_id) == ("contact", answer.json["id"])
    assert "nordkraft" not in str(entry.details)
    assert len(audited(sessions, "contact.created")) == 1


def test_an_address_of_the_register_and_of_the_erased_does_not_come_in_again(
    api: Api, sessions: Sessions
) -> None:
    add_contact(sessions, email="tuttu@puutyo.example")
    suppress(sessions, "poistettu@puutyo.example", "manual", evidence="erasure")
    suppress(sessions, "lapsi@puutyo.example", "private_person")
    for email, code in (
        ("TUTTU@puutyo.example", "known_address"),
        ("poistettu@puutyo.example", "erased_earlier"),
        ("lapsi@puutyo.example", "private_person_earlier"),
    ):
        answer = api.post("/contacts", new_contact(email=email))
        assert codes(answer) == {"/email": code}
        batch = api.post("/contacts/batch", {**_origin(), "contacts": [_person(email=email)]})
        assert batch.json["results"][0]["errors"][0]["code"] == code
    assert everybody(sessions) == ["tuttu@puutyo.example"]


def test_adding_and_changing_never_lift_an_opt_out(api: Api, sessions: Sessions) -> None:
    suppress(sessions, "kielto@nordkraft.example", "optout")
    answer = api.post("/contacts", new_contact(email="kielto@nordkraft.example"))
    assert answer.status_code == 201
    assert kinds_of(sessions, "kielto@nordkraft.example") == ["optout"]
    changed = api(
        "PATCH",
        f"/contacts/{answer.json['id']}",
        {"email": "uusi@nordkraft.example", "told_by": "employer"},
        headers={"If-Match": '"1"'},
    )
    assert changed.status_code == 200
    assert "optout" in kinds_of(sessions, "uusi@nordkraft.example")


# Many at once


def _origin(**changes: Any) -> dict[str, Any]:
    body = new_contact(**changes)
    return {"source": body["source"], "basis": body["basis"]}


def _person(**changes: Any) -> dict[str, Any]:
    return new_contact(source=None, basis=None, **changes)


def test_in_a_batch_a_bad_one_leaves_the_others_alone(api: Api, sessions: Sessions) -> None:
    same = _person()
    sent = [
        _person(),
        _person(email="x"),
        same,
        same,
        _person(gender="f"),
        _person(email="anna@gmail.com"),
        {"source": {}, "email": "a@b.example"},
        {},
        _person(email="free@gmail.com", business_id="1234567-1"),
    ]
    answer = api.post("/contacts/batch", {**_origin(), "contacts": sent})
    assert answer.status_code == 200
    results = answer.json["results"]
    assert [each["index"] for each in results] == list(range(len(sent)))
    told = [
        each["errors"][0]["code"] if each["result"] == "refused" else "added" for each in results
    ]
    assert told[:6] == [
        *("added", "bad_address", "added", "known_address", "unknown_member", "private_person"),
    ]
    assert told[6:] == ["unknown_member", "required", "added"]
    assert results[1]["errors"][0]["field"] == "/contacts/1/email"
    assert results[8]["quarantine"] == "free_mail_company"
    assert (answer.json["added"], answer.json["refused"]) == (3, 6)
    assert len(everybody(sessions)) == 3
    (entry,) = audited(sessions, "api.changed")
    assert {name: entry.details[name] for name in ("added", "refused")} == {
        "added": 3,
        "refused": 6,
    }


def test_those_of_a_batch_share_their_company_and_the_refused_make_none(
    api: Api, sessions: Sessions
) -> None:
    add_contact(sessions, email="tuttu@puutyo.example")
    sent = [
        _person(email="a@lumi.example", company_name="Lumi Oy", title="Talousjohtaja"),
        _person(email="b@lumi.example", company_name="Lumi Oy", title="Ostopäällikkö"),
        _person(email="c@sade.example", company_name="Sade Oy"),
        _person(email="tuttu@puutyo.example", company_name="Tuuli Oy"),
    ]
    results = api.post("/contacts/batch", {**_origin(), "contacts": sent}).json["results"]
    shown = [api.get(f"/contacts/{each['id']}").json for each in results[:3]]
    assert shown[0]["company_id"] == shown[1]["company_id"] != shown[2]["company_id"]
    assert [each["company_name"] for each in shown] == ["Lumi Oy", "Lumi Oy", "Sade Oy"]
    assert shown[0]["functions"] != shown[1]["functions"]
    assert results[3]["errors"][0]["code"] == "known_address"
    names = {each["name"] for each in api.get("/companies").json["items"]}
    assert names == {"Puutyö Oy", "Lumi Oy", "Sade Oy"}


@pytest.mark.parametrize(
    ("people", "code"),
    [([], "too_few"), ([{}] * 501, "too_many"), ([1], "wrong_type"), ({}, "wrong_type")],
)
def test_a_batch_of_none_or_too_many_is_refused_whole(
    api: Api, sessions: Sessions, people: Any, code: str
) -> None:
    answer = api.post("/contacts/batch", {**_origin(), "contacts": people})
    assert answer.status_code == 422
    assert code in codes(answer).values()


def test_a_batch_of_an_undeclared_source_is_refused_whole(api: Api, sessions: Sessions) -> None:
    origin = _origin(source={"kind": "b2b_supplier", "name": "Lista", "dated": "2026-01-15"})
    answer = api.post("/contacts/batch", {**origin, "contacts": [_person()]})
    assert codes(answer) == {"/source/kind": "not_declared"}
    assert everybody(sessions) == []


def test_a_fault_in_the_middle_of_a_batch_leaves_nothing_behind(
    api: Api, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = contact_batches.read_person, []

    def fail_later(*given: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError
        return real(*given, **named)

    monkeypatch.setattr(contact_batches, "read_person", fail_later)
    body = {**_origin(), "contacts": [_person() for _ in range(5)]}
    assert api.post("/contacts/batch", body).status_code == 500
    assert everybody(sessions) == []
    assert audited(sessions, "contact.created") == []


# Changing


def patch(api: Api, contact: Contact, body: dict[str, Any], tag: str | None = None) -> Any:
    tag = f'"{contact.version}"' if tag is None else tag
    headers = {"If-Match": tag} if tag else {}
    return api("PATCH", f"/contacts/{contact.id}", {"told_by": "employer", **body}, headers=headers)


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ("", 428),
        ("*", 428),
        ('"2"', 412),
        ("1", 412),
        ('W/"1"', 412),
        ('"01"', 412),
        ('"' + "9" * 100 + '"', 412),
        ('"2", "3"', 412),
        ('"1', 412),
        ('"7", "1"', 200),
    ],
)
def test_a_change_needs_the_version_that_was_read(
    api: Api, sessions: Sessions, tag: str, status: int
) -> None:
    contact = add_contact(sessions)
    answer = patch(api, contact, {"last_name": "Salo"}, tag)
    assert answer.status_code == status
    if status == 412:
        assert answer.headers["ETag"] == '"1"'
    changed = stored(sessions, contact.id)
    assert changed is not None
    assert (changed.last_name == "Salo") == (status == 200)


def test_of_two_who_change_one_contact_one_is_told_of_the_other(
    app: Flask, api: Api, sessions: Sessions
) -> None:
    contact = add_contact(sessions)
    answers: list[Any] = []
    together = threading.Barrier(2)

    def change(name: str) -> None:
        own = Api.__new__(Api)
        own.client, own.secret = app.test_client(), api.secret
        together.wait()
        answers.append((name, patch(own, contact, {"last_name": name}).status_code))

    threads = [threading.Thread(target=change, args=(name,)) for name in ("Salo", "Järvi")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for _name, status in answers) == [200, 412]
    winner = next(name for name, status in answers if status == 200)
    changed = stored(sessions, contact.id)
    assert changed is not None
    assert (changed.last_name, changed.version) == (winner, 2)


def test_what_is_left_out_of_a_change_stays_as_it_is(api: Api, sessions: Sessions) -> None:
    contact = add_contact(sessions, phone="+358401234567", tags=["messut"])
    answer = patch(api, contact, {"title": "Toimitusjohtaja", "told_by": "data_subject"})
    assert answer.json == {"id": contact.id, "version": 2, "quarantine": None}
    changed = stored(sessions, contact.id)
    assert changed is not None
    assert (changed.phone, changed.tags, changed.company_id) == (
        contact.phone,
        contact.tags,
        contact.company_id,
    )
    assert changed.field_sources["title"]["locked"]
    with transaction(sessions) as session:
        assert [c.field for c in session.query(FieldChange)] == ["title"]


def test_the_same_again_changes_nothing(api: Api, sessions: Sessions) -> None:
    contact = add_contact(sessions)
    assert patch(api, contact, {"last_name": contact.last_name}).headers["ETag"] == '"1"'


def test_a_new_employer_replaces_the_old_one_as_a_whole(api: Api, sessions: Sessions) -> None:
    contact = add_contact(sessions)
    assert codes(patch(api, contact, {"business_id": "1234567-1"})) == {"/company_name": "required"}
    assert patch(api, contact, {"company_name": "Nordkraft Ab"}).status_code == 200
    shown = api.get(f"/contacts/{contact.id}").json
    assert shown["company_name"] == "Nordkraft Ab"
    company = api.get(f"/companies/{shown['company_id']}").json
    assert (company["name"], company["business_id"]) == ("Nordkraft Ab", None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"told_by": None, "title": "x"}, "wrong_type"),
        ({"told_by": "a_friend", "title": "x"}, "not_allowed"),
        ({}, "too_few"),
        ({"email": "not an address"}, "bad_address"),
        ({"email": "varattu@puutyo.example"}, "known_address"),
        ({"email": "anna@gmail.com", "company_name": "Puutyö Oy"}, "private_person"),
        ({"version": 3}, "unknown_member"),
        ({"basis": "consent"}, "unknown_member"),
    ],
)
def test_a_change_that_cannot_be_is_refused(
    api: Api, sessions: Sessions, body: dict[str, Any], code: str
) -> None:
    add_contact(sessions, email="varattu@puutyo.example")
    contact = add_contact(sessions)
    answer = patch(api, contact, body)
    assert answer.status_code == 422
    assert code in codes(answer).values()
    unchanged = stored(sessions, contact.id)
    assert unchanged is not None
    assert unchanged.version == 1


# Deleting


def test_a_deleted_contact_is_gone_and_its_opt_out_stays(api: Api, sessions: Sessions) -> None:
    contact = add_contact(sessions)
    suppress(sessions, contact.email, "optout")
    path = f"/contacts/{contact.id}"
    assert api("DELETE", path, reason="left").status_code == 428
    assert api("DELETE", path, headers={"If-Match": '"9"'}, reason="left").status_code == 412
    for query in ({}, {"reason": "boredom"}):
        answer = api("DELETE", path, headers={"If-Match": '"1"'}, **query)
        assert codes(answer).keys() == {"reason"}
    assert stored(sessions, contact.id) is not None
    assert api("DELETE", path, headers={"If-Match": '"1"'}, reason="left").status_code == 204
    assert stored(sessions, contact.id) is None
    assert api("DELETE", path, headers={"If-Match": '"1"'}, reason="left").status_code == 404
    assert kinds_of(sessions, contact.email) == ["optout"]
    (entry,) = audited(sessions, "contact.deleted")
    assert entry.details["reason"] == "left"


def test_what_somebody_is_just_changing_is_not_deleted_in_its_old_version(
    app: Flask, api: Api, sessions: Sessions
) -> None:
    contact, answers = add_contact(sessions), []
    own = Api.__new__(Api)
    own.client, own.secret = app.test_client(), api.secret

    def delete() -> None:
        version = {"If-Match": '"1"'}
        answers.append(own("DELETE", f"/contacts/{contact.id}", headers=version, reason="left"))

    deleting = threading.Thread(target=delete)
    with transaction(sessions) as session:
        session.get_one(Contact, contact.id, with_for_update=True).version = 2
        session.flush()
        deleting.start()
        wait_until_blocked(sessions)
    deleting.join()
    assert [answer.status_code for answer in answers] == [412]
    assert stored(sessions, contact.id) is not None


def wait_until_blocked(sessions: Sessions) -> None:
    """Until some transaction waits for another one's lock."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with transaction(sessions) as session:
            if session.scalar(waiting):
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


# Those who are not to be touched


def test_the_restricted_are_neither_shown_nor_changed_nor_deleted(
    api: Api, sessions: Sessions
) -> None:
    contact = add_contact(sessions, restricted_at=clock.now())
    path = f"/contacts/{contact.id}"
    version = {"If-Match": '"1"'}
    for answer in (
        api.get(path),
        api.post("/contacts/lookup", {"email": contact.email}),
        patch(api, contact, {"title": "x"}),
        api("DELETE", path, headers=version, reason="left"),
    ):
        assert (answer.status_code, answer.json["code"]) == (403, "restricted")
        assert contact.last_name not in answer.text
    assert api.get("/contacts").json["items"] == []
    assert stored(sessions, contact.id) is not None
    assert audited(sessions, "api.read")[-1].details["count"] == 0


def test_the_erased_are_not_there(api: Api, sessions: Sessions) -> None:
    contact = add_contact(sessions, erased_at=clock.now())
    path = f"/contacts/{contact.id}"
    assert api.get(path).status_code == 404
    assert patch(api, contact, {"title": "x"}).status_code == 404
    assert api("DELETE", path, headers={"If-Match": '"1"'}, reason="left").status_code == 404
    assert api.post("/contacts/lookup", {"email": contact.email}).json == {"contact": None}
    assert api.get("/contacts").json["items"] == []


def test_who_has_forbidden_it_is_handed_out_to_nobody_until_they_allow_it(
    api: Api, sessions: Sessions
) -> None:
    contact = add_contact(sessions)
    forbid(sessions, contact)
    for answer in (
        api.get(f"/contacts/{contact.id}"),
        api.post("/contacts/lookup", {"email": contact.email}),
    ):
        assert (answer.status_code, answer.json["code"]) == (403, "disclosure_forbidden")
    assert api.get("/contacts").json["items"] == []
    forbid(sessions, contact, "lifted")
    assert len(api.get("/contacts").json["items"]) == 1


def test_the_quarantined_are_in_no_list(api: Api, sessions: Sessions) -> None:
    contact = add_contact(
        sessions, quarantined_at=clock.now(), quarantine_reason="free_mail_company"
    )
    assert api.get("/contacts").json["items"] == []
    assert api.get(f"/contacts/{contact.id}").json["quarantine"] == "free_mail_company"


# Reading


def test_pages_hold_everybody_once_also_while_others_come_and_go(
    api: Api, sessions: Sessions
) -> None:
    made = [add_contact(sessions, email=f"nimi{n}@puutyo.example") for n in range(7)]
    first = api.get("/contacts", limit=3).json
    assert [each["id"] for each in first["items"]] == [contact.id for contact in made[:3]]
    with transaction(sessions) as session:
        session.delete(session.get(Contact, made[1].id))
    late = add_contact(sessions, email="viimeinen@puutyo.example")
    second = api.get("/contacts", limit=3, cursor=first["next"]).json
    third = api.get("/contacts", limit=3, cursor=second["next"]).json
    rest = [each["id"] for each in second["items"] + third["items"]]
    assert rest == [*(contact.id for contact in made[3:]), late.id]
    assert third["next"] is None
    assert api.get("/contacts", cursor=str(2**63 - 1)).json == {"items": [], "next": None}


def test_a_list_can_be_narrowed(api: Api, sessions: Sessions) -> None:
    old = add_contact(sessions, language="sv", updated_at=clock.now() - timedelta(days=9))
    new = add_contact(sessions, email="uusi@puutyo.example", functions=["it"])

    def ids(**query: Any) -> list[int]:
        return [each["id"] for each in api.get("/contacts", **query).json["items"]]

    since = (clock.now() - timedelta(days=1)).isoformat()
    assert ids(updated_since=since) == [new.id]
    assert ids(language="sv") == [old.id]
    assert ids(function="it") == [new.id]
    assert ids(company_id=old.company_id) == [old.id, new.id]
    assert ids(company_id=2**62) == []
    # Moments at the edges of the calendar are moments.
    assert ids(updated_since="0001-01-01T00:00:00+14:00") == [old.id, new.id]
    assert ids(updated_since="9999-12-31T23:59:59-14:00") == []


def test_an_address_is_found_however_it_is_written(api: Api, sessions: Sessions) -> None:
    contact = add_contact(sessions)
    answer = api.post("/contacts/lookup", {"email": "  ANNA.Lehtonen@PUUTYO.example "})
    assert answer.json["contact"]["id"] == contact.id
    assert api.post("/contacts/lookup", {"email": "x@puutyo.example"}).json == {"contact": None}


def test_every_reading_of_people_leaves_one_line_without_addresses(
    api: Api, sessions: Sessions
) -> None:
    contact = add_contact(sessions)
    other = add_contact(sessions, email="toinen@puutyo.example")
    api.get("/contacts")
    api.get(f"/contacts/{contact.id}")
    api.post("/contacts/lookup", {"email": contact.email})
    lines = audited(sessions, "api.read")
    assert [line.details["call"] for line in lines] == [
        "list_contacts",
        "show_contact",
        "find_contact",
    ]
    assert [line.details["count"] for line in lines] == [2, 1, 1]
    assert [line.object_id for line in lines] == [None, contact.id, contact.id]
    assert lines[0].details["contacts"] == [contact.id, other.id]
    assert all(line.details["token"] == 1 and line.actor_id for line in lines)
    assert "email" in lines[0].details["fields"]
    assert "@" not in str([line.details for line in lines])


def test_reading_all_needs_the_right_to_export(client: Browser, sessions: Sessions) -> None:
    publish(sessions)
    contact = add_contact(sessions)
    one_by_one = Api(client, "contacts.read", roles=["marketer"])
    assert one_by_one.get(f"/contacts/{contact.id}").status_code == 200
    assert one_by_one.get("/contacts").status_code == 403


# Any body at all

_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_TEXTS = st.text(max_size=40) | st.sampled_from(
    ["131052-308T", "=HYPERLINK(1)", "a@b.example", "anna@gmail.com", "\u202eoy", "’; DROP --", " "]
)


@settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.dictionaries(st.sampled_from(sorted(new_contact())), _ANY, max_size=4)
    | st.fixed_dictionaries(
        {}, optional={name: _TEXTS for name in new_contact() if name not in ("source", "basis")}
    )
)
def test_whatever_is_sent_is_taken_or_refused_in_order(api: Api, change: dict[str, Any]) -> None:
    answer = api.post("/contacts", {**new_contact(), **change})
    assert answer.status_code in (201, 400, 422)
    batch = api.post("/contacts/batch", {**_origin(), "contacts": [{**_person(), **change}]})
    assert batch.status_code in (200, 400)
