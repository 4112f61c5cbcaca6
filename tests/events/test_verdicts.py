"""Verdicts are written with their reasons and corrected by what comes later."""

import random
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.config import Settings
from mailer.contacts.models import Contact, Suppression
from mailer.events import hits, jobs, marks, rejudging, report_tables, reports
from mailer.events.hits import record
from mailer.events.links import Received, new_key
from mailer.events.marks import HitMark
from mailer.events.models import Event, HitCount
from mailer.events.patterns import Hit
from mailer.events.rules import CROWD_MESSAGES, RULESET
from mailer.sending.models import Message
from mailer.web import contact_history
from tests.events.register import (
    make_campaign,
    make_contact,
    make_link,
    make_message,
    make_source,
    publish,
)

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
DESK = {"network": "00office", "agent": "00chrome"}
GATEWAY = {"network": "0cloud00", "agent": "0chrome0"}


class Mailing:
    """One campaign with four links to some people of one company, delivered at NOW."""

    def __init__(self, session: Session, *, people: int = 1, **tracking: dict[str, str]) -> None:
        publish(session, NOW - timedelta(days=1), **tracking)
        self.session = session
        self.campaign = make_campaign(session, NOW)
        self.links = [make_link(session, self.campaign, position) for position in range(4)]
        self.source_id = make_source(session, NOW).id
        self.messages = [self.message(f"n{i}@puutyo.example") for i in range(people)]

    def message(self, email: str, **values: Any) -> Message:
        contact = make_contact(
            self.session, NOW, email=email, source_id=self.source_id, last_name=email
        )
        return make_message(
            self.session,
            NOW,
            campaign=self.campaign,
            contact=contact,
            **({"delivered_at": NOW} | values),
        )

    def click(
        self, seconds: float, *, link: int | None = 0, message: Message | None = None, **values: Any
    ) -> Received:
        link_id = None if link is None else self.links[link].id
        at = NOW + timedelta(seconds=seconds)
        hit = Hit(new_key(), "click", at, link_id, **values)
        return Received((message or self.messages[0]).id, hit)

    def sweep(self, seconds: float, **values: Any) -> list[Received]:
        return [self.click(seconds + n / 5, link=n, **values) for n in range(4)]

    def keep(self, *received: Received) -> list[Event]:
        record(self.session, received, now=LATER)
        self.session.expire_all()
        return list(self.session.scalars(select(Event).order_by(Event.at, Event.id)))

    def actors(self, *received: Received) -> list[str]:
        return [event.actor for event in self.keep(*received)]


@pytest.fixture
def mailing(session: Session) -> Mailing:
    return Mailing(session)


def test_a_verdict_says_why_and_by_which_rules(mailing: Mailing) -> None:
    events = mailing.keep(*mailing.sweep(43))
    assert {event.actor for event in events} == {"machine"}
    assert all(event.reasons[0] == "sweep" for event in events)
    assert {event.ruleset_version for event in events} == {RULESET}


def test_whatever_order_hits_come_in_the_verdicts_are_the_same(session: Session) -> None:
    order = random.Random(7)
    mailing = Mailing(session, people=4)
    for message in mailing.messages:
        received = [
            *mailing.sweep(43, message=message, **GATEWAY),
            mailing.click(44, link=None, message=message, **GATEWAY),
            mailing.click(47, message=message, **DESK),
            mailing.click(300, link=1, message=message, **DESK),
            mailing.click(5, message=message),
        ]
        order.shuffle(received)
        while received:
            record(session, [received.pop() for _ in range(min(3, len(received)))], now=LATER)
    session.expire_all()
    found = {
        tuple(
            (event.actor, tuple(event.reasons))
            for event in session.scalars(
                select(Event)
                .where(Event.message_id == message.id)
                .order_by(Event.at, Event.link_id)
            )
        )
        for message in mailing.messages
    }
    assert len(found) == 1
    [verdicts] = found
    assert [actor for actor, _reasons in verdicts].count("machine") == 5


def test_a_person_after_the_gateway_counts(mailing: Mailing) -> None:
    person = mailing.click(300, link=2, **DESK)
    assert mailing.actors(*mailing.sweep(43, **GATEWAY), person) == ["machine"] * 4 + ["human"]
    assert reports.funnel(mailing.session, mailing.campaign.id)["clicked"] == 1


def test_hits_before_anybody_knows_of_the_message_being_sent_are_kept(mailing: Mailing) -> None:
    message = mailing.message("varhain@puutyo.example", delivered_at=None, state="sending")
    assert mailing.actors(mailing.click(300, message=message)) == ["human"]


def test_a_hit_long_before_delivery_is_a_matter_of_clocks(mailing: Mailing) -> None:
    assert mailing.actors(mailing.click(-7200)) == ["human"]
    assert mailing.actors(mailing.click(-20)) == ["human", "machine"]


def test_the_unseen_link_is_kept_as_a_click_on_no_link(mailing: Mailing) -> None:
    events = mailing.keep(
        mailing.click(60, **GATEWAY), mailing.click(70, link=None, **GATEWAY), mailing.click(200)
    )
    assert [(e.actor, e.link_id is None) for e in events] == [
        ("machine", False),
        ("machine", True),
        ("human", False),
    ]
    assert events[1].reasons == ["trap"]
    lines = report_tables.link_lines(mailing.session, mailing.campaign.id)
    assert sum(line.machine_clicks for line in lines) == 1


def test_where_numbers_only_are_declared_the_unseen_link_counts_a_machine(
    session: Session,
) -> None:
    mailing = Mailing(session, opens={"mode": "aggregate"}, clicks={"mode": "aggregate"})
    assert mailing.keep(mailing.click(60, link=None), mailing.click(300)) == []
    counts = session.execute(select(HitCount.actor, HitCount.link_id, HitCount.hits))
    assert set(counts.all()) == {("machine", 0, 1), ("human", mailing.links[0].id, 1)}
    assert session.scalar(select(func.count()).select_from(HitMark)) == 0


# Origins


def test_of_an_origin_is_kept_what_cannot_be_compared_between_messages(session: Session) -> None:
    mailing = Mailing(session, people=2)
    first, second = mailing.messages
    events = mailing.keep(
        mailing.click(100, message=first, **DESK),
        mailing.click(200, message=first, **DESK),
        mailing.click(300, message=second, **DESK),
        mailing.click(400, message=second),
    )
    networks = [event.details.get("network") for event in events]
    assert networks[0] == networks[1]
    assert len({*networks, DESK["network"]}) == 4
    assert "network" not in events[3].details


def test_one_client_at_many_people_of_a_company_is_a_machine(session: Session) -> None:
    mailing = Mailing(session, people=CROWD_MESSAGES)
    *others, last = [
        mailing.click(120 + n, message=message, **GATEWAY)
        for n, message in enumerate(mailing.messages)
    ]
    assert mailing.actors(*others) == ["human"] * (CROWD_MESSAGES - 1)
    # The last one, in another batch, shows what the first ones were.
    events = mailing.keep(last)
    assert [event.actor for event in events] == ["machine"] * CROWD_MESSAGES
    assert all(event.reasons == ["crowd"] for event in events)


@pytest.mark.parametrize(
    "what",
    [
        {"seconds": 60},
        {"client": "image_proxy", "kind": "open"},
        {"network": ""},
    ],
)
def test_what_may_be_many_people_is_no_crowd(session: Session, what: dict[str, Any]) -> None:
    mailing = Mailing(session, people=CROWD_MESSAGES)
    apart = what.get("seconds", 1)
    received = [
        Received(
            message.id,
            Hit(
                new_key(),
                what.get("kind", "click"),
                NOW + timedelta(seconds=120 + n * apart),
                mailing.links[0].id if what.get("kind", "click") == "click" else None,
                what.get("client", "browser"),
                network=what.get("network", "0office0"),
                agent="0chrome0",
            ),
        )
        for n, message in enumerate(mailing.messages)
    ]
    assert set(mailing.actors(*received)) == {"human"}


def test_a_client_at_people_of_many_companies_is_no_crowd(session: Session) -> None:
    mailing = Mailing(session)
    received = [
        mailing.click(120 + n, message=mailing.message(f"a@yritys{n}.example"), **DESK)
        for n in range(CROWD_MESSAGES)
    ]
    assert set(mailing.actors(*received)) == {"human"}


def test_marks_are_forgotten_after_a_day_and_what_they_proved_is_not(session: Session) -> None:
    mailing = Mailing(session, people=CROWD_MESSAGES)
    mailing.keep(*(mailing.click(120, message=m, **GATEWAY) for m in mailing.messages))
    assert marks.forget(session, now=NOW + timedelta(hours=20)) == 0
    assert marks.forget(session, now=NOW + timedelta(days=1, minutes=3)) == CROWD_MESSAGES
    rejudging.of_campaign(session, mailing.campaign.id)
    session.expire_all()
    assert set(session.scalars(select(Event.actor))) == {"machine"}


# Floods


def test_a_person_after_a_flood_is_still_seen(
    mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hits, "MOST_HITS", 20)
    monkeypatch.setattr(hits, "MOST_HITS_EVER", 40)
    flood = [mailing.click(60 + n / 10, **GATEWAY) for n in range(100)]
    assert set(mailing.actors(*flood)) == {"machine"}
    assert len(mailing.keep(*(mailing.click(90 + n, **GATEWAY) for n in range(100)))) == 20
    events = mailing.keep(mailing.click(4000, **DESK))
    assert (len(events), events[-1].actor) == (21, "human")


def test_a_flood_of_ever_new_clients_ends_too(
    mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hits, "MOST_HITS", 20)
    monkeypatch.setattr(hits, "MOST_HITS_EVER", 40)
    flood = [mailing.click(60 + n, network=f"{n:08}", agent="0") for n in range(100)]
    assert len(mailing.keep(*flood[:50])) == 40
    assert len(mailing.keep(*flood[50:])) == 40


# At once


def test_what_two_workers_see_at_once_is_judged_together(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        mailing = Mailing(session)
        click = mailing.click(300, **GATEWAY)
        trap = mailing.click(310, link=None, **GATEWAY)

    def record_trap() -> None:
        with sessions.begin() as session:
            record(session, [trap], now=LATER)

    other = Thread(target=record_trap, daemon=True)
    with sessions.begin() as session:
        record(session, [click], now=LATER)
        other.start()
        other.join(1)
    other.join(120)
    with sessions() as session:
        assert list(session.scalars(select(Event.actor))) == ["machine"] * 2


# New rules


@pytest.fixture
def judged_of_old(session: Session) -> Mailing:
    mailing = Mailing(session, people=3)
    mailing.keep(*(mailing.click(300 + n, message=m) for n, m in enumerate(mailing.messages)))
    mailing.keep(*mailing.sweep(43))
    session.execute(update(Event).values(actor="unknown", reasons=["old"], ruleset_version=1))
    return mailing


def verdicts(session: Session) -> list[tuple[str, int | None]]:
    session.expire_all()
    rows = session.execute(
        select(Event.actor, Event.ruleset_version).order_by(Event.at, Event.id)
    ).all()
    return [(actor, version) for actor, version in rows]


def test_hits_that_older_rules_judged_are_judged_anew(judged_of_old: Mailing) -> None:
    session = judged_of_old.session
    raw = session.execute(select(Event.id, Event.at, Event.details).order_by(Event.id)).all()
    step = rejudging.go_on(session, now=LATER)
    assert step is not None
    assert (step.judged, step.done) == (3, True)
    assert verdicts(session) == [("machine", RULESET)] * 4 + [("human", RULESET)] * 3
    assert rejudging.go_on(session, now=LATER) is None
    after = session.execute(select(Event.id, Event.at, Event.details).order_by(Event.id)).all()
    assert after == raw


def test_judging_anew_goes_on_where_it_stopped(judged_of_old: Mailing) -> None:
    session = judged_of_old.session
    steps = []
    while (step := rejudging.go_on(session, now=LATER, stretch=1)) is not None:
        steps.append(step.judged)
        assert len(steps) < 10
    assert sum(steps) == 3
    assert len(steps) > 1
    assert {version for _actor, version in verdicts(session)} == {RULESET}


def test_judging_can_be_begun_again(judged_of_old: Mailing) -> None:
    session = judged_of_old.session
    rejudging.go_on(session, now=LATER)
    session.execute(update(Event).values(actor="human"))
    rejudging.begin(session, now=LATER)
    rejudging.go_on(session, now=LATER)
    assert verdicts(session)[0] == ("machine", RULESET)


@pytest.fixture
def installed(connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis) -> int:
    installation.use(
        installation.Installation(connected_settings, sessions.kw["bind"], sessions, redis)
    )
    with sessions.begin() as session:
        mailing = Mailing(session)
        mailing.keep(*mailing.sweep(43))
        session.execute(update(Event).values(actor="human", ruleset_version=1))
        return mailing.campaign.id


def test_the_job_judges_by_new_rules(installed: int, sessions: sessionmaker[Session]) -> None:
    jobs.judge_anew()
    jobs.judge_anew()
    with sessions() as session:
        assert reports.funnel(session, installed)["clicked"] == 0
        assert set(session.scalars(select(Event.actor))) == {"machine"}


# What counts


def test_a_machine_clicks_no_person_into_a_report_and_opts_nobody_out(session: Session) -> None:
    mailing = Mailing(session, people=2)
    clicked, swept = mailing.messages
    mailing.keep(
        *mailing.sweep(43, message=swept, **GATEWAY),
        mailing.click(45, link=None, message=swept, **GATEWAY),
        mailing.click(400, message=clicked, **DESK),
    )
    funnel = reports.funnel(session, mailing.campaign.id)
    assert (funnel["clicked"], funnel["machine_clicks"], funnel["opted_out"]) == (1, 5, 0)
    assert session.scalar(select(func.count()).select_from(Suppression)) == 0
    lines = report_tables.link_lines(session, mailing.campaign.id)
    assert sum(line.people for line in lines) == 1
    hours = report_tables.timeline(session, mailing.campaign.id, begins=NOW)
    assert sum(hour.clicks for hour in hours) == 1
    shown = {
        message.id: [
            moment.text
            for moment in contact_history.timeline(session, contact_of(session, message))
            if "link" in moment.text.lower()
        ]
        for message in mailing.messages
    }
    assert shown[swept.id] == []
    assert len(shown[clicked.id]) == 1


def contact_of(session: Session, message: Message) -> Contact:
    return session.get_one(Contact, message.contact_id)
