"""The screens of fixed lists."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.audit import AuditEntry
from mailer.db import transaction
from mailer.segments.models import FixedList, Segment
from tests.segments.register import make_contact, make_source, publish_notice
from tests.web.people import Browser, sign_in

Sessions = sessionmaker[Session]
TREE = {"field": "function", "is": "any_of", "value": ["finance"]}


@pytest.fixture
def segment_id(client: Browser, sessions: Sessions) -> int:
    now = clock.now()
    with transaction(sessions) as session:
        publish_notice(session, now)
        source = make_source(session, now)
        for _ in range(2):
            make_contact(session, source, now)
        segment = Segment(name="Talous", tree=TREE, created_at=now, updated_at=now)
        session.add(segment)
        session.flush()
        return segment.id


def lists(sessions: Sessions) -> list[FixedList]:
    with sessions() as session:
        return list(session.scalars(select(FixedList).order_by(FixedList.id)))


def test_those_who_may_not_edit_see_lists_and_change_none(
    client: Browser, sessions: Sessions, segment_id: int
) -> None:
    sign_in(client, roles=["marketer"])
    assert client.post(f"/segments/{segment_id}/fix", data={"name": "Messut"}).status_code == 303
    (fixed,) = lists(sessions)
    sign_in(client, roles=["approver"])
    page = client.get(f"/segments/{segment_id}").text
    assert "Messut" in page
    assert "Fix the people now" not in page
    assert client.post(f"/segments/{segment_id}/fix").status_code == 403
    for action in ("fix", "delete"):
        assert client.get(f"/segments/lists/{fixed.id}/{action}").status_code == 403
        assert client.post(f"/segments/lists/{fixed.id}/{action}").status_code == 403


@pytest.mark.parametrize("number", ["999", "0", "99999999999999999999"])
def test_a_list_there_is_not_is_not_found(client: Browser, segment_id: int, number: str) -> None:
    sign_in(client, roles=["marketer"])
    assert client.post(f"/segments/{number}/fix").status_code == 404
    for action in ("fix", "delete"):
        assert client.get(f"/segments/lists/{number}/{action}").status_code == 404
        assert client.post(f"/segments/lists/{number}/{action}").status_code == 404
    assert client.get(f"/segments/new?fixed={number}").status_code == 200


def test_people_are_fixed_listed_fixed_again_and_forgotten(
    client: Browser, sessions: Sessions, segment_id: int
) -> None:
    sign_in(client, roles=["marketer"])
    answer = client.post(f"/segments/{segment_id}/fix", data={"name": "<b>Messut</b>"})
    assert answer.status_code == 303
    (fixed,) = lists(sessions)
    page = client.get(f"/segments/{segment_id}").text
    assert "&lt;b&gt;Messut&lt;/b&gt;" in page
    assert "2 people on " in page
    assert "&lt;b&gt;Messut" in client.get("/segments").text
    with transaction(sessions) as session:
        make_contact(session, make_source(session, clock.now()), clock.now())
    assert "are replaced by those" in client.get(f"/segments/lists/{fixed.id}/fix").text
    assert client.post(f"/segments/lists/{fixed.id}/fix").status_code == 303
    assert lists(sessions)[0].people == 3
    assert "is forgotten" in client.get(f"/segments/lists/{fixed.id}/delete").text
    assert client.post(f"/segments/lists/{fixed.id}/delete").status_code == 303
    assert lists(sessions) == []
    with sessions() as session:
        actions = session.scalars(
            select(AuditEntry.action)
            .where(AuditEntry.object_kind == "fixed_list", AuditEntry.object_id == fixed.id)
            .order_by(AuditEntry.id)
        )
        assert list(actions) == ["segment.fixed", "segment.fixed", "segment.list_deleted"]


def test_a_segment_is_made_of_a_list_and_keeps_it_from_being_deleted(
    client: Browser, sessions: Sessions, segment_id: int
) -> None:
    sign_in(client, roles=["marketer"])
    client.post(f"/segments/{segment_id}/fix", data={"name": ""})
    (fixed,) = lists(sessions)
    assert fixed.name == "Talous"
    page = client.get(f"/segments/new?fixed={fixed.id}").text
    assert 'value="fixed_list" selected' in page
    assert "fixed list</strong> is Talous (2 people on" in page
    rule = {
        "name": "Kutsutut",
        "do": "save",
        "i0-r0-field": "fixed_list",
        "i0-r0-is": "any_of",
        "i0-r0-value": str(fixed.id),
    }
    assert client.post("/segments/new", data=rule).status_code == 303
    assert "Kutsutut" in client.get(f"/segments/lists/{fixed.id}/delete").text
    assert "Kutsutut" in client.get(f"/segments/lists/{fixed.id}/fix").text
    assert client.post(f"/segments/lists/{fixed.id}/delete").status_code == 409
    gone = client.post("/segments/new", data={**rule, "name": "X", "i0-r0-value": "12345"})
    assert gone.status_code == 422
    assert "does not exist any more" in gone.text


def test_rules_that_cannot_be_used_fix_nobody(
    client: Browser, sessions: Sessions, segment_id: int
) -> None:
    sign_in(client, roles=["marketer"])
    client.post(f"/segments/{segment_id}/fix", data={"name": "Messut"})
    (fixed,) = lists(sessions)
    with transaction(sessions) as session:
        session.get_one(Segment, segment_id).tree = {"field": "purchases", "is": "never"}
    answer = client.post(f"/segments/{segment_id}/fix", data={"name": "Uusi"})
    assert answer.status_code == 422
    assert "Nothing was changed." in answer.text
    assert client.post(f"/segments/lists/{fixed.id}/fix").status_code == 422
    assert [each.people for each in lists(sessions)] == [2]
    assert client.post(f"/segments/{segment_id}/fix", data={"name": "x" * 121}).status_code == 422
