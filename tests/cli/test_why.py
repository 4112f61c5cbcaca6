"""`mailer why`: the gate's answer on the command line."""

from datetime import datetime
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.campaigns.models import Campaign
from mailer.cli import cli
from mailer.config import Settings
from mailer.contacts import suppression
from mailer.contacts.address import canonical
from mailer.db import transaction
from mailer.segments.models import Segment
from tests.segments.register import make_contact, make_source, publish_notice

Sessions = sessionmaker[Session]
ADDRESS = "anna@puutyo.example"


@pytest.fixture
def run(connected_settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABASE_URL", connected_settings.database_url)
    monkeypatch.setenv("REDIS_URL", connected_settings.redis_url)
    monkeypatch.setenv("SUPPRESSION_KEY", connected_settings.suppression_key)
    with transaction(sessions) as session:
        publish_notice(session, clock.now())
        make_contact(session, make_source(session, clock.now()), clock.now(), email=ADDRESS)

    def invoke(*words: str) -> tuple[int, str]:
        outcome = CliRunner().invoke(cli, ["why", *words])
        return outcome.exit_code, outcome.output

    return invoke


def test_who_may_be_mailed_is_told_so(run: Any) -> None:
    assert run("  ANNA@puutyo.example ") == (0, "clear: Can be mailed.\n")


def test_a_suppressed_address_is_told_with_its_lines(run: Any, sessions: Sessions) -> None:
    with transaction(sessions) as session:
        entry = suppression.of_address(canonical(ADDRESS))
        suppression.suppress(session, [entry], "optout", origin="staff", now=clock.now())
    code, output = run(ADDRESS)
    assert code == 1
    assert output.startswith("suppressed_optout: Has opted out of marketing messages.\n")
    assert "Opted out, Address" in output


def test_an_address_nobody_knows_may_still_be_suppressed(run: Any, sessions: Sessions) -> None:
    with transaction(sessions) as session:
        entry = suppression.of_address(canonical("gone@puutyo.example"))
        suppression.suppress(session, [entry], "complaint", origin="staff", now=clock.now())
    code, output = run("gone@puutyo.example")
    assert code == 1
    assert "The person is not in the register" in output
    assert "Spam complaint" in output


def test_what_is_no_address_or_no_campaign_is_one_sentence(run: Any) -> None:
    assert run("anna") == (1, "This is not an e-mail address. Write it as name@company.fi.\n")
    assert run(ADDRESS, "--campaign", "99") == (1, "There is no campaign 99.\n")
    assert run(ADDRESS, "--campaign", "x")[0] == 2


def test_in_a_campaign_each_rule_is_told(run: Any, sessions: Sessions, now: datetime) -> None:
    tree = {
        "op": "and",
        "rules": [
            {"field": "function", "is": "any_of", "value": ["finance"]},
            {"field": "headcount", "is": "at_least", "value": 50},
        ],
    }
    with transaction(sessions) as session:
        segment = Segment(name="Talous", tree=tree, created_at=now, updated_at=now)
        session.add(segment)
        session.flush()
        campaign = Campaign(
            name="Joulu",
            segment_id=segment.id,
            target_functions=["finance"],
            created_at=now,
            updated_at=now,
        )
        session.add(campaign)
        session.flush()
        number = str(campaign.id)
    code, output = run(ADDRESS, "--campaign", number)
    assert code == 1
    assert output.splitlines() == [
        "Not in the segment “Talous”.",
        "  yes: job function is Finance",
        "  not known: head-count is at least 50 employees",
        "sender_identity_unverified: The sender's domain is not verified.",
    ]
