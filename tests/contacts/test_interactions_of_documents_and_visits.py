"""Events of offer documents and visits to web sites: declared, consented to, and nobody else's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.contacts import consents, offer_documents, removal, web_visits
from mailer.contacts.consents import Statement
from mailer.contacts.interaction_entry import REFUSALS, Refused
from mailer.contacts.interaction_models import Interaction, OfferDocumentEvent, WebVisit
from mailer.contacts.interaction_repeats import Recorded
from mailer.contacts.models import Contact, Source
from mailer.contacts.offer_documents import Happening
from mailer.contacts.web_visits import Visit
from tests.contacts.dealings import noted, publish_with_all_kinds
from tests.contacts.staff import make_staff
from tests.segments.register import make_contact, make_source, publish_notice


@pytest.fixture
def source(session: Session, now: datetime) -> Source:
    return make_source(session, now, kind="cookies", name="www.yritys.example")


@pytest.fixture
def contact(session: Session, source: Source, now: datetime) -> Contact:
    publish_with_all_kinds(session, now)
    return make_contact(session, source, now)


# Offer documents


@pytest.fixture
def document(session: Session, source: Source, contact: Contact, now: datetime) -> Interaction:
    return noted(session, source, now, contact_id=contact.id, kind="offer_document")


def happen(
    session: Session, document_id: int, source: Source, now: datetime, **facts: Any
) -> Recorded | Refused:
    happening = Happening(**{"event": "opened", "at": now - timedelta(hours=1), **facts})
    return offer_documents.record(session, document_id, happening, source, now=now, actor_id=None)


@pytest.mark.parametrize(
    ("facts", "field", "code"),
    [
        ({"event": "printed"}, "event", "event_unknown"),
        ({"at": datetime(2026, 11, 24, 9, 1, tzinfo=UTC)}, "at", "future"),
        ({"at": datetime(1949, 1, 1, tzinfo=UTC)}, "at", "too_old"),
        ({"page": 1}, "page", "page_unfit"),
        ({"event": "sent", "seconds": 1}, "page", "page_unfit"),
        ({"event": "viewed", "page": 0}, "page", "page_unfit"),
        ({"event": "viewed", "page": 100_001}, "page", "page_unfit"),
        ({"event": "viewed", "seconds": -1}, "seconds", "page_unfit"),
        ({"event": "viewed", "seconds": 604_801}, "seconds", "page_unfit"),
    ],
)
def test_a_wrong_event_is_refused_by_name(
    session: Session,
    document: Interaction,
    source: Source,
    now: datetime,
    facts: dict[str, Any],
    field: str,
    code: str,
) -> None:
    assert happen(session, document.id, source, now, **facts) == Refused(field, code)
    assert code in REFUSALS | offer_documents.REFUSALS
    assert list(offer_documents.events(session, document.id)) == []


def test_sent_opened_viewed_and_forwarded_are_kept_in_order(
    session: Session, document: Interaction, source: Source, now: datetime
) -> None:
    for hours, event in enumerate(["forwarded", "viewed", "opened", "sent"]):
        at = now - timedelta(hours=hours)
        assert isinstance(happen(session, document.id, source, now, event=event, at=at), Recorded)
    happen(session, document.id, source, now, event="viewed", at=now, page=3, seconds=40)
    events = offer_documents.events(session, document.id)
    assert [e.event for e in events] == ["sent", "opened", "viewed", "forwarded", "viewed"]
    assert (events[-1].page, events[-1].seconds) == (3, 40)


def test_a_forwarding_has_no_place_for_an_address() -> None:
    texts = {
        column.name for column in OfferDocumentEvent.__table__.c if column.type.python_type is str
    }
    assert texts == {"event", "external_id"}


def test_an_event_told_again_is_there_once_and_other_content_changes_nothing(
    session: Session, document: Interaction, source: Source, now: datetime
) -> None:
    first = happen(session, document.id, source, now, external_id="e1")
    again = happen(session, document.id, source, now, external_id="e1")
    assert isinstance(first, Recorded)
    assert isinstance(again, Recorded)
    assert (first.new, again.new, again.id) == (True, False, first.id)
    other = happen(session, document.id, source, now, external_id="e1", event="viewed")
    assert other == Refused("", "event_known_otherwise")
    assert len(offer_documents.events(session, document.id)) == 1


def test_only_an_offer_document_has_events_and_not_a_restricted_persons(
    session: Session,
    document: Interaction,
    source: Source,
    contact: Contact,
    now: datetime,
) -> None:
    call = noted(session, source, now, contact_id=contact.id, kind="call")
    refused = Refused("", "no_document")
    assert happen(session, call.id, source, now) == refused
    assert happen(session, 987_654, source, now) == refused
    contact.restricted_at = now
    session.flush()
    assert happen(session, document.id, source, now) == Refused("", "contact_restricted")


def test_where_offer_documents_are_not_declared_nothing_is_kept_of_them(
    session: Session, document: Interaction, source: Source, now: datetime
) -> None:
    later = now + timedelta(days=2)
    publish_notice(session, later, interaction_kinds=["note"])
    assert happen(session, document.id, source, later) == Refused("", "kind_undeclared")


def test_events_go_with_their_document_and_the_document_with_its_person(
    session: Session, document: Interaction, source: Source, contact: Contact, now: datetime
) -> None:
    happen(session, document.id, source, now)
    user_id = make_staff(session, now)
    removal.remove(session, contact, reason="left", now=now, actor_id=user_id)
    assert session.scalars(select(OfferDocumentEvent.id)).all() == []
    assert session.scalars(select(Interaction.id)).all() == []


# Visits


def agree(session: Session, contact: Contact, now: datetime, event: str = "given") -> None:
    consents.record(session, [Statement(contact.id, "cookies", event)], actor="person", now=now)


def visit(contact: Contact, now: datetime, **facts: Any) -> Visit:
    return Visit(
        **{"contact_id": contact.id, "at": now - timedelta(hours=1), "path": "/hinnat", **facts}
    )


def visits(session: Session) -> list[tuple[int, str, int | None]]:
    rows = session.scalars(select(WebVisit).order_by(WebVisit.id))
    return [(row.contact_id, row.path, row.seconds) for row in rows]


@pytest.mark.parametrize("said", [[], ["withdrawn"], ["given", "withdrawn"], ["objected"]])
def test_a_visit_without_consent_to_cookies_adds_no_row(
    session: Session, source: Source, contact: Contact, now: datetime, said: list[str]
) -> None:
    for event in said:
        agree(session, contact, now, event)
    [outcome] = web_visits.record_many(session, [visit(contact, now)], source, now=now)
    assert outcome == Refused("", "no_cookie_consent")
    assert visits(session) == []


def test_consent_to_something_else_is_no_consent_to_cookies(
    session: Session, source: Source, contact: Contact, now: datetime
) -> None:
    said = [Statement(contact.id, "email_tracking", "given")]
    consents.record(session, said, actor="person", now=now)
    [outcome] = web_visits.record_many(session, [visit(contact, now)], source, now=now)
    assert outcome == Refused("", "no_cookie_consent")


def test_with_consent_the_path_is_kept_and_nothing_that_follows_it(
    session: Session, source: Source, contact: Contact, now: datetime
) -> None:
    agree(session, contact, now)
    address = "https://www.yritys.example/hinnat?q=oma+nimi#mailto"
    told = [visit(contact, now, path=address, seconds=12), visit(contact, now, path="/")]
    assert web_visits.record_many(session, told, source, now=now) == [True, True]
    assert visits(session) == [(contact.id, "/hinnat", 12), (contact.id, "/", None)]


@pytest.mark.parametrize(
    ("facts", "field", "code"),
    [
        ({"path": "hinnat"}, "path", "path_unfit"),
        ({"path": "/" + "x" * 500}, "path", "path_unfit"),
        ({"path": "/\x00"}, "path", "path_unfit"),
        ({"path": "/tilaa/anna@yritys.example"}, "path", "path_unfit"),
        ({"path": "/hetu/131052-308T"}, "path", "path_unfit"),
        ({"path": "http://[::1"}, "path", "path_unfit"),
        ({"seconds": -1}, "seconds", "seconds_unfit"),
        ({"seconds": 86_401}, "seconds", "seconds_unfit"),
        ({"at": datetime(2026, 11, 24, 9, 1, tzinfo=UTC)}, "at", "future"),
        ({"at": datetime(1949, 1, 1, tzinfo=UTC)}, "at", "too_old"),
        ({"contact_id": 987_654}, "", "contact_gone"),
    ],
)
def test_a_wrong_visit_is_refused_by_name(
    session: Session,
    source: Source,
    contact: Contact,
    now: datetime,
    facts: dict[str, Any],
    field: str,
    code: str,
) -> None:
    agree(session, contact, now)
    outcomes = web_visits.record_many(session, [visit(contact, now, **facts)], source, now=now)
    assert outcomes == [Refused(field, code)]
    assert code in REFUSALS | web_visits.REFUSALS
    assert visits(session) == []


def test_visits_are_refused_entirely_where_the_notice_does_not_declare_them(
    session: Session, source: Source, now: datetime
) -> None:
    publish_notice(session, now, interaction_kinds=["note"])
    contact = make_contact(session, source, now)
    agree(session, contact, now)
    outcomes = web_visits.record_many(session, [visit(contact, now)], source, now=now)
    assert outcomes == [Refused("kind", "kind_undeclared")]


@pytest.mark.parametrize(
    ("column", "code"), [("restricted_at", "contact_restricted"), ("erased_at", "contact_gone")]
)
def test_no_visit_of_the_restricted_or_the_erased_is_kept(
    session: Session, source: Source, contact: Contact, now: datetime, column: str, code: str
) -> None:
    agree(session, contact, now)
    setattr(contact, column, now)
    session.flush()
    [outcome] = web_visits.record_many(session, [visit(contact, now)], source, now=now)
    assert outcome == Refused("", code)


@pytest.mark.parametrize(
    ("kind", "event", "left"),
    [
        ("cookies", "withdrawn", 1),
        ("cookies", "objected", 1),
        ("cookies", "given", 2),
        ("email_marketing", "objected", 2),
    ],
)
def test_visits_go_when_the_consent_to_cookies_is_taken_back(
    session: Session, source: Source, contact: Contact, now: datetime, kind: str, event: str,
    left: int,
) -> None:  # fmt: skip
    other = make_contact(session, source, now)
    for person in (contact, other):
        agree(session, person, now)
        web_visits.record_many(session, [visit(person, now)], source, now=now)
    consents.record(session, [Statement(contact.id, kind, event)], actor="person", now=now)
    assert len(visits(session)) == left
    assert (other.id, "/hinnat", None) in visits(session)


def test_a_visit_told_again_is_there_once(
    session: Session, source: Source, contact: Contact, now: datetime
) -> None:
    agree(session, contact, now)
    told = [
        visit(contact, now, external_id="v1"),
        visit(contact, now),
        visit(contact, now, external_id="v1"),
        visit(contact, now),
    ]
    assert web_visits.record_many(session, told, source, now=now) == [True, True, False, True]
    again = [visit(contact, now, external_id="v1"), visit(contact, now, external_id="v2")]
    assert web_visits.record_many(session, again, source, now=now) == [False, True]
    assert len(visits(session)) == 4


def test_visits_go_with_their_person(
    session: Session, source: Source, contact: Contact, now: datetime
) -> None:
    agree(session, contact, now)
    web_visits.record_many(session, [visit(contact, now)], source, now=now)
    user_id = make_staff(session, now)
    removal.remove(session, contact, reason="left", now=now, actor_id=user_id)
    assert visits(session) == []
