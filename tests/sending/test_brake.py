"""The brake, over ledgers written by hand."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from mailer.campaigns import lifecycle
from mailer.campaigns.models import Campaign
from mailer.sending import brake

HOUR = timedelta(hours=1)


@pytest.fixture
def campaign(session: Session, now: datetime) -> Campaign:
    campaign = Campaign(
        name="Uutiskirje",
        state="sending",
        entity="esimerkki",
        created_at=now,
        updated_at=now,
        launched_at=now - HOUR,
    )
    session.add(campaign)
    session.flush()
    return campaign


def send(session: Session, campaign: Campaign, people: int, claimed_at: datetime) -> None:
    session.execute(
        text(
            "INSERT INTO messages (campaign_id, state, created_at, claimed_at, sent_at)"
            " SELECT :campaign, 'sent', :at, :at, :at FROM generate_series(1, :people)"
        ),
        {"campaign": campaign.id, "at": claimed_at, "people": people},
    )


def answer(session: Session, campaign: Campaign, kind: str, number: int, at: datetime) -> None:
    """Events of a kind for the newest messages."""
    session.execute(
        text(
            "INSERT INTO events (message_id, campaign_id, kind, at, dedupe_key)"
            " SELECT id, campaign_id, :kind, :at, :kind || id FROM messages"
            " WHERE campaign_id = :campaign ORDER BY id DESC LIMIT :number"
        ),
        {"campaign": campaign.id, "kind": kind, "number": number, "at": at},
    )


@pytest.mark.parametrize(
    ("accepted", "kind", "answers", "reason"),
    [
        (199, "hard_bounce", 100, None),  # too early for any rate
        (200, "hard_bounce", 10, None),  # 5 % is not more than 5 %
        (200, "hard_bounce", 11, "brake_bounces"),
        (2_000, "hard_bounce", 100, None),
        (2_000, "hard_bounce", 101, "brake_bounces"),
        (999, "complaint", 1, "brake_complaints"),
        (1_000, "complaint", 1, None),
        (2_999, "complaint", 3, "brake_complaints"),
        (199, "complaint", 5, None),
        (300, "listed", 200, None),  # Amazon's own list says nothing about this campaign
        (300, "soft_bounce", 200, None),
    ],
)
def test_a_campaign_over_a_limit_pauses_itself(
    session: Session,
    campaign: Campaign,
    now: datetime,
    accepted: int,
    kind: str,
    answers: int,
    reason: str | None,
) -> None:
    send(session, campaign, accepted, now - HOUR / 2)
    answer(session, campaign, kind, answers, now)
    assert brake.apply(session, now=now) == ([campaign.id] if reason else [])
    session.refresh(campaign)
    assert (campaign.state, campaign.pause_reason) == (
        ("paused", reason) if reason else ("sending", None)
    )


def test_whoever_goes_on_is_not_stopped_again_by_the_same_answers(
    session: Session, campaign: Campaign, now: datetime
) -> None:
    send(session, campaign, 300, now - HOUR / 2)
    answer(session, campaign, "hard_bounce", 30, now)
    assert brake.apply(session, now=now)
    assert lifecycle.resume(session, campaign.id, now=now, actor_id=None)
    # Nobody decided that, so the same answers still hold.
    assert brake.apply(session, now=now)
    assert lifecycle.resume(session, campaign.id, now=now, actor_id=make_user(session, now))
    assert not brake.apply(session, now=now)
    # What comes after the decision counts.
    send(session, campaign, 300, now + HOUR)
    answer(session, campaign, "hard_bounce", 30, now + HOUR)
    assert brake.apply(session, now=now + HOUR)


def test_two_events_of_one_message_count_once(
    session: Session, campaign: Campaign, now: datetime
) -> None:
    send(session, campaign, 300, now - HOUR / 2)
    answer(session, campaign, "hard_bounce", 10, now)
    session.execute(
        text(
            "INSERT INTO events (message_id, campaign_id, kind, at, dedupe_key)"
            " SELECT message_id, campaign_id, kind, at + interval '1 second', dedupe_key || 'b'"
            " FROM events"
        )
    )
    assert not brake.apply(session, now=now)


def test_only_campaigns_that_are_being_sent_are_braked(
    session: Session, campaign: Campaign, now: datetime
) -> None:
    send(session, campaign, 300, now - HOUR / 2)
    answer(session, campaign, "hard_bounce", 100, now)
    lifecycle.pause(session, campaign.id, reason="user", now=now)
    assert not brake.apply(session, now=now)
    session.refresh(campaign)
    assert campaign.pause_reason == "user"


def make_user(session: Session, now: datetime) -> int:
    return session.execute(
        text(
            "INSERT INTO users (user_name, name, email, roles, reason, created_at,"
            " must_change_password, password_hash)"
            " VALUES ('maija', 'Maija', 'maija@esimerkki.example', '{marketer}', 't', :now,"
            " false, '') RETURNING id"
        ),
        {"now": now},
    ).scalar_one()
