"""Notifications are stored once, applied in batches, and none holds up the rest."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from mailer.adapters import sns
from mailer.db import transaction
from mailer.events import applying, intake
from mailer.events.models import Event, RawNotification
from mailer.sending.models import Message
from tests.events.register import (
    TOPIC,
    envelope,
    make_campaign,
    make_contact,
    make_message,
    ses_event,
    store,
)

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make_envelope(message: str, *, kind: str = "Notification", sns_id: str = "a") -> sns.Envelope:
    return sns.Envelope(kind, sns_id, TOPIC, message, "")


def state_of(session: Session, raw: RawNotification) -> str:
    session.expire(raw)
    return raw.state


def test_a_notification_is_stored_once(session: Session) -> None:
    for expected in (True, False):
        stored = intake.store(session, make_envelope("{}"), "{}", now=NOW)
        assert stored is expected
    assert len(session.scalars(select(RawNotification)).all()) == 1


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Successfully validated SNS topic for Amazon SES event publishing.", "Notification"),
        ("You have chosen to deactivate your subscription", "UnsubscribeConfirmation"),
    ],
)
def test_what_needs_no_applying_is_kept_and_ignored(
    session: Session, message: str, kind: str
) -> None:
    assert intake.store(session, make_envelope(message, kind=kind), "{}", now=NOW)
    assert session.scalars(select(RawNotification.state)).one() == "ignored"


def test_a_notification_is_applied_and_its_state_noted(session: Session) -> None:
    message = make_message(session, NOW)
    raw = store(session, ses_event("Delivery", message.id, NOW), NOW)

    batch = intake.apply_batch(session, now=NOW)

    assert batch.applied == [raw.id]
    assert state_of(session, raw) == "applied"
    session.expire(message)
    assert message.state == "delivered"


def test_an_unreadable_one_is_ignored_and_the_next_one_applied(session: Session) -> None:
    message = make_message(session, NOW)
    bad = [
        store(session, "hello", NOW, sns_id="bad1"),
        store(session, "{}", NOW, sns_id="bad2"),
        store(session, "", NOW, sns_id="bad3", body="no JSON at all"),
        store(session, ses_event("SomethingNew", message.id, NOW), NOW),
    ]
    good = store(session, ses_event("Delivery", message.id, NOW), NOW)

    intake.apply_batch(session, now=NOW)

    assert [state_of(session, raw) for raw in bad] == ["ignored"] * 4
    assert state_of(session, good) == "applied"


def test_a_poisoned_one_does_not_hold_up_the_rest(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = make_message(session, NOW)
    poisoned = store(session, ses_event("Reject", message.id, NOW), NOW)
    good = store(session, ses_event("Delivery", message.id, NOW), NOW)
    original: Callable[..., Any] = applying.apply

    def apply(session: Session, arrivals: Any, *, now: datetime) -> Any:
        if any(arrival.raw_id == poisoned.id for arrival in arrivals):
            session.execute(text("SELECT 1/0"))
        return original(session, arrivals, now=now)

    monkeypatch.setattr(applying, "apply", apply)

    batch = intake.apply_batch(session, now=NOW)

    assert (batch.failed, batch.applied) == ([poisoned.id], [good.id])
    assert (state_of(session, poisoned), poisoned.tries) == ("new", 1)
    assert state_of(session, good) == "applied"

    moment = NOW
    for _ in range(4):
        moment += timedelta(minutes=1)
        intake.apply_batch(session, now=moment)
    assert state_of(session, poisoned) == "waiting"
    intake.apply_batch(session, now=NOW + 49 * HOUR)
    assert state_of(session, poisoned) == "ignored"


def test_an_event_before_its_message_waits_longer_and_longer_and_is_applied_when_it_comes(
    session: Session,
) -> None:
    message = make_message(session, NOW)
    session.execute(text("SELECT setval(pg_get_serial_sequence('messages', 'id'), 1000000)"))
    raw = store(session, ses_event("Send", message.id + 1_000_000, NOW), NOW)

    tries = []
    for seconds in (0, 1, 2, 3, 4, 10, 100, 101, 10_000):
        batch = intake.apply_batch(session, now=NOW + timedelta(seconds=seconds))
        tries.append(len(batch.unknown))
    assert tries == [1, 1, 1, 0, 1, 1, 1, 1, 1]
    assert state_of(session, raw) == "waiting"

    session.add(
        Message(
            id=message.id + 1_000_000,
            campaign_id=message.campaign_id,
            state="uncertain",
            created_at=NOW,
        )
    )
    session.flush()
    intake.apply_batch(session, now=NOW + 5 * HOUR)
    assert state_of(session, raw) == "applied"


def test_an_event_of_a_message_that_never_comes_is_given_up_after_two_days(
    session: Session,
) -> None:
    raw = store(session, ses_event("Send", 999_999, NOW), NOW)
    for hours in (0, 24, 47):
        intake.apply_batch(session, now=NOW + hours * HOUR)
        assert state_of(session, raw) == "waiting"
    intake.apply_batch(session, now=NOW + 49 * HOUR)
    assert state_of(session, raw) == "ignored"


def test_a_subscription_to_confirm_is_handed_out_and_not_applied(session: Session) -> None:
    body = envelope(
        "You have chosen", kind="SubscriptionConfirmation", Token="tok", SubscribeURL="https://x"
    )
    raw = store(session, "", NOW, body=body)

    [confirmation] = intake.apply_batch(session, now=NOW).confirmations

    assert confirmation == intake.Confirmation(raw.id, TOPIC, "tok")
    intake.settle_confirmation(session, confirmation, outcome="applied")
    assert state_of(session, raw) == "applied"


def test_raw_notifications_are_deleted_after_thirty_days(session: Session) -> None:
    old = store(session, "{}", NOW, received_at=NOW - timedelta(days=30, seconds=1), sns_id="o")
    new = store(session, "{}", NOW, received_at=NOW - timedelta(days=29), sns_id="n")
    assert intake.delete_old(session, now=NOW) == 1
    left = session.scalars(select(RawNotification.id)).all()
    assert (old.id in left, new.id in left) == (False, True)


def test_a_message_in_other_hands_is_left_for_the_next_round(
    sessions: sessionmaker[Session],
) -> None:
    with transaction(sessions) as session:
        message = make_message(session, NOW)
        raw = store(session, ses_event("Delivery", message.id, NOW), NOW)

    with sessions() as sender:
        sender.execute(select(Message).where(Message.id == message.id).with_for_update())
        with transaction(sessions) as session:
            batch = intake.apply_batch(session, now=NOW)
        assert batch.busy == [raw.id]
        assert batch.settled == 0

    with transaction(sessions) as session:
        assert intake.apply_batch(session, now=NOW).applied == [raw.id]


def test_a_batch_of_many_is_applied_in_one_go(session: Session) -> None:
    campaign = make_campaign(session, NOW)
    source = make_contact(session, NOW).source_id
    for number in range(120):
        contact = make_contact(session, NOW, email=f"nimi{number}@puutyo.example", source_id=source)
        message = make_message(session, NOW, campaign=campaign, contact=contact)
        for kind in ("Send", "Delivery"):
            store(session, ses_event(kind, message.id, NOW), NOW, sns_id=f"{number}-{kind}")

    batch = intake.apply_batch(session, now=NOW)

    assert len(batch.applied) == 240
    states = set(session.scalars(select(Message.state)))
    assert states == {"delivered"}
    assert len(session.scalars(select(Event.id)).all()) == 240
