"""Consents and bans: what is read always equals the ledger."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from mailer.contacts import consents
from mailer.contacts.consents import EVENTS, KINDS, Statement
from mailer.contacts.models import ConsentEvent, ConsentState, Contact
from tests.segments.register import make_contact, make_source

SAID = st.tuples(
    st.integers(0, 2), st.sampled_from(sorted(KINDS)[:3]), st.sampled_from(sorted(EVENTS))
)


def make_people(session: Session, now: datetime, people: int = 1) -> list[int]:
    source = make_source(session, now)
    return [make_contact(session, source, now).id for _ in range(people)]


@given(calls=st.lists(st.lists(SAID, max_size=4), max_size=5), backwards=st.booleans())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_where_people_stand_is_what_the_ledger_says(
    session: Session, now: datetime, calls: list[list[tuple[int, str, str]]], backwards: bool
) -> None:
    people = make_people(session, now, 3)
    last: dict[tuple[int, str], str] = {}
    for number, call in enumerate(calls):
        moment = now - timedelta(days=number) if backwards else now + timedelta(days=number)
        consents.record(
            session,
            [Statement(people[person], kind, event) for person, kind, event in call],
            actor="person",
            now=moment,
        )
        last.update({(people[person], kind): event for person, kind, event in call})
    for person in people:
        expected = {kind: event for (whose, kind), event in last.items() if whose == person}
        assert consents.standing(session, person) == expected
        assert consents.standing_from_ledger(session, person) == expected
    said = sum(len(call) for call in calls)
    written = session.scalar(
        select(func.count()).select_from(ConsentEvent).where(ConsentEvent.contact_id.in_(people))
    )
    assert written == said


@pytest.mark.parametrize(
    "change", ["UPDATE consent_events SET event = 'given'", "DELETE FROM consent_events"]
)
def test_the_ledger_refuses_changes(change: str, session: Session, now: datetime) -> None:
    [person] = make_people(session, now)
    consents.record(session, [Statement(person, "publication", "objected")], actor="x", now=now)
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text(change))
    assert consents.standing(session, person) == {"publication": "objected"}


def test_the_ledger_of_a_person_goes_with_the_person_by_an_erasure_only(
    session: Session, now: datetime
) -> None:
    [person] = make_people(session, now)
    consents.record(session, [Statement(person, "publication", "objected")], actor="x", now=now)
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(delete(Contact).where(Contact.id == person))
    session.execute(text("SET LOCAL lupaposti.erasure = 'on'"))
    session.execute(delete(Contact).where(Contact.id == person))
    assert session.scalar(select(func.count()).select_from(ConsentEvent)) == 0
    assert session.scalar(select(func.count()).select_from(ConsentState)) == 0


def test_an_event_there_is_not_is_refused(session: Session, now: datetime) -> None:
    [person] = make_people(session, now)
    with pytest.raises(IntegrityError):
        consents.record(session, [Statement(person, "publication", "maybe")], actor="x", now=now)


def test_evidence_and_message_are_kept_with_what_was_said(session: Session, now: datetime) -> None:
    [person] = make_people(session, now)
    statement = Statement(person, "email_marketing", "given", "Kyllä kiitos", "form 7")
    consents.record(session, [statement], actor="person", now=now, message_id=12)
    entry = session.scalars(select(ConsentEvent)).one()
    assert (entry.wording, entry.evidence, entry.actor, entry.message_id, entry.at) == (
        "Kyllä kiitos", "form 7", "person", 12, now,
    )  # fmt: skip


def test_saying_nothing_changes_nothing(session: Session, now: datetime) -> None:
    consents.record(session, [], actor="person", now=now)
    assert session.scalar(select(func.count()).select_from(ConsentEvent)) == 0


def test_a_consent_to_a_purpose_of_the_notice_has_words() -> None:
    assert consents.words("e_marketing") == "Electronic direct marketing"
    assert consents.words("all_marketing") == "All marketing"
