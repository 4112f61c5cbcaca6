"""Contacts entered, corrected and deleted by hand, against a real register."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from mailer.audit import AuditEntry
from mailer.campaigns.models import Campaign
from mailer.contacts import (
    bans,
    consents,
    decisions,
    entry,
    people,
    provenance,
    removal,
    searching,
    suppression,
)
from mailer.contacts.address import canonical
from mailer.contacts.models import Company, Contact, Suppression
from mailer.contacts.people import Conflict, Refused, Saved
from mailer.contacts.provenance import Origin
from mailer.contacts.searching import Search
from mailer.sending.models import Message
from tests.contacts.staff import make_staff
from tests.segments.register import (
    make_company,
    make_contact,
    make_source,
    notice_with,
    publish_notice,
)

FORM = {
    "first_name": "Anna",
    "last_name": "Lehtonen",
    "email": "anna.lehtonen@puutyo.example",
    "title": "Talousjohtaja",
    "company_name": "Puutyö Oy",
    "language": "fi",
}


def read(**changes: str) -> entry.Entry:
    return entry.read({**FORM, **changes}, notice_with())


def origin(now: datetime, kind: str = "data_subject") -> Origin:
    return Origin(kind, "Messut Lahdessa", now.date())


def create(session: Session, now: datetime, user_id: int, **changes: str) -> Saved | Refused:
    checked = read(**changes)
    assert not checked.problems
    return people.create(
        session, checked.row, origin(now), notice=notice_with(), now=now, actor_id=user_id
    )


def created(session: Session, now: datetime, user_id: int, **changes: str) -> Contact:
    saved = create(session, now, user_id, **changes)
    assert isinstance(saved, Saved)
    return saved.contact


def edit(
    session: Session, contact: Contact, now: datetime, user_id: int, **changes: Any
) -> Saved | Refused | Conflict:
    kind = changes.pop("source_kind", "system_entry")
    version = changes.pop("version", contact.version)
    checked = read(**changes)
    assert not checked.problems
    return people.edit(
        session,
        contact,
        checked.row,
        version=version,
        source_kind=kind,
        fields=entry.FIELDS,
        now=now,
        actor_id=user_id,
    )


@pytest.fixture
def user_id(session: Session, now: datetime) -> int:
    publish_notice(session, now)
    return make_staff(session, now)


# What a form may hold


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"email": ""}, "email", "missing_address"),
        ({"email": "anna"}, "email", "bad_address"),
        ({"company_name": ""}, "company_name", "no_company"),
        ({"email": "anna@gmail.com"}, "email", "private_person"),
        ({"note": "hetu 131052-308T"}, "note", "identity_code"),
        ({"title": "koululainen"}, "title", "pupil_title"),
        ({"note": "on sairauslomalla"}, "note", "special_category"),
        ({"business_id": "1234567-8"}, "business_id", "business_id_check_digit"),
        ({"phone": "soita"}, "phone", "bad_phone"),
        ({"title": "x" * 300}, "title", "cell_too_long"),
    ],
)
def test_a_form_is_refused_with_a_reason_at_the_field(
    changes: dict[str, str], field: str, code: str
) -> None:
    assert read(**changes).problems == {field: code}
    assert code in entry.PROBLEMS


def test_a_field_that_the_notice_does_not_declare_is_not_read() -> None:
    notice = notice_with(fields=["email", "company_name", "title"])
    checked = entry.read({**FORM, "note": "x", "phone": "+358401234567"}, notice)
    assert checked.row.note == checked.row.phone == checked.row.first_name == ""
    assert entry.offered(notice) == ("email", "title", "company_name")


def test_a_free_mail_address_with_a_business_id_waits_in_quarantine(
    session: Session, now: datetime, user_id: int
) -> None:
    contact = created(session, now, user_id, email="anna@gmail.com", business_id="1234567-1")
    assert contact.quarantined_at == now
    assert decisions.release(session, contact, now=now, actor_id=user_id)
    assert contact.quarantined_at is None
    assert not decisions.release(session, contact, now=now, actor_id=user_id)


# Creating


def test_a_contact_entered_by_hand_has_a_source_a_company_and_a_role(
    session: Session, now: datetime, user_id: int
) -> None:
    contact = created(session, now, user_id, business_id="1234567-1")
    company = session.get(Company, contact.company_id)
    assert company is not None
    assert (company.name, company.business_id) == ("Puutyö Oy", "1234567-1")
    assert contact.functions == ["finance"]
    assert contact.role_evidence == 2
    (source, dated) = provenance.sources_of(session, contact)[""]
    assert (source.kind, source.name, dated) == ("data_subject", "Messut Lahdessa", now.date())


def test_an_address_that_is_there_already_is_named(
    session: Session, now: datetime, user_id: int
) -> None:
    first = created(session, now, user_id)
    assert create(session, now, user_id, email="ANNA.Lehtonen@puutyo.example") == Refused(
        "email", "known_address", first.id
    )


def test_who_was_deleted_as_a_private_person_cannot_be_entered_again(
    session: Session, now: datetime, user_id: int
) -> None:
    contact = created(session, now, user_id)
    removal.remove_as_private(session, contact, rule="minor", now=now, actor_id=user_id)
    assert create(session, now, user_id) == Refused("email", "private_person_earlier")


def test_who_was_erased_cannot_be_entered_again(
    session: Session, now: datetime, user_id: int
) -> None:
    key = suppression.of_address(canonical(FORM["email"]))
    suppression.suppress(session, [key], "manual", origin="staff", now=now, evidence="erasure")
    assert create(session, now, user_id) == Refused("email", "erased_earlier")


def test_a_prospect_whose_work_is_outside_the_offering_is_not_stored(
    session: Session, now: datetime, user_id: int
) -> None:
    assert create(session, now, user_id, title="Sairaanhoitaja") == Refused(
        "title", "duties_outside_offering"
    )
    checked = read(title="Sairaanhoitaja")
    kept = people.create(
        session, checked.row, origin(now), notice=notice_with(), now=now, actor_id=user_id,
        relationship="customer",
    )  # fmt: skip
    assert isinstance(kept, Saved)


# Editing


def test_a_change_keeps_what_was_there_before_and_where_the_new_value_came_from(
    session: Session, now: datetime, user_id: int
) -> None:
    contact = created(session, now, user_id)
    later = now + timedelta(days=1)
    saved = edit(session, contact, later, user_id, last_name="Salo", source_kind="data_subject")
    assert isinstance(saved, Saved)
    assert saved.changed == ("last_name",)
    (change,) = provenance.history(session, contact.id)
    assert (change.field, change.old_value, change.new_value) == ("last_name", "Lehtonen", "Salo")
    assert change.actor_id == user_id
    source, dated = provenance.sources_of(session, contact)["last_name"]
    assert (source.kind, dated) == ("data_subject", later.date())
    assert contact.field_sources["last_name"]["locked"] is True
    assert contact.version == 2
    assert contact.verified_at == later


def test_what_staff_correct_is_not_locked_and_saving_nothing_changes_nothing(
    session: Session, now: datetime, user_id: int
) -> None:
    contact = created(session, now, user_id)
    edit(session, contact, now, user_id, phone="040 123 4567")
    assert "locked" not in contact.field_sources["phone"]
    assert contact.phone == "+358401234567"
    again = edit(session, contact, now, user_id, phone="+358401234567")
    assert isinstance(again, Saved)
    assert again.changed == ()
    assert contact.version == 2


def test_two_people_who_edit_the_same_contact_are_told_of_each_other(
    session: Session, now: datetime, user_id: int
) -> None:
    contact = created(session, now, user_id)
    edit(session, contact, now, user_id, last_name="Salo")
    conflict = edit(session, contact, now, user_id, last_name="Mäkinen", version=1)
    assert isinstance(conflict, Conflict)
    assert (conflict.version, conflict.by) == (2, user_id)
    assert [(d.field, d.theirs, d.mine) for d in conflict.differences] == [
        ("last_name", "Salo", "Mäkinen")
    ]
    assert contact.last_name == "Salo"


def test_a_new_title_brings_its_role_unless_the_person_has_told_their_duties(
    session: Session, now: datetime, user_id: int
) -> None:
    contact = created(session, now, user_id)
    edit(session, contact, now, user_id, title="IT-päällikkö")
    assert contact.functions == ["it"]
    decisions.set_role(session, contact, functions=["payroll"], level=40, now=now, actor_id=user_id)
    edit(session, contact, now, user_id, title="Talousjohtaja")
    assert (contact.functions, contact.role_evidence) == (["payroll"], 4)


def test_an_opt_out_follows_the_person_to_a_new_address(
    session: Session, now: datetime, user_id: int
) -> None:
    contact = created(session, now, user_id, first_name="", last_name="")
    suppression.opt_out(session, contact.address_key, origin="stop_page", now=now)
    edit(session, contact, now, user_id, first_name="", last_name="", email="al@puutyo.example")
    found = suppression.find(session, canonical("al@puutyo.example"))
    assert [line.kind for line in found] == ["optout"]


def test_a_new_employer_is_found_or_made_and_noted(
    session: Session, now: datetime, user_id: int
) -> None:
    contact = created(session, now, user_id)
    key = contact.person_key
    edit(
        session, contact, now, user_id, company_name="Nordkraft Ab",
        email="anna@nordkraft.example",
    )  # fmt: skip
    company = session.get(Company, contact.company_id)
    assert company is not None
    assert company.name == "Nordkraft Ab"
    assert contact.person_key != key
    changes = {c.field: (c.old_value, c.new_value) for c in provenance.history(session, contact.id)}
    assert changes["company"] == ("Puutyö Oy", "Nordkraft Ab")


def test_an_address_of_somebody_else_is_refused_at_editing(
    session: Session, now: datetime, user_id: int
) -> None:
    other = created(session, now, user_id, email="other@puutyo.example")
    contact = created(session, now, user_id)
    assert edit(session, contact, now, user_id, email="other@puutyo.example") == Refused(
        "email", "known_address", other.id
    )


# Bans


@pytest.mark.parametrize("kind", ["all_marketing", "email_marketing"])
def test_a_ban_on_e_mail_recorded_from_a_phone_call_also_suppresses_the_address(
    session: Session, now: datetime, user_id: int, kind: str
) -> None:
    contact = created(session, now, user_id)
    said = bans.Said("objected", [kind], "phone")
    bans.record(session, contact, said, now=now, actor_id=user_id)
    assert consents.standing(session, contact.id) == {kind: "objected"}
    found = suppression.find(session, canonical(contact.email))
    assert {(line.scope, line.kind, line.evidence) for line in found} == {
        ("address", "optout", "phone"),
        ("person", "optout", "phone"),
    }


def test_a_ban_on_something_else_leaves_e_mail_alone(
    session: Session, now: datetime, user_id: int
) -> None:
    contact = created(session, now, user_id)
    said = bans.Said("objected", ["distance_selling", "disclosure"], "letter")
    bans.record(session, contact, said, now=now, actor_id=user_id)
    assert suppression.find(session, canonical(contact.email)) == []
    assert consents.standing(session, contact.id) == {
        "distance_selling": "objected",
        "disclosure": "objected",
    }


# Restricting


def test_a_restriction_is_lifted_only_with_how_the_person_was_told(
    session: Session, now: datetime, user_id: int
) -> None:
    contact = created(session, now, user_id)
    assert decisions.restrict(session, contact, now=now, actor_id=user_id)
    assert not decisions.restrict(session, contact, now=now, actor_id=user_id)
    assert contact.restricted_at == now
    assert decisions.lift_restriction(
        session, contact, told="email", told_on=date(2026, 11, 20), now=now, actor_id=user_id
    )
    assert contact.restricted_at is None


# Deleting


def make_messages(session: Session, contact: Contact, now: datetime) -> tuple[Message, Message]:
    sent_in, waits_in = (Campaign(name=n, created_at=now, updated_at=now) for n in ("A", "B"))
    session.add_all([sent_in, waits_in])
    session.flush()
    sent, queued = (
        Message(
            campaign_id=campaign.id, contact_id=contact.id, state=state, created_at=now,
            duties={"title": "Talousjohtaja"}, error="550 anna@puutyo.example",
        )
        for campaign, state in ((sent_in, "sent"), (waits_in, "queued"))
    )  # fmt: skip
    session.add_all([sent, queued])
    session.flush()
    return sent, queued


@pytest.mark.parametrize("private", [True, False])
def test_deleting_takes_everything_and_calls_off_what_waits(
    session: Session, now: datetime, user_id: int, private: bool
) -> None:
    contact = created(session, now, user_id)
    contact_id = contact.id
    edit(session, contact, now, user_id, last_name="Salo")
    said = bans.Said("objected", ["publication"], "phone")
    bans.record(session, contact, said, now=now, actor_id=user_id)
    sent, queued = make_messages(session, contact, now)
    if private:
        removal.remove_as_private(session, contact, rule="minor", now=now, actor_id=user_id)
    else:
        removal.remove(session, contact, reason="left", now=now, actor_id=user_id)
    assert session.scalar(select(func.count()).select_from(Contact)) == 0
    for name in ("field_changes", "consent_events", "consent_states"):
        assert session.scalar(text(f"SELECT count(*) FROM {name}")) == 0
    session.refresh(sent)
    session.refresh(queued)
    assert (sent.state, queued.state) == ("sent", "cancelled")
    assert [m.contact_id for m in (sent, queued)] == [None, None]
    assert [m.duties for m in (sent, queued)] == [None, None]
    assert [m.error for m in (sent, queued)] == [None, None]
    kinds = session.scalars(select(Suppression.kind)).all()
    assert kinds == (["private_person"] if private else [])
    session.commit()
    lines = session.scalars(
        select(AuditEntry).where(AuditEntry.object_id == contact_id).order_by(AuditEntry.id)
    ).all()
    assert lines[-1].action == ("contact.private_marked" if private else "contact.deleted")
    assert all("lehtonen" not in str(line.details).lower() for line in lines)


def test_the_ledger_of_consents_is_closed_again_after_a_deletion(
    session: Session, now: datetime, user_id: int
) -> None:
    first = created(session, now, user_id)
    second = created(session, now, user_id, email="other@puutyo.example")
    said = bans.Said("objected", ["publication"], "phone")
    bans.record(session, second, said, now=now, actor_id=user_id)
    removal.remove(session, first, reason="wrong", now=now, actor_id=user_id)
    with pytest.raises(Exception, match="append-only"):
        session.execute(text("DELETE FROM consent_events"))


# Finding


def names(found: tuple[list[searching.Found], int]) -> list[str]:
    return [row.last_name for row in found[0]]


def test_every_word_is_looked_for_in_name_address_title_and_company(
    session: Session, now: datetime
) -> None:
    source = make_source(session, now)
    company = make_company(session, source, now, name="Öljy & Vesi Oy")
    make_contact(session, source, now, last_name="Nyström", company_id=company.id)
    make_contact(session, source, now, last_name="Salo", title="Ostopäällikkö")
    for words, expected in {
        "": ["Nyström", "Salo"],
        "NYSTRÖM": ["Nyström"],
        "öljy nyst": ["Nyström"],
        "ostopääll salo": ["Salo"],
        "salo öljy": [],
        "%": [],
        "_": [],
        "\\": [],
    }.items():
        found = searching.page(session, Search(text=words))
        assert names(found) == expected
        assert found[1] == len(expected)


def test_filters_narrow_and_restricted_people_are_not_shown(
    session: Session, now: datetime
) -> None:
    source = make_source(session, now)
    make_contact(session, source, now, last_name="A", functions=["hr"], level=60)
    make_contact(session, source, now, last_name="B", language="sv")
    make_contact(session, source, now, last_name="C", restricted_at=now)
    make_contact(session, source, now, last_name="D", quarantined_at=now)
    make_contact(session, source, now, last_name="E", erased_at=now)
    assert names(searching.page(session, Search(function="hr"))) == ["A"]
    assert names(searching.page(session, Search(level=60))) == ["A"]
    assert names(searching.page(session, Search(language="sv"))) == ["B"]
    assert names(searching.page(session, Search(quarantined=True))) == ["D"]
    assert names(searching.page(session, Search(restricted=True))) == ["A", "B", "C", "D"]
    assert names(searching.page(session, Search())) == ["A", "B", "D"]


def test_a_page_past_the_end_still_knows_how_many_there_are(
    session: Session, now: datetime
) -> None:
    source = make_source(session, now)
    for name in ("Aalto", "Aaltonen", "Aho"):
        make_contact(session, source, now, last_name=name)
    found, total = searching.page(session, Search(text="aalto"), limit=1)
    assert (names((found, 0)), total) == (["Aalto"], 2)
    found, total = searching.page(session, Search(text="aalto"), limit=1, offset=5)
    assert (found, total) == ([], 2)
    found, _ = searching.page(session, Search(), descending=True)
    assert [row.last_name for row in found] == ["Aho", "Aaltonen", "Aalto"]
