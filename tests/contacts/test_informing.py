"""Article 14: a month by the calendar, then blocked, then gone."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import gate
from mailer.audit import AuditEntry
from mailer.contacts import informing
from mailer.contacts.informing import Which
from mailer.contacts.models import Contact
from tests.contacts.staff import make_staff
from tests.segments.register import make_contact, make_source, notice_with

DAYS = st.dates(date(2020, 1, 1), date(2060, 12, 31))


@pytest.mark.parametrize(
    ("obtained", "until"),
    [
        (date(2026, 11, 24), date(2026, 12, 24)),
        (date(2026, 12, 31), date(2027, 1, 31)),
        (date(2027, 1, 31), date(2027, 2, 28)),
        (date(2027, 1, 29), date(2027, 2, 28)),
        (date(2028, 1, 30), date(2028, 2, 29)),
        (date(2028, 2, 29), date(2028, 3, 29)),
        (date(2027, 2, 28), date(2027, 3, 28)),
        (date(2026, 10, 31), date(2026, 11, 30)),
    ],
)
def test_a_month_ends_on_the_same_day_or_the_last(obtained: date, until: date) -> None:
    assert informing.deadline(obtained) == until


@given(DAYS, st.integers(-70, 5))
def test_one_day_divides_those_in_time_from_those_too_late(today: date, shift: int) -> None:
    obtained = today + timedelta(days=shift)
    assert (obtained < informing.first_in_time(today)) == (informing.deadline(obtained) < today)


def add(session: Session, now: datetime, source: Any = None, **facts: Any) -> Contact:
    source = source or make_source(session, now, kind="b2b_supplier", assurance="A", assured_at=now)
    return make_contact(session, source, now, **{"created_at": now, **facts})


def verdict(session: Session, contact: Contact, now: datetime) -> str | None:
    ask = gate.Ask(
        purpose="e_marketing",
        functions=frozenset({"finance"}),
        notice=notice_with(source_kinds=["b2b_supplier", "form", "public_web"]),
        now=now,
    )
    statement = gate.scope(select(gate.verdict(ask)).select_from(Contact))
    return session.scalar(statement.where(Contact.id == contact.id))


def reread(session: Session, contact: Contact) -> Contact | None:
    contact_id = contact.id
    session.expire_all()
    return session.get(Contact, contact_id)


def test_the_last_day_is_in_time_and_the_next_is_not(session: Session, now: datetime) -> None:
    contact = add(session, now)
    last = now + relativedelta(months=1)
    assert informing.mark_overdue(session, now=last) == 0
    assert verdict(session, contact, last) == "clear"
    assert informing.mark_overdue(session, now=last + timedelta(days=1)) == 1
    assert informing.mark_overdue(session, now=last + timedelta(days=1)) == 0
    assert verdict(session, contact, last + timedelta(days=1)) == "art14_block_missing"


def test_the_day_ends_where_the_controller_is(session: Session) -> None:
    late_evening = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)  # the 25th in Finland
    add(session, late_evening)
    page, _ = informing.page(session, Which(), now=late_evening)
    assert page[0].until == date(2026, 12, 25)
    assert page[0].days_left == 30
    last_minute = datetime(2026, 12, 25, 21, 59, tzinfo=UTC)
    assert informing.mark_overdue(session, now=last_minute) == 0
    assert informing.mark_overdue(session, now=last_minute + timedelta(minutes=1)) == 1


@pytest.mark.parametrize(
    ("source", "facts"),
    [
        ({"kind": "form"}, {}),
        ({}, {"art14_informed_at": datetime(2026, 11, 25, tzinfo=UTC)}),
        ({}, {"kind": "shared_mailbox"}),
        ({}, {"restricted_at": datetime(2026, 11, 25, tzinfo=UTC)}),
        ({}, {"erased_at": datetime(2026, 11, 25, tzinfo=UTC)}),
    ],
)
def test_some_need_not_be_told(
    session: Session, now: datetime, source: dict[str, Any], facts: dict[str, Any]
) -> None:
    add(session, now, make_source(session, now, **source), **facts)
    later = now + timedelta(days=90)
    assert informing.numbers(session, now=later).waiting == 0
    assert informing.mark_overdue(session, now=later) == 0
    assert informing.delete_uninformed(session, now=later) == 0


def test_who_is_told_at_last_can_be_mailed_again(session: Session, now: datetime) -> None:
    contact = add(session, now)
    later = now + timedelta(days=40)
    informing.mark_overdue(session, now=later)
    which = Which(source_id=contact.source_id, overdue=True)
    told = informing.record(
        session, which, way="letter", on=later.date(), now=later, actor_id=make_staff(session, now)
    )
    assert told == 1
    assert verdict(session, contact, later) == "clear"
    assert informing.delete_uninformed(session, now=later + timedelta(days=99)) == 0
    session.commit()
    (line,) = session.scalars(select(AuditEntry).filter_by(action="contacts.informed"))
    assert line.details["people"] == 1
    assert line.details["way"] == "letter"


def test_only_the_source_that_is_named_is_told(session: Session, now: datetime) -> None:
    one, other = add(session, now), add(session, now)
    informing.record(
        session, Which(source_id=one.source_id), way="email", on=now.date(), now=now, actor_id=None
    )
    assert reread(session, other).art14_informed_at is None  # type: ignore[union-attr]
    assert reread(session, one).art14_informed_at == now  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("way", "on", "which"),
    [
        ("pigeon", date(2026, 11, 24), Which(source_id=1)),
        ("letter", date(2026, 11, 26), Which(source_id=1)),
        ("letter", date(2026, 11, 24), Which()),
        ("letter", date(2026, 11, 24), Which(overdue=True)),
    ],
)
def test_what_cannot_be_is_not_written_down(
    session: Session, now: datetime, way: str, on: date, which: Which
) -> None:
    add(session, now)
    with pytest.raises(ValueError, match="informing"):
        informing.record(session, which, way=way, on=on, now=now, actor_id=None)


def test_the_blocked_are_deleted_two_weeks_later_but_never_a_customer(
    session: Session, now: datetime
) -> None:
    prospect = add(session, now)
    customer = add(session, now, relationship_kind="customer")
    marked_at = now + timedelta(days=32)
    assert informing.mark_overdue(session, now=marked_at) == 2
    assert informing.delete_uninformed(session, now=marked_at + timedelta(days=14)) == 0
    assert informing.delete_uninformed(session, now=marked_at + timedelta(days=15)) == 1
    assert reread(session, prospect) is None
    assert reread(session, customer) is not None
    assert verdict(session, customer, marked_at) == "art14_block_missing"


def test_the_numbers_say_how_urgent_it_is(session: Session, now: datetime) -> None:
    source = make_source(session, now)
    for days in (0, 24, 28, 40, 41):
        add(session, now, source, created_at=now - timedelta(days=days))
    informing.mark_overdue(session, now=now)
    found = informing.numbers(session, now=now)
    assert found == informing.Numbers(waiting=5, soon=2, overdue=2, blocked=2)
    rows, total = informing.page(session, Which(overdue=True), now=now)
    assert total == 2
    assert [row.days_left < 0 for row in rows] == [True, True]
    assert [(each.id, number) for each, number in informing.sources(session, now=now)] == [
        (source.id, 5)
    ]


def test_many_are_blocked_and_deleted_a_batch_at_a_time(
    session: Session, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(informing, "BATCH", 2)
    source = make_source(session, now)
    for _ in range(3):
        add(session, now, source, created_at=now - timedelta(days=60))
    assert [informing.mark_overdue(session, now=now) for _ in range(3)] == [2, 1, 0]
    later = now + timedelta(days=15)
    assert [informing.delete_uninformed(session, now=later) for _ in range(3)] == [2, 1, 0]
