"""What an import does to the register: whom it creates, changes, refuses and leaves alone."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from mailer import gate
from mailer.campaigns.models import Campaign
from mailer.contacts import consents, import_undo, importing, suppression
from mailer.contacts.address import canonical, person_key
from mailer.contacts.consents import Statement
from mailer.contacts.import_refusals import ImportRefusedError
from mailer.contacts.import_runs import Run
from mailer.contacts.importing import Choices
from mailer.contacts.models import (
    Company,
    Contact,
    FieldChange,
    Import,
    ImportProblem,
    Suppression,
)
from mailer.contacts.suppression import Entry, of_address, of_company, of_domain
from mailer.notice import switches
from mailer.roles.models import Title
from mailer.sending.models import Message
from tests.contacts.files import (
    HEADER,
    PLAIN,
    codes,
    finish,
    import_file,
    make_file,
    make_row,
    make_source,
    numbers,
    publish,
)

EMAIL = "aino.virtanen@yritys.example"
HETU = "131052-308T"
CODED = make_row(Sukunimi=HETU)


@pytest.fixture(autouse=True)
def _notice(session: Session, now: datetime) -> None:
    publish(session, now)


def one(session: Session, email: str = EMAIL) -> Contact:
    session.expire_all()
    return session.scalars(select(Contact).where(Contact.email == email)).one()


def count(session: Session, model: Any) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def suppress(
    session: Session, entry: Entry, now: datetime, kind: str = "optout", **how: Any
) -> None:
    suppression.suppress(session, [entry], kind, origin="staff", now=now, **how)


def verdict(session: Session, contact: Contact, now: datetime) -> str | None:
    ask = gate.Ask(
        purpose="e_marketing",
        functions=frozenset({"finance"}),
        notice=switches.in_force(session, now),
        now=now,
    )
    statement = gate.scope(select(gate.verdict(ask)).select_from(Contact))
    return session.scalar(statement.where(Contact.id == contact.id))


def always(*fields: str) -> Choices:
    return Choices(rules=dict.fromkeys(fields, "always"))


# Whom it refuses and leaves alone


def test_without_a_notice_in_force_nothing_is_imported(session: Session, now: datetime) -> None:
    before = now - timedelta(days=1)
    entry = importing.upload(session, "x.csv", make_file(PLAIN), now=before)
    with pytest.raises(ImportRefusedError, match="no_notice"):
        importing.name_source(session, entry, make_source(), now=before)
    with pytest.raises(ImportRefusedError, match="wrong_state"):
        importing.start(session, entry, dry_run=False, now=before)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "cookies"}, "source_kind_undeclared"),
        ({"kind": "group_app"}, "source_kind_undeclared"),
        ({"kind": "x"}, "source_kind_unknown"),
        ({"name": "  "}, "source_name_missing"),
        ({"basis": "habit"}, "basis_unknown"),
        ({"dated": date(2027, 1, 1)}, "dated_in_future"),
        ({"kind": "public_web"}, "url_missing"),
        ({"kind": "b2b_supplier", "assurance": "We did."}, "assurance_undated"),
    ],
)
def test_a_source_that_the_notice_forbids_is_refused(
    session: Session, now: datetime, changes: dict[str, Any], code: str
) -> None:
    entry = importing.upload(session, "x.csv", make_file(PLAIN), now=now)
    with pytest.raises(ImportRefusedError) as caught:
        importing.name_source(session, entry, make_source(**changes), now=now)
    assert caught.value.code == code
    assert caught.value.sentence


@pytest.mark.parametrize("spelling", [EMAIL, "Aino.Virtanen+uutiset@YRITYS.example"])
def test_an_opt_out_is_never_lifted(session: Session, now: datetime, spelling: str) -> None:
    suppress(session, of_address(canonical(EMAIL)), now)
    entry = import_file(session, make_file(make_row(Sähköposti=spelling)), now=now)
    assert numbers(entry)["opted_out_earlier"] == 1
    contact = session.scalars(select(Contact)).one()
    assert verdict(session, contact, now) == "suppressed_optout"
    assert session.scalars(select(Suppression)).one().lifted_at is None


@pytest.mark.parametrize("entry", [of_domain, of_company])
def test_a_ban_of_a_domain_or_company_meets_colleagues_added_later(
    session: Session, now: datetime, entry: Any
) -> None:
    what = "yritys.example" if entry is of_domain else "2796282-4"
    suppress(session, entry(what), now, kind="company_ban")
    made = import_file(session, make_file(PLAIN), now=now)
    assert numbers(made)["opted_out_earlier"] == 1
    assert verdict(session, one(session), now) == "suppressed_company_ban"


def test_an_erased_person_never_comes_back(session: Session, now: datetime) -> None:
    suppress(session, of_address(canonical(EMAIL)), now, kind="manual", evidence="erasure")
    made = import_file(session, make_file(PLAIN), now=now)
    assert codes(made) == {"erased_earlier": 1}
    assert numbers(made)["rejected"] == 1
    assert count(session, Contact) == 0


def test_a_private_person_is_deleted_with_what_waits_for_them_and_stays_away(
    session: Session, now: datetime
) -> None:
    import_file(session, make_file(PLAIN), now=now)
    contact = one(session)
    consents.record(
        session, [Statement(contact.id, "email_marketing", "given")], actor="test", now=now
    )
    message = make_message(session, contact, now, state="queued")
    for _ in range(2):
        made = import_file(session, make_file(CODED), now=now)
        assert numbers(made)["rejected"] == 1
        assert count(session, Contact) == 0
    session.expire_all()
    assert session.get_one(Message, message).state == "cancelled"
    assert import_file(session, make_file(PLAIN), now=now).counts["codes"] == {
        "private_person_earlier": 1
    }
    values = session.scalars(select(ImportProblem.value)).all()
    assert not any(HETU in value or EMAIL in value for value in values)


def test_a_dry_run_deletes_nobody(session: Session, now: datetime) -> None:
    import_file(session, make_file(PLAIN), now=now)
    import_file(session, make_file(CODED), now=now, dry_run=True)
    assert count(session, Contact) == 1
    assert count(session, Suppression) == 0


def test_a_restricted_person_is_not_touched(session: Session, now: datetime) -> None:
    import_file(session, make_file(PLAIN), now=now)
    session.execute(update(Contact).values(restricted_at=now))
    made = import_file(
        session, make_file(make_row(Titteli="CFO")), now=now, choices=always("title")
    )
    assert codes(made) == {"restricted_person": 1}
    assert one(session).title == PLAIN[2]


# What it does to people it knows


def test_an_empty_field_is_filled_and_a_full_one_stays(session: Session, now: datetime) -> None:
    import_file(session, make_file(make_row(Titteli="", Sukunimi="")), now=now)
    made = import_file(session, make_file(make_row(Etunimi="Eeva", Titteli="CFO")), now=now)
    contact = one(session)
    assert (contact.first_name, contact.last_name, contact.title) == ("Aino", "Virtanen", "CFO")
    assert contact.functions == ["finance"]
    assert contact.person_key == person_key("Aino", "Virtanen", "2796282-4")
    assert numbers(made)["updated"] == 1
    assert set(contact.field_sources) == {"last_name", "title"}
    assert contact.field_sources["title"]["import"] == made.id
    changes = session.scalars(select(FieldChange).order_by(FieldChange.field)).all()
    assert [(row.field, row.old_value, row.new_value) for row in changes] == [
        ("last_name", "", "Virtanen"),
        ("title", "", "CFO"),
    ]
    assert {row.import_id for row in changes} == {made.id}


@pytest.mark.parametrize(("rule", "title"), [("never", ""), ("if_empty", "CFO"), ("always", "CFO")])
def test_the_rule_of_a_field_decides(
    session: Session, now: datetime, rule: str, title: str
) -> None:
    import_file(session, make_file(make_row(Titteli="")), now=now)
    made = import_file(
        session, make_file(make_row(Titteli="CFO")), now=now, choices=Choices(rules={"title": rule})
    )
    assert one(session).title == title
    assert numbers(made)["unchanged"] == (1 if rule == "never" else 0)


def test_replacing_takes_the_role_along_and_an_empty_cell_replaces_nothing(
    session: Session, now: datetime
) -> None:
    import_file(session, make_file(PLAIN), now=now)
    choices = always("title", "first_name", "last_name")
    changed = make_row(Titteli="Palkanlaskija", Etunimi="", Sukunimi="Mäki")
    import_file(session, make_file(changed), now=now, choices=choices)
    contact = one(session)
    assert (contact.first_name, contact.last_name) == ("Aino", "Mäki")
    assert contact.title == "Palkanlaskija"
    assert contact.functions == ["payroll"]


def test_a_role_set_by_hand_stays(session: Session, now: datetime) -> None:
    import_file(session, make_file(PLAIN), now=now)
    session.execute(update(Contact).values(role_set_at=now, title_id=None, functions=["legal"]))
    import_file(session, make_file(make_row(Titteli="Ostaja")), now=now, choices=always("title"))
    contact = one(session)
    assert contact.title == "Ostaja"
    assert contact.functions == ["legal"]


def test_what_a_person_has_corrected_is_never_changed(session: Session, now: datetime) -> None:
    import_file(session, make_file(make_row(Titteli="")), now=now)
    locked = {"last_name": {"locked": True}, "title": {"locked": True}}
    session.execute(update(Contact).values(field_sources=locked))
    made = import_file(
        session,
        make_file(make_row(Sukunimi="Väärä", Titteli="CFO")),
        now=now,
        choices=always("last_name", "title"),
    )
    contact = one(session)
    assert (contact.last_name, contact.title) == ("Virtanen", "")
    assert numbers(made)["unchanged"] == 1


def test_a_service_does_not_replace_what_the_person_has_told(
    session: Session, now: datetime
) -> None:
    told = make_source(kind="form", name="Lomake")
    import_file(session, make_file(PLAIN), now=now, source=told)
    changed = make_file(make_row(Sukunimi="Palvelu"))
    import_file(session, changed, now=now, choices=always("last_name"))
    assert one(session).last_name == "Virtanen"
    employer = make_source(kind="employer", name="Työnantaja")
    import_file(session, changed, now=now, source=employer, choices=always("last_name"))
    assert one(session).last_name == "Virtanen"
    import_file(session, changed, now=now, source=told, choices=always("last_name"))
    assert one(session).last_name == "Palvelu"
    again = make_file(make_row(Sukunimi="Taas"))
    import_file(session, again, now=now, source=employer, choices=always("last_name"))
    assert one(session).last_name == "Palvelu", "the field's own source counts, not the row's"


def test_a_later_source_that_tells_the_same_has_checked_the_data(
    session: Session, now: datetime
) -> None:
    import_file(session, make_file(PLAIN), now=now, source=make_source(dated=date(2025, 1, 1)))
    assert one(session).verified_at is None
    for day in (date(2026, 6, 1), date(2026, 3, 1)):
        made = import_file(session, make_file(PLAIN), now=now, source=make_source(dated=day))
        assert numbers(made)["unchanged"] == 1
        verified = one(session).verified_at
        assert verified is not None
        assert verified.date() == date(2026, 6, 1)


# What it makes


def test_a_new_contact_knows_where_it_came_from(session: Session, now: datetime) -> None:
    made = import_file(session, make_file(PLAIN), now=now)
    contact = one(session)
    assert (contact.import_id, contact.source_id, contact.basis) == (
        made.id,
        made.source_id,
        "legitimate_interest",
    )
    assert contact.collected_at.date() == date(2026, 11, 1)
    version = switches.version_in_force(session, now)
    assert version is not None
    assert contact.notice_version_id == version.id
    assert contact.art14_informed_at is None
    assert verdict(session, contact, now) == gate.CLEAR


def test_without_the_suppliers_assurance_nobody_can_be_mailed(
    session: Session, now: datetime
) -> None:
    import_file(session, make_file(PLAIN), now=now, source=make_source(kind="b2b_supplier"))
    assert verdict(session, one(session), now) == "assurance_missing"


def test_titles_are_read_once_and_a_review_wins(session: Session, now: datetime) -> None:
    import_file(session, make_file(PLAIN), now=now)
    title = session.scalars(select(Title)).one()
    assert title.functions == ["finance"]
    session.execute(update(Title).values(functions=["legal"], origin="review", level=20))
    other = make_row(Sähköposti="b@yritys.example", Titteli="  TALOUSJOHTAJA ")
    made = import_file(session, make_file(other), now=now)
    contact = one(session, "b@yritys.example")
    assert (contact.functions, contact.level, contact.title_id) == (["legal"], 20, title.id)
    assert contact.role_evidence == 2
    assert numbers(made)["titles_created"] == 0


def test_work_outside_the_offering_is_not_stored_for_prospecting(
    session: Session, now: datetime
) -> None:
    content = make_file(make_row(Titteli="Sairaanhoitaja"))
    made = import_file(session, content, now=now)
    assert codes(made) == {"duties_outside_offering": 1}
    assert count(session, Contact) == 0
    import_file(session, content, now=now, choices=Choices(relationship="customer"))
    contact = one(session)
    assert contact.relationship_kind == "customer"
    assert verdict(session, contact, now) == "duties_not_matching"


def test_a_title_that_tells_nothing_is_stored_and_not_mailed(
    session: Session, now: datetime
) -> None:
    made = import_file(session, make_file(make_row(Titteli="Qwerty")), now=now)
    contact = one(session)
    assert contact.role_evidence == 1
    assert numbers(made)["uncertain_titles"] == 1
    assert verdict(session, contact, now) in ("duties_not_matching", "duties_uncertain")


def test_duties_are_better_evidence_than_a_title(session: Session, now: datetime) -> None:
    header = (*HEADER, "Toimenkuva")
    content = make_file((*make_row(Titteli="Qwerty"), "Talousjohtaja"), header=header)
    import_file(session, content, now=now)
    contact = one(session)
    assert (contact.functions, contact.role_evidence) == (["finance"], 3)


def test_a_weak_sign_puts_a_new_contact_in_quarantine(session: Session, now: datetime) -> None:
    made = import_file(session, make_file(make_row(Sähköposti="a@gmail.com")), now=now)
    assert numbers(made)["quarantined"] == 1
    assert numbers(made)["created"] == 0
    contact = one(session, "a@gmail.com")
    assert contact.quarantine_reason == "free_mail_company"
    assert verdict(session, contact, now) == "private_or_minor"


def test_columns_outside_the_notice_leave_nothing(session: Session, now: datetime) -> None:
    header = (*HEADER, "Puhelin", "Sukupuoli", "Väri")
    publish(
        session,
        now + timedelta(seconds=1),
        fields=["email", "first_name", "last_name", "title", "company_name", "business_id"],
    )
    later = now + timedelta(seconds=2)
    made = import_file(
        session, make_file((*PLAIN, "0401234567", "N", "sininen"), header=header), now=later
    )
    assert made.counts["dropped"] == [
        ["Puhelin", "undeclared_column"],
        ["Sukupuoli", "forbidden_column"],
        ["Väri", "unknown_column"],
    ]
    assert one(session).phone is None


# Companies


def test_people_of_one_business_id_are_one_company(session: Session, now: datetime) -> None:
    other = make_row(Sähköposti="b@toinen.example", Yritys="YRITYS OYJ")
    made = import_file(session, make_file(PLAIN, other), now=now)
    assert numbers(made)["companies_created"] == 1
    company = session.scalars(select(Company)).one()
    assert (company.name, company.business_id) == ("Yritys Oy", "2796282-4")
    again = import_file(session, make_file(PLAIN, other), now=now)
    assert numbers(again)["companies_created"] == numbers(again)["companies_updated"] == 0


def test_a_company_without_an_id_is_known_by_its_name_at_its_domain(
    session: Session, now: datetime
) -> None:
    nameless = make_row(**{"Y-tunnus": ""})
    colleague = make_row(**{"Y-tunnus": "", "Sähköposti": "b@yritys.example", "Yritys": "Yritys"})
    elsewhere = make_row(**{"Y-tunnus": "", "Sähköposti": "c@muu.example"})
    import_file(session, make_file(nameless, colleague, elsewhere), now=now)
    assert count(session, Company) == 2
    assert one(session).company_id == one(session, "b@yritys.example").company_id
    learnt = make_row(Sähköposti="d@yritys.example")
    import_file(session, make_file(learnt), now=now)
    assert count(session, Company) == 2
    company = session.get_one(Company, one(session).company_id)
    assert company.business_id == "2796282-4"
    assert company.company_key is not None
    later = make_row(**{"Y-tunnus": "", "Sähköposti": "e@yritys.example"})
    import_file(session, make_file(later), now=now)
    assert one(session, "e@yritys.example").company_id == company.id


def test_figures_of_a_company_bear_the_year_of_the_source(session: Session, now: datetime) -> None:
    header = (*HEADER, "Henkilöstö", "Liikevaihto")
    old = make_source(dated=date(2024, 5, 1))
    import_file(session, make_file((*PLAIN, "120", ""), header=header), now=now, source=old)
    made = import_file(
        session,
        make_file((*PLAIN, "150", "6 893 000"), header=header),
        now=now,
        choices=always("headcount"),
    )
    company = session.scalars(select(Company)).one()
    assert (company.headcount, company.headcount_year) == (150, 2026)
    assert (company.turnover_eur, company.turnover_year) == (6_893_000, 2026)
    assert company.field_sources["headcount"]["import"] == made.id
    assert numbers(made)["companies_updated"] == 1


def test_a_company_named_only_by_its_id_gets_its_name_later(
    session: Session, now: datetime
) -> None:
    import_file(session, make_file(make_row(Yritys="")), now=now)
    assert session.scalars(select(Company.name)).one() == "2796282-4"
    import_file(session, make_file(PLAIN), now=now)
    session.expire_all()
    assert session.scalars(select(Company)).one().name == "Yritys Oy"


# Steps, ends and undoing


def rows(amount: int) -> list[tuple[str, ...]]:
    return [
        make_row(**{"Sähköposti": f"p{n}@yritys{n % 5}.example", "Y-tunnus": ""})
        for n in range(amount)
    ]


def test_a_run_that_dies_goes_on_where_its_last_step_ended(session: Session, now: datetime) -> None:
    content = make_file(*rows(10), *rows(3), make_row(Sähköposti="x"))
    entry = importing.upload(session, "x.csv", content, now=now)
    importing.name_source(session, entry, make_source(), now=now)
    importing.choose(session, entry, Choices(), now=now)
    importing.start(session, entry, dry_run=False, now=now)
    assert Run(session, entry.id, now).step(session, now, size=4)
    assert entry.rows_done == 4
    finish(session, entry, now=now, size=4)
    assert entry.state == "done"
    assert numbers(entry)["created"] == count(session, Contact) == 10
    assert codes(entry) == {"duplicate_in_file": 3, "bad_address": 1}
    assert entry.rows_done == entry.rows == 14
    found = session.scalars(select(ImportProblem.row).order_by(ImportProblem.row)).all()
    assert found == [12, 13, 14, 15]


def test_of_two_processes_with_one_import_only_one_goes_on(session: Session, now: datetime) -> None:
    entry = importing.upload(session, "x.csv", make_file(*rows(6)), now=now)
    importing.name_source(session, entry, make_source(), now=now)
    importing.choose(session, entry, Choices(), now=now)
    importing.start(session, entry, dry_run=False, now=now)
    first, second = Run(session, entry.id, now), Run(session, entry.id, now)
    assert first.step(session, now, size=3)
    assert not second.step(session, now, size=3)
    assert entry.rows_done == 3


def test_steps_of_any_size_give_the_same_numbers(session: Session, now: datetime) -> None:
    content = make_file(*rows(9), *rows(2))
    whole = import_file(session, content, now=now, dry_run=True)
    parts = import_file(session, content, now=now, dry_run=True, size=2)
    for key in ("created", "rejected", "rows", "companies_created", "titles_created"):
        assert numbers(whole)[key] == numbers(parts)[key], key


def make_message(session: Session, contact: Contact, now: datetime, *, state: str) -> int:
    campaign = Campaign(name="C", purpose="e_marketing", created_at=now, updated_at=now)
    session.add(campaign)
    session.flush()
    message = Message(campaign_id=campaign.id, contact_id=contact.id, state=state, created_at=now)
    session.add(message)
    session.flush()
    return message.id


def test_undo_removes_what_was_created_and_keeps_who_has_been_written_to(
    session: Session, now: datetime
) -> None:
    old = make_row(Sähköposti="vanha@yritys.example", Titteli="")
    import_file(session, make_file(old), now=now)
    updated = make_row(Sähköposti="vanha@yritys.example")
    made = import_file(session, make_file(updated, *rows(4)), now=now)
    make_message(session, one(session, "p1@yritys1.example"), now, state="delivered")
    told = one(session, "p2@yritys2.example")
    consents.record(session, [Statement(told.id, "email_marketing", "given")], actor="t", now=now)
    done = import_undo.undo(session, made, now=now + timedelta(days=7))
    assert (done.removed, done.kept, done.not_restored, done.companies) == (2, 2, 1, 2)
    session.flush()
    session.expire_all()
    left = session.scalars(select(Contact.email).order_by(Contact.email)).all()
    assert left == ["p1@yritys1.example", "p2@yritys2.example", "vanha@yritys.example"]
    assert one(session, "vanha@yritys.example").title == PLAIN[2]
    assert made.state == "undone"
    with pytest.raises(ImportRefusedError, match="wrong_state"):
        import_undo.undo(session, made, now=now)


def test_an_import_is_not_undone_while_another_runs(session: Session, now: datetime) -> None:
    made = import_file(session, make_file(PLAIN), now=now)
    other = importing.upload(session, "other.csv", make_file(PLAIN), now=now)
    other.state = "running"
    session.flush()
    with pytest.raises(ImportRefusedError, match="another_runs"):
        import_undo.undo(session, made, now=now)
    assert count(session, Contact) == 1


def test_the_same_file_again_touches_nothing(session: Session, now: datetime) -> None:
    content = make_file(
        *(make_row(Sähköposti=f"p{at}@yritys.example", Etunimi="") for at in range(5))
    )
    import_file(session, content, now=now)
    stored = text("SELECT xmin, ctid, version, updated_at FROM contacts ORDER BY id")
    before = session.execute(stored).all()
    again = import_file(session, content, now=now + timedelta(hours=1), choices=always("title"))
    assert numbers(again)["unchanged"] == 5
    assert numbers(again)["updated"] == numbers(again)["created"] == 0
    assert session.execute(stored).all() == before
    assert count(session, FieldChange) == 0
    assert count(session, Company) == 1


def test_after_seven_days_an_import_stays(session: Session, now: datetime) -> None:
    made = import_file(session, make_file(PLAIN), now=now)
    with pytest.raises(ImportRefusedError, match="undo_too_late"):
        import_undo.undo(session, made, now=now + timedelta(days=7, seconds=1))
    assert count(session, Contact) == 1


def test_a_finished_import_does_not_start_again(session: Session, now: datetime) -> None:
    made = import_file(session, make_file(PLAIN), now=now)
    for dry_run in (True, False):
        with pytest.raises(ImportRefusedError, match="wrong_state"):
            importing.start(session, made, dry_run=dry_run, now=now)
    assert session.get_one(Import, made.id).state == "done"


# What is remembered of a source


def begin(session: Session, header: tuple[str, ...], now: datetime, **source: Any) -> Import:
    row = tuple(f"x{at}@y.example" for at, _ in enumerate(header))
    entry = importing.upload(session, "next.csv", make_file(row, header=header), now=now)
    importing.name_source(session, entry, make_source(**source), now=now)
    return entry


def test_the_next_file_of_a_source_is_filled_in_as_the_last_one(
    session: Session, now: datetime
) -> None:
    first = begin(session, ("Posti", "Väri", "Yritys", "Etunimi"), now)
    importing.choose(
        session,
        first,
        Choices(
            mapping={0: "email", 1: "title", 2: "company_name"},
            rules={"title": "always"},
            default_country=None,
            default_language="sv",
        ),
        now=now,
    )
    # Other places, another spelling, one heading more and one less.
    second = begin(session, ("yritys", "POSTI", "Sukunimi", "Etunimi"), now, name="REKISTERI")
    assert second.mapping == {"0": "company_name", "1": "email", "2": "last_name"}
    assert second.options["rules"] == {"title": "always"}
    assert second.options["default_language"] == "sv"
    assert second.options["as_in"] == first.id


@pytest.mark.parametrize("other", [{"name": "Toinen"}, {"kind": "authority"}])
def test_another_source_is_filled_in_by_the_headings(
    session: Session, now: datetime, other: dict[str, Any]
) -> None:
    first = begin(session, ("Posti", "Yritys"), now)
    importing.choose(session, first, Choices(mapping={0: "email"}), now=now)
    second = begin(session, ("Posti", "Yritys"), now, **other)
    assert second.mapping == {"1": "company_name"}
    assert "as_in" not in second.options


def test_a_forbidden_heading_is_never_filled_in(session: Session, now: datetime) -> None:
    first = begin(session, ("E-mail", "Väri"), now)
    importing.choose(session, first, Choices(mapping={0: "email", 1: "note"}), now=now)
    first.options = {**first.options, "headings": {"email": "email", "sukupuoli": "note"}}
    second = begin(session, ("E-mail", "Sukupuoli"), now)
    assert second.mapping == {"0": "email"}


def test_what_was_chosen_for_a_file_stays_when_its_source_is_corrected(
    session: Session, now: datetime
) -> None:
    entry = begin(session, ("E-mail", "Väri"), now)
    importing.choose(session, entry, Choices(mapping={0: "email", 1: "note"}), now=now)
    importing.name_source(session, entry, make_source(name="Oikea"), now=now)
    assert entry.mapping == {"0": "email", "1": "note"}
