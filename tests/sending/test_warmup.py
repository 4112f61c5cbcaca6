"""The warm-up of a new domain: up after a good day, held after a bad one, over at the end."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from mailer.accounts.models import User
from mailer.adapters import ses_account
from mailer.adapters.ses_account import Account, Identity
from mailer.campaigns.models import Campaign, SenderDomain
from mailer.config import Settings
from mailer.events.models import Event
from mailer.installation import Installation
from mailer.sending import pacing, warmup
from mailer.sending.models import Message
from mailer.sending.warmup import COMPLAINTS_PER, TABLE, Outcome, coming, trouble
from tests.segments.register import publish_notice

DOMAIN = "uusi.example"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def domain(session: Session) -> SenderDomain:
    found = SenderDomain(domain=DOMAIN, verified=True, warming=True)
    session.add(found)
    session.flush()
    return found


@pytest.fixture
def campaign(session: Session, now: datetime) -> Campaign:
    found = Campaign(
        name="Uutiskirje",
        state="sending",
        sender_address=f"uutiset@{DOMAIN}",
        created_at=now,
        updated_at=now,
    )
    session.add(found)
    session.flush()
    return found


def send(
    session: Session,
    campaign: Campaign,
    number: int,
    *,
    now: datetime,
    bounced: int = 0,
    complained: int = 0,
    listed: int = 0,
) -> None:
    """So many accepted messages at a moment, some of which came to grief."""
    messages = [
        Message(campaign_id=campaign.id, state="sent", created_at=now, claimed_at=now, sent_at=now)
        for _ in range(number)
    ]
    session.add_all(messages)
    session.flush()
    kinds = ["hard_bounce"] * bounced + ["complaint"] * complained + ["listed"] * listed
    session.add_all(
        Event(
            message_id=message.id,
            campaign_id=campaign.id,
            kind=kind,
            at=now,
            dedupe_key=f"{kind}-{message.id}",
        )
        for message, kind in zip(messages, kinds, strict=False)
    )
    session.flush()


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome(200, 6, 0), None),
        (Outcome(200, 7, 0), "bounces"),
        (Outcome(99, 99, 0), None),  # too few to say anything
        (Outcome(100, 4, 0), "bounces"),
        (Outcome(200, 0, 1), None),  # one person says nothing of a few hundred
        (Outcome(200, 0, 2), "complaints"),
        (Outcome(1_250, 0, 1), None),
        (Outcome(2_499, 0, 2), "complaints"),
        (Outcome(2_500, 0, 2), None),
        (Outcome(0, 0, 0), None),
    ],
)
def test_a_day_is_bad_past_three_percent_bounces_or_eight_complaints_in_ten_thousand(
    outcome: Outcome, reason: str | None
) -> None:
    assert trouble(outcome) == reason


@given(
    accepted=st.integers(0, 10**6), bounced=st.integers(0, 10**5), complained=st.integers(0, 10**4)
)
def test_a_worse_day_is_never_a_better_one(accepted: int, bounced: int, complained: int) -> None:
    outcome = Outcome(accepted, bounced, complained)
    if trouble(outcome) is not None:
        assert trouble(replace(outcome, bounced=bounced + 1)) is not None
        assert trouble(replace(outcome, complained=complained + 1)) is not None
    assert COMPLAINTS_PER == 10_000 / 8


def test_the_table_grows_and_a_held_day_comes_again() -> None:
    assert list(TABLE) == sorted(TABLE)
    assert coming(0, held=False) == TABLE
    assert coming(2, held=True)[:3] == (TABLE[2], TABLE[2], TABLE[3])
    assert coming(len(TABLE), held=True) == ()


def test_a_domain_without_warm_up_has_no_figures(session: Session, domain: SenderDomain) -> None:
    domain.warming = False
    assert warmup.figures(session, DOMAIN) is None
    assert warmup.figures(session, "nobody.example") is None


def test_a_new_domain_begins_with_the_first_line(session: Session, now: datetime) -> None:
    assert warmup.figures(session, DOMAIN) == TABLE
    assert warmup.turn(session, now=now) == [DOMAIN]
    assert warmup.turn(session, now=now) == []
    assert warmup.figures(session, DOMAIN) == TABLE


def test_a_good_day_is_followed_by_the_next_line_and_a_free_day_by_the_same(
    session: Session, campaign: Campaign, now: datetime
) -> None:
    warmup.turn(session, now=now)
    send(session, campaign, 3, now=now)
    warmup.turn(session, now=now + DAY)
    assert warmup.figures(session, DOMAIN) == TABLE[1:]
    for later in (2, 3, 4):
        warmup.turn(session, now=now + later * DAY)
    assert warmup.figures(session, DOMAIN) == TABLE[1:]
    days = warmup.of(session, DOMAIN).days
    assert [(day.day, day.most) for day in days] == [
        (date(2026, 11, 28), TABLE[1]),
        (date(2026, 11, 24), TABLE[0]),
    ]
    assert days[1].outcome == Outcome(3, 0, 0)


@pytest.mark.parametrize(
    ("grief", "reason"), [({"bounced": 4}, "bounces"), ({"complained": 2}, "complaints")]
)
def test_a_bad_day_is_followed_by_the_same_line_until_one_goes_well(
    session: Session, campaign: Campaign, now: datetime, grief: dict[str, int], reason: str
) -> None:
    warmup.turn(session, now=now)
    send(session, campaign, 100, now=now, **grief)
    assert warmup.turn(session, now=now) == [DOMAIN]
    assert warmup.figures(session, DOMAIN) == (TABLE[0], *TABLE)
    warmup.turn(session, now=now + DAY)
    assert warmup.figures(session, DOMAIN) == TABLE
    assert [day.held for day in warmup.of(session, DOMAIN).days] == [None, reason]
    send(session, campaign, 100, now=now + DAY)
    warmup.turn(session, now=now + 2 * DAY)
    assert warmup.figures(session, DOMAIN) == TABLE[1:]


def test_grief_that_comes_late_holds_the_day_it_belongs_to(
    session: Session, campaign: Campaign, now: datetime
) -> None:
    warmup.turn(session, now=now)
    send(session, campaign, 100, now=now, bounced=4)
    # Nothing looked at it before the day was over.
    warmup.turn(session, now=now + DAY)
    assert warmup.figures(session, DOMAIN) == TABLE


def test_echoes_of_sess_own_list_do_not_hold(
    session: Session, campaign: Campaign, now: datetime
) -> None:
    warmup.turn(session, now=now)
    send(session, campaign, 100, now=now, listed=50)
    warmup.turn(session, now=now + DAY)
    assert warmup.figures(session, DOMAIN) == TABLE[1:]


def test_the_warm_up_ends_by_itself_after_its_last_line(
    session: Session, campaign: Campaign, domain: SenderDomain, now: datetime
) -> None:
    for day in range(len(TABLE)):
        warmup.turn(session, now=now + day * DAY)
        send(session, campaign, 1, now=now + day * DAY)
        assert domain.warming
    assert warmup.turn(session, now=now + len(TABLE) * DAY) == [DOMAIN]
    assert not domain.warming
    assert warmup.figures(session, DOMAIN) is None


def test_another_domains_mail_is_not_counted(
    session: Session, campaign: Campaign, now: datetime
) -> None:
    campaign.sender_address = f"uutiset@not{DOMAIN}"
    session.flush()
    warmup.turn(session, now=now)
    send(session, campaign, 3, now=now)
    warmup.turn(session, now=now + DAY)
    assert warmup.figures(session, DOMAIN) == TABLE


def test_a_day_begins_at_midnight_in_helsinki(
    session: Session, campaign: Campaign, now: datetime
) -> None:
    before_midnight = now.replace(hour=21, minute=59)
    warmup.turn(session, now=before_midnight)
    send(session, campaign, 3, now=before_midnight)
    warmup.turn(session, now=before_midnight + timedelta(minutes=1))
    assert warmup.figures(session, DOMAIN) == TABLE[1:]
    send(session, campaign, 5, now=before_midnight + timedelta(minutes=1))
    outcomes = [day.outcome.accepted for day in warmup.of(session, DOMAIN).days]
    assert outcomes == [5, 3]


def test_a_person_may_end_a_warm_up_and_begin_it_again(
    session: Session, domain: SenderDomain, now: datetime, someone: int
) -> None:
    warmup.turn(session, now=now)
    assert warmup.end(session, DOMAIN, now=now, actor_id=someone)
    assert not warmup.end(session, DOMAIN, now=now, actor_id=someone)
    session.refresh(domain)
    assert warmup.figures(session, DOMAIN) is None
    assert warmup.begin(session, DOMAIN, now=now, actor_id=someone)
    session.refresh(domain)
    assert warmup.figures(session, DOMAIN) == TABLE
    assert not warmup.begin(session, "nobody.example", now=now, actor_id=someone)


@pytest.fixture
def someone(session: Session, now: datetime) -> int:
    user = User(
        user_name="maija",
        email="maija@esimerkki.example",
        name="Maija Esimerkki",
        roles=["marketer"],
        password_hash="",
        created_at=now,
    )
    session.add(user)
    session.flush()
    return user.id


@pytest.mark.parametrize("stand_in", [True, False])
def test_a_domain_seen_for_the_first_time_is_warmed_up_where_mail_is_real(
    sessions: sessionmaker[Session],
    connected_settings: Settings,
    redis: Redis,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    stand_in: bool,
) -> None:
    monkeypatch.setattr(
        ses_account, "account", lambda _: Account(14.0, 50_000.0, 7.0, True, True, "HEALTHY")
    )
    monkeypatch.setattr(
        ses_account, "identity", lambda *_: Identity(verified=True, dkim="SUCCESS", mail_from="x")
    )
    endpoint = "http://127.0.0.1:1" if stand_in else None
    settings = replace(connected_settings, ses_endpoint_url=endpoint)
    assert settings.stand_in is stand_in
    here = Installation(settings, sessions.kw["bind"], sessions, redis)
    with sessions() as session:
        publish_notice(session, now)
        assert pacing.refresh(session, here, now=now)
        known = session.get_one(SenderDomain, "esimerkki.example")
        assert known.warming is not stand_in
        known.warming = False
        session.flush()
        # Whoever ended it does not find it begun again a minute later.
        assert pacing.refresh(session, here, now=now)
        session.refresh(known)
        assert not known.warming
