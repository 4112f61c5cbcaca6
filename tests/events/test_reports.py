"""Every number of a report is what its sentence says."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from mailer.contacts.models import Company
from mailer.events import answers, report_tables, reports
from mailer.events.applying import Arrival, apply
from mailer.events.models import Event
from mailer.events.ses_events import parse
from mailer.sending.models import Message
from mailer.tokens import Recipient
from tests.events.register import (
    make_campaign,
    make_contact,
    make_link,
    make_message,
    make_source,
    ses_event,
)

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


class Scene:
    """A campaign to a few people."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.campaign = make_campaign(session, NOW)
        self.links = [make_link(session, self.campaign, position) for position in range(2)]
        self._source = make_source(session, NOW)
        self._made = 0

    def message(self, contact: dict[str, Any] | None = None, **values: Any) -> Message:
        self._made += 1
        defaults = {"email": f"nimi{self._made}@puutyo.example", "source_id": self._source.id}
        person = make_contact(self.session, NOW, **(defaults | (contact or {})))
        return make_message(self.session, NOW, campaign=self.campaign, contact=person, **values)

    def happen(self, message: Message, kind: str, actor: str = "human", **values: Any) -> None:
        values.setdefault("at", NOW + timedelta(minutes=30))
        event = Event(
            message_id=message.id,
            campaign_id=self.campaign.id,
            kind=kind,
            actor=actor,
            dedupe_key=str(uuid4()),
            **values,
        )
        self.session.add(event)
        self.session.flush()

    def tell(self, message: Message, kind: str, **part: Any) -> None:
        event = ses_event(kind, message.id, NOW, feedback_id=f"{message.id}", **part)
        apply(self.session, [Arrival(1, NOW, parse(event, received_at=NOW))], now=NOW)

    def recipient(self, message: Message) -> Recipient:
        return Recipient(message.id, b"%016d" % message.id)

    @property
    def funnel(self) -> reports.Funnel:
        return reports.funnel(self.session, self.campaign.id)


@pytest.fixture
def scene(session: Session) -> Scene:
    return Scene(session)


def test_a_campaign_of_nobody_has_all_numbers_and_all_are_zero(scene: Scene) -> None:
    assert set(scene.funnel.numbers) == set(reports.DEFINITIONS)
    assert set(scene.funnel.numbers.values()) == {0}
    assert scene.funnel.left_out == {}


def test_everybody_in_the_audience_is_somewhere_in_the_funnel(scene: Scene) -> None:
    scene.message(state="queued")
    scene.message(state="uncertain")
    scene.message(state="cancelled", sent_at=None)
    scene.message(state="failed", sent_at=None)
    for verdict in ("duties_uncertain", "duties_uncertain", "suppressed_optout"):
        scene.message(state="blocked", sent_at=None, verdict=verdict)
    delivered, bounced, complained = scene.message(), scene.message(), scene.message()
    for message in (delivered, complained):
        scene.tell(message, "Delivery")
    scene.tell(bounced, "Bounce")
    scene.tell(complained, "Complaint")

    funnel = scene.funnel
    numbers = {name: number for name, number in funnel.numbers.items() if number}
    assert numbers == {
        "audience": 10,
        "blocked": 3,
        "waiting": 1,
        "uncertain": 1,
        "cancelled": 1,
        "failed": 1,
        "sent": 3,
        "delivered": 2,
        "bounced": 1,
        "complained": 1,
    }
    assert funnel.left_out == {"duties_uncertain": 2, "suppressed_optout": 1}


def test_people_are_counted_once_and_machines_apart(scene: Scene) -> None:
    message, other = scene.message(), scene.message()
    for _ in range(3):
        scene.happen(message, "click", link_id=scene.links[0].id)
    scene.happen(other, "click", "machine", link_id=scene.links[0].id)
    scene.happen(other, "click", "machine", link_id=scene.links[1].id)
    scene.happen(other, "click", "unknown", link_id=scene.links[1].id)
    scene.happen(message, "open")
    scene.happen(other, "open", "machine")
    funnel = scene.funnel
    assert (funnel["clicked"], funnel["machine_clicks"], funnel["unclear_clicks"]) == (1, 2, 1)
    assert (funnel["opened"], funnel["machine_opens"]) == (1, 1)


def test_an_opt_out_taken_back_is_none(scene: Scene) -> None:
    first, second = scene.message(), scene.message()
    for message in (first, second):
        answers.stop(scene.session, scene.recipient(message), origin="one_click", now=NOW)
        answers.stop(scene.session, scene.recipient(message), origin="one_click", now=NOW)
    assert scene.funnel["opted_out"] == 2
    answers.undo(scene.session, scene.recipient(first), now=NOW)
    assert scene.funnel["opted_out"] == 1
    answers.stop(scene.session, scene.recipient(first), origin="stop_page", now=NOW)
    assert scene.funnel["opted_out"] == 2


def test_a_temporary_failure_counts_only_while_the_message_is_not_delivered(scene: Scene) -> None:
    late, away = scene.message(), scene.message()
    for message in (late, away):
        scene.tell(message, "Bounce", bounceType="Transient")
    assert scene.funnel["soft_bounced"] == 2
    scene.tell(late, "Delivery")
    assert scene.funnel["soft_bounced"] == 1


def test_other_campaigns_and_test_copies_do_not_count(scene: Scene, session: Session) -> None:
    other = make_message(session, NOW, contact=make_contact(session, NOW))
    copy = Message(kind="test", test_of=scene.campaign.id, state="sent", created_at=NOW)
    session.add(copy)
    session.flush()
    assert other.campaign_id != scene.campaign.id
    assert set(scene.funnel.numbers.values()) == {0}


def test_the_timeline_has_48_hours_and_people_only(scene: Scene) -> None:
    message = scene.message()
    link_id = scene.links[0].id
    for minutes, actor in ((0, "human"), (59, "human"), (60, "human"), (61, "machine")):
        scene.happen(message, "click", actor, link_id=link_id, at=NOW + timedelta(minutes=minutes))
    scene.happen(message, "click", link_id=link_id, at=NOW + timedelta(hours=48))
    scene.happen(message, "click", link_id=link_id, at=NOW - timedelta(seconds=1))
    scene.happen(message, "opt_out", at=NOW + timedelta(hours=47, minutes=59))

    hours = report_tables.timeline(scene.session, scene.campaign.id, begins=NOW)

    assert len(hours) == 48
    assert [hour.clicks for hour in hours[:3]] == [2, 1, 0]
    assert hours[-1].opt_outs == 1
    assert sum(hour.clicks for hour in hours) == 3


def test_links_show_people_clicks_and_machines(scene: Scene) -> None:
    first, second = scene.message(), scene.message()
    for message in (first, first, second):
        scene.happen(message, "click", link_id=scene.links[1].id)
    scene.happen(first, "click", "machine", link_id=scene.links[1].id)
    lines = report_tables.link_lines(scene.session, scene.campaign.id)
    assert [(line.url[-1], line.people, line.clicks, line.machine_clicks) for line in lines] == [
        ("1", 2, 3, 1),
        ("0", 0, 0, 0),
    ]


@pytest.mark.parametrize(
    ("grouping", "name"),
    [
        ("function", "finance"),
        ("level", "40"),
        ("industry", "62"),
        ("language", "fi"),
        ("domain", "puutyo.example"),
    ],
)
def test_people_are_grouped_by_what_they_have_in_common(
    scene: Scene, session: Session, grouping: str, name: str
) -> None:
    company = Company(
        name="Puutyö Oy",
        name_key="puutyo",
        industry_code="62010",
        source_id=make_source(session, NOW).id,
        created_at=NOW,
        updated_at=NOW,
    )
    session.add(company)
    session.flush()
    for number in range(6):
        message = scene.message(
            {"level": 40, "company_id": company.id}, duties={"function": "finance"}, language="fi"
        )
        if number < 5:
            scene.happen(message, "click", link_id=scene.links[0].id)
    scene.message(state="blocked", sent_at=None)  # not sent: in no group

    [group] = report_tables.groups(session, scene.campaign.id, grouping)

    assert (group.name, group.people, group.counts) == (name, 6, (5, 0))


def test_groups_of_fewer_than_five_are_not_shown(scene: Scene, session: Session) -> None:
    for function, people in (("finance", 6), ("hr", 4), ("it", 1)):
        for _ in range(people):
            scene.message(duties={"function": function})
    shown = report_tables.groups(session, scene.campaign.id, "function")
    assert [(group.name, group.people) for group in shown] == [("finance", 6), ("", 5)]


def test_people_whose_contact_is_gone_are_counted_and_have_no_group(
    scene: Scene, session: Session
) -> None:
    for _ in range(5):
        scene.message().contact_id = None
    session.flush()
    [group] = report_tables.groups(session, scene.campaign.id, "domain")
    assert (group.name, group.people) == ("?", 5)


def test_problems_name_the_servers_answer_without_the_address(scene: Scene) -> None:
    for _ in range(2):
        scene.tell(scene.message(), "Bounce")
    scene.tell(scene.message(), "DeliveryDelay")
    first, second = report_tables.problems(scene.session, scene.campaign.id)
    assert (first.kind, first.subtype, first.status, first.messages) == (
        "hard_bounce",
        "General",
        "5.1.1",
        2,
    )
    assert first.answer == "smtp; 550 5.1.1 <[address]> unknown"
    assert second.kind == "delay"


def test_reasons_are_counted(scene: Scene) -> None:
    for reason in ("too_many", "too_many", "changed_job"):
        message = scene.message()
        answers.tell_reason(scene.session, scene.recipient(message), reason, now=NOW)
    assert report_tables.reasons(scene.session, scene.campaign.id) == {
        "too_many": 2,
        "changed_job": 1,
    }


def test_the_list_has_the_same_numbers_as_the_report(scene: Scene, session: Session) -> None:
    message = scene.message()
    scene.tell(message, "Delivery")
    scene.happen(message, "click", link_id=scene.links[0].id)
    answers.stop(session, scene.recipient(message), origin="one_click", now=NOW)
    scene.message()
    make_campaign(session, NOW + timedelta(days=1))

    newest, line = reports.lines(session, limit=10, offset=0)

    funnel = scene.funnel
    assert line.campaign.id == scene.campaign.id
    assert (line.sent, line.delivered) == (funnel["sent"], funnel["delivered"]) == (2, 1)
    assert (line.clicked, line.opted_out) == (funnel["clicked"], funnel["opted_out"]) == (1, 1)
    assert (newest.sent, newest.clicked) == (0, 0)
    assert reports.launched(session) == 2
