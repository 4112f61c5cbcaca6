"""Rules on what people did and said: clicks that look like a person's, consents and bans."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign
from mailer.contacts import consents
from mailer.contacts.consents import Statement
from mailer.contacts.models import Contact, Source
from mailer.events.models import Event
from mailer.notice import profiles
from mailer.segments import build
from mailer.segments.rules import SegmentError
from mailer.sending.models import Message
from tests.segments.register import make_contact, make_source, publish_notice

_numbers = count(1)


@pytest.fixture
def source(session: Session, now: datetime) -> Source:
    publish_notice(session, now)
    return make_source(session, now)


def make_campaign(session: Session, now: datetime) -> Campaign:
    campaign = Campaign(name=f"Kirje {next(_numbers)}", created_at=now, updated_at=now)
    session.add(campaign)
    session.flush()
    return campaign


def make_message(
    session: Session, now: datetime, contact: Contact, campaign: Campaign, state: str = "delivered"
) -> Message:
    message = Message(
        campaign_id=campaign.id, contact_id=contact.id, state=state, created_at=now, sent_at=now
    )
    session.add(message)
    session.flush()
    return message


def click(session: Session, message: Message, at: datetime, actor: str = "human") -> None:
    session.add(
        Event(
            message_id=message.id,
            campaign_id=message.campaign_id,
            kind="click",
            at=at,
            actor=actor,
            dedupe_key=f"click-{next(_numbers)}",
        )
    )
    session.flush()


def ids(
    session: Session, now: datetime, field: str, comparison: str, value: Any = None
) -> set[int]:
    rule: dict[str, Any] = {"field": field, "is": comparison}
    return found(session, now, rule if value is None else {**rule, "value": value})


def found(session: Session, now: datetime, tree: Any) -> set[int]:
    ask = build.usual_ask(session, frozenset({"finance"}), now=now)
    return {row.contact_id for row in session.execute(build.audience(tree, ask))}


def test_clicks_are_refused_where_the_notice_declares_only_numbers(
    session: Session, now: datetime
) -> None:
    tracking = profiles.load("example")["tracking"]
    clicks = {**tracking["clicks"], "mode": "aggregate"}
    publish_notice(session, now, tracking={**tracking, "clicks": clicks})
    for field, comparison, value in (
        ("clicked", "never", None),
        ("clicked_in", "any_of", [1]),
        ("unclicked", "at_least", 3),
    ):
        with pytest.raises(SegmentError) as caught:
            ids(session, now, field, comparison, value)
        assert caught.value.code == "field_undeclared"


def test_only_clicks_that_look_like_a_persons_count(
    session: Session, now: datetime, source: Source
) -> None:
    person, gateway, doubtful, silent = (make_contact(session, source, now) for _ in range(4))
    campaign = make_campaign(session, now)
    for contact, actor in ((person, "human"), (gateway, "machine"), (doubtful, "unknown")):
        message = make_message(session, now, contact, campaign)
        click(session, message, now - timedelta(days=20), actor)
    others = {gateway.id, doubtful.id, silent.id}
    assert ids(session, now, "clicked", "within_days", 21) == {person.id}
    assert ids(session, now, "clicked", "within_days", 19) == set()
    assert ids(session, now, "clicked", "not_within_days", 19) == {person.id, *others}
    assert ids(session, now, "clicked", "not_within_days", 21) == others
    assert ids(session, now, "clicked", "never") == others


def test_clicks_of_a_campaign_are_told_from_those_of_another(
    session: Session, now: datetime, source: Source
) -> None:
    first, second = make_contact(session, source, now), make_contact(session, source, now)
    spring, autumn = make_campaign(session, now), make_campaign(session, now)
    click(session, make_message(session, now, first, spring), now)
    click(session, make_message(session, now, second, autumn), now)
    make_message(session, now, second, spring)
    assert ids(session, now, "clicked_in", "any_of", [spring.id]) == {first.id}
    assert ids(session, now, "clicked_in", "any_of", [spring.id, autumn.id]) == {
        first.id,
        second.id,
    }
    assert ids(session, now, "clicked_in", "none_of", [spring.id]) == {second.id}


def test_who_got_so_many_messages_and_never_clicked_is_found(
    session: Session, now: datetime, source: Source
) -> None:
    patient, clicker, newcomer = (make_contact(session, source, now) for _ in range(3))
    for _ in range(2):
        campaign = make_campaign(session, now)
        make_message(session, now, patient, campaign)
        message = make_message(session, now, clicker, campaign)
    click(session, message, now)
    make_message(session, now, newcomer, campaign)
    make_message(session, now, newcomer, make_campaign(session, now), "bounced")
    assert ids(session, now, "unclicked", "at_least", 2) == {patient.id}
    assert ids(session, now, "unclicked", "at_least", 1) == {patient.id, newcomer.id}
    unclicked = {"field": "unclicked", "is": "at_least", "value": 2}
    assert found(session, now, {"not": unclicked}) == {clicker.id, newcomer.id}


@pytest.mark.parametrize("event", ["objected", "withdrawn"])
def test_who_objected_to_recording_is_in_no_rule_on_clicks_nor_in_its_opposite(
    session: Session, now: datetime, source: Source, event: str
) -> None:
    objector = make_contact(session, source, now)
    campaign = make_campaign(session, now)
    click(session, make_message(session, now, objector, campaign), now)
    statement = Statement(objector.id, "email_tracking", event)
    consents.record(session, [statement], actor="staff", now=now)
    for rule in (
        {"field": "clicked", "is": "within_days", "value": 5},
        {"field": "clicked", "is": "not_within_days", "value": 5},
        {"field": "clicked", "is": "never"},
        {"field": "clicked_in", "is": "any_of", "value": [campaign.id]},
        {"field": "clicked_in", "is": "none_of", "value": [campaign.id]},
        {"field": "unclicked", "is": "at_least", "value": 1},
    ):
        assert found(session, now, rule) == set()
        assert found(session, now, {"not": rule}) == set()


def test_consents_and_bans_are_told_apart(session: Session, now: datetime, source: Source) -> None:
    given, forbidden, lifted, silent = (make_contact(session, source, now) for _ in range(4))
    said = [
        (given, "given"),
        (forbidden, "given"),
        (forbidden, "objected"),
        (lifted, "objected"),
        (lifted, "lifted"),
    ]
    for contact, event in said:
        statement = Statement(contact.id, "market_research", event)
        consents.record(session, [statement], actor="staff", now=now)
    assert ids(session, now, "consent", "given", ["market_research"]) == {given.id}
    assert ids(session, now, "consent", "forbidden", ["market_research"]) == {forbidden.id}
    assert ids(session, now, "consent", "unsaid", ["market_research"]) == {lifted.id, silent.id}
    assert ids(session, now, "consent", "unsaid", ["market_research", "events"]) == {
        lifted.id,
        silent.id,
    }
    assert ids(session, now, "consent", "given", ["disclosure"]) == set()
