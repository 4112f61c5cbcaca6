"""A supplier's data stays locked until the supplier's dated assurance is stored (R34)."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import gate
from mailer.audit import AuditEntry
from mailer.contacts import sources
from mailer.contacts.models import Contact, Source
from mailer.contacts.sources import Terms
from tests.contacts.staff import make_staff
from tests.segments.register import make_company, make_contact, make_source, notice_with

NOTICE = notice_with(source_kinds=["b2b_supplier", "public_web"])
GIVEN = Terms("Contract 14/2026 § 6", date(2026, 6, 30), None, True)


def supplier(session: Session, now: datetime, **facts: Any) -> tuple[Source, Contact]:
    source = make_source(session, now, kind="b2b_supplier", name="Listapalvelu", **facts)
    return source, make_contact(session, source, now)


def verdict(session: Session, contact: Contact, now: datetime) -> str | None:
    ask = gate.Ask(purpose="e_marketing", functions=frozenset({"finance"}), notice=NOTICE, now=now)
    statement = gate.scope(select(gate.verdict(ask)).select_from(Contact))
    return session.scalar(statement.where(Contact.id == contact.id))


def test_an_assurance_unlocks_exactly_its_batch(session: Session, now: datetime) -> None:
    one, person = supplier(session, now)
    _, stranger = supplier(session, now)
    assert verdict(session, person, now) == "assurance_missing"
    make_source(session, now, kind="b2b_supplier", name="Nobody came of it")
    assert sources.unassured(session) == 2
    assert sources.set_terms(session, one, GIVEN, now=now, actor_id=make_staff(session, now))
    session.flush()
    assert verdict(session, person, now) == "clear"
    assert verdict(session, stranger, now) == "assurance_missing"
    assert sources.unassured(session) == 1
    session.commit()
    (line,) = session.scalars(select(AuditEntry).filter_by(action="source.terms_changed"))
    assert (line.details["assured"], line.details["assured_before"]) == (True, False)
    assert "Contract" not in str(line.details)


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        (Terms("", None, None, True), "assurance_missing"),
        (Terms("C", date(2026, 6, 30), None, False), "source_undeclared"),
        (Terms("C", date(2026, 6, 30), date(2026, 11, 23), True), "source_undeclared"),
        (Terms("C", date(2026, 6, 30), date(2026, 11, 24), True), "clear"),
    ],
)
def test_taking_it_back_locks_again(
    session: Session, now: datetime, terms: Terms, told: str
) -> None:
    source, person = supplier(session, now, assurance="C", assured_at=date(2026, 6, 30))
    sources.set_terms(session, source, terms, now=now, actor_id=make_staff(session, now))
    session.flush()
    assert verdict(session, person, now) == told


@pytest.mark.parametrize(
    "terms",
    [
        Terms("C", None, None, True),
        Terms("", date(2026, 6, 30), None, True),
        Terms("C", date(2026, 11, 26), None, True),
    ],
)
def test_an_assurance_without_a_day_that_has_come_is_none(
    session: Session, now: datetime, terms: Terms
) -> None:
    source, person = supplier(session, now)
    with pytest.raises(ValueError, match="assurance"):
        sources.set_terms(session, source, terms, now=now, actor_id=1)
    assert verdict(session, person, now) == "assurance_missing"


def test_saving_the_same_again_leaves_no_line(session: Session, now: datetime) -> None:
    source, _ = supplier(session, now, assurance=GIVEN.assurance, assured_at=GIVEN.assured_at)
    assert not sources.set_terms(session, source, GIVEN, now=now, actor_id=1)


def test_the_list_counts_people_and_companies_and_leaves_corrections_out(
    session: Session, now: datetime
) -> None:
    source, _ = supplier(session, now)
    make_contact(session, source, now, erased_at=now - timedelta(days=1))
    make_company(session, source, now)
    make_source(session, now, kind="system_entry", name="")
    (listed,), total = sources.page(session)
    assert (total, listed.source.id, listed.people, listed.companies) == (1, source.id, 1, 1)
    assert sources.look(session, source) == listed
    assert sources.page(session, unassured=True)[1] == 1
