"""Reports through the API: what the screen shows, and no more."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy.orm import Session, sessionmaker

from mailer.campaigns.models import Campaign
from mailer.events.models import Event
from mailer.notice import profiles
from tests.events.register import make_campaign, make_contact, make_link, make_message, make_source
from tests.web.api.caller import Api, codes
from tests.web.people import Browser
from tests.web.register import audited, publish

Sessions = sessionmaker[Session]


@pytest.fixture(autouse=True)
def _at_the_moment(now: datetime) -> Iterator[None]:
    with time_machine.travel(now + timedelta(hours=1), tick=False):
        yield


@pytest.fixture
def campaign(client: Browser, sessions: Sessions, now: datetime) -> Campaign:
    """Ten delivered messages to finance managers; six clicked, one opted out."""
    publish(sessions)
    with sessions.begin() as session:
        campaign = make_campaign(session, now)
        link = make_link(session, campaign)
        source = make_source(session, now)
        for number in range(10):
            contact = make_contact(
                session, now, email=f"nimi{number}@puutyo.example", source_id=source.id
            )
            message = make_message(
                session,
                now,
                campaign=campaign,
                contact=contact,
                state="delivered",
                delivered_at=now,
                duties={"function": "finance"},
            )
            kinds = ["click"] if number < 6 else ["opt_out"] if number == 9 else []
            session.add_all(
                Event(
                    message_id=message.id,
                    campaign_id=campaign.id,
                    kind=kind,
                    actor="human",
                    link_id=link.id if kind == "click" else None,
                    at=now + timedelta(minutes=5),
                    dedupe_key=f"{kind}{number}",
                )
                for kind in kinds
            )
        return campaign


def test_what_was_never_sent_has_no_report(api: Api, sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        draft = make_campaign(session, now)
        draft.launched_at = None
    for path in ("/reports/999", f"/reports/{draft.id}", f"/reports/{draft.id}/groups"):
        assert api.get(path).status_code == 404


def test_the_figures_are_those_of_the_screen(
    api: Api, campaign: Campaign, sessions: Sessions
) -> None:
    report = api.get(f"/reports/{campaign.id}").json
    numbers = report["numbers"]
    assert {name: numbers[name] for name in ("audience", "delivered", "clicked", "opted_out")} == {
        "audience": 10,
        "delivered": 10,
        "clicked": 6,
        "opted_out": 1,
    }
    assert "puutyo" not in str(report)
    assert audited(sessions, "api.read")[-1].object_id == campaign.id


def test_a_count_of_one_to_four_is_null(api: Api, campaign: Campaign) -> None:
    (group,) = api.get(f"/reports/{campaign.id}/groups").json["groups"]
    assert group == {"name": "finance", "people": 10, "clicked": 6, "opted_out": None}
    assert codes(api.get(f"/reports/{campaign.id}/groups", by="email")) == {"by": "not_allowed"}


def test_clicks_that_the_notice_does_not_declare_are_absent(
    api: Api, campaign: Campaign, sessions: Sessions
) -> None:
    tracking: dict[str, Any] = {**profiles.load("example")["tracking"]}
    tracking["clicks"] = {"mode": "off"}
    tracking["opens"] = {"mode": "off"}
    publish(sessions, tracking=tracking)
    numbers = api.get(f"/reports/{campaign.id}").json["numbers"]
    assert not {"clicked", "opened"} & numbers.keys()
    (group,) = api.get(f"/reports/{campaign.id}/groups").json["groups"]
    assert "clicked" not in group


def test_a_report_needs_no_right_to_see_people(client: Browser, campaign: Campaign) -> None:
    auditor = Api(client, "reports.read", "contacts.read", roles=["auditor"])
    assert auditor.get(f"/reports/{campaign.id}").status_code == 200
    assert auditor.get("/contacts/1").status_code == 403
