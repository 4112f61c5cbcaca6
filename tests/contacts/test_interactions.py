"""What is noted about dealings with people and companies, against a real register."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.audit import AuditEntry
from mailer.contacts import (
    import_undo,
    interaction_holds,
    interactions,
    private_persons,
    removal,
)
from mailer.contacts.interaction_entry import REFUSALS, Refused, held_until
from mailer.contacts.interaction_models import Interaction
from mailer.contacts.interaction_repeats import Recorded
from mailer.contacts.interactions import Corrected
from mailer.contacts.models import Company, Contact, Import, Source
from mailer.notice.vocabulary import COMMERCIAL_KINDS, INTERACTION_KINDS
from tests.contacts.dealings import all_of, make_entry, noted, publish_with_all_kinds
from tests.contacts.staff import make_staff
from tests.segments.register import make_company, make_contact, make_source, publish_notice

IDENTITY_CODE = "131052-308T"  # the authority's own example


@pytest.fixture
def source(session: Session, now: datetime) -> Source:
    return make_source(session, now, kind="system_entry", name="")


@pytest.fixture
def user_id(session: Session, now: datetime) -> int:
    return make_staff(session, now)


@pytest.fixture
def company(session: Session, source: Source, now: datetime) -> Company:
    return make_company(session, source, now)


@pytest.fixture
def contact(session: Session, source: Source, company: Company, now: datetime) -> Contact:
    publish_with_all_kinds(session, now)
    return make_contact(session, source, now, company_id=company.id)


Recorder = Callable[..., Recorded | Refused]


@pytest.fixture
def record(session: Session, source: Source, contact: Contact, now: datetime) -> Recorder:
    def record(**facts: Any) -> Recorded | Refused:
        entry = make_entry(now, **{"contact_id": contact.id, **facts})
        return interactions.record(session, entry, source, now=now, actor_id=None)

    return record


@pytest.mark.parametrize(
    ("facts", "field", "code"),
    [
        ({"kind": "web_visit"}, "kind", "kind_undeclared"),
        ({"kind": "gossip"}, "kind", "kind_undeclared"),
        ({"at": datetime(2026, 11, 24, 9, 1, tzinfo=UTC)}, "at", "future"),
        ({"at": datetime(1949, 5, 1, tzinfo=UTC)}, "at", "too_old"),
        ({"title": " ", "body": "\n\x00\t"}, "title", "empty"),
        ({"title": "x" * 201}, "title", "title_too_long"),
        ({"body": "x" * 10_001}, "body", "body_too_long"),
        ({"reference": "x" * 101}, "reference", "reference_too_long"),
        ({"body": f"Hetu {IDENTITY_CODE} kirjattu"}, "body", "identity_code"),
        ({"title": IDENTITY_CODE}, "title", "identity_code"),
        ({"reference": IDENTITY_CODE}, "reference", "identity_code"),
        ({"body": "On sairauslomalla tammikuuhun."}, "body", "special_category"),
        ({"title": "Ammattiliiton jäsen"}, "title", "special_category"),
        ({"amount": Decimal(5)}, "amount", "amount_unfit"),
        ({"kind": "order", "amount": Decimal("NaN")}, "amount", "amount_too_large"),
        ({"kind": "order", "amount": Decimal("1e14")}, "amount", "amount_too_large"),
        (
            {"kind": "order", "amount": Decimal(1), "currency": "EURO"},
            "currency",
            "currency_unknown",
        ),
        ({"kind": "order", "financial_year": 2025}, "financial_year", "financial_year"),
        ({"kind": "order", "financial_year": 2028}, "financial_year", "financial_year"),
        ({"contact_id": None}, "", "no_party"),
        ({"contact_id": 987_654}, "", "contact_gone"),
        ({"company_id": 987_654}, "", "company_gone"),
    ],
)
def test_what_may_not_be_noted_is_refused_by_name(
    session: Session, record: Recorder, facts: dict[str, Any], field: str, code: str
) -> None:
    assert record(**facts) == Refused(field, code)
    assert code in REFUSALS
    assert all_of(session) == []


def test_nothing_is_noted_without_a_notice(
    session: Session, source: Source, company: Company, now: datetime
) -> None:
    entry = make_entry(now, company_id=company.id)
    refused = interactions.record(session, entry, source, now=now, actor_id=None)
    assert refused == Refused("", "no_notice")


def test_a_kind_that_the_notice_does_not_declare_is_refused(
    session: Session, source: Source, now: datetime
) -> None:
    publish_notice(session, now, interaction_kinds=["note"])
    contact = make_contact(session, source, now)
    entry = make_entry(now, contact_id=contact.id)
    refused = interactions.record(session, entry, source, now=now, actor_id=None)
    assert refused == Refused("kind", "kind_undeclared")


@pytest.mark.parametrize(
    ("column", "code"), [("restricted_at", "contact_restricted"), ("erased_at", "contact_gone")]
)
def test_nothing_is_noted_about_the_restricted_and_the_erased(
    session: Session, record: Recorder, contact: Contact, now: datetime, column: str, code: str
) -> None:
    setattr(contact, column, now)
    session.flush()
    assert record() == Refused("", code)


@pytest.mark.parametrize("kind", sorted(set(INTERACTION_KINDS) - {"web_visit"}))
def test_every_other_kind_is_noted_with_its_source_its_company_and_its_hold(
    session: Session,
    record: Recorder,
    source: Source,
    contact: Contact,
    kind: str,
) -> None:
    assert isinstance(record(kind=kind), Recorded)
    [row] = all_of(session)
    assert (row.kind, row.source_id, row.contact_id) == (kind, source.id, contact.id)
    assert row.company_id == contact.company_id
    assert (row.held_until is not None) == (kind in COMMERCIAL_KINDS)


@pytest.mark.parametrize(
    ("at", "financial_year", "until"),
    [
        (datetime(2026, 3, 1, tzinfo=UTC), None, date(2032, 12, 31)),
        (datetime(2026, 3, 1, tzinfo=UTC), 2026, date(2032, 12, 31)),
        (datetime(2026, 9, 1, tzinfo=UTC), 2027, date(2033, 12, 31)),
        # New Year's Eve in London is New Year in Helsinki.
        (datetime(2025, 12, 31, 22, 30, tzinfo=UTC), None, date(2032, 12, 31)),
    ],
)
def test_a_voucher_is_held_six_years_after_its_financial_year(
    now: datetime, at: datetime, financial_year: int | None, until: date
) -> None:
    entry = make_entry(now, kind="invoice", at=at, financial_year=financial_year)
    assert held_until(entry) == until
    assert held_until(make_entry(now, kind="offer", at=at)) is None


def test_control_characters_and_needless_spaces_are_not_kept(
    session: Session, record: Recorder
) -> None:
    record(title=" Tarjous\x00  1 ", body="rivi\x07 1\r\n\r\nrivi  2\n", reference=" A\t1 ")
    [row] = all_of(session)
    assert (row.title, row.body, row.reference) == ("Tarjous 1", "rivi 1\n\nrivi 2", "A 1")


def test_a_sum_is_kept_in_cents_with_its_currency(session: Session, record: Recorder) -> None:
    record(kind="invoice", amount=Decimal("99.995"), currency="SEK")
    [row] = all_of(session)
    assert (row.amount, row.currency) == (Decimal("100.00"), "SEK")


def test_what_is_told_again_is_there_once(session: Session, record: Recorder) -> None:
    first, again = record(external_id="crm-1"), record(external_id="crm-1")
    assert isinstance(first, Recorded)
    assert isinstance(again, Recorded)
    assert (first.new, again.new, first.id) == (True, False, again.id)
    assert len(all_of(session)) == 1
    assert session.scalar(select(func.count()).select_from(Interaction)) == 1


def test_other_content_under_a_known_id_changes_nothing(session: Session, record: Recorder) -> None:
    record(external_id="crm-1")
    assert record(external_id="crm-1", title="Muuta") == Refused("", "known_otherwise")
    assert [row.title for row in all_of(session)] == ["Kysyi tarjousta"]


def test_two_sources_may_use_the_same_id(
    session: Session, record: Recorder, contact: Contact, now: datetime
) -> None:
    record(external_id="1")
    other = make_source(session, now, kind="order", name="Verkkokauppa")
    noted(session, other, now, contact_id=contact.id, external_id="1")
    assert len(all_of(session)) == 2


def test_a_batch_tells_what_became_of_each_entry_in_order(
    session: Session, source: Source, contact: Contact, now: datetime
) -> None:
    def entry(**facts: Any) -> Any:
        return make_entry(now, **{"contact_id": contact.id, **facts})

    noted(session, source, now, contact_id=contact.id, external_id="b")
    outcomes = interactions.record_many(
        session,
        [
            entry(title="1"),
            entry(kind="gossip"),
            entry(external_id="a"),
            entry(external_id="b"),
            entry(contact_id=987_654),
            entry(title="2"),
            entry(external_id="a"),
            entry(external_id="a", title="3"),
        ],
        source,
        now=now,
        actor_id=None,
    )
    told = [o.code if isinstance(o, Refused) else o.new for o in outcomes]
    assert told == [
        True, "kind_undeclared", True, False, "contact_gone", True, False, "known_otherwise",
    ]  # fmt: skip
    first, last = outcomes[0], outcomes[5]
    assert isinstance(first, Recorded)
    assert isinstance(last, Recorded)
    assert session.get_one(Interaction, first.id).title == "1"
    assert session.get_one(Interaction, last.id).title == "2"
    assert outcomes[2].id == outcomes[6].id  # type: ignore[union-attr]


def test_a_batch_of_nothing_does_nothing(session: Session, source: Source, now: datetime) -> None:
    assert interactions.record_many(session, [], source, now=now, actor_id=None) == []


# Correcting


@pytest.fixture
def correct(session: Session, now: datetime, user_id: int) -> Callable[..., Corrected | Refused]:
    def correct(row: Interaction, **facts: Any) -> Corrected | Refused:
        version = facts.pop("version", row.version)
        entry = make_entry(now, **{"kind": row.kind, "at": row.at, **facts})
        return interactions.correct(
            session, row.id, entry, version=version, now=now, actor_id=user_id
        )

    return correct


def test_a_correction_keeps_what_it_does_not_name_and_is_audited_without_words(
    session: Session,
    source: Source,
    contact: Contact,
    now: datetime,
    correct: Callable[..., Corrected | Refused],
) -> None:
    row = noted(session, source, now, contact_id=contact.id, external_id="x")
    assert correct(row, title="Toisin") == Corrected(("title",))
    assert (row.title, row.version, row.contact_id, row.external_id) == (
        "Toisin", 2, contact.id, "x",
    )  # fmt: skip
    session.commit()
    line = session.scalars(select(AuditEntry).filter_by(action="interaction.corrected")).one()
    assert line.details["fields"] == ["title"]
    assert "Toisin" not in str(line.details)


def test_of_two_who_correct_at_once_the_second_is_told(
    session: Session,
    source: Source,
    contact: Contact,
    now: datetime,
    correct: Callable[..., Corrected | Refused],
) -> None:
    row = noted(session, source, now, contact_id=contact.id)
    assert isinstance(correct(row, title="Ensin", version=1), Corrected)
    assert correct(row, title="Sitten", version=1) == Refused("", "changed_meanwhile")
    assert row.title == "Ensin"


def test_a_correction_is_checked_like_a_new_note(
    session: Session,
    source: Source,
    contact: Contact,
    now: datetime,
    correct: Callable[..., Corrected | Refused],
) -> None:
    row = noted(session, source, now, contact_id=contact.id)
    assert correct(row, body=IDENTITY_CODE) == Refused("body", "identity_code")
    assert correct(row, kind="gossip") == Refused("kind", "kind_undeclared")
    contact.restricted_at = now
    session.flush()
    assert correct(row, title="Muuta") == Refused("", "contact_restricted")


def test_what_the_notice_no_longer_declares_may_still_be_corrected(
    session: Session,
    source: Source,
    contact: Contact,
    now: datetime,
    correct: Callable[..., Corrected | Refused],
) -> None:
    row = noted(session, source, now, contact_id=contact.id, kind="call")
    publish_notice(session, now + timedelta(hours=1), interaction_kinds=["note"])
    assert correct(row, title="Oikein") == Corrected(("title",))
    assert correct(row, kind="meeting") == Refused("kind", "kind_undeclared")


def test_a_correction_neither_ends_nor_shortens_a_hold(
    session: Session,
    source: Source,
    contact: Contact,
    now: datetime,
    correct: Callable[..., Corrected | Refused],
) -> None:
    row = noted(session, source, now, contact_id=contact.id, kind="invoice")
    assert correct(row, kind="note") == Refused("kind", "held_kind")
    assert isinstance(correct(row, at=datetime(2001, 1, 1, tzinfo=UTC)), Corrected)
    assert row.held_until == date(2032, 12, 31)
    assert isinstance(correct(row, financial_year=2002), Corrected)
    assert row.held_until == date(2032, 12, 31)


# Deleting


def test_a_note_is_deleted_and_a_voucher_is_not(
    session: Session, source: Source, contact: Contact, now: datetime, user_id: int
) -> None:
    note = noted(session, source, now, contact_id=contact.id)
    voucher = noted(session, source, now, contact_id=contact.id, kind="invoice")
    assert interactions.remove(session, note.id, now=now, actor_id=user_id) is None
    refused = interactions.remove(session, voucher.id, now=now, actor_id=user_id)
    assert refused == Refused("", "held")
    assert [row.id for row in all_of(session)] == [voucher.id]
    assert interactions.remove(session, note.id, now=now, actor_id=user_id) == Refused("", "gone")
    on_the_last_day = datetime(2032, 12, 31, 12, tzinfo=UTC)
    refused = interactions.remove(session, voucher.id, now=on_the_last_day, actor_id=user_id)
    assert refused == Refused("", "held")
    after = datetime(2033, 1, 1, tzinfo=UTC)
    assert interactions.remove(session, voucher.id, now=after, actor_id=user_id) is None


def test_nothing_of_a_restricted_person_is_deleted(
    session: Session, source: Source, contact: Contact, now: datetime, user_id: int
) -> None:
    note = noted(session, source, now, contact_id=contact.id)
    contact.restricted_at = now
    session.flush()
    refused = interactions.remove(session, note.id, now=now, actor_id=user_id)
    assert refused == Refused("", "contact_restricted")


Removal = Callable[[Session, Contact, datetime, int], None]


def _delete(session: Session, contact: Contact, now: datetime, user_id: int) -> None:
    removal.remove(session, contact, reason="left", now=now, actor_id=user_id)


def _as_private(session: Session, contact: Contact, now: datetime, user_id: int) -> None:
    removal.remove_as_private(session, contact, rule="minor", now=now, actor_id=user_id)


def _by_detector(session: Session, contact: Contact, now: datetime, _user_id: int) -> None:
    private_persons.remove(session, [contact.id], rule="private_person", now=now)
    session.expunge(contact)


@pytest.mark.parametrize("delete", [_delete, _as_private, _by_detector])
def test_of_a_deleted_person_only_the_held_stays_and_tells_nothing_of_them(
    session: Session,
    source: Source,
    contact: Contact,
    company: Company,
    now: datetime,
    user_id: int,
    delete: Removal,
) -> None:
    other = make_contact(session, source, now, company_id=company.id)
    kept = noted(session, source, now, contact_id=other.id)
    for kind in sorted(set(INTERACTION_KINDS) - {"web_visit"}):
        noted(
            session, source, now, actor_id=user_id, contact_id=contact.id, kind=kind,
            title="Anna Lehtonen", body="Annan asia", reference="2026-17", external_id=kind,
        )  # fmt: skip
    expired = noted(
        session, source, now, contact_id=contact.id, kind="order",
        at=datetime(2015, 6, 1, tzinfo=UTC),
    )  # fmt: skip
    contact_id, expired_id = contact.id, expired.id
    delete(session, contact, now, user_id)
    assert session.scalar(select(Contact.id).where(Contact.id == contact_id)) is None
    rows = all_of(session)
    assert {row.kind for row in rows if row.id != kept.id} == COMMERCIAL_KINDS
    assert expired_id not in {row.id for row in rows}
    for row in rows:
        if row.id == kept.id:
            assert (row.contact_id, row.detached_at) == (other.id, None)
            continue
        assert (row.contact_id, row.title, row.body, row.external_id) == (None, "", "", None)
        assert (row.created_by, row.detached_at, row.reference) == (None, now, "2026-17")
        assert (row.company_id, row.held_until) == (company.id, date(2032, 12, 31))


def test_the_audit_log_tells_how_much_is_held(
    session: Session, source: Source, contact: Contact, now: datetime, user_id: int
) -> None:
    noted(session, source, now, contact_id=contact.id, kind="invoice")
    _delete(session, contact, now, user_id)
    session.commit()
    line = session.scalars(select(AuditEntry).filter_by(action="contact.deleted")).one()
    assert line.details["interactions_held"] == 1


def test_a_voucher_of_nobody_goes_when_its_hold_ends_and_cannot_be_changed_before(
    session: Session,
    source: Source,
    contact: Contact,
    now: datetime,
    user_id: int,
    correct: Callable[..., Corrected | Refused],
) -> None:
    row = noted(session, source, now, contact_id=contact.id, kind="invoice")
    _delete(session, contact, now, user_id)
    session.refresh(row)
    assert correct(row, title="Anna takaisin") == Refused("", "gone")
    last_day = datetime(2032, 12, 31, 12, tzinfo=UTC)
    assert interaction_holds.forget_released(session, now=last_day) == 0
    after = datetime(2033, 1, 1, tzinfo=UTC)
    assert interaction_holds.forget_released(session, now=after) == 1
    assert all_of(session) == []


def test_an_import_that_is_undone_leaves_people_and_companies_with_dealings(
    session: Session, source: Source, now: datetime, user_id: int
) -> None:
    publish_with_all_kinds(session, now)
    run = Import(
        file_name="a.csv", file_hash="0", state="done", created_at=now, finished_at=now,
        source_id=source.id,
    )  # fmt: skip
    session.add(run)
    session.flush()
    firms = [make_company(session, source, now, import_id=run.id) for _ in range(3)]
    people = [
        make_contact(session, source, now, import_id=run.id, company_id=firm.id)
        for firm in firms[:2]
    ]
    noted(session, source, now, contact_id=people[0].id)
    noted(session, source, now, company_id=firms[2].id)
    done = import_undo.undo(session, run, now=now, actor_id=user_id)
    assert (done.removed, done.kept, done.companies) == (1, 1, 1)
    assert len(all_of(session)) == 2
