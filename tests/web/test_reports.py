"""Reports show the numbers that the notice lets them have, to those who may see them."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer.audit import AuditEntry
from mailer.campaigns.models import Campaign
from mailer.events.models import Event, HitCount
from tests.events.register import (
    make_campaign,
    make_contact,
    make_link,
    make_message,
    make_source,
    publish,
)
from tests.web.people import Browser, sign_in


@pytest.fixture(autouse=True)
def _at_the_moment(now: datetime) -> Iterator[None]:
    with time_machine.travel(now + timedelta(hours=1), tick=False):
        yield


@pytest.fixture
def campaign(client: Browser, sessions: sessionmaker[Session], now: datetime) -> Campaign:
    """Ten delivered messages; six people clicked, one opted out."""
    with sessions.begin() as session:
        publish(session, now - timedelta(days=1))
        campaign = make_campaign(session, now)
        link = make_link(session, campaign, label="=1+1")
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
            kinds = ["click", "open"] if number < 6 else []
            for kind in [*kinds, *(["opt_out"] if number == 9 else [])]:
                session.add(
                    Event(
                        message_id=message.id,
                        campaign_id=campaign.id,
                        kind=kind,
                        actor="human",
                        link_id=link.id if kind == "click" else None,
                        at=now + timedelta(minutes=5),
                        dedupe_key=f"{kind}{number}",
                    )
                )
        blocked = make_contact(session, now, email="x@puutyo.example", source_id=source.id)
        make_message(
            session,
            now,
            campaign=campaign,
            contact=blocked,
            state="blocked",
            sent_at=None,
            verdict="duties_uncertain",
        )
    return campaign


def test_the_list_shows_rates_with_what_they_are_of(client: Browser, campaign: Campaign) -> None:
    sign_in(client, roles=["marketer"])
    page = client.get("/reports")
    assert page.status_code == 200
    assert "6 / 10" in page.text
    assert "60.0%" in page.text.replace("\xa0", "").replace(" %", "%")


def test_before_anything_is_sent_the_list_says_so(client: Browser) -> None:
    sign_in(client, roles=["marketer"])
    assert "No reports yet" in client.get("/reports").text


def test_a_report_shows_the_whole_way_and_who_was_left_out(
    client: Browser, campaign: Campaign
) -> None:
    sign_in(client, roles=["auditor"])
    page = client.get(f"/reports/{campaign.id}")
    assert page.status_code == 200
    for part in (
        "In the segment",
        "The work duties are not known well enough.",
        "Opened (estimate)",
        "6 / 10",
        "Finance",
        "1 / 10",
        "<svg",
    ):
        assert part in page.text, part
    assert " style=" not in page.text
    # A report tells about numbers, not people.
    assert "nimi1" not in page.text


def test_a_small_number_within_a_group_is_hidden(client: Browser, campaign: Campaign) -> None:
    sign_in(client, roles=["marketer"])
    page = client.get(f"/reports/{campaign.id}?by=function")
    assert "hidden" in page.text


@pytest.mark.parametrize("by", ["level", "industry", "language", "domain", "nonsense"])
def test_groups_can_be_formed_in_other_ways(client: Browser, campaign: Campaign, by: str) -> None:
    sign_in(client, roles=["marketer"])
    assert client.get(f"/reports/{campaign.id}?by={by}").status_code == 200


def test_what_the_notice_does_not_declare_is_absent(
    client: Browser, sessions: sessionmaker[Session], campaign: Campaign, now: datetime
) -> None:
    with sessions.begin() as session:
        publish(session, now - timedelta(hours=1), opens={"mode": "off"}, clicks={"mode": "off"})
    sign_in(client, roles=["marketer"])
    page = client.get(f"/reports/{campaign.id}")
    for part in ("Opened (estimate)", "Clicked", "people&#39;s clicks", "Links"):
        assert part not in page.text, part
    assert client.get(f"/reports/{campaign.id}/links.csv").status_code == 404
    assert "Clicked" not in client.get(f"/reports/{campaign.id}/groups.csv").text


def test_numbers_without_people_are_shown_as_such(
    client: Browser, sessions: sessionmaker[Session], campaign: Campaign, now: datetime
) -> None:
    with sessions.begin() as session:
        session.add(
            HitCount(
                campaign_id=campaign.id, kind="open", actor="human", hour=now, link_id=0, hits=7
            )
        )
    sign_in(client, roles=["marketer"])
    assert "Opens counted without knowing who: 7" in client.get(f"/reports/{campaign.id}").text


@pytest.mark.parametrize("part", ["funnel", "timeline", "links", "groups"])
def test_each_table_can_be_taken_along_and_that_is_on_record(
    client: Browser, sessions: sessionmaker[Session], campaign: Campaign, part: str
) -> None:
    user = sign_in(client, roles=["marketer"])
    answer = client.get(f"/reports/{campaign.id}/{part}.csv")
    assert answer.status_code == 200
    assert answer.data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig")), delimiter=";"))
    assert len(rows) > 1
    assert len({len(row) for row in rows}) == 1
    assert not any(cell.startswith("=") for row in rows for cell in row)
    with sessions() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "report.exported"))
    assert (entry.actor_id, entry.object_id, entry.details) == (
        user.id,
        campaign.id,
        {"part": part},
    )


@pytest.mark.parametrize("path", ["99999", "99999999999999999999", "1/nothing.csv", "-1", "x"])
def test_what_is_not_there_is_not_found(client: Browser, campaign: Campaign, path: str) -> None:
    sign_in(client, roles=["marketer"])
    assert client.get(f"/reports/{path}").status_code == 404


def test_a_campaign_that_has_not_begun_has_no_report(
    client: Browser, sessions: sessionmaker[Session], campaign: Campaign
) -> None:
    with sessions.begin() as session:
        session.get_one(Campaign, campaign.id).launched_at = None
    sign_in(client, roles=["marketer"])
    assert client.get(f"/reports/{campaign.id}").status_code == 404


def test_strangers_see_no_reports(client: Browser, campaign: Campaign) -> None:
    assert client.get(f"/reports/{campaign.id}").status_code == 303
    assert client.get(f"/reports/{campaign.id}/funnel.csv").status_code == 303
