"""The button that stops all sending."""

import pytest
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.db import transaction
from mailer.sending import stops
from tests.web.people import Browser, sign_in


def is_stopped(sessions: sessionmaker[Session]) -> bool:
    with sessions() as session:
        return stops.standing(session) is not None


@pytest.mark.parametrize("role", ["marketer", "approver", "dpo", "admin"])
def test_everybody_who_sees_campaigns_may_stop_all_sending(
    client: Browser, sessions: sessionmaker[Session], role: str
) -> None:
    sign_in(client, roles=[role], language="en")
    asked = client.get("/sending/stop").text
    assert "Stop all sending?" in asked
    assert not is_stopped(sessions)
    assert client.post("/sending/stop").status_code == 303
    assert is_stopped(sessions)
    page = client.get("/campaigns").text
    assert "All sending is stopped." in page
    assert "All sending was stopped by hand." in page
    assert client.post("/sending/stop").status_code == 303


def test_an_auditor_may_not(client: Browser, sessions: sessionmaker[Session]) -> None:
    sign_in(client, roles=["auditor"], language="en")
    assert client.post("/sending/stop").status_code == 403
    assert not is_stopped(sessions)


def test_only_who_may_send_lets_it_go_on(client: Browser, sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        stops.stop_all(session, reason="ACCOUNT_SUSPENDED", now=clock.now())
    sign_in(client, roles=["dpo"], language="en")
    assert "Let sending go on" not in client.get("/campaigns").text
    assert client.post("/sending/go-on").status_code == 403
    assert is_stopped(sessions)
    client.post("/sign-out")
    sign_in(client, roles=["marketer"], language="en", user_name="matti")
    asked = client.get("/sending/go-on").text
    assert "Amazon SES has suspended the account." in asked
    assert client.post("/sending/go-on").status_code == 303
    assert not is_stopped(sessions)
    assert client.get("/sending/go-on").status_code == 303
    assert "Sending was not stopped." in client.post(
        "/sending/go-on", follow_redirects=True
    ).get_data(as_text=True)
