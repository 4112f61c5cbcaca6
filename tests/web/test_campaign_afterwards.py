"""After a stop: two exact lists, the corrected version to the rest, a correction to the others."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from redis import Redis
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.campaigns.models import Campaign
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.segments import build
from mailer.segments.models import Segment
from mailer.segments.saved import LONGEST_NAME
from mailer.sending import corrections, launch, progress
from mailer.sending.models import STATES, Message
from tests.sending.scene import Scene, make_scene
from tests.web.people import Browser, sign_in

# One person in each state that a stopped campaign can leave.
AFTER_A_STOP = (
    "sent",
    "delivered",
    "complained",
    "bounced",
    "failed",
    "cancelled",
    "blocked",
    "sending",
    "uncertain",
)
GOT = {"sent", "delivered", "complained"}
UNKNOWN = {"sending", "uncertain"}


@pytest.fixture
def scene(
    app: Flask, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        yield make_scene(
            installation.current().settings,
            sessions,
            redis,
            now,
            ses_endpoint_url="http://127.0.0.1:1",
        )


def make_stopped(scene: Scene, *, name: str = "Uutiskirje") -> int:
    """A stopped campaign with one person in each of AFTER_A_STOP, and two people outside it."""
    campaign_id = scene.make_campaign(people=len(AFTER_A_STOP))
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        assert launch.stop(session, campaign_id, now=scene.now)
        campaign = session.get_one(Campaign, campaign_id)
        campaign.name = name
        messages = session.scalars(
            select(Message).where(Message.campaign_id == campaign_id).order_by(Message.id)
        )
        for message, state in zip(messages, AFTER_A_STOP, strict=True):
            message.state = state
    scene.make_campaign(people=2, state="draft")
    return campaign_id


def people_in(scene: Scene, campaign_id: int, states: set[str]) -> set[int]:
    with scene.sessions() as session:
        found = session.scalars(
            select(Message.contact_id).where(
                Message.campaign_id == campaign_id, Message.state.in_(states)
            )
        )
        return {contact_id for contact_id in found if contact_id is not None}


def begin(scene: Scene, campaign_id: int, whom: str, *, with_unknown: bool = False) -> int:
    with transaction(scene.sessions) as session:
        draft = corrections.begin(
            session,
            session.get_one(Campaign, campaign_id),
            whom,
            with_unknown=with_unknown,
            now=scene.now,
            actor_id=None,  # type: ignore[arg-type]  # nobody is signed in here
        )
        assert draft is not None
        return draft.id


def frozen(scene: Scene, draft_id: int) -> dict[int, str]:
    """The audience of a draft once it is launched: contact -> verdict."""
    with transaction(scene.sessions) as session:
        session.get_one(Campaign, draft_id).state = "starting"
        launch.launch(session, draft_id, now=scene.now)
        rows = session.execute(
            select(Message.contact_id, Message.verdict).where(Message.campaign_id == draft_id)
        )
        return {row.contact_id: row.verdict for row in rows}


def test_the_three_lists_hold_everybody_exactly_once() -> None:
    assert sorted(state for states in progress.LISTS.values() for state in states) == sorted(STATES)


@pytest.mark.parametrize(
    ("whom", "with_unknown", "states"),
    [
        ("got", False, GOT),
        ("missed", False, set(AFTER_A_STOP) - GOT - UNKNOWN),
        ("got", True, GOT | UNKNOWN),
        ("missed", True, set(AFTER_A_STOP) - GOT),
    ],
)
def test_a_correction_goes_to_exactly_those_of_the_list(
    whom: str, with_unknown: bool, states: set[str], scene: Scene
) -> None:
    campaign_id = make_stopped(scene)
    wanted = people_in(scene, campaign_id, states)
    draft_id = begin(scene, campaign_id, whom, with_unknown=with_unknown)
    assert frozen(scene, draft_id) == dict.fromkeys(wanted, "clear")


def test_the_gate_is_asked_anew_and_late_news_is_heeded(scene: Scene) -> None:
    campaign_id = make_stopped(scene)
    draft_id = begin(scene, campaign_id, "missed")
    (cancelled,) = people_in(scene, campaign_id, {"cancelled"})
    (bounced,) = people_in(scene, campaign_id, {"bounced"})
    with transaction(scene.sessions) as session:
        session.get_one(Contact, bounced).restricted_at = scene.now
        late = session.scalars(
            select(Message).where(
                Message.campaign_id == campaign_id, Message.contact_id == cancelled
            )
        ).one()
        late.state = "delivered"  # an event of Amazon's that came late
    audience = frozen(scene, draft_id)
    assert audience[bounced] == "restricted"
    assert cancelled not in audience


def test_the_draft_says_the_same_to_the_same_duties(scene: Scene) -> None:
    campaign_id = make_stopped(scene)
    draft_id = begin(scene, campaign_id, "got")
    original, draft = scene.campaign(campaign_id), scene.campaign(draft_id)
    assert (draft.state, draft.target_functions) == ("draft", original.target_functions)
    assert draft.segment_id != original.segment_id
    with scene.sessions() as session:
        subjects = session.execute(
            text("SELECT subject FROM campaign_contents WHERE campaign_id = ANY(:ids)"),
            {"ids": [campaign_id, draft_id]},
        )
        assert len({row.subject for row in subjects}) == 1


def test_asking_twice_uses_one_segment_and_names_never_clash(scene: Scene) -> None:
    first = make_stopped(scene, name="N" * LONGEST_NAME)
    drafts = [scene.campaign(begin(scene, first, "got")) for _ in range(2)]
    assert drafts[0].segment_id == drafts[1].segment_id
    assert all(len(draft.name) <= LONGEST_NAME for draft in drafts)
    with transaction(scene.sessions) as session:
        session.get_one(Segment, drafts[0].segment_id).tree = {"field": "has_phone", "is": "yes"}
    other = scene.campaign(begin(scene, first, "got"))
    assert other.segment_id != drafts[0].segment_id
    with transaction(scene.sessions) as session:
        session.get_one(Segment, other.segment_id).tree = {"field": "has_phone", "is": "yes"}
    assert scene.campaign(begin(scene, first, "got")).segment_id != other.segment_id


@pytest.mark.parametrize("state", ["draft", "sending", "paused", "starting"])
def test_there_is_no_correction_while_a_campaign_goes_on(
    state: str, client: Browser, scene: Scene
) -> None:
    campaign_id = scene.make_campaign(state=state)
    sign_in(client, roles=["marketer"], language="en")
    answer = client.post(f"/campaigns/{campaign_id}/correct", data={"whom": "got"})
    assert answer.status_code == 303
    with scene.sessions() as session:
        assert session.scalars(select(Campaign.id)).all() == [campaign_id]


def test_the_page_leads_to_a_draft_with_the_right_people(client: Browser, scene: Scene) -> None:
    campaign_id = make_stopped(scene)
    sign_in(client, roles=["marketer"], language="en")
    page = client.get(f"/campaigns/{campaign_id}/progress").text
    assert "3 people got the message, 4 did not." in page
    assert "Of 2 it is not known yet." in page
    assert "Send the corrected version to the rest" in page
    answer = client.post(f"/campaigns/{campaign_id}/correct", data={"whom": "missed"})
    assert answer.status_code == 303
    recipients = client.get(answer.headers["Location"]).text
    assert "Did not get: Uutiskirje" in recipients


@pytest.mark.parametrize("form", [{}, {"whom": ""}, {"whom": "everybody"}])
def test_a_correction_to_nobody_in_particular_is_refused(
    form: dict[str, Any], client: Browser, scene: Scene
) -> None:
    campaign_id = make_stopped(scene)
    sign_in(client, roles=["marketer"])
    assert client.post(f"/campaigns/{campaign_id}/correct", data=form).status_code == 400
    sign_in(client, roles=["approver"])
    answer = client.post(f"/campaigns/{campaign_id}/correct", data={"whom": "got"})
    assert answer.status_code == 403


# The rule that marketers use too


@pytest.mark.parametrize(
    ("comparison", "states"),
    [
        ("got", GOT),
        ("missed", {"bounced", "failed", "cancelled", "blocked"}),
        ("open", UNKNOWN),
    ],
)
def test_a_rule_and_its_opposite_leave_out_those_of_whom_nobody_knows(
    comparison: str, states: set[str], scene: Scene
) -> None:
    campaign_id = make_stopped(scene)
    rule = {"field": "campaign", "is": comparison, "value": [campaign_id, 2**62]}
    with scene.sessions() as session:
        ask = build.usual_ask(session, frozenset(), now=scene.now)
        everybody = set(session.scalars(select(Contact.id)))
        matching = {row.contact_id for row in session.execute(build.audience(rule, ask))}
        opposite = {row.contact_id for row in session.execute(build.audience({"not": rule}, ask))}
    assert matching == people_in(scene, campaign_id, states)
    unknown = set() if comparison == "open" else people_in(scene, campaign_id, UNKNOWN)
    assert opposite == everybody - matching - unknown


def test_the_builder_offers_campaigns_that_were_sent(client: Browser, scene: Scene) -> None:
    campaign_id = make_stopped(scene)
    begin(scene, campaign_id, "missed")
    sign_in(client, roles=["marketer"], language="en")
    with scene.sessions() as session:
        segment_id = session.scalar(select(Segment.id).order_by(Segment.id.desc()).limit(1))
    page = client.get(f"/segments/{segment_id}")
    assert page.status_code == 200
    assert "they were to get the <strong>campaign</strong> Uutiskirje but did not" in page.text
    assert f'value="{campaign_id}"' in page.text


def test_the_lists_can_be_exported_and_each_export_is_noted(client: Browser, scene: Scene) -> None:
    campaign_id = make_stopped(scene)
    sign_in(client, roles=["admin"], language="en")
    sizes = {}
    for name in ("got", "not", "unknown"):
        answer = client.get(f"/campaigns/{campaign_id}/list/{name}.csv")
        sizes[name] = len(answer.data.decode("utf-8-sig").splitlines()) - 1
    assert sizes == {"got": 3, "not": 4, "unknown": 2}
    with scene.sessions() as session:
        noted = session.execute(
            text("SELECT details FROM audit_entries WHERE action = 'campaign.exported'")
        ).all()
    assert [row.details["people"] for row in noted] == [3, 4, 2]


def test_people_of_an_old_campaign_are_counted_at_the_moment_of_asking(scene: Scene) -> None:
    campaign_id = make_stopped(scene)
    later = scene.now + timedelta(days=1)
    with scene.sessions() as session:
        ask = build.usual_ask(session, frozenset(), now=later)
        rule = {"field": "campaign", "is": "got", "value": [campaign_id]}
        assert build.counts(session, rule, ask).matching == 3
