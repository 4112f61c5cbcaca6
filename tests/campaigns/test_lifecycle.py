"""A campaign moves along the table only, once, and leaves a trace."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from mailer.audit import AuditEntry
from mailer.campaigns import lifecycle
from mailer.campaigns.lifecycle import TRANSITIONS
from mailer.campaigns.models import STATES, Campaign
from mailer.db import transaction


def make_campaign(session: Session, now: datetime, state: str = "draft") -> int:
    campaign = Campaign(name="Uutiskirje", state=state, created_at=now, updated_at=now)
    session.add(campaign)
    session.flush()
    return campaign.id


def state_of(session: Session, campaign_id: int) -> Campaign:
    return session.execute(
        select(Campaign).where(Campaign.id == campaign_id).execution_options(populate_existing=True)
    ).scalar_one()


def test_the_table_names_every_state_and_no_other() -> None:
    assert set(TRANSITIONS) == set(STATES) == set(lifecycle.LABELS)
    assert {to for ends in TRANSITIONS.values() for to in ends} <= set(STATES)


@pytest.mark.parametrize("start", STATES)
@pytest.mark.parametrize("to", STATES)
def test_only_the_moves_of_the_table_are_made(
    session: Session, now: datetime, start: str, to: str
) -> None:
    campaign_id = make_campaign(session, now, start)
    allowed = to in TRANSITIONS[start]
    assert lifecycle.move(session, campaign_id, to=to, now=now) is allowed
    campaign = state_of(session, campaign_id)
    assert campaign.state == (to if allowed else start)
    assert campaign.version == (2 if allowed else 1)


def test_a_state_that_does_not_exist_is_a_mistake(session: Session, now: datetime) -> None:
    with pytest.raises(KeyError):
        lifecycle.move(session, make_campaign(session, now), to="flying", now=now)


def test_a_campaign_that_is_not_there_does_not_move(session: Session, now: datetime) -> None:
    assert not lifecycle.move(session, 10**12, to="scheduled", now=now)


def test_sending_now_begins_the_hold_and_sending_later_waits(
    session: Session, now: datetime
) -> None:
    for wait, state in ((timedelta(0), "starting"), (timedelta(hours=1), "scheduled")):
        campaign_id = make_campaign(session, now)
        assert lifecycle.schedule(
            session, campaign_id, starts_at=now + wait, now=now, actor_id=1, content_hash="h"
        )
        campaign = state_of(session, campaign_id)
        assert (campaign.state, campaign.starts_at) == (state, now + wait)


def test_a_moment_that_has_passed_is_now(session: Session, now: datetime) -> None:
    campaign_id = make_campaign(session, now)
    past = now - timedelta(days=1)
    lifecycle.schedule(session, campaign_id, starts_at=past, now=now, actor_id=1, content_hash="h")
    assert state_of(session, campaign_id).starts_at == now


@pytest.mark.parametrize("state", STATES)
def test_only_what_has_not_begun_can_be_cancelled(
    session: Session, now: datetime, state: str
) -> None:
    campaign_id = make_campaign(session, now, state)
    cancelled = lifecycle.cancel(session, campaign_id, now=now, actor_id=1)
    assert cancelled is (state in ("scheduled", "starting"))
    assert (state_of(session, campaign_id).state == "draft") is (cancelled or state == "draft")


def test_a_pause_keeps_its_reason_and_resuming_forgets_it(session: Session, now: datetime) -> None:
    paused = make_campaign(session, now, "sending")
    other = make_campaign(session, now, "sending")
    assert lifecycle.pause(session, paused, reason="daily_quota", now=now)
    assert lifecycle.pause(session, other, reason="user", now=now)
    assert not lifecycle.pause(session, other, reason="daily_quota", now=now)
    assert state_of(session, paused).pause_reason == "daily_quota"
    assert lifecycle.resume_paused(session, reason="daily_quota", now=now) == [paused]
    assert state_of(session, paused).pause_reason is None
    assert state_of(session, other).state == "paused"


def test_a_failed_launch_says_why_and_can_be_mended(session: Session, now: datetime) -> None:
    campaign_id = make_campaign(session, now, "starting")
    assert lifecycle.fail(session, campaign_id, reason="no_content", now=now)
    assert state_of(session, campaign_id).pause_reason == "no_content"
    assert lifecycle.reopen(session, campaign_id, now=now, actor_id=1)
    campaign = state_of(session, campaign_id)
    assert (campaign.state, campaign.pause_reason) == ("draft", None)


def test_of_two_who_move_a_campaign_at_once_one_does(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    with transaction(sessions) as session:
        campaign_id = make_campaign(session, now, "starting")
    with transaction(sessions) as first:
        assert lifecycle.move(first, campaign_id, to="sending", now=now)
    with transaction(sessions) as second:
        assert not lifecycle.cancel(second, campaign_id, now=now, actor_id=1)
    with sessions() as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
        assert actions == ["campaign.sending"]


def test_every_move_is_in_the_audit_log_with_who_did_it(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    with transaction(sessions) as session:
        campaign_id = make_campaign(session, now)
        lifecycle.schedule(
            session, campaign_id, starts_at=now, now=now, actor_id=7, content_hash="h"
        )
    with transaction(sessions) as session:
        session.execute(update(Campaign).values(state="sending"))
        lifecycle.pause(session, campaign_id, reason="user", now=now, actor_id=8)
    with sessions() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        assert [(e.action, e.actor_id, e.details) for e in entries] == [
            ("campaign.scheduled", 7, {"from": "draft"}),
            ("campaign.starting", 7, {"from": "scheduled"}),
            ("campaign.paused", 8, {"from": "sending", "reason": "user"}),
        ]
        assert session.scalar(select(func.count()).select_from(Campaign)) == 1
