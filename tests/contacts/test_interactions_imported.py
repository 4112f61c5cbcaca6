"""Files of dealings, against a real register: every row recorded, known, or refused by name."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.audit import AuditEntry
from mailer.contacts import consents, removal
from mailer.contacts import interaction_importing as importing
from mailer.contacts.consents import Statement
from mailer.contacts.interaction_columns import kind_names, plan
from mailer.contacts.interaction_importing import RefusedError
from mailer.contacts.interaction_models import Interaction, OfferDocumentEvent, WebVisit
from mailer.contacts.interaction_reading import Result
from mailer.contacts.interaction_rows import PROBLEMS, Names, Problem, read
from mailer.contacts.models import Company, Contact, Import, Source
from mailer.languages import TIMEZONE, in_language
from mailer.notice.vocabulary import INTERACTION_KINDS
from tests.contacts.dealings import all_of, noted, publish_with_all_kinds
from tests.contacts.staff import make_staff
from tests.contacts.workbooks import make_workbook, sheet_of
from tests.segments.register import make_company, make_contact, make_source, publish_notice

ANNA = "anna.lehtonen@puutyo.example"
BUSINESS_ID = "1234567-1"
ROW = {"Sähköposti": ANNA, "Laji": "call", "Päivä": "15.1.2026", "Otsikko": "Soitto"}


def make_csv(*rows: dict[str, str]) -> bytes:
    """A file of rows; each is ROW with changes."""
    names = list(dict.fromkeys([*ROW, *(name for row in rows for name in row)]))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, delimiter=";", restval="")
    writer.writeheader()
    writer.writerows({**ROW, **row} for row in rows)
    return out.getvalue().encode()


@pytest.fixture
def contact(session: Session, now: datetime) -> Contact:
    publish_with_all_kinds(session, now)
    source = make_source(session, now)
    company = make_company(session, source, now, business_id=BUSINESS_ID)
    return make_contact(session, source, now, email=ANNA, company_id=company.id)


def run(session: Session, content: bytes, now: datetime, **facts: Any) -> Result:
    return importing.run(
        session,
        content,
        **{
            "source_name": "CRM",
            "source_kind": "system_entry",
            "basis": "legitimate_interest",
            "now": now,
            **facts,
        },
    )


def numbers(result: Result) -> tuple[int, int, int, int]:
    return result.rows, result.new, result.unchanged, len(result.problems)


def refusals(result: Result) -> list[tuple[int, str, str]]:
    return [(p.row, p.column, p.code) for p in result.problems]


# The file as a whole


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"source_name": "  "}, "source_name_missing"),
        ({"source_name": "x" * 201}, "source_name_missing"),
        ({"source_kind": "b2b_supplier"}, "source_kind_unfit"),
        ({"source_kind": "public_web"}, "source_kind_unfit"),
        ({"source_kind": "email_tracking"}, "source_kind_unfit"),
        ({"source_kind": "group_app"}, "source_kind_undeclared"),
        ({"source_kind": "rumour"}, "source_kind_undeclared"),
    ],
)
def test_a_source_that_does_not_fit_refuses_the_file(
    session: Session, now: datetime, facts: dict[str, str], code: str
) -> None:
    publish_with_all_kinds(session, now, source_kinds=["system_entry", "form"])
    with pytest.raises(RefusedError) as refused:
        run(session, make_csv({}), now, **facts)
    assert refused.value.code == code
    assert refused.value.sentence
    assert session.scalar(select(func.count()).select_from(Source)) == 0


@pytest.mark.usefixtures("contact")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"\x89PNG\r\n\x1a\n....", "spreadsheet_file"),
        (b"Laji;Otsikko\ncall;x\n", "no_party_column"),
        ("Sähköposti;Päivä\na@b.example;1.1.2026\n".encode(), "no_kind_column"),
        ("Sähköposti;Laji\na@b.example;call\n".encode(), "no_date_column"),
        (b"anna@b.example;call;1.1.2026\nb@b.example;call;2.1.2026\n", "no_header"),
    ],
)
def test_what_is_no_file_of_dealings_is_refused_whole(
    session: Session, now: datetime, content: bytes, code: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        run(session, content, now)
    assert refused.value.code == code
    assert refused.value.sentence


def test_without_a_notice_nothing_is_imported(session: Session, now: datetime) -> None:
    with pytest.raises(RefusedError) as refused:
        run(session, make_csv({}), now)
    assert refused.value.code == "no_notice"


# Rows


@pytest.mark.usefixtures("contact")
@pytest.mark.parametrize(
    ("changes", "column", "code"),
    [
        ({"Sähköposti": "ei ole"}, "Sähköposti", "bad_address"),
        ({"Sähköposti": "tuntematon@puutyo.example"}, "Sähköposti", "unknown_person"),
        ({"Sähköposti": "", "Y-tunnus": ""}, "", "no_party"),
        ({"Y-tunnus": "1234567-2"}, "Y-tunnus", "business_id_check_digit"),
        ({"Y-tunnus": "x"}, "Y-tunnus", "bad_business_id"),
        ({"Sähköposti": "", "Y-tunnus": "0112038-9"}, "Y-tunnus", "unknown_company"),
        ({"Laji": ""}, "Laji", "kind_unknown"),
        ({"Laji": "juoru"}, "Laji", "kind_unknown"),
        ({"Päivä": "eilen"}, "Päivä", "bad_moment"),
        ({"Päivä": "1.1.2999"}, "Päivä", "future"),
        ({"Päivä": "1.1.1949"}, "Päivä", "too_old"),
        ({"Otsikko": ""}, "Otsikko", "empty"),
        ({"Otsikko": "x" * 201}, "Otsikko", "title_too_long"),
        ({"Teksti": "Hetu 131052-308T"}, "Teksti", "identity_code"),
        ({"Teksti": "Hän on sairauslomalla"}, "Teksti", "special_category"),
        ({"Summa": "1,234"}, "Summa", "bad_amount"),
        ({"Summa": "5"}, "Summa", "amount_unfit"),
        ({"Laji": "order", "Summa": "5", "Valuutta": "MK"}, "Valuutta", "currency_unknown"),
        ({"Laji": "order", "Tilikausi": "26"}, "Tilikausi", "financial_year"),
        ({"Laji": "order", "Tilikausi": "x"}, "Tilikausi", "bad_year"),
        ({"Tunniste": "x" * 201}, "Tunniste", "external_id_too_long"),
        ({"Tunniste": "131052-308T"}, "Tunniste", "identity_code"),
        ({"Laji": "web_visit", "Sivu": "/"}, "", "no_cookie_consent"),
        ({"Laji": "web_visit", "Sivu": "hinnat"}, "Sivu", "path_unfit"),
        ({"Laji": "web_visit", "Sivu": "/", "Sekunnit": "x"}, "Sekunnit", "seconds_unfit"),
        (
            {"Laji": "web_visit", "Sähköposti": "", "Y-tunnus": BUSINESS_ID, "Sivu": "/"},
            "Sähköposti",
            "visit_of_nobody",
        ),
    ],
)
def test_a_wrong_row_is_refused_with_its_row_column_and_code_and_the_others_come_in(
    session: Session, now: datetime, changes: dict[str, str], column: str, code: str
) -> None:
    people = session.scalar(select(func.count()).select_from(Contact))
    result = run(session, make_csv({}, changes, {"Otsikko": "Toinen"}), now)
    assert refusals(result) == [(3, column, code)]
    assert numbers(result) == (3, 2, 0, 1)
    assert result.problems[0].sentence
    assert len(all_of(session)) == 2
    assert session.scalar(select(func.count()).select_from(Contact)) == people
    assert session.scalars(select(WebVisit.id)).all() == []


@pytest.mark.usefixtures("contact")
def test_a_broken_quote_and_a_row_that_is_too_wide_are_refused_alone(
    session: Session, now: datetime
) -> None:
    content = make_csv({}) + f'{ANNA};call;15.1.2026;"auki\n'.encode()
    content += f"{ANNA};call;15.1.2026;a;b;c\n{ANNA};call;16.1.2026;Ehjä\n".encode()
    result = run(session, content, now)
    assert sorted(result.codes) == ["broken_quoting", "too_many_cells"]
    assert result.new == 2


def test_a_row_becomes_a_dealing_with_all_it_says(
    session: Session, contact: Contact, now: datetime
) -> None:
    row = {
        "Laji": "Invoice", "Päivä": "15.1.2026 klo 9.30", "Teksti": "Koko vuosi",
        "Summa": "1 234,50 €", "Valuutta": "sek", "Laskunumero": "2026-17",
        "Tilikausi": "2027", "Tunniste": "F17",
    }  # fmt: skip
    result = run(session, make_csv(row), now)
    assert numbers(result) == (1, 1, 0, 0)
    [made] = all_of(session)
    assert (made.kind, made.title, made.body) == ("invoice", "Soitto", "Koko vuosi")
    assert made.at == datetime(2026, 1, 15, 9, 30, tzinfo=TIMEZONE)
    assert (str(made.amount), made.currency, made.reference) == ("1234.50", "SEK", "2026-17")
    assert (made.contact_id, made.company_id) == (contact.id, contact.company_id)
    assert (made.external_id, str(made.held_until)) == ("F17", "2033-12-31")
    source = session.get_one(Source, made.source_id)
    assert (source.kind, source.name) == ("system_entry", "CRM")


def test_a_business_id_alone_is_about_the_company(
    session: Session, contact: Contact, now: datetime
) -> None:
    run(session, make_csv({"Sähköposti": "", "Y-tunnus": "FI12345671"}), now)
    [made] = all_of(session)
    assert (made.contact_id, made.company_id) == (None, contact.company_id)


@pytest.mark.usefixtures("contact")
def test_the_same_file_twice_changes_nothing_with_or_without_ids(
    session: Session, now: datetime
) -> None:
    content = make_csv({}, {"Otsikko": "Toinen"}, {"Tunniste": "A1"}, {"Laji": "juoru"})
    assert numbers(run(session, content, now)) == (4, 3, 0, 1)
    before = [(row.id, row.updated_at, row.version) for row in all_of(session)]
    later = now + timedelta(days=3)
    assert numbers(run(session, content, later)) == (4, 0, 3, 1)
    assert [(row.id, row.updated_at, row.version) for row in all_of(session)] == before


@pytest.mark.usefixtures("contact")
def test_a_row_twice_in_one_file_is_taken_once(session: Session, now: datetime) -> None:
    content = make_csv({}, {}, {"Tunniste": "A1"}, {"Tunniste": "A1", "Otsikko": "Muu"})
    result = run(session, content, now)
    assert refusals(result) == [
        (3, "Tunniste", "duplicate_in_file"),
        (5, "Tunniste", "duplicate_in_file"),
    ]
    assert result.new == 2


@pytest.mark.usefixtures("contact")
@pytest.mark.parametrize(
    "changes",
    [
        {"Laji": "note"},
        {"Päivä": "16.1.2026"},
        {"Otsikko": "Muu"},
        {"Teksti": "Muu"},
        {"Summa": "6"},
        {"Valuutta": "SEK"},
        {"Laskunumero": "2"},
    ],
)
def test_rows_without_ids_are_two_when_anything_in_them_differs(
    session: Session, now: datetime, changes: dict[str, str]
) -> None:
    row = {"Laji": "offer", "Summa": "5", "Teksti": "Sama", "Valuutta": "EUR", "Laskunumero": "1"}
    if "Laji" in changes:
        row["Summa"] = ""
    assert numbers(run(session, make_csv(row, {**row, **changes}), now)) == (2, 2, 0, 0)


@pytest.mark.usefixtures("contact")
def test_what_staff_have_corrected_is_kept_and_the_row_is_refused(
    session: Session, now: datetime
) -> None:
    content = make_csv({"Tunniste": "A1"})
    run(session, content, now)
    [row] = all_of(session)
    row.title = "Korjattu"
    session.flush()
    assert refusals(run(session, content, now)) == [(2, "", "known_otherwise")]
    assert [row.title for row in all_of(session)] == ["Korjattu"]


def test_rows_of_the_restricted_and_of_the_deleted_are_refused(
    session: Session, contact: Contact, now: datetime
) -> None:
    content = make_csv({"Laji": "invoice", "Tunniste": "F1"})
    run(session, content, now)
    contact.restricted_at = now
    session.flush()
    assert refusals(run(session, make_csv({"Tunniste": "F2"}), now)) == [
        (2, "", "contact_restricted")
    ]
    contact.restricted_at = None
    user_id = make_staff(session, now)
    removal.remove(session, contact, reason="left", now=now, actor_id=user_id)
    assert refusals(run(session, content, now)) == [(2, "Sähköposti", "unknown_person")]
    assert [(row.kind, row.contact_id) for row in all_of(session)] == [("invoice", None)]


def test_visits_of_those_who_agreed_to_cookies_come_in_once(
    session: Session, contact: Contact, now: datetime
) -> None:
    said = [Statement(contact.id, "cookies", "given")]
    consents.record(session, said, actor="person", now=now)
    content = make_csv(
        {"Laji": "web_visit", "Sivu": "https://x.example/hinnat?q=1", "Sekunnit": "12"},
        {"Laji": "web_visit", "Sivu": "/", "Sekunnit": "12"},
    )
    assert numbers(run(session, content, now)) == (2, 2, 0, 0)
    assert numbers(run(session, content, now)) == (2, 0, 2, 0)
    paths = session.scalars(select(WebVisit.path).order_by(WebVisit.id)).all()
    assert paths == ["/hinnat", "/"]
    assert all_of(session) == []


@pytest.mark.usefixtures("contact")
def test_events_of_offer_documents_come_in_once_and_name_their_document(
    session: Session, now: datetime
) -> None:
    document = {"Laji": "offer_document", "Tunniste": "T7", "Otsikko": "Tarjous 7"}
    content = make_csv(
        {**document, "Event": "Viewed", "Sivu": "2", "Sekunnit": "40"},
        document,
        {**document, "Event": "forwarded", "Kenelle": "toinen@muualla.example"},
        {**document, "Event": "forwarded"},
        {**document, "Event": "printed"},
        {**document, "Event": "sent", "Tunniste": "T8"},
        {**document, "Event": "sent", "Tunniste": ""},
        {"Tunniste": "T7", "Event": "sent"},
        {**document, "Event": "viewed", "Sivu": "kaksi"},
        {**document, "Event": "sent", "Sivu": "2"},
    )
    result = run(session, content, now)
    assert refusals(result) == [
        (5, "Tunniste", "duplicate_in_file"),
        (6, "Event", "event_unknown"),
        (7, "Tunniste", "no_document"),
        (8, "Event", "event_of_no_document"),
        (9, "Event", "event_of_no_document"),
        (10, "Sivu", "page_unfit"),
        (11, "Sivu", "page_unfit"),
    ]
    assert (result.new, result.unchanged) == (3, 0)
    [made] = all_of(session)
    events = session.scalars(select(OfferDocumentEvent).order_by(OfferDocumentEvent.id)).all()
    assert [(e.interaction_id, e.event, e.page, e.seconds) for e in events] == [
        (made.id, "viewed", 2, 40),
        (made.id, "forwarded", None, None),
    ]
    assert "muualla" not in str([event.external_id for event in events])
    again = run(session, content, now)
    assert (again.new, again.unchanged, len(again.problems)) == (0, 3, 7)


@pytest.mark.usefixtures("contact")
def test_a_workbook_is_read_like_a_text_file(session: Session, now: datetime) -> None:
    content = make_workbook(sheet_of(tuple(ROW), tuple(ROW.values())))
    assert numbers(run(session, content, now)) == (1, 1, 0, 0)
    assert numbers(run(session, make_csv({}), now)) == (1, 0, 1, 0)


@pytest.mark.usefixtures("contact")
def test_forbidden_unknown_and_second_columns_are_left_out_and_named(
    session: Session, now: datetime
) -> None:
    result = run(session, make_csv({"Henkilötunnus": "x", "Sää": "y", "Aihe": "z"}), now)
    assert [(d.heading, d.reason) for d in result.dropped] == [
        ("Henkilötunnus", "forbidden_column"),
        ("Sää", "unknown_column"),
        ("Aihe", "duplicate_column"),
    ]
    assert result.new == 1


@pytest.mark.usefixtures("contact")
def test_more_rows_than_fit_in_one_batch_come_in(
    session: Session, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK", 3)
    content = make_csv(*({"Otsikko": f"Soitto {n % 7}"} for n in range(10)))
    result = run(session, content, now)
    assert numbers(result) == (10, 7, 0, 3)
    assert [row for row, _, _ in refusals(result)] == [9, 10, 11]


@pytest.mark.usefixtures("contact")
def test_the_audit_log_has_the_numbers_and_no_words(session: Session, now: datetime) -> None:
    run(session, make_csv({}, {"Laji": "juoru"}), now)
    session.commit()
    line = session.scalars(select(AuditEntry).filter_by(action="interactions.imported")).one()
    assert (line.details["new"], line.details["refused"]) == (1, 1)
    assert line.details["codes"] == {"kind_unknown": 1}
    assert "anna" not in str(line.details).lower()


@pytest.mark.usefixtures("contact")
def test_a_source_of_an_import_of_contacts_is_not_shared(session: Session, now: datetime) -> None:

    of_contacts = make_source(session, now, kind="system_entry", name="CRM")
    session.add(Import(file_name="a.csv", file_hash="0", created_at=now, source_id=of_contacts.id))
    session.flush()
    run(session, make_csv({}), now)
    [row] = all_of(session)
    assert row.source_id != of_contacts.id


def test_a_kind_is_known_by_its_words_in_every_language() -> None:
    names = kind_names()
    for kind in INTERACTION_KINDS:
        assert names[kind.replace("_", "")] == kind
    assert names["phonecall"] == "call"
    with in_language("fi"):
        assert kind_names() == names


def test_a_company_row_of_another_day_is_another_row(
    session: Session, contact: Contact, now: datetime
) -> None:
    company = session.get_one(Company, contact.company_id)
    assert company.business_id == BUSINESS_ID
    source = make_source(session, now, kind="system_entry", name="")
    noted(session, source, now, company_id=company.id, at=datetime(2026, 1, 15, tzinfo=UTC))
    row = {"Sähköposti": "", "Y-tunnus": BUSINESS_ID}
    assert run(session, make_csv(row, {**row, "Päivä": "16.1.2026"}), now).new == 2


def test_every_column_has_one_meaning() -> None:
    columns = plan(["E-mail", "Type", "Date", "Subject", "Description", "External ID", "Amount"])
    assert columns.missing is None
    assert set(columns.fields) == {
        "email", "kind", "at", "title", "body", "external_id", "amount",
    }  # fmt: skip
    assert columns.dropped == ()


NAMES = Names()
_PLAN = plan([*ROW, "Y-tunnus", "Summa", "Valuutta", "Tilikausi", "Tunniste", "Sivu", "Event"])


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(max_size=40), max_size=12), st.sampled_from([None, "broken_quoting"]))
def test_no_row_raises(texts: list[str], flaw: str | None) -> None:
    found = read((2, texts, flaw), _PLAN, NAMES)
    assert not isinstance(found, Problem) or found.code in PROBLEMS


def test_rows_publish_nothing_where_the_kind_is_not_declared(
    session: Session, now: datetime
) -> None:
    publish_notice(session, now, interaction_kinds=["note"])
    make_contact(session, make_source(session, now), now, email=ANNA)
    result = run(session, make_csv({}, {"Laji": "note"}), now)
    assert refusals(result) == [(2, "Laji", "kind_undeclared")]
    assert [row.kind for row in session.scalars(select(Interaction))] == ["note"]
