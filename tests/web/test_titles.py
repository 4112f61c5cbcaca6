"""The review of titles on the screen."""

import pytest
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.roles.models import Title
from tests.roles.test_review import bear, make_title
from tests.web.people import Browser, sign_in
from tests.web.register import audited

Sessions = sessionmaker[Session]
HTMX = {"HX-Request": "true"}


def add_title(sessions: Sessions, text: str, people: int = 1, **facts: object) -> Title:
    now = clock.now()
    with transaction(sessions) as session:
        title = make_title(session, text, **facts)
        for _ in range(people):
            bear(session, now, title)
    return title


def read(sessions: Sessions, title: Title) -> tuple[Title, list[Contact]]:
    with transaction(sessions) as session:
        found = session.get_one(Title, title.id)
        return found, session.query(Contact).filter_by(title_id=title.id).all()


@pytest.mark.parametrize(("role", "status"), [("auditor", 403), ("approver", 403), ("dpo", 200)])
def test_only_reviewers_open_the_queue(client: Browser, role: str, status: int) -> None:
    sign_in(client, roles=[role])
    assert client.get("/titles").status_code == status


def test_an_empty_queue_says_that_all_is_done(client: Browser) -> None:
    sign_in(client)
    assert "All titles are sorted." in client.get("/titles").text
    assert "No titles yet" in client.get("/titles?show=all").text
    assert "No title matches" in client.get("/titles?q=x").text


def test_the_queue_shows_people_meaning_confidence_and_rule(
    client: Browser, sessions: Sessions
) -> None:
    title = add_title(sessions, "Talouspäällikkö", people=3)
    sign_in(client, roles=["marketer"])
    page = client.get("/titles").text
    assert "1 title waits" in page
    assert "(3 people)" in page
    assert "<meter" in page
    assert title.rule in page
    assert "Finance" in page


def test_accepting_sets_the_title_and_its_people(client: Browser, sessions: Sessions) -> None:
    title = add_title(sessions, "Talouspäällikkö")
    user = sign_in(client)
    assert client.post(f"/titles/{title.id}/accept").status_code == 303
    found, people = read(sessions, title)
    assert (found.origin, found.reviewed_by) == ("review", user.id)
    assert [person.role_confidence for person in people] == [1.0]
    assert "All titles are sorted." in client.get("/titles").text
    assert audited(sessions, "title.accepted")[0].object_id == title.id


def test_htmx_gets_the_size_of_the_rest(client: Browser, sessions: Sessions) -> None:
    first = add_title(sessions, "Talouspäällikkö")
    add_title(sessions, "Ostaja")
    sign_in(client)
    answer = client.post(f"/titles/{first.id}/accept", headers=HTMX)
    assert answer.status_code == 200
    assert 'hx-swap-oob="true"' in answer.text
    assert "1 title waits" in answer.text
    assert "<html" not in answer.text


def test_a_title_is_changed_by_hand(client: Browser, sessions: Sessions) -> None:
    title = add_title(sessions, "Koordinaattori")
    sign_in(client)
    path = f"/titles/{title.id}"
    assert client.post(path, data={"level": "manager"}).status_code == 422
    assert client.post(path, data={"functions": ["x"], "level": "manager"}).status_code == 422
    assert client.post(path, data={"functions": ["hr"], "level": "x"}).status_code == 422
    assert read(sessions, title)[0].reviewed_at is None
    data = {"functions": ["hr", "payroll"], "level": "manager"}
    assert client.post(path, data=data).status_code == 303
    found, (person,) = read(sessions, title)
    assert (found.functions, person.level) == (["payroll", "hr"], 40)
    assert "Koordinaattori" in client.get("/titles?show=all").text


def test_a_title_is_not_relevant_and_that_can_be_taken_back(
    client: Browser, sessions: Sessions
) -> None:
    title = add_title(sessions, "Talousjohtaja")
    sign_in(client)
    client.post(f"/titles/{title.id}/not-relevant")
    assert read(sessions, title)[1][0].functions == []
    assert "Not relevant" in client.get(f"/titles/{title.id}").text
    assert client.post(f"/titles/{title.id}/accept").status_code == 422
    client.post(f"/titles/{title.id}/reopen")
    assert read(sessions, title)[1][0].functions == ["finance"]


def test_the_sure_ones_are_accepted_at_once_after_asking(
    client: Browser, sessions: Sessions
) -> None:
    sure = add_title(sessions, "Ostaja", people=2, confidence=0.95)
    unsure = add_title(sessions, "Velho", confidence=0.3)
    sign_in(client)
    assert "Accept 1 title at once?" in client.get("/titles/accept-sure").text
    assert read(sessions, sure)[0].reviewed_at is None
    assert client.post("/titles/accept-sure").status_code == 303
    assert read(sessions, sure)[0].reviewed_at is not None
    assert read(sessions, unsure)[0].reviewed_at is None


def test_the_box_shows_what_the_rules_read_and_saves_nothing(
    client: Browser, sessions: Sessions
) -> None:
    sign_in(client)
    page = client.get("/titles/try?try=henkilöstöpäällikkö", headers=HTMX).text
    assert "Human resources" in page
    assert "Manager" in page
    assert "<html" not in page
    assert "Human resources" in client.get("/titles?try=henkilöstöpäällikkö").text
    for odd in ("", "%", "x" * 9000, "<script>"):
        answer = client.get("/titles/try", query_string={"try": odd})
        assert answer.status_code == 200
        assert "<script>" not in answer.text.replace("<script ", "")
    with transaction(sessions) as session:
        assert session.query(Title).count() == 0


def test_a_title_that_is_not_there_is_not_found(client: Browser) -> None:
    sign_in(client)
    for path in ("/titles/999999", f"/titles/{2**70}"):
        assert client.get(path).status_code == 404
    assert client.post("/titles/999999/accept").status_code == 404
