"""Segments and companies through the API."""

from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.db import transaction
from mailer.notice import profiles
from mailer.segments.models import Segment
from tests.web.api.caller import Api
from tests.web.register import add_contact, audited, publish

Sessions = sessionmaker[Session]
FINANCE = {"field": "function", "is": "any_of", "value": ["finance"]}


def make_segment(sessions: Sessions, tree: object = FINANCE, name: str = "Talous") -> int:
    now = clock.now()
    with transaction(sessions) as session:
        segment = Segment(name=name, tree=tree, created_at=now, updated_at=now)
        session.add(segment)
        session.flush()
        return segment.id


def test_a_segment_that_is_not_there_is_not_found(api: Api) -> None:
    assert api.get("/segments/1").status_code == 404
    assert api.get("/segments/1/count").status_code == 404
    assert api.get("/companies/1").status_code == 404
    assert api.get("/companies/" + "9" * 19).status_code == 404


def test_a_segment_whose_rules_cannot_be_used_says_why(api: Api, sessions: Sessions) -> None:
    number = make_segment(sessions, {"segment": 99})
    answer = api.get(f"/segments/{number}/count")
    assert (answer.status_code, answer.json["code"]) == (409, "segment_unusable")
    assert answer.json["reason"]
    assert api.get(f"/segments/{number}").json["rules"] == {"segment": 99}


def test_segments_are_listed_shown_and_counted_by_the_gate(api: Api, sessions: Sessions) -> None:
    publish(sessions, offering=["finance", "it"])
    add_contact(sessions)
    add_contact(sessions, last_name="Salo", email="kielto@puutyo.example")
    body = {"subject": "address", "value": "kielto@puutyo.example", "kind": "optout"}
    api.post("/suppressions", {**body, "evidence": "x"})
    number = make_segment(sessions)
    make_segment(sessions, name="Toinen")
    page = api.get("/segments", limit=1).json
    assert [each["name"] for each in page["items"]] == ["Talous"]
    assert api.get("/segments", cursor=page["next"]).json["items"][0]["name"] == "Toinen"
    assert api.get(f"/segments/{number}").json["rules"] == FINANCE
    count = api.get(f"/segments/{number}/count").json
    assert (count["people"], count["companies"]) == (1, 1)
    assert count["left_out"]["suppressed_optout"] == 1
    assert audited(sessions, "api.read")[-1].details["people"] == 1


def test_of_companies_only_what_the_notice_declares_is_shown(api: Api, sessions: Sessions) -> None:
    contact = add_contact(sessions)
    fields = [f for f in profiles.load("example")["fields"] if f != "business_id"]
    shown = api.get(f"/companies/{contact.company_id}").json
    assert (shown["name"], shown["business_id"]) == ("Puutyö Oy", "1234567-1")
    assert shown["banned"] is False
    publish(sessions, fields=fields)
    shown = api.get(f"/companies/{contact.company_id}").json
    assert "business_id" not in shown
    page = api.get("/companies").json
    assert "business_id" not in page["items"][0]
    assert page["next"] is None
    assert audited(sessions, "api.read")[-1].details["count"] == 1
