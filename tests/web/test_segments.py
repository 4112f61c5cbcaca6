"""The screens of segments: the builder with and without JavaScript, the list, deleting."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.campaigns.models import Campaign
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.segments.models import Segment, SegmentCount
from tests.segments.register import make_company, make_contact, make_source, publish_notice
from tests.web.people import Browser, sign_in

Sessions = sessionmaker[Session]

FINANCE = {
    "i0-op": "and",
    "i0-r0-field": "function",
    "i0-r0-is": "any_of",
    "i0-r0-value": "finance",
}
BIG = {"i0-r1-field": "headcount", "i0-r1-is": "at_least", "i0-r1-value": "50"}
FORM = {"name": "Talous", "do": "save", **FINANCE}
TREE = {"field": "function", "is": "any_of", "value": ["finance"]}
JSON = {"include": [{"op": "and", "rules": [TREE]}], "exclude": None}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def register(sessions: Sessions, client: Browser) -> dict[str, Any]:
    """Two finance people, one of whom may not be mailed, and one salesperson."""
    now = clock.now()
    with transaction(sessions) as session:
        publish_notice(session, now)
        source = make_source(session, now)
        company = make_company(session, source, now, name="Puutyö Oy", headcount=60)
        anna = make_contact(
            session,
            source,
            now,
            first_name="Anna",
            last_name="Lehtonen",
            email="anna@puutyo.example",
            company_id=company.id,
        )
        make_contact(session, source, now, restricted_at=now, last_name="Salainen")
        make_contact(session, source, now, functions=["sales"], last_name="Myyjä")
        return {"anna": anna.id, "source": source.id}


def save(sessions: Sessions, name: str = "Talous", tree: Any = None) -> int:
    now = clock.now()
    with transaction(sessions) as session:
        segment = Segment(name=name, tree=tree or JSON, created_at=now, updated_at=now)
        session.add(segment)
        session.flush()
        return segment.id


def stored(sessions: Sessions) -> list[Segment]:
    with sessions() as session:
        return list(session.scalars(select(Segment).order_by(Segment.id)))


def test_those_who_may_not_edit_get_no_form_that_saves(
    client: Browser, sessions: Sessions, register: dict[str, Any]
) -> None:
    segment_id = save(sessions)
    sign_in(client, roles=["approver"])
    page = client.get(f"/segments/{segment_id}")
    assert page.status_code == 200
    assert "Save the segment" not in page.text
    assert client.post(f"/segments/{segment_id}", data=FORM).status_code == 403
    assert client.post("/segments/new", data=FORM).status_code == 403
    assert client.post(f"/segments/{segment_id}/delete").status_code == 403
    sign_in(client, roles=["auditor"])
    for path in ("", f"/{segment_id}", f"/{segment_id}/people", f"/{segment_id}/now", "/new"):
        assert client.get(f"/segments{path}").status_code == 403


def test_an_empty_list_offers_ready_segments(client: Browser, register: dict[str, Any]) -> None:
    sign_in(client, roles=["marketer"])
    page = client.get("/segments").text
    assert "Finance leads, 50+ staff" in page
    opened = client.get("/segments/new?preset=finance").text
    assert 'value="Finance leads, 50+ staff"' in opened
    assert "head-count" in opened
    assert "Anna Lehtonen" in opened


def test_a_segment_is_made_and_listed(
    client: Browser, sessions: Sessions, register: dict[str, Any]
) -> None:
    user = sign_in(client, roles=["marketer"])
    answer = client.post("/segments/new", data={**FORM, **BIG, "name": "  Iso   talous "})
    assert answer.status_code == 303
    (segment,) = stored(sessions)
    assert segment.name == "Iso talous"
    assert segment.created_by == user.id
    assert segment.tree["include"][0]["rules"][1] == {
        "field": "headcount",
        "is": "at_least",
        "value": 50,
    }
    page = client.get("/segments").text
    assert "Iso talous" in page
    assert "job function</strong> is Finance" in page
    assert "at least 50 employees" in page


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": " "}, "Give the segment a name."),
        ({"name": "x" * 121}, "at most 120 characters"),
        ({"i0-r0-field": ""}, "Choose what the rule is about."),
        ({"i0-r0-field": "nonsense"}, "Choose what the rule is about."),
        ({"i0-r0-value": ""}, "Give the rule a value."),
        ({**BIG, "i0-r1-value": "fifty"}, "Write a whole number"),
        ({**BIG, "i0-r1-value": "9" * 40}, "Write a whole number"),
        ({"i0-r0-field": "business_id", "i0-r0-value": "123"}, "This is not a Business ID."),
        ({"x-r0-field": "segment", "x-r0-is": "any_of", "x-r0-value": "99"}, "does not exist"),
    ],
)
def test_what_cannot_be_saved_is_told_and_nothing_is_saved(
    client: Browser,
    sessions: Sessions,
    register: dict[str, Any],
    changes: dict[str, str],
    sentence: str,
) -> None:
    sign_in(client, roles=["marketer"])
    answer = client.post("/segments/new", data={**FORM, **changes})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert stored(sessions) == []


def test_a_name_is_taken_once(
    client: Browser, sessions: Sessions, register: dict[str, Any]
) -> None:
    save(sessions)
    sign_in(client, roles=["marketer"])
    answer = client.post("/segments/new", data=FORM)
    assert answer.status_code == 422
    assert "Another segment has this name." in answer.text


def test_an_undeclared_field_is_neither_offered_nor_saved(
    client: Browser, sessions: Sessions
) -> None:
    with transaction(sessions) as session:
        publish_notice(session, clock.now(), fields=["email", "title"])
    sign_in(client, roles=["marketer"])
    page = client.get("/segments/new").text
    assert 'value="headcount"' not in page
    answer = client.post("/segments/new", data={**FORM, **BIG})
    assert answer.status_code == 422
    assert "does not declare the data" in answer.text
    assert "Finance leads" not in client.get("/segments").text


def test_buttons_work_without_javascript(client: Browser, register: dict[str, Any]) -> None:
    sign_in(client, roles=["marketer"])
    page = client.post("/segments/new", data={**FORM, "do": "add-rule:i0"})
    assert page.status_code == 200
    assert 'name="i0-r1-field"' in page.text
    assert 'value="Talous"' in page.text
    page = client.post("/segments/new", data={**FORM, **BIG, "do": "remove-rule:i0-r0"}).text
    assert 'name="i0-r1-field"' not in page
    assert 'value="headcount" selected' in page
    page = client.post("/segments/new", data={**FORM, "do": "add-group"}).text
    assert 'name="i1-r0-field"' in page
    page = client.post("/segments/new", data={**FORM, "do": "add-rule:x"}).text
    assert 'name="x-r0-field"' in page


@pytest.mark.parametrize(
    "action",
    ["remove-rule:i0-r99", "remove-rule:i9-r0", "add-rule:", "remove-group:zzz", "x:y", ":", "ö"],
)
def test_a_button_there_is_not_changes_nothing(
    client: Browser, register: dict[str, Any], action: str
) -> None:
    sign_in(client, roles=["marketer"])
    page = client.post("/segments/new", data={**FORM, "do": action})
    assert page.status_code == 200
    assert 'name="i0-r0-field"' in page.text


def test_htmx_gets_the_rules_with_the_focus_on_the_new_row(
    client: Browser, register: dict[str, Any]
) -> None:
    sign_in(client, roles=["marketer"])
    answer = client.post("/segments/draft", data={**FORM, "do": "add-rule:i0"}, headers=HTMX)
    assert "<html" not in answer.text
    assert answer.headers["HX-Trigger-After-Settle"] == "recount"
    before, _, after = answer.text.partition("data-focus")
    assert 'name="i0-r1-field"' in before.rpartition("<select")[2]
    assert "data-focus" not in after


def test_removing_the_last_exclusion_moves_the_focus_to_its_button(
    client: Browser, register: dict[str, Any]
) -> None:
    sign_in(client, roles=["marketer"])
    data = {**FORM, "x-r0-field": "tag", "do": "remove-rule:x-r0"}
    page = client.post("/segments/draft", data=data, headers=HTMX).text
    assert 'id="add-exclusion"' in page.partition("data-focus")[0].rpartition("<button")[2]


def test_the_numbers_tell_who_matches_and_who_can_be_mailed(
    client: Browser, register: dict[str, Any]
) -> None:
    sign_in(client, roles=["marketer"])
    page = client.post("/segments/count", data=FORM, headers=HTMX).text
    assert '<span class="big">2</span> / 3' in page
    assert "1 can be mailed" in page
    assert "Processing of the person&#39;s data is restricted." in page
    assert "Anna Lehtonen" in page


def test_a_row_still_being_filled_in_is_left_out_of_the_count(
    client: Browser, register: dict[str, Any]
) -> None:
    sign_in(client, roles=["marketer"])
    page = client.post("/segments/count", data={**FORM, **BIG, "i0-r1-value": ""}).text
    assert '<span class="big">2</span> / 3' in page
    page = client.post("/segments/count", data={"i0-r0-field": ""}).text
    assert "Start from a preset or add a rule." in page


def test_the_condition_that_leaves_everybody_out_is_named(
    client: Browser, register: dict[str, Any]
) -> None:
    sign_in(client, roles=["marketer"])
    page = client.post("/segments/count", data={**FORM, **BIG, "i0-r1-value": "5000"}).text
    assert "Condition 2 leaves everyone out." in page


def test_one_person_is_explained(client: Browser, register: dict[str, Any]) -> None:
    sign_in(client, roles=["marketer"])
    data = {**FORM, **BIG, "address": "ANNA@puutyo.example"}
    page = client.post("/segments/explain", data=data, headers=HTMX).text
    assert "In the segment" in page
    assert "Can be mailed." in page
    missing = client.post("/segments/explain", data={**data, "address": "x@y.example"}).text
    assert "Nobody in the register has this address." in missing
    wrong = client.post("/segments/explain", data={**data, "address": "anna"}).text
    assert "This is not an e-mail address." in wrong
    without_script = client.post("/segments/new", data={**data, "do": "explain"}).text
    assert "In the segment" in without_script


def test_two_people_editing_do_not_overwrite_each_other(
    client: Browser, sessions: Sessions, register: dict[str, Any]
) -> None:
    segment_id = save(sessions)
    sign_in(client, roles=["marketer"], name="Pekka Saari")
    path = f"/segments/{segment_id}"
    first = client.post(path, data={**FORM, "name": "Pekan", "version": "1"})
    assert first.status_code == 303
    sign_in(client, roles=["marketer"])
    second = client.post(path, data={**FORM, **BIG, "name": "Maijan", "version": "1"})
    assert second.status_code == 409
    assert "Pekka Saari saved this segment on" in second.text
    assert "at least 50 employees" in second.text
    assert stored(sessions)[0].name == "Pekan"
    over = client.post(path, data={**FORM, **BIG, "name": "Maijan", "version": "2"})
    assert over.status_code == 303
    assert stored(sessions)[0].name == "Maijan"
    assert stored(sessions)[0].version == 3


def test_a_segment_does_not_refer_to_itself_through_another(
    client: Browser, sessions: Sessions, register: dict[str, Any]
) -> None:
    first = save(sessions)
    second = save(sessions, "Toinen", {"field": "segment", "is": "any_of", "value": [first]})
    sign_in(client, roles=["marketer"])
    form = {
        "name": "Talous",
        "version": "1",
        "do": "save",
        "i0-r0-field": "segment",
        "i0-r0-is": "any_of",
        "i0-r0-value": str(second),
    }
    answer = client.post(f"/segments/{first}", data=form)
    assert answer.status_code == 422
    assert "refers back to itself" in answer.text


def test_a_segment_in_use_is_not_deleted(
    client: Browser, sessions: Sessions, register: dict[str, Any], now: datetime
) -> None:
    used = save(sessions)
    with transaction(sessions) as session:
        session.add(Campaign(name="Joulu", segment_id=used, created_at=now, updated_at=now))
    sign_in(client, roles=["marketer"])
    assert "Joulu" in client.get(f"/segments/{used}/delete").text
    answer = client.post(f"/segments/{used}/delete")
    assert answer.status_code == 409
    assert "was not deleted" in answer.text
    assert len(stored(sessions)) == 1
    free = save(sessions, "Vapaa")
    assert client.post(f"/segments/{free}/delete").status_code == 303
    assert [segment.id for segment in stored(sessions)] == [used]


def test_people_are_browsed_by_verdict(
    client: Browser, sessions: Sessions, register: dict[str, Any]
) -> None:
    segment_id = save(sessions)
    sign_in(client, roles=["marketer"])
    page = client.get(f"/segments/{segment_id}/people").text
    assert "Lehtonen" in page
    assert "Salainen" in page
    assert "Myyjä" not in page
    only = client.get(f"/segments/{segment_id}/people?verdict=restricted&after=bad").text
    assert "Salainen" in only
    assert "Lehtonen" not in only
    assert "2" in client.get(f"/segments/{segment_id}/now", headers=HTMX).text


def test_a_segment_that_cannot_be_read_is_shown_as_such(
    client: Browser, sessions: Sessions, register: dict[str, Any]
) -> None:
    broken = save(sessions, "Rikki", {"field": "purchases", "is": "at_least", "value": 5})
    sign_in(client, roles=["marketer"])
    assert "The rules cannot be read" in client.get(f"/segments/{broken}").text
    assert client.get("/segments").status_code == 200
    assert client.get(f"/segments/{broken}/people").status_code == 200
    assert client.get(f"/segments/{broken}/now").status_code == 200


@pytest.mark.parametrize("path", ["/segments/999", "/segments/99999999999999999999", "/segments/0"])
def test_a_segment_there_is_not_is_not_found(client: Browser, path: str) -> None:
    sign_in(client, roles=["marketer"])
    assert client.get(path).status_code == 404
    assert client.get(f"{path}/people").status_code == 404


def test_a_name_with_markup_is_shown_as_text(
    client: Browser, sessions: Sessions, register: dict[str, Any]
) -> None:
    with transaction(sessions) as session:
        contact = session.get_one(Contact, register["anna"])
        contact.tags = ["<b>x</b>"]
    segment_id = save(
        sessions,
        "<script>alert(1)</script>",
        {"field": "tag", "is": "any_of", "value": ["<b>x</b>"]},
    )
    sign_in(client, roles=["marketer"])
    for path in ("/segments", f"/segments/{segment_id}"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "<b>x</b>" not in page


def test_changing_a_segment_in_use_says_first_what_it_reaches(
    client: Browser, sessions: Sessions, register: dict[str, Any], now: datetime
) -> None:
    used = save(sessions)
    other = save(sessions, "Toinen", {"field": "segment", "is": "any_of", "value": [used]})
    with transaction(sessions) as session:
        times = {"created_at": now, "updated_at": now}
        session.add(Campaign(name="Joulu", segment_id=other, **times))
        session.add(Campaign(name="Kekri", segment_id=used, launched_at=now, **times))
    sign_in(client, roles=["marketer"])
    path, form = f"/segments/{used}", {**FORM, "version": "1"}
    assert client.post(path, data={**form, "name": "Vain nimi"}).status_code == 303
    asked = client.post(path, data={**form, **BIG, "version": "2"})
    assert asked.status_code == 409
    assert "Joulu" in asked.text
    assert "Toinen" in asked.text
    assert "Kekri" not in asked.text
    assert stored(sessions)[0].version == 2
    told = re.search('name="reaches" value="([^"]+)"', asked.text)
    assert told
    with transaction(sessions) as session:
        session.add(Campaign(name="Uusi", segment_id=used, **times))
    agreed = {**form, **BIG, "version": "2", "reaches": told[1]}
    again = client.post(path, data=agreed)
    assert again.status_code == 409
    assert "Uusi" in again.text
    told = re.search('name="reaches" value="([^"]+)"', again.text)
    assert told
    assert client.post(path, data={**agreed, "reaches": told[1]}).status_code == 303
    assert len(stored(sessions)[0].tree["include"][0]["rules"]) == 2
    page = client.get(path).text
    assert "Kekri" in page
    assert "already begun" in page


def test_the_list_and_the_builder_show_how_the_number_has_changed(
    client: Browser, sessions: Sessions, register: dict[str, Any]
) -> None:
    grown, new = save(sessions), save(sessions, "Uusi")
    today = clock.now().date()
    with transaction(sessions) as session:
        for segment_id, days, people in ((grown, 20, 5), (grown, 1, 17), (new, 1, 3)):
            day = today - timedelta(days=days)
            session.add(SegmentCount(segment_id=segment_id, day=day, people=people))
    sign_in(client, roles=["marketer"])
    assert "+12</td>" in client.get("/segments").text
    page = client.get(f"/segments/{grown}").text
    assert '<polyline points="4.0,83.1 636.0,4.0"' in page
    assert ">17</td>" in page
    assert "<polyline" not in client.get(f"/segments/{new}").text
