"""The audit log screen."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from mailer import audit
from mailer.campaigns import lifecycle
from mailer.config import ROOT
from mailer.db import transaction
from mailer.web.audit_log import ACTIONS
from tests.web.people import Browser, sign_in


def record(
    sessions: sessionmaker[Session], action: str = "campaign.launched", **options: object
) -> None:
    with transaction(sessions) as session:
        audit.record(
            session,
            action,
            str(options.get("kind", "campaign")),
            7,
            now=datetime(2026, 11, 24, 9, tzinfo=UTC),
            actor_id=None,
            people=12,
        )


def test_an_entry_shows_who_what_and_when(client: Browser, sessions: sessionmaker[Session]) -> None:
    sign_in(client, roles=["auditor"], language="en")
    record(sessions)
    page = client.get("/audit").text
    assert "Campaign launched" in page
    assert "24 November 2026, 11:00" in page
    assert "The system" in page


def test_an_action_without_a_word_is_shown_by_its_code(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    sign_in(client)
    record(sessions, "something.new")
    assert "something.new" in client.get("/audit").text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("action=campaign.launched", True),
        ("action=other", False),
        ("kind=campaign&number=7", True),
        ("kind=campaign&number=8", False),
        ("actor=1", False),
        ("from=2026-11-24&to=2026-11-24", True),
        ("from=2026-11-25", False),
        ("to=2026-11-23", False),
        ("from=nonsense&actor=x&number=99999999999999999999", True),
        ("from=0001-01-01&to=9999-12-31", True),
        ("kind=%27%22%3Cscript%3E", False),
    ],
)
def test_filters_are_in_the_url(
    client: Browser, sessions: sessionmaker[Session], query: str, found: bool
) -> None:
    sign_in(client, language="en")
    record(sessions)
    page = client.get(f"/audit?{query}").text
    assert ("<td>Campaign launched</td>" in page) is found
    assert "<script>" not in page


def test_long_logs_have_pages(client: Browser, sessions: sessionmaker[Session]) -> None:
    sign_in(client, language="en")
    for _ in range(51):
        record(sessions)
    first = client.get("/audit").text
    assert "1–50 of 51" in first
    assert "51–51 of 51" in client.get("/audit?page=2").text
    assert client.get("/audit?page=3").status_code == 200


def test_a_whole_chain_is_told_and_the_check_is_noted(
    client: Browser, sessions: sessionmaker[Session]
) -> None:
    sign_in(client, language="en")
    record(sessions)
    page = client.post("/audit/verify", follow_redirects=True).text
    assert "The chain is whole" in page
    assert "Audit log checked" in page


def test_a_changed_entry_breaks_the_chain(client: Browser, sessions: sessionmaker[Session]) -> None:
    sign_in(client, language="en")
    record(sessions)
    record(sessions)
    with transaction(sessions) as session:
        session.execute(text("SET session_replication_role = replica"))  # past the trigger
        session.execute(text("UPDATE audit_entries SET object_id = 8 WHERE id = 1"))
        session.execute(text("SET session_replication_role = DEFAULT"))
    page = client.post("/audit/verify", follow_redirects=True).text
    assert "The chain is broken at entry 1" in page


def test_every_action_that_the_code_records_has_words() -> None:
    # Codes are written out where they are recorded, except that a campaign's are its states.
    written = set()
    for path in (ROOT / "mailer").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for call in re.findall(r"audit\.record\((.*?)now=", text, re.DOTALL):
            written |= set(re.findall(r'"([a-z_]+\.[a-z_]+)"', call))
    written |= {f"campaign.{state}" for state in lifecycle.TRANSITIONS} - {
        "campaign.waiting_for_approval"
    }
    assert len(written) > 30
    assert written - ACTIONS.keys() == set()
