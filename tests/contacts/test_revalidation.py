"""Data older than the notice allows is not used until it has been checked (R44)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import gate
from mailer.accounts.models import User
from mailer.audit import AuditEntry
from mailer.contacts import revalidation
from mailer.contacts.models import Contact
from mailer.contacts.provenance import Origin
from mailer.contacts.revalidation import Which
from tests.contacts.staff import make_staff
from tests.segments.register import make_contact, make_source, notice_with

NOTICE = notice_with()
OLD = datetime(2025, 6, 1, 9, tzinfo=UTC)


def add(session: Session, now: datetime, source: Any = None, **facts: Any) -> Contact:
    source = source or make_source(session, now)
    return make_contact(session, source, now, **{"collected_at": OLD, **facts})


def register_of(now: datetime, **changes: Any) -> Origin:
    return Origin(**{"kind": "authority", "name": "Trade Register", "dated": now.date(), **changes})


def verdict(session: Session, contact: Contact, now: datetime) -> str | None:
    ask = gate.Ask(purpose="e_marketing", functions=frozenset({"finance"}), notice=NOTICE, now=now)
    statement = gate.scope(select(gate.verdict(ask)).select_from(Contact))
    return session.scalar(statement.where(Contact.id == contact.id))


def check(session: Session, which: Which, now: datetime, **changes: Any) -> int:
    return revalidation.record(
        session, which, register_of(now, **changes), NOTICE, now=now,
        actor_id=session.scalar(select(User.id)) or make_staff(session, now),
    )  # fmt: skip


def test_a_check_lets_old_data_be_used_again_and_says_what_it_was_checked_against(
    session: Session, now: datetime
) -> None:
    contact = add(session, now)
    assert verdict(session, contact, now) == "stale_unverified"
    assert check(session, Which(source_id=contact.source_id), now) == 1
    assert verdict(session, contact, now) == "clear"
    session.refresh(contact)
    source = revalidation.checked_against(session, contact)
    assert source is not None
    assert (source.kind, source.name) == ("authority", "Trade Register")
    assert contact.collected_at == OLD  # no period of retention begins anew
    session.commit()
    (line,) = session.scalars(select(AuditEntry).filter_by(action="contacts.checked"))
    assert line.object_id == source.id
    assert (line.details["people"], line.details["of_source"]) == (1, contact.source_id)


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_the_list_and_the_gate_agree_to_the_day(session: Session, now: datetime, days: int) -> None:
    limit = now - relativedelta(months=NOTICE.revalidate_months)
    contact = add(session, now, collected_at=limit + timedelta(days=days))
    _, total = revalidation.page(session, Which(), NOTICE, now=now)
    assert (verdict(session, contact, now) == "stale_unverified") == (total == 1)
    assert total == (1 if days < 0 else 0)


def test_only_those_who_were_compared_are_checked(session: Session, now: datetime) -> None:
    one, other = add(session, now), add(session, now)
    check(session, Which(source_id=one.source_id), now)
    assert verdict(session, other, now) == "stale_unverified"


def test_the_restricted_and_the_erased_are_left_alone(session: Session, now: datetime) -> None:
    source = make_source(session, now)
    add(session, now, source, restricted_at=now)
    add(session, now, source, erased_at=now)
    assert revalidation.page(session, Which(), NOTICE, now=now) == ([], 0)
    assert check(session, Which(source_id=source.id), now) == 0


def test_a_check_of_long_ago_does_not_make_newer_knowledge_older(
    session: Session, now: datetime
) -> None:
    contact = add(session, now, verified_at=now - timedelta(days=3))
    which = Which(contact_id=contact.id)
    assert check(session, which, now, dated=(now - timedelta(days=30)).date()) == 0
    assert check(session, which, now) == 1


@pytest.mark.parametrize(
    ("which", "dated"),
    [(Which(), date(2026, 11, 24)), (Which(soon=True), date(2026, 11, 24)),
     (Which(source_id=1), date(2026, 11, 26))],
)  # fmt: skip
def test_everybody_at_once_or_a_day_to_come_is_refused(
    session: Session, now: datetime, which: Which, dated: date
) -> None:
    with pytest.raises(ValueError, match="a check is written down"):
        check(session, which, now, dated=dated)


def test_what_will_be_too_old_soon_is_shown_when_asked(session: Session, now: datetime) -> None:
    limit = now - relativedelta(months=NOTICE.revalidate_months)
    contact = add(session, now, collected_at=limit + timedelta(days=20))
    assert revalidation.page(session, Which(), NOTICE, now=now)[1] == 0
    (row,), _ = revalidation.page(session, Which(soon=True), NOTICE, now=now)
    assert (row.id, row.blocked) == (contact.id, False)
    (listed,) = revalidation.sources(session, NOTICE, now=now)
    assert (listed[0].id, listed[1]) == (contact.source_id, 1)
