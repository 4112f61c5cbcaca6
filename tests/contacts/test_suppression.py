"""Who is never mailed: kept by keys, and lifted only by name."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from mailer.contacts import suppression
from mailer.contacts.address import address_key, canonical
from mailer.contacts.models import Contact, Suppression
from mailer.contacts.suppression import Entry
from mailer.db import transaction
from tests.segments.register import make_company, make_contact, make_source

ANNA = canonical("anna.aalto@yritys.example")


def kinds(session: Session, address: str = str(ANNA)) -> list[str]:
    return [entry.kind for entry in suppression.find(session, canonical(address))]


def opt_out(session: Session, now: datetime, message_id: int = 1) -> int:
    return suppression.opt_out(
        session, address_key(ANNA), origin="one_click", now=now, message_id=message_id
    )


def make_anna(session: Session, now: datetime) -> Contact:
    source = make_source(session, now)
    return make_contact(session, source, now, email=str(ANNA), first_name="Anna", last_name="Aalto")


def test_an_opt_out_works_when_the_contact_is_long_gone(session: Session, now: datetime) -> None:
    make_anna(session, now)
    session.execute(delete(Contact))
    assert opt_out(session, now) == 1
    assert kinds(session) == ["optout"]


def test_an_opt_out_holds_for_the_persons_other_address_at_the_employer(
    session: Session, now: datetime
) -> None:
    anna = make_anna(session, now)
    other = make_contact(
        session, make_source(session, now), now,
        email="aalto@yritys.example", first_name="ANNA", last_name="Aalto",
    )  # fmt: skip
    assert anna.person_key == other.person_key
    assert opt_out(session, now) == 2
    assert kinds(session, "aalto@yritys.example") == ["optout"]
    assert kinds(session, "muu@yritys.example") == []


def test_a_repeated_opt_out_changes_nothing(session: Session, now: datetime) -> None:
    make_anna(session, now)
    assert opt_out(session, now) == 2
    assert opt_out(session, now + timedelta(days=1), message_id=2) == 0
    entries = session.scalars(select(Suppression)).all()
    assert [(entry.at, entry.message_id) for entry in entries] == [(now, 1), (now, 1)]


def test_two_opt_outs_at_once_are_one(sessions: sessionmaker[Session], now: datetime) -> None:
    added: list[int] = []

    def work() -> None:
        with transaction(sessions) as session:
            added.append(opt_out(session, now))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [0, 0, 0, 1]


def test_undoing_lifts_only_what_came_through_that_message(session: Session, now: datetime) -> None:
    opt_out(session, now, message_id=1)
    other = canonical("muu@yritys.example")
    suppression.suppress(
        session,
        [suppression.of_address(other)],
        "optout",
        origin="one_click",
        now=now,
        message_id=2,
    )
    suppression.suppress(
        session,
        [suppression.of_address(ANNA)],
        "complaint",
        origin="ses_event",
        now=now,
        message_id=1,
    )
    assert suppression.undo_opt_out(session, 3, now=now) == 0
    assert suppression.undo_opt_out(session, 1, now=now) == 1
    assert kinds(session) == ["complaint"]
    assert kinds(session, str(other)) == ["optout"]
    assert suppression.undo_opt_out(session, 1, now=now) == 0


def test_a_lifted_entry_is_kept_and_a_new_opt_out_holds_again(
    session: Session, now: datetime
) -> None:
    opt_out(session, now)
    suppression.undo_opt_out(session, 1, now=now)
    assert opt_out(session, now, message_id=2) == 1
    entries = session.scalars(select(Suppression).order_by(Suppression.id)).all()
    assert [entry.lifted_by for entry in entries] == ["recipient", None]


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_nothing_is_lifted_without_a_reason(reason: str, session: Session, now: datetime) -> None:
    opt_out(session, now)
    entry = suppression.find(session, ANNA)[0]
    with pytest.raises(ValueError, match="reason"):
        suppression.lift(session, entry.id, by="maija", reason=reason, now=now)
    assert suppression.lift(session, entry.id, by="maija", reason="letter of 3.11.", now=now)
    assert not suppression.lift(session, entry.id, by="maija", reason="again", now=now)
    assert kinds(session) == []


def test_a_ban_of_a_company_or_domain_holds_for_those_who_come_later(
    session: Session, now: datetime
) -> None:
    entries = [suppression.of_company("1234567-1"), suppression.of_domain("muu.example")]
    assert suppression.suppress(session, entries, "manual", origin="staff", now=now) == 2
    source = make_source(session, now)
    company = make_company(session, source, now, business_id="1234567-1")
    make_contact(session, source, now, email="uusi@yritys.example", company_id=company.id)
    assert kinds(session, "uusi@yritys.example") == ["manual"]
    assert kinds(session, "tuntematon@muu.example") == ["manual"]
    assert kinds(session, "tuntematon@yritys.example") == []


def test_a_plus_tag_does_not_escape_an_opt_out(session: Session, now: datetime) -> None:
    opt_out(session, now)
    assert kinds(session, "Anna.Aalto+uutiset@YRITYS.example") == ["optout"]


def test_the_same_entry_twice_in_one_call_counts_once(session: Session, now: datetime) -> None:
    entries = [suppression.of_address(ANNA)] * 3
    assert suppression.suppress(session, entries, "manual", origin="staff", now=now) == 1
    assert suppression.suppress(session, [], "manual", origin="staff", now=now) == 0


@pytest.mark.parametrize(("scope", "kind"), [("address", "whim"), ("galaxy", "optout")])
def test_kinds_and_scopes_are_those_that_there_are(
    scope: str, kind: str, session: Session, now: datetime
) -> None:
    with pytest.raises(IntegrityError):
        suppression.suppress(session, [Entry(scope, b"k" * 16)], kind, origin="staff", now=now)


def test_a_suppression_tells_nobody_whom_it_is_about(session: Session, now: datetime) -> None:
    make_anna(session, now)
    opt_out(session, now)
    for entry in session.scalars(select(Suppression)):
        told = " ".join(str(getattr(entry, column.key)) for column in Suppression.__table__.columns)
        assert "anna" not in told.lower()
        assert "yritys" not in told.lower()
        assert len(entry.key) == 16
