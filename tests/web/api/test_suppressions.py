"""The suppression list through the API: put on, asked about, read as hashes, never taken off."""

from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import suppression
from mailer.contacts.address import canonical, person_key
from mailer.contacts.models import Suppression
from mailer.db import transaction
from tests.web.api.caller import Api, codes
from tests.web.people import Browser
from tests.web.register import BUSINESS_ID, add_contact, audited

Sessions = sessionmaker[Session]
NEW = {
    "subject": "address",
    "value": "Kielto@Nordkraft.example",
    "kind": "optout",
    "evidence": "CRM 12.1.2026",
}


def lines(sessions: Sessions) -> list[Suppression]:
    with transaction(sessions) as session:
        return session.query(Suppression).order_by(Suppression.id).all()


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"value": "nobody"}, "/value", "bad_address"),
        ({"subject": "domain", "value": "a b", "kind": None}, "/value", "bad_domain"),
        ({"subject": "company", "value": "123", "kind": None}, "/value", "bad_business_id"),
        ({"subject": "company", "value": BUSINESS_ID}, "/kind", "not_allowed"),
        ({"kind": None}, "/kind", "required"),
        ({"kind": "private_person"}, "/kind", "not_allowed"),
        ({"evidence": ""}, "/evidence", "too_short"),
        ({"evidence": None}, "/evidence", "required"),
        ({"subject": "person"}, "/subject", "not_allowed"),
        ({"until": "2027-01-01"}, "/until", "unknown_member"),
    ],
)
def test_what_cannot_be_suppressed_is_told(
    api: Api, sessions: Sessions, change: dict[str, Any], field: str, code: str
) -> None:
    body = {name: value for name, value in {**NEW, **change}.items() if value is not None}
    answer = api.post("/suppressions", body)
    assert answer.status_code == 422
    assert codes(answer) == {field: code}
    assert lines(sessions) == []


def test_an_opt_out_from_another_system_holds_at_once_for_known_and_unknown(
    api: Api, sessions: Sessions
) -> None:
    assert api.post("/suppressions", NEW).json == {"added": 1}
    (line,) = lines(sessions)
    assert (line.origin, line.evidence, line.kind) == ("api", "CRM 12.1.2026", "optout")
    asked = api.post("/suppressions/lookup", {"email": "kielto+uutiset@nordkraft.example"})
    assert asked.json == {"suppressed": True, "kinds": ["optout"]}
    assert api.post("/suppressions", NEW).json == {"added": 0}
    assert api.post("/suppressions/lookup", {"email": "muu@nordkraft.example"}).json == {
        "suppressed": False,
        "kinds": [],
    }


def test_an_opt_out_holds_for_the_persons_other_addresses_too(api: Api, sessions: Sessions) -> None:
    key = person_key("Anna", "Lehtonen", BUSINESS_ID)
    contact = add_contact(sessions, person_key=key)
    assert api.post("/suppressions", {**NEW, "value": contact.email}).json == {"added": 2}
    assert {line.scope for line in lines(sessions)} == {"address", "person"}


def test_a_domain_and_a_company_are_suppressed_whole(api: Api, sessions: Sessions) -> None:
    contact = add_contact(sessions)
    for subject, value in (("domain", "puutyo.example"), ("company", BUSINESS_ID)):
        body = {"subject": subject, "value": value, "evidence": "kirje"}
        assert api.post("/suppressions", body).status_code == 201
    asked = api.post("/suppressions/lookup", {"email": contact.email}).json
    assert asked["kinds"] == ["company_ban", "domain_ban"]
    assert api.get(f"/companies/{contact.company_id}").json["banned"] is True


def test_nothing_is_taken_off_through_the_api(api: Api, sessions: Sessions) -> None:
    api.post("/suppressions", NEW)
    for method in ("DELETE", "PUT", "PATCH", "POST"):
        assert api(method, "/suppressions/1").status_code in (404, 405)
    assert api("DELETE", "/suppressions").status_code == 405
    (line,) = lines(sessions)
    assert line.lifted_at is None


def test_the_list_is_hashes_page_by_page(api: Api, sessions: Sessions) -> None:
    for number in range(3):
        api.post("/suppressions", {**NEW, "value": f"nimi{number}@nordkraft.example"})
    with transaction(sessions) as session:
        suppression.lift(session, 2, by="user:1", reason="x", now=clock.now())
    first = api.get("/suppressions", limit=1).json
    second = api.get("/suppressions", limit=1, cursor=first["next"]).json
    assert [each["id"] for each in first["items"] + second["items"]] == [1, 3]
    assert second["next"] is None
    key = suppression.of_address(canonical("nimi0@nordkraft.example")).key.hex()
    assert first["items"][0]["key"] == key
    assert "nordkraft" not in str(first)
    assert api.get("/suppressions", kind="complaint").json["items"] == []
    assert [line.details["count"] for line in audited(sessions, "api.read")][:2] == [1, 1]


def test_asking_and_adding_leave_lines_without_addresses(api: Api, sessions: Sessions) -> None:
    api.post("/suppressions", NEW)
    api.post("/suppressions/lookup", {"email": NEW["value"]})
    written = audited(sessions, "api.changed") + audited(sessions, "api.read")
    assert [line.details["call"] for line in written] == ["add_suppression", "find_suppression"]
    assert "nordkraft" not in str([line.details for line in written]).lower()


def test_who_may_ask_may_not_read_all_or_add(client: Browser, api: Api) -> None:
    own = Api(client, "suppressions.read", roles=["approver"])
    assert own.post("/suppressions/lookup", {"email": "a@b.example"}).status_code == 200
    assert own.get("/suppressions").status_code == 403
    assert own.post("/suppressions", NEW).status_code == 403
