"""Who has probably left: the mailbox is gone where colleagues still get their mail."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from mailer import gate
from mailer.audit import AuditEntry
from mailer.contacts import leavers as register
from mailer.contacts import suppression
from mailer.contacts.address import address_key, canonical
from mailer.contacts.models import Contact, FieldChange, Suppression
from mailer.events import intake, leavers
from mailer.events.mail_models import InboundMessage
from mailer.sending.models import Message
from tests.contacts.staff import make_staff
from tests.events.register import make_contact, make_message, ses_event, store
from tests.segments.register import make_contact as make_person
from tests.segments.register import make_source as make_register_source
from tests.segments.register import notice_with

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ANNA = "anna.aalto@puutyo.example"


def bounce(session: Session, contact: Contact, **part: Any) -> None:
    message = make_message(session, NOW, contact=contact)
    store(session, ses_event("Bounce", message.id, NOW, to=contact.email, **part), NOW)
    intake.apply_batch(session, now=NOW)


def deliver(session: Session, contact: Contact, at: datetime = NOW) -> None:
    make_message(session, at, contact=contact, state="delivered", delivered_at=at)


def add(session: Session, email: str = ANNA, **facts: Any) -> Contact:
    return make_contact(session, NOW, email=email, **facts)


def mark(session: Session, now: datetime = NOW) -> int:
    found = leavers.mark(session, now=now)
    session.expire_all()
    return found


def unmark(session: Session, now: datetime = NOW) -> int:
    found = leavers.unmark(session, now=now)
    session.expire_all()
    return found


def make_leaver(session: Session) -> Contact:
    anna = add(session)
    bounce(session, anna)
    deliver(session, add(session, "karl@puutyo.example", first_name="Karl"))
    assert mark(session) == 1
    return anna


def test_a_gone_mailbox_at_a_working_domain_marks_and_stays_suppressed(session: Session) -> None:
    anna = make_leaver(session)
    assert anna.left_at == NOW
    (line,) = suppression.find(session, canonical(ANNA))
    assert line.kind == "hard_bounce"
    assert mark(session) == 0
    session.commit()
    assert [
        entry.object_id
        for entry in session.scalars(select(AuditEntry).filter_by(action="contact.probably_left"))
    ] == [anna.id]


def test_mail_that_came_before_to_the_same_mailbox_is_no_colleagues(session: Session) -> None:
    anna = add(session)
    deliver(session, anna, NOW - timedelta(days=30))
    bounce(session, anna)
    assert mark(session) == 0


def test_where_nobody_gets_mail_nobody_has_left(session: Session) -> None:
    bounce(session, add(session))
    add(session, "karl@puutyo.example", first_name="Karl")
    deliver(session, add(session, "b@muu.example", first_name="B"))
    assert mark(session) == 0


def test_a_delivery_of_long_ago_does_not_count_and_one_that_comes_later_does(
    session: Session,
) -> None:
    anna = add(session)
    bounce(session, anna)
    karl = add(session, "karl@puutyo.example", first_name="Karl")
    deliver(session, karl, NOW - timedelta(days=91))
    assert mark(session) == 0
    deliver(session, karl, NOW + timedelta(hours=1))
    assert mark(session, NOW + timedelta(hours=2)) == 1
    assert anna.left_at == NOW


def test_a_title_that_changed_is_a_sign_too(session: Session) -> None:
    anna = add(session)
    bounce(session, anna)
    assert mark(session) == 0
    change = {"contact_id": anna.id, "field": "title", "old_value": "CFO", "new_value": "COO"}
    session.add(FieldChange(**change, at=NOW - timedelta(days=3)))
    session.flush()
    assert mark(session) == 1


def test_a_mail_that_says_so_is_a_sign_too(session: Session) -> None:
    anna = add(session)
    bounce(session, anna)
    session.add(
        InboundMessage(kind="left", state="closed", ses_id="1", received_at=NOW, contact_id=anna.id)
    )
    session.flush()
    assert mark(session) == 1


@pytest.mark.parametrize(
    "bounced",
    [
        {"bouncedRecipients": [{"emailAddress": ANNA, "status": "5.4.4"}]},
        {"bouncedRecipients": [{"emailAddress": ANNA}]},
        {"bounceType": "Transient", "bounceSubType": "MailboxFull"},
        {"bounceSubType": "OnAccountSuppressionList"},
    ],
)  # fmt: skip
def test_other_bounces_say_nothing_of_the_employer(
    session: Session, bounced: dict[str, Any]
) -> None:
    bounce(session, add(session), **bounced)
    deliver(session, add(session, "karl@puutyo.example", first_name="Karl"))
    assert mark(session) == 0


def test_amazons_own_word_for_it_is_enough(session: Session) -> None:
    recipients = [{"emailAddress": ANNA, "status": "5.0.0"}]
    bounce(session, add(session), bounceSubType="NoEmail", bouncedRecipients=recipients)
    deliver(session, add(session, "karl@puutyo.example", first_name="Karl"))
    assert mark(session) == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": "shared_mailbox"},
        {"kind": "sole_trader"},
        {"restricted_at": NOW},
        {"erased_at": NOW},
        {"stays_at": NOW + timedelta(minutes=1)},
    ],
)
def test_some_are_not_marked(session: Session, facts: dict[str, Any]) -> None:
    bounce(session, add(session, **facts))
    deliver(session, add(session, "karl@puutyo.example", first_name="Karl"))
    assert mark(session) == 0


def test_a_closed_mailbox_at_a_mail_service_for_everybody_marks_nobody(session: Session) -> None:
    bounce(session, add(session, "anna.aalto@gmail.com"))
    deliver(session, add(session, "karl@gmail.com", first_name="Karl"))
    assert mark(session) == 0


def test_a_later_delivery_takes_the_mark_away(session: Session) -> None:
    anna = make_leaver(session)
    assert unmark(session) == 0
    deliver(session, anna, NOW + timedelta(days=1))
    assert unmark(session, NOW + timedelta(days=2)) == 1
    assert anna.left_at is None
    assert suppression.find(session, canonical(ANNA))


def test_another_address_takes_the_mark_away(session: Session) -> None:
    anna = make_leaver(session)
    anna.email = "anna@muu.example"
    anna.address_key = address_key(canonical(anna.email))
    session.flush()
    assert unmark(session) == 1


def test_an_entry_taken_off_the_list_takes_the_mark_away(session: Session) -> None:
    make_leaver(session)
    session.execute(update(Suppression).values(lifted_at=NOW))
    assert unmark(session) == 1


def test_the_word_of_staff_holds_until_a_later_bounce(session: Session) -> None:
    anna = make_leaver(session)
    user = make_staff(session, NOW)
    assert register.say_they_stay(session, anna, now=NOW + timedelta(hours=1), actor_id=user)
    assert not register.say_they_stay(session, anna, now=NOW, actor_id=user)
    session.flush()
    assert mark(session, NOW + timedelta(days=1)) == 0
    assert suppression.find(session, canonical(ANNA))


def test_the_period_of_keeping_begins_when_they_left(session: Session) -> None:
    anna = make_leaver(session)
    notice = notice_with(retention={"prospect_months": 24, "customer_months": 6})
    (row,), total = register.page(session, notice)
    assert total == 1
    assert row.kept_until.isoformat() == "2027-05-24"  # type: ignore[union-attr]
    anna.relationship_kind = "customer"
    session.flush()
    assert register.kept_until(anna, notice).isoformat() == "2027-05-24"  # type: ignore[union-attr]
    assert register.kept_until(anna, None) is None


@pytest.mark.parametrize(
    ("left", "told"),
    [(None, "clear"), (NOW - timedelta(days=170), "clear"), (NOW - timedelta(days=190), "no")],
)
def test_after_that_period_the_gate_lets_nobody_use_the_data(
    session: Session, left: datetime | None, told: str
) -> None:
    person = make_person(
        session, make_register_source(session, NOW), NOW, left_at=left,
        relationship_kind="customer",
    )  # fmt: skip
    notice = notice_with(retention={"prospect_months": 24, "customer_months": 6})
    question = gate.Ask(
        purpose="e_marketing", functions=frozenset({"finance"}), notice=notice, now=NOW
    )
    asked = gate.scope(select(gate.verdict(question)).select_from(Contact))
    answer = session.scalar(asked.where(Contact.id == person.id))
    assert answer == ("clear" if told == "clear" else "retention_passed")


def test_a_successor_closes_the_question(session: Session) -> None:
    anna = make_leaver(session)
    berta = add(session, "berta@puutyo.example", first_name="Berta")
    user = make_staff(session, NOW)
    assert not register.name_successor(session, berta, anna, now=NOW, actor_id=user)
    assert not register.name_successor(session, anna, anna, now=NOW, actor_id=user)
    assert register.name_successor(session, anna, berta, now=NOW, actor_id=user)
    session.flush()
    assert register.page(session, None, unanswered=True) == ([], 0)
    (row,), _ = register.page(session, None)
    assert row.successor is not None
    assert row.successor.id == berta.id
    session.delete(berta)
    session.flush()
    assert register.page(session, None, unanswered=True)[1] == 1


def test_marking_moves_no_message(session: Session) -> None:
    make_leaver(session)
    assert sorted(session.scalars(select(Message.state))) == ["bounced", "delivered"]
