"""What an event does, in whatever order and however often it comes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.contacts import suppression
from mailer.contacts.address import address_key, canonical
from mailer.contacts.models import Contact, Suppression
from mailer.events import answers
from mailer.events.applying import Arrival, apply
from mailer.events.effects import EFFECTS, settle
from mailer.events.models import Event
from mailer.events.ses_events import parse
from mailer.sending.models import ACCEPTED, STATES, TRANSITIONS, Message
from mailer.tokens import Recipient
from tests.events.register import make_campaign, make_contact, make_message, ses_event

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def tell(session: Session, *messages: str, now: datetime = NOW) -> dict[int, str]:
    arrivals = [
        Arrival(number, now, parse(message, received_at=now))
        for number, message in enumerate(messages)
    ]
    return apply(session, arrivals, now=now)


def suppressions(session: Session) -> set[tuple[str, str]]:
    return {
        (row.scope, row.kind)
        for row in session.scalars(select(Suppression).where(Suppression.lifted_at.is_(None)))
    }


def state_of(session: Session, message: Message) -> str:
    session.expire(message)
    return message.state


@pytest.mark.parametrize("before", ["sending", "uncertain"])
def test_a_send_event_settles_what_nobody_knew(session: Session, before: str) -> None:
    message = make_message(session, NOW, state=before, error="claim_expired")
    at = NOW - timedelta(minutes=2)

    assert tell(session, ses_event("Send", message.id, at)) == {0: "applied"}

    assert state_of(session, message) == "sent"
    assert message.confirmed_at == NOW
    assert message.sent_at == at
    assert message.ses_message_id == "0110-sent"
    assert message.error is None
    contact = session.get_one(Contact, message.contact_id)
    session.refresh(contact)
    assert contact.last_marketing_at == at
    assert contact.art14_informed_at == at


def test_a_send_event_confirms_what_the_sender_recorded_and_changes_nothing_else(
    session: Session,
) -> None:
    message = make_message(session, NOW, ses_message_id="0110-first")

    tell(session, ses_event("Send", message.id, NOW - timedelta(minutes=2)))

    assert state_of(session, message) == "sent"
    assert (message.sent_at, message.ses_message_id) == (NOW, "0110-first")
    assert message.confirmed_at == NOW


def test_a_delivery_keeps_the_time_of_delivery(session: Session) -> None:
    message = make_message(session, NOW)
    tell(session, ses_event("Delivery", message.id, NOW - timedelta(minutes=1)))
    assert state_of(session, message) == "delivered"
    assert message.delivered_at == NOW - timedelta(minutes=1)


def test_a_hard_bounce_suppresses_the_mailbox_that_bounced(session: Session) -> None:
    contact = make_contact(session, NOW, email="anna@puutyo.example")
    message = make_message(session, NOW, contact=contact)
    # The contact has changed the address since: the new one works.
    contact.email = "anna@uusi.example"
    contact.address_key = address_key(canonical("anna@uusi.example"))
    session.flush()

    tell(session, ses_event("Bounce", message.id, NOW, to="Anna+x@Puutyo.example"))

    assert state_of(session, message) == "bounced"
    assert message.error == "hard_bounce"
    [entry] = suppression.find(session, canonical("anna@puutyo.example"))
    assert (entry.kind, entry.origin, entry.message_id) == ("hard_bounce", "ses_event", message.id)
    assert suppression.find(session, canonical("anna@uusi.example")) == []


def test_a_complaint_holds_for_the_person_and_every_address_known(session: Session) -> None:
    contact = make_contact(session, NOW)
    message = make_message(session, NOW, contact=contact)
    contact.address_key = address_key(canonical("anna@uusi.example"))
    session.flush()

    tell(session, ses_event("Complaint", message.id, NOW, to="anna.aalto@puutyo.example"))

    assert state_of(session, message) == "complained"
    assert suppressions(session) == {("address", "complaint"), ("person", "complaint")}
    keys = set(session.scalars(select(Suppression.key)))
    assert address_key(canonical("anna.aalto@puutyo.example")) in keys
    assert address_key(canonical("anna@uusi.example")) in keys


@pytest.mark.parametrize(
    ("kind", "part", "state", "kinds"),
    [
        ("Bounce", {"bounceSubType": "OnAccountSuppressionList"}, "bounced", {"ses_account_list"}),
        ("Bounce", {"bounceSubType": "UnsubscribedRecipient"}, "bounced", {"optout"}),
        ("Bounce", {"bounceType": "Transient"}, "sent", set()),
        ("Bounce", {"bounceType": "Undetermined"}, "sent", set()),
        ("Complaint", {"complaintFeedbackType": "not-spam"}, "sent", set()),
        ("Complaint", {"complaintFeedbackType": "auth-failure"}, "sent", set()),
        ("Reject", {}, "failed", set()),
        ("Rendering Failure", {}, "failed", set()),
        ("DeliveryDelay", {}, "sent", set()),
        ("Subscription", {}, "sent", {"optout"}),
    ],
)
def test_each_kind_does_what_the_table_says(
    session: Session, kind: str, part: dict[str, Any], state: str, kinds: set[str]
) -> None:
    message = make_message(session, NOW)
    tell(session, ses_event(kind, message.id, NOW, **part))
    assert state_of(session, message) == state
    assert {kind for _, kind in suppressions(session)} == kinds


def test_an_automatic_reply_after_delivery_changes_nothing(session: Session) -> None:
    message = make_message(session, NOW, state="delivered")
    tell(session, ses_event("Bounce", message.id, NOW, bounceType="Transient"))
    assert state_of(session, message) == "delivered"
    assert suppressions(session) == set()


def test_an_opt_out_at_amazon_counts_as_one_of_the_message(session: Session) -> None:
    message = make_message(session, NOW)
    tell(session, ses_event("Subscription", message.id, NOW))
    kinds = set(session.scalars(select(Event.kind)))
    assert kinds == {"subscription", "opt_out"}


def test_a_colleagues_test_copy_suppresses_nobody(session: Session) -> None:
    message = Message(kind="test", state="sent", sent_at=NOW, created_at=NOW)
    session.add(message)
    session.flush()
    tell(session, ses_event("Bounce", message.id, NOW), ses_event("Complaint", message.id, NOW))
    assert state_of(session, message) == "complained"
    assert suppressions(session) == set()


def test_a_bounce_suppresses_also_when_the_contact_is_gone(session: Session) -> None:
    message = make_message(session, NOW)
    message.contact_id = None
    session.flush()
    tell(session, ses_event("Bounce", message.id, NOW))
    assert suppressions(session) == {("address", "hard_bounce")}


def test_a_complaint_without_a_readable_address_falls_on_the_contact(session: Session) -> None:
    contact = make_contact(session, NOW)
    message = make_message(session, NOW, contact=contact)
    tell(session, ses_event("Complaint", message.id, NOW, to="redacted"))
    assert suppression.find(session, canonical(contact.email))


def test_a_repeated_event_does_not_take_back_what_a_person_has_undone(session: Session) -> None:
    contact = make_contact(session, NOW)
    message = make_message(session, NOW, contact=contact)
    event = ses_event("Subscription", message.id, NOW)
    tell(session, event)
    assert answers.undo(session, Recipient(message.id, contact.address_key), now=NOW)

    tell(session, event)

    assert suppressions(session) == set()


def test_an_event_of_an_unknown_message_waits(session: Session) -> None:
    assert tell(session, ses_event("Send", 999_999, NOW)) == {0: "unknown"}


def test_an_event_without_our_tag_is_found_by_amazons_id(session: Session) -> None:
    message = make_message(session, NOW, ses_message_id="0110-abc")
    event = ses_event(
        "Bounce", None, NOW, dialect="notificationType", ses_message_id="0110-abc", accepted_at=NOW
    )
    assert tell(session, event) == {0: "applied"}
    assert state_of(session, message) == "bounced"


@pytest.mark.parametrize("lost", ["queued", "blocked", "cancelled"])
def test_a_late_event_proves_that_a_message_given_up_was_sent(session: Session, lost: str) -> None:
    message = make_message(session, NOW, state=lost, sent_at=None)
    tell(session, ses_event("Delivery", message.id, NOW))
    assert state_of(session, message) == "delivered"
    assert message.sent_at == NOW


def test_states_only_rise_along_the_table() -> None:
    told = [effect.state for effect in EFFECTS.values() if effect.state]
    for before in STATES:
        for state in told:
            after = settle(before, [state])
            assert after == before or after in TRANSITIONS[before]
        if before in ACCEPTED:
            assert settle(before, ["sent"]) == before


_EVENTS = [
    ("Send", {}),
    ("Delivery", {}),
    ("Bounce", {"feedback_id": "soft", "bounceType": "Transient"}),
    ("Bounce", {"feedback_id": "hard"}),
    ("Bounce", {"feedback_id": "listed", "bounceSubType": "OnAccountSuppressionList"}),
    ("Bounce", {"feedback_id": "out", "bounceSubType": "UnsubscribedRecipient"}),
    ("Complaint", {"feedback_id": "spam"}),
    ("Complaint", {"feedback_id": "not", "complaintFeedbackType": "not-spam"}),
    ("Reject", {}),
    ("Rendering Failure", {}),
    ("DeliveryDelay", {}),
    ("Subscription", {}),
]


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    chosen=st.sets(st.integers(0, len(_EVENTS) - 1), min_size=1),
    before=st.sampled_from(["queued", "sending", "uncertain", "sent", "blocked", "failed"]),
    data=st.data(),
)
def test_order_repetition_and_batching_do_not_matter(
    session: Session, chosen: set[int], before: str, data: st.DataObject
) -> None:
    def outcome(order: list[int], size: int) -> Any:
        with session.begin_nested() as savepoint:
            contact = make_contact(session, NOW, email="kaisa@puutyo.example")
            campaign = make_campaign(session, NOW)
            message = make_message(
                session, NOW, campaign=campaign, contact=contact, state=before, sent_at=None
            )
            events = [
                ses_event(kind, message.id, NOW, to="kaisa@puutyo.example", **part)
                for kind, part in (_EVENTS[index] for index in order)
            ]
            for start in range(0, len(events), size):
                assert set(tell(session, *events[start : start + size]).values()) == {"applied"}
            session.refresh(message)
            kinds = sorted(session.scalars(select(Event.kind)))
            found = (
                message.state,
                message.sent_at,
                message.delivered_at,
                message.confirmed_at,
                sorted(suppressions(session)),
                kinds,
            )
            session.expunge_all()
            savepoint.rollback()
        return found

    plain = sorted(chosen)
    repeated = plain + data.draw(st.lists(st.sampled_from(plain), max_size=4))
    shuffled = data.draw(st.permutations(repeated))
    size = data.draw(st.integers(1, 5))
    assert outcome(shuffled, size) == outcome(plain, 1)
