"""What did not count is shown with its reasons in words, and with nobody's name."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from sqlalchemy.orm import Session, sessionmaker

from mailer.campaigns.models import Campaign
from mailer.events import report_verdicts
from mailer.events.models import Event
from mailer.events.report_verdicts import JudgedHit, weightiest
from tests.events.register import make_campaign, make_contact, make_link, make_message, publish
from tests.web.people import Browser, sign_in


@pytest.fixture(autouse=True)
def _at_the_moment(now: datetime) -> Iterator[None]:
    with time_machine.travel(now + timedelta(hours=1), tick=False):
        yield


@pytest.fixture
def campaign(client: Browser, sessions: sessionmaker[Session], now: datetime) -> Campaign:
    with sessions.begin() as session:
        publish(session, now - timedelta(days=1))
        campaign = make_campaign(session, now)
        link = make_link(session, campaign, label="Lue <lisää>")
        contact = make_contact(session, now, email="nimi@puutyo.example")
        message = make_message(session, now, campaign=campaign, contact=contact)
        for number, (kind, actor, reasons, link_id) in enumerate(
            [
                ("click", "machine", ["sweep", "first_minute"], link.id),
                ("click", "machine", ["trap"], None),
                ("click", "unknown", ["no_language"], link.id),
                ("click", "machine", ["a_rule_that_is_no_more"], link.id),
                ("open", "machine", ["apple_proxy"], None),
                ("click", "human", [], link.id),
            ]
        ):
            session.add(
                Event(
                    message_id=message.id,
                    campaign_id=campaign.id,
                    kind=kind,
                    actor=actor,
                    reasons=reasons,
                    ruleset_version=2,
                    link_id=link_id,
                    at=now + timedelta(seconds=number),
                    dedupe_key=f"hit:{number}",
                )
            )
    return campaign


def test_a_campaign_that_is_not_there_has_no_verdicts(client: Browser, campaign: Campaign) -> None:
    sign_in(client)
    for number in ("0", "999", str(2**70)):
        assert client.get(f"/reports/{number}/verdicts").status_code == 404


def test_strangers_see_no_verdicts(client: Browser, campaign: Campaign) -> None:
    assert client.get(f"/reports/{campaign.id}/verdicts").status_code in (302, 303, 401, 403)


def test_reasons_are_told_in_words_and_nobody_is_named(client: Browser, campaign: Campaign) -> None:
    sign_in(client)
    page = client.get(f"/reports/{campaign.id}/verdicts").get_data(as_text=True)
    for words in (
        "Swept three or more links within a second; Within a minute of delivery",
        "The link that nobody sees",
        "Named no language",
        "Apple Mail fetches all images ahead",
        "Lue &lt;lisää&gt;",
    ):
        assert words in page
    assert "a_rule_that_is_no_more" not in page
    assert "nimi@" not in page
    assert "Aalto" not in page
    report = client.get(f"/reports/{campaign.id}").get_data(as_text=True)
    assert f"/reports/{campaign.id}/verdicts" in report


def test_what_the_notice_does_not_declare_is_absent(
    client: Browser, sessions: sessionmaker[Session], campaign: Campaign, now: datetime
) -> None:
    with sessions.begin() as session:
        publish(session, now, opens={"mode": "off"}, clicks={"mode": "off"})
    sign_in(client)
    page = client.get(f"/reports/{campaign.id}/verdicts").get_data(as_text=True)
    assert "Swept" not in page
    assert "Nothing yet" in page


def test_the_weightiest_reason_of_each_hit_is_counted(now: datetime) -> None:
    def hit(actor: str, *reasons: str) -> JudgedHit:
        return JudgedHit(now, "click", "", actor, reasons, 2)

    hits = [
        hit("machine", "sweep", "soon"),
        hit("machine", "sweep"),
        hit("unknown", "soon"),
        hit("machine"),
        hit("machine", "gone"),
    ]
    assert weightiest(hits) == [("sweep", 2, 0), ("soon", 0, 1)]


def test_no_more_than_the_latest_are_read(
    sessions: sessionmaker[Session], campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_verdicts, "LATEST", 2)
    with sessions() as session:
        found = report_verdicts.latest(session, campaign.id, ["open", "click"])
    assert [hit.kind for hit in found] == ["open", "click"]
