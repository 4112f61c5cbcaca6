"""A hit is kept only where the notice, the law and the person let it be."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.contacts import consents, suppression
from mailer.contacts.consents import Statement
from mailer.events import hits
from mailer.events.actors import Hit
from mailer.events.applying import Arrival, apply
from mailer.events.hits import record
from mailer.events.links import Received, campaigns_of, decode, destination, new_key
from mailer.events.models import Event, HitCount
from mailer.events.rules import RULESET
from mailer.events.ses_events import parse
from tests.events.register import (
    make_campaign,
    make_contact,
    make_link,
    make_message,
    make_source,
    publish,
    ses_event,
)

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
INDIVIDUAL = {"mode": "individual", "basis": "legitimate_interest", "balancing_test": "x"}
BY_CONSENT = {"mode": "individual", "basis": "consent"}


class Scene:
    """One campaign with one person and three links, under a notice."""

    def __init__(self, session: Session, **tracking: dict[str, str]) -> None:
        publish(session, NOW - timedelta(days=1), **tracking)
        self.session = session
        self.campaign = make_campaign(session, NOW)
        self.contact = make_contact(session, NOW)
        self.message = make_message(
            session, NOW, campaign=self.campaign, contact=self.contact, delivered_at=NOW
        )
        self.links = [make_link(session, self.campaign, position) for position in range(3)]

    def hit(self, kind: str = "click", *, at: datetime = LATER, **values: Any) -> Received:
        link_id = self.links[0].id if kind == "click" else None
        hit = Hit(new_key(), kind, at, values.pop("link_id", link_id), **values)
        return Received(self.message.id, hit)

    def kept(self, *received: Received) -> list[Event]:
        record(self.session, received, now=LATER)
        self.session.expire_all()
        return list(self.session.scalars(select(Event).order_by(Event.at, Event.id)))


@pytest.fixture
def scene(session: Session) -> Scene:
    return Scene(session)


def test_opens_and_clicks_are_kept_as_the_notice_declares(scene: Scene) -> None:
    opened, clicked = scene.kept(scene.hit("open"), scene.hit("click", at=LATER))
    assert (opened.kind, opened.actor, opened.link_id) == ("open", "human", None)
    assert (clicked.kind, clicked.actor, clicked.link_id) == ("click", "human", scene.links[0].id)
    assert clicked.campaign_id == scene.campaign.id
    assert clicked.ruleset_version == RULESET
    assert clicked.details == {"client": "browser", "signals": []}


def test_the_same_hit_handed_on_twice_is_one_event(scene: Scene) -> None:
    hit = scene.hit()
    scene.kept(hit, hit)
    assert len(scene.kept(hit)) == 1


def test_nothing_is_kept_before_a_notice_is_published(session: Session) -> None:
    message = make_message(session, NOW)
    hit = Hit(new_key(), "open", LATER)
    assert record(session, [Received(message.id, hit)], now=LATER) == 0


@pytest.mark.parametrize("kind", ["opens", "clicks"])
def test_what_the_notice_switches_off_is_not_kept(session: Session, kind: str) -> None:
    scene = Scene(session, **{kind: {"mode": "off"}})
    kinds = {event.kind for event in scene.kept(scene.hit("open"), scene.hit("click"))}
    assert kinds == ({"click"} if kind == "opens" else {"open"})


def test_the_notice_at_the_moment_of_the_hit_decides(session: Session) -> None:
    scene = Scene(session)
    publish(session, LATER, opens={"mode": "off"}, clicks={"mode": "off"})
    before = scene.hit("open", at=LATER - timedelta(seconds=1))
    after = scene.hit("open", at=LATER)
    assert [event.at for event in scene.kept(before, after)] == [before.hit.at]


def test_a_campaign_can_leave_tracking_out(scene: Scene) -> None:
    scene.campaign.track_opens = False
    scene.session.flush()
    assert [event.kind for event in scene.kept(scene.hit("open"), scene.hit())] == ["click"]


def say(scene: Scene, event: str, kind: str = "email_tracking") -> None:
    statement = Statement(scene.contact.id, kind, event)
    consents.record(scene.session, [statement], actor="person", now=NOW)


@pytest.mark.parametrize("said", ["objected", "withdrawn"])
@pytest.mark.parametrize("mode", [INDIVIDUAL, {"mode": "aggregate"}, {"mode": "last_date_only"}])
def test_whoever_said_no_is_never_recorded(
    session: Session, said: str, mode: dict[str, str]
) -> None:
    scene = Scene(session, opens=mode, clicks=mode)
    say(scene, said)
    assert scene.kept(scene.hit("open"), scene.hit()) == []
    assert session.scalars(select(HitCount)).all() == []


def test_a_lifted_ban_lets_recording_go_on(scene: Scene) -> None:
    say(scene, "objected")
    say(scene, "lifted")
    assert len(scene.kept(scene.hit())) == 1


def test_recording_by_consent_needs_the_consent(session: Session) -> None:
    scene = Scene(session, opens=BY_CONSENT, clicks=BY_CONSENT)
    assert scene.kept(scene.hit("open"), scene.hit()) == []
    say(scene, "given")
    assert len(scene.kept(scene.hit("open"), scene.hit())) == 2


@pytest.mark.parametrize("country", ["FR", "IT"])
def test_some_countries_ask_for_consent_to_opens_whatever_the_notice_says(
    session: Session, country: str
) -> None:
    scene = Scene(session)
    scene.contact.countries = ["FI", country]
    session.flush()
    assert [event.kind for event in scene.kept(scene.hit("open"), scene.hit())] == ["click"]
    say(scene, "given")
    assert len(scene.kept(scene.hit("open"))) == 2


def test_after_an_opt_out_nothing_more_is_recorded(scene: Scene) -> None:
    stopped = NOW + timedelta(minutes=2)
    suppression.opt_out(scene.session, scene.contact.address_key, origin="one_click", now=stopped)
    before = scene.hit("open", at=stopped - timedelta(seconds=1))
    kept = scene.kept(before, scene.hit("open", at=stopped), scene.hit())
    assert [event.at for event in kept] == [before.hit.at]


@pytest.mark.parametrize("field", ["erased_at", "restricted_at"])
def test_erased_and_restricted_people_are_not_recorded(scene: Scene, field: str) -> None:
    setattr(scene.contact, field, NOW)
    scene.session.flush()
    assert scene.kept(scene.hit("open"), scene.hit()) == []


def test_a_message_whose_contact_is_gone_records_nothing(scene: Scene) -> None:
    scene.message.contact_id = None
    scene.session.flush()
    assert scene.kept(scene.hit("open"), scene.hit()) == []


def test_a_message_that_is_not_there_records_nothing(scene: Scene) -> None:
    hit = Received(999_999, scene.hit().hit)
    assert scene.kept(hit) == []


def test_a_link_of_another_campaign_is_not_recorded(scene: Scene) -> None:
    other = make_link(scene.session, make_campaign(scene.session, NOW))
    assert scene.kept(scene.hit(link_id=other.id), scene.hit(link_id=999_999)) == []


def test_a_colleagues_test_copy_records_nothing(scene: Scene) -> None:
    scene.message.kind = "test"
    scene.session.flush()
    assert scene.kept(scene.hit("open")) == []


def test_a_burst_is_seen_also_when_it_comes_in_pieces(scene: Scene) -> None:
    pieces = [
        scene.hit(link_id=link.id, at=LATER + timedelta(seconds=index))
        for index, link in enumerate(scene.links)
    ]
    assert [event.actor for event in scene.kept(pieces[0])] == ["human"]
    events = scene.kept(pieces[1])
    events = scene.kept(pieces[2])
    assert [event.actor for event in events] == ["machine"] * 3
    assert all("burst" in event.reasons for event in events)


def test_a_delivery_told_later_unmasks_a_click_before_it(scene: Scene) -> None:
    scene.message.delivered_at = None
    scene.session.flush()
    [event] = scene.kept(scene.hit())
    assert event.actor == "human"

    delivery = ses_event("Delivery", scene.message.id, LATER + timedelta(seconds=5))
    moment = LATER + timedelta(seconds=9)
    apply(scene.session, [Arrival(1, moment, parse(delivery, received_at=moment))], now=moment)

    scene.session.expire_all()
    assert (event.actor, event.reasons) == ("machine", ["before_delivery"])


def test_only_the_date_of_the_last_open_is_kept_and_overwritten(session: Session) -> None:
    scene = Scene(session, opens={"mode": "last_date_only"})
    first = scene.hit("open", at=NOW + timedelta(hours=5))
    [event] = scene.kept(first)
    assert event.at == datetime(2026, 11, 24, tzinfo=UTC)
    assert event.details == {}

    other = make_message(session, NOW, contact=scene.contact)
    tomorrow = Received(other.id, Hit(new_key(), "open", NOW + timedelta(days=1)))
    [event] = scene.kept(tomorrow, first)
    assert (event.at, event.message_id) == (datetime(2026, 11, 25, tzinfo=UTC), other.id)
    assert event.campaign_id is None


def test_numbers_only_where_the_notice_declares_numbers_only(session: Session) -> None:
    scene = Scene(session, opens={"mode": "aggregate"}, clicks={"mode": "aggregate"})
    machine = scene.hit("open", client="script")
    assert scene.kept(scene.hit("open"), scene.hit("open"), machine, scene.hit()) == []
    scene.kept(scene.hit("open"))
    counts = session.scalars(select(HitCount).order_by(HitCount.kind, HitCount.actor)).all()
    assert [(c.kind, c.actor, c.link_id, c.hits) for c in counts] == [
        ("click", "human", scene.links[0].id, 1),
        ("open", "human", 0, 3),
        ("open", "machine", 0, 1),
    ]


def test_one_link_followed_without_end_does_not_fill_the_database(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hits, "MOST_HITS", 5)
    scene.kept(*(scene.hit() for _ in range(4)))
    assert len(scene.kept(*(scene.hit() for _ in range(4)))) == 5


def test_a_line_of_the_stream_is_read_as_it_was_written(scene: Scene) -> None:
    received = scene.hit(signals=frozenset({"head", "no_language"}), client="script")
    assert decode(received.encode()) == received
    opened = scene.hit("open")
    assert decode(opened.encode()) == opened


@given(st.text() | st.text(alphabet="0123456789,opencl ").map(lambda t: f"k,open,{t}"))
def test_any_line_is_read_or_refused(line: str) -> None:
    try:
        received = decode(line)
    except (ValueError, OverflowError, OSError):
        return
    assert received.hit.kind in ("open", "click")


def test_runs_of_messages_name_their_campaigns(session: Session) -> None:
    first, second = make_campaign(session, NOW), make_campaign(session, NOW)
    source_id = make_source(session, NOW).id
    people = [
        make_contact(session, NOW, email=f"n{i}@puutyo.example", source_id=source_id)
        for i in range(4)
    ]
    messages = [
        make_message(session, NOW, campaign=campaign, contact=contact)
        for campaign in (first, second)
        for contact in people
    ]
    ids = [message.id for message in messages]
    session.delete(messages[1])
    session.flush()
    assert campaigns_of(session, ids[0], ids[-1]) == [
        (ids[0], ids[0], first.id),
        (ids[2], ids[3], first.id),
        (ids[4], ids[7], second.id),
    ]


def test_a_link_has_one_destination(session: Session) -> None:
    link = make_link(session, make_campaign(session, NOW))
    assert destination(session, link.id) == (link.campaign_id, "https://esimerkki.example/0")
    assert destination(session, link.id + 1) is None
