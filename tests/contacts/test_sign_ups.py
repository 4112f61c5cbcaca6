"""What is typed into a form enters the register by its owner's own act, and by nothing else."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from mailer.audit import AuditEntry
from mailer.contacts import (
    confirming,
    consents,
    people,
    provenance,
    removal,
    sign_up_forms,
    sign_ups,
    suppression,
)
from mailer.contacts.address import canonical, person_key
from mailer.contacts.models import Contact, Suppression
from mailer.contacts.sign_up_models import SignUp, SignUpForm
from mailer.contacts.suppression import Entry, of_address, of_company, of_domain, suppress
from mailer.notice import switches
from tests.contacts.joining import HOME, TYPED, make_form, type_in, wanted
from tests.contacts.staff import make_staff
from tests.segments.register import (
    make_company,
    make_contact,
    make_source,
    notice_with,
    publish_notice,
)

ANNA = canonical(TYPED["email"])


@pytest.fixture
def user_id(session: Session, now: datetime) -> int:
    publish_notice(session, now)
    return make_staff(session, now)


@pytest.fixture
def form(session: Session, now: datetime, user_id: int) -> SignUpForm:
    return make_form(session, now, user_id)


def confirm(session: Session, sign_up: SignUp | None, now: datetime) -> str:
    assert sign_up is not None
    return confirming.confirm(session, sign_up.id, sign_up.address_key, now=now).outcome


def anna(session: Session) -> Contact | None:
    return session.scalar(select(Contact).where(Contact.email == str(ANNA)))


# Nobody is bombed


def test_one_mailbox_is_asked_once_in_ten_minutes_whatever_its_spelling(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    assert type_in(session, form, now) is not None
    for spelling in (str(ANNA), "ANNA.Lehtonen@Puutyo.example", "anna.lehtonen+a@puutyo.example"):
        later = now + timedelta(minutes=9)
        assert type_in(session, form, later, email=spelling, network="198.51.100.1") is None
    assert type_in(session, form, now + timedelta(minutes=11)) is not None


def test_one_mailbox_is_asked_three_times_a_day_at_most(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    kept = []
    for hour in range(20):
        sign_up = type_in(session, form, now + timedelta(hours=hour), network=f"198.51.{hour}.1")
        kept.append(sign_up is not None)
        session.execute(text("UPDATE sign_ups SET state = 'sent'"))
    assert sum(kept) == sign_ups.MOST_TO_ADDRESS
    session.expire_all()
    assert type_in(session, form, now + timedelta(days=2)) is not None


def test_one_network_cannot_write_to_a_whole_town(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    kept = [
        type_in(session, form, now, email=f"n{number}@yritys{number}.example", network=address)
        for number in range(30)
        for address in [f"203.0.113.{number}"]
    ]
    assert sum(each is not None for each in kept) == sign_ups.MOST_FROM_NETWORK
    assert type_in(session, form, now, email="n@muu.example", network="203.0.114.1") is not None
    for number in range(30):
        address = f"2001:db8:1:{number:x}::{number:x}"
        type_in(session, form, now, email=f"v{number}@firma{number}.example", network=address)
    assert sign_ups.is_busy(session, sign_ups.network_key("2001:db8:1:ff::1"), now=now)


def test_many_networks_cannot_write_to_everybody_at_one_company(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    kept = [
        type_in(session, form, now, email=f"n{number}@puutyo.example", network=f"10.{number}.0.1")
        for number in range(sign_ups.MOST_TO_DOMAIN + 5)
    ]
    assert sum(each is not None for each in kept) == sign_ups.MOST_TO_DOMAIN


def test_many_networks_cannot_make_a_form_write_to_the_whole_world(
    session: Session, form: SignUpForm, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_ups, "MOST_BY_FORM", 5)
    kept = [
        type_in(session, form, now, email=f"n@yritys{number}.example", network=f"10.{number}.0.1")
        for number in range(9)
    ]
    assert sum(each is not None for each in kept) == 5
    later = now + timedelta(minutes=61)
    assert type_in(session, form, later, email="n@muu.example") is not None


def at_once(act: Callable[[], object]) -> list[object]:
    """What eight threads get that do it at the same moment."""
    start = Barrier(8)

    def run(_: int) -> object:
        start.wait(120)
        return act()

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(run, range(8)))


def test_many_who_type_one_address_at_the_same_moment_are_one(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    with sessions.begin() as session:
        publish_notice(session, now)
        form = make_form(session, now, make_staff(session, now))

    def type_once() -> bool:
        with sessions.begin() as session:
            return type_in(session, session.get_one(SignUpForm, form.id), now) is not None

    assert sorted(map(bool, at_once(type_once))) == [False] * 7 + [True]
    with sessions() as session:
        (sign_up,) = session.query(SignUp)

    def confirm_once() -> str:
        with sessions.begin() as session:
            return confirming.confirm(session, sign_up.id, sign_up.address_key, now=now).outcome

    assert sorted(map(str, at_once(confirm_once))) == ["confirmed"] + ["repeated"] * 7
    with sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM consent_events")) == 1
        assert session.get_one(SignUpForm, form.id).confirmed == 1


@pytest.mark.parametrize("address", ["", "unknown", "::ffff:203.0.113.9", "203.0.113.9"])
def test_every_address_has_a_network(session: Session, address: str) -> None:
    key = sign_ups.network_key(address)
    assert len(key) == 16
    assert (key == sign_ups.network_key("203.0.113.1")) == ("203" in address)


# What may be typed


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "anna"}, "email"),
        ({"email": "anna@gmail.com"}, "email"),
        ({"email": "anna@mailinator.com"}, "email"),
        ({"company_name": ""}, "company_name"),
        ({"last_name": " "}, "last_name"),
        ({"first_name": "x" * 5000}, "first_name"),
        ({"title": "131052-308T"}, "title"),
    ],
)
def test_what_may_not_be_stored_is_refused_before_anything_is_kept(
    session: Session, form: SignUpForm, now: datetime, change: dict[str, str], field: str
) -> None:
    typed = sign_ups.read(session, form, {**TYPED, **change}, notice_with(), "fi")
    assert field in typed.problems
    assert session.query(SignUp).count() == 0


def test_a_field_that_the_form_does_not_ask_is_not_read(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    sign_up = type_in(session, form, now, note="hei", tags="vip", phone="+358 40 123 4567")
    assert sign_up is not None
    assert sign_up.typed is not None
    assert not {"note", "tags", "phone"} & set(sign_up.typed)


def test_work_outside_the_offering_is_refused_at_once(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    notice = notice_with(offering=["payroll"])
    typed = sign_ups.read(session, form, TYPED, notice, "fi")
    assert typed.problems == {"title": sign_ups.PROBLEMS["outside"]}
    assert session.scalar(text("SELECT count(*) FROM titles")) == 0


# What stands against it


BLOCKS = {
    "complaint": lambda: ("complaint", of_address(ANNA), ""),
    "hard_bounce": lambda: ("hard_bounce", of_address(ANNA), ""),
    "manual": lambda: ("manual", of_address(ANNA), ""),
    "ses_account_list": lambda: ("ses_account_list", of_address(ANNA), ""),
    "private_person": lambda: ("private_person", of_address(ANNA), ""),
    "domain_ban": lambda: ("domain_ban", of_domain("puutyo.example"), ""),
    "company_ban": lambda: ("company_ban", of_company("1234567-1"), ""),
    "erasure": lambda: ("optout", of_address(ANNA), "erasure"),
    "namesake": lambda: (
        "optout", Entry("person", person_key("Anna", "Lehtonen", "puutyo.example") or b""), ""
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_nothing_but_ones_own_opt_out_is_lifted(
    session: Session, form: SignUpForm, now: datetime, name: str
) -> None:
    if name == "company_ban":
        make_company(
            session, make_source(session, now), now,
            name="Puutyö Oy", name_key="puutyö", business_id="1234567-1", domain="puutyo.example",
        )  # fmt: skip
        form.fields = [*form.fields, "business_id"]
        sign_up = type_in(session, form, now, business_id="1234567-1")
    else:
        sign_up = type_in(session, form, now)
    kind, entry, evidence = BLOCKS[name]()
    suppression.suppress(session, [entry], kind, origin="staff", now=now, evidence=evidence)
    assert confirm(session, sign_up, now) == "refused"
    assert anna(session) is None
    assert session.query(Suppression).filter(Suppression.lifted_at.is_not(None)).count() == 0


@pytest.mark.parametrize("state", ["restricted_at", "erased_at"])
def test_a_restricted_or_erased_contact_stays_as_it_is(
    session: Session, form: SignUpForm, now: datetime, state: str
) -> None:
    contact = make_contact(
        session, make_source(session, now), now, email=str(ANNA), title="Vanha", **{state: now}
    )
    assert confirm(session, type_in(session, form, now), now) == "refused"
    assert contact.title == "Vanha"
    assert consents.standing(session, contact.id) == {}


def test_a_restriction_holds_for_every_spelling_of_the_mailbox(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    make_contact(session, make_source(session, now), now, email=str(ANNA), restricted_at=now)
    sign_up = type_in(session, form, now, email="anna.lehtonen+uutiset@puutyo.example")
    assert confirm(session, sign_up, now) == "refused"
    assert session.query(Contact).count() == 1


def test_somebody_who_types_my_name_cannot_take_my_opt_out_back(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    """Twice: the first time makes a contact with my name, which proves nothing the second time."""
    me = make_contact(
        session, make_source(session, now), now, email="anna@puutyo.example",
        first_name="Anna", last_name="Lehtonen",
    )  # fmt: skip
    suppression.opt_out(session, me.address_key, origin="stop_page", now=now)
    for minutes in (0, 20):
        sign_up = type_in(session, form, now + timedelta(minutes=minutes))
        assert confirm(session, sign_up, now + timedelta(minutes=minutes)) == "refused"
    assert session.query(Suppression).filter(Suppression.lifted_at.is_not(None)).count() == 0


@pytest.mark.parametrize("other", [{"evidence": "letter"}, {"message_id": 8}, {"origin": "reply"}])
def test_an_act_of_the_same_moment_is_not_the_same_act(
    session: Session, form: SignUpForm, now: datetime, other: dict[str, Any]
) -> None:
    same = {"origin": "stop_page", "evidence": "", "message_id": 7}
    suppress(session, [of_address(ANNA)], "optout", now=now, **same)
    namesake = Entry("person", person_key("Anna", "Lehtonen", "puutyo.example") or b"")
    suppress(session, [namesake], "optout", now=now, **{**same, **other})
    assert confirm(session, type_in(session, form, now), now) == "refused"
    assert session.query(Suppression).filter(Suppression.lifted_at.is_not(None)).count() == 0


def test_an_erasure_is_not_lifted_though_the_contact_is_there_again(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    make_contact(session, make_source(session, now), now, email=str(ANNA))
    suppress(session, [of_address(ANNA)], "optout", origin="staff", now=now, evidence="erasure")
    assert confirm(session, type_in(session, form, now), now) == "refused"
    assert len(suppression.find(session, ANNA)) == 1


def test_ones_own_opt_out_is_taken_back_with_what_was_done_in_the_same_act(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    contact = make_contact(
        session, make_source(session, now), now, email=str(ANNA),
        first_name="Anna", last_name="Lehtonen",
    )  # fmt: skip
    suppression.opt_out(session, contact.address_key, origin="stop_page", now=now)
    assert len(suppression.find(session, ANNA)) == 2
    sign_up = type_in(session, form, now + timedelta(hours=1))
    assert suppression.find(session, ANNA), "typing lifts nothing"
    assert sign_up is not None
    later = now + timedelta(hours=2)
    assert confirming.standing(session, sign_up.id, sign_up.address_key, now=later).takes_back
    assert suppression.find(session, ANNA), "looking lifts nothing"
    assert confirm(session, sign_up, later) == "confirmed"
    assert suppression.find(session, ANNA) == []
    lifted = session.query(Suppression).first()
    assert lifted is not None
    assert (lifted.lifted_by, lifted.lifted_at) == ("recipient", later)
    assert lifted.lift_reason == f"signed up by form {form.id}"


def test_a_ban_that_staff_wrote_down_is_lifted_in_the_ledger_too(
    session: Session, form: SignUpForm, now: datetime, user_id: int
) -> None:
    from mailer.contacts import bans

    contact = make_contact(session, make_source(session, now), now, email=str(ANNA))
    said = bans.Said("objected", ["all_marketing"], "phone")
    bans.record(session, contact, said, now=now, actor_id=user_id)
    assert confirm(session, type_in(session, form, now), now) == "confirmed"
    stands = consents.standing(session, contact.id)
    assert stands == {"all_marketing": "lifted", "e_marketing": "given"}
    assert stands == consents.standing_from_ledger(session, contact.id)


# What is stored


def test_confirming_stores_the_person_with_source_and_the_consent_with_its_words(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    later = now + timedelta(hours=3)
    sign_up = type_in(session, form, now, language="en")
    assert confirm(session, sign_up, later) == "confirmed"
    contact = anna(session)
    assert contact is not None
    assert (contact.last_name, contact.title, contact.language) == (
        "Lehtonen", "Talousjohtaja", "en",
    )  # fmt: skip
    assert contact.basis == "consent"
    assert (contact.verified_at, contact.art14_informed_at) == (later, later)
    source, _ = provenance.sources_of(session, contact)[""]
    assert (source.kind, source.name, source.basis) == ("form", form.name, "consent")
    row = session.execute(text("SELECT * FROM consent_events")).one()
    assert (row.kind, row.event, row.at, row.actor) == ("e_marketing", "given", later, "recipient")
    assert row.wording == "I want the newsletter of Esimerkki Oy by e-mail."
    for fact in (f"form {form.id}", "wording 1 (en)", now.isoformat(), later.isoformat()):
        assert fact in row.evidence
    assert sign_up is not None
    assert (sign_up.typed, sign_up.contact_id) == (None, contact.id)
    session.expire(form)
    assert (form.typed, form.confirmed) == (1, 1)
    session.flush()


def test_a_known_contact_is_updated_with_what_was_typed_and_locked(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    contact = make_contact(
        session, make_source(session, now), now, email=str(ANNA), title="Vanha", phone="+358401",
        first_name="Anna", last_name="Virtanen",
    )  # fmt: skip
    sign_up = type_in(session, form, now, title="")
    assert confirm(session, sign_up, now) == "confirmed"
    assert (contact.last_name, contact.title, contact.phone) == ("Lehtonen", "Vanha", "+358401")
    assert contact.basis == "legitimate_interest"
    assert contact.field_sources["last_name"]["locked"] is True
    assert provenance.sources_of(session, contact)["last_name"][0].name == form.name


def test_a_link_works_once(session: Session, form: SignUpForm, now: datetime) -> None:
    sign_up = type_in(session, form, now)
    assert confirm(session, sign_up, now) == "confirmed"
    assert confirm(session, sign_up, now) == "repeated"
    assert session.scalar(text("SELECT count(*) FROM consent_events")) == 1


def test_a_key_of_somebody_else_opens_nothing(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    sign_up = type_in(session, form, now)
    assert sign_up is not None
    assert confirming.confirm(session, sign_up.id, b"x" * 16, now=now).outcome == "expired"
    assert confirming.confirm(session, 10**15, sign_up.address_key, now=now).outcome == "expired"
    assert anna(session) is None


def test_after_a_week_there_is_nothing_to_confirm_and_nothing_left(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    sign_up = type_in(session, form, now)
    confirmed = type_in(session, form, now, email="eero.maki@puutyo.example")
    assert confirm(session, confirmed, now) == "confirmed"
    later = now + sign_ups.KEPT + timedelta(seconds=1)
    assert confirm(session, sign_up, later) == "expired"
    assert sign_ups.forget_old(session, now=later) == 1
    assert [each.state for each in session.query(SignUp)] == ["confirmed"]


def test_whence_something_was_typed_is_forgotten_within_hours(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    sign_up = type_in(session, form, now)
    assert sign_up is not None
    sign_ups.forget_old(session, now=now + timedelta(minutes=59))
    session.refresh(sign_up)
    assert sign_up.network_key == sign_ups.network_key(HOME)
    sign_ups.forget_old(session, now=now + timedelta(minutes=61))
    session.refresh(sign_up)
    assert sign_up.network_key == b""
    assert sign_up.typed is not None


def test_what_waits_goes_with_a_person_who_is_deleted(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    contact = make_contact(session, make_source(session, now), now, email=str(ANNA))
    sign_up = type_in(session, form, now)
    other = type_in(session, form, now, email="eero.maki@puutyo.example")
    assert sign_up is not None
    assert other is not None
    removal.remove_all(session, [contact.id], now=now)
    session.expire_all()
    assert [each.id for each in session.query(SignUp)] == [other.id]


@pytest.mark.parametrize("change", ["off", "purpose", "source", "none"])
def test_a_form_that_may_no_longer_be_used_confirms_nothing(
    session: Session, form: SignUpForm, now: datetime, user_id: int, change: str
) -> None:
    sign_up = type_in(session, form, now)
    if change == "off":
        sign_up_forms.switch(session, form, active=False, now=now, actor_id=user_id)
    elif change == "none":
        session.execute(text("ALTER TABLE notice_versions DISABLE TRIGGER USER"))
        session.execute(text("UPDATE contacts SET notice_version_id = NULL"))
        session.execute(text("DELETE FROM notice_versions"))
        switches._parsed.clear()
    else:
        publish_notice(
            session, now + timedelta(hours=1),
            **({"source_kinds": ["system_entry"]} if change == "source" else {"purposes": {
                "market_research": {"basis": "consent"}
            }}),
        )  # fmt: skip
    assert confirm(session, sign_up, now + timedelta(hours=2)) == "closed"
    assert anna(session) is None


# Forms


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"entity": "toinen"}, "entity"),
        ({"purpose": "profiling"}, "purpose"),
        ({"sender_address": "uutiset@muu.example"}, "sender_address"),
        ({"fields": ("last_name", "note")}, "fields"),
        ({"required": ("phone",)}, "required"),
        ({"texts": {}}, "texts"),
        ({"texts": {"fi": ("Otsikko", "")}}, "texts"),
        ({"texts": {"fi": ("Otsikko", "x" * 5000)}}, "texts"),
    ],
)
def test_a_form_asks_only_what_the_notice_declares(change: dict[str, object], field: str) -> None:
    assert list(sign_up_forms.problems(wanted(**change), notice_with())) == [field]
    assert sign_up_forms.problems(wanted(), notice_with()) == {}


def test_other_words_are_a_new_version_and_the_old_ones_stay(
    session: Session, form: SignUpForm, now: datetime, user_id: int
) -> None:
    sign_up_forms.change(session, form, wanted(name="Toinen nimi"), now=now, actor_id=user_id)
    assert [each.number for each in sign_up_forms.wordings(session, form.id)] == [1]
    texts = {"fi": ("Uutiskirje", "Haluan uutiskirjeen.")}
    sign_up_forms.change(session, form, wanted(texts=texts), now=now, actor_id=user_id)
    assert [each.number for each in sign_up_forms.wordings(session, form.id)] == [2, 1]
    assert sign_up_forms.wording(session, form.id, 1).texts["fi"]["consent"].startswith("Haluan E")
    assert sign_up_forms.wording(session, form.id, 99).number == 2
    with pytest.raises(IntegrityError, match="append-only"):
        session.execute(text("UPDATE sign_up_wordings SET number = 9"))


def test_who_signed_up_is_in_the_audit_log_without_their_address(
    session: Session, form: SignUpForm, now: datetime
) -> None:
    confirm(session, type_in(session, form, now), now)
    session.commit()
    entries = session.query(AuditEntry).filter_by(action="contact.signed_up").all()
    assert len(entries) == 1
    assert entries[0].details == {"form_id": form.id, "wording": 1, "took_back": 0}
    assert people.has_role_by_hand(anna(session)) is False  # type: ignore[arg-type]
