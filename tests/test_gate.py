"""The gate's specification: each rule, their order, and one answer for a set and for one."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import null, select, true
from sqlalchemy.orm import Session

from mailer import gate
from mailer.campaigns.models import Campaign
from mailer.contacts import consents, suppression
from mailer.contacts.address import canonical, company_key
from mailer.contacts.consents import Statement
from mailer.contacts.models import Contact, Source
from mailer.gate import Ask
from mailer.notice.vocabulary import PURPOSES
from mailer.sending.models import Message
from tests.segments.register import make_company, make_contact, make_source, notice_with

FUNCTIONS = frozenset({"finance", "payroll"})
LONG_AGO = timedelta(days=1200)
EVERY_PURPOSE = {
    key: {"basis": "legitimate_interest", "balancing_test": "Weighed."} for key in PURPOSES
}


def ask(now: datetime, **changes: Any) -> Ask:
    plain = Ask(purpose="e_marketing", functions=FUNCTIONS, notice=notice_with(), now=now)
    return replace(plain, **changes)


def verdict(session: Session, contact: Contact, question: Ask) -> str | None:
    statement = gate.scope(select(gate.verdict(question)).select_from(Contact))
    return session.scalar(statement.where(Contact.id == contact.id))


def record(session: Session, contact: Contact, kind: str, event: str, now: datetime) -> None:
    statement = Statement(contact.id, kind, event)
    consents.record(session, [statement], actor="test", now=now)


def opt_out(session: Session, contact: Contact, now: datetime) -> None:
    entry = suppression.of_address(canonical(contact.email))
    suppression.suppress(session, [entry], "optout", origin="staff", now=now)


def object_to_all(session: Session, contact: Contact, now: datetime) -> None:
    record(session, contact, "all_marketing", "objected", now)


def send_before(session: Session, contact: Contact, now: datetime) -> None:
    session.add(
        Message(campaign_id=CAMPAIGN_ID, contact_id=contact.id, state="delivered", created_at=now)
    )
    session.flush()


CAMPAIGN_ID = 4711


@dataclass(frozen=True)
class Bad:
    """What makes one rule say no to a contact that would otherwise be clear."""

    contact: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    ask: dict[str, Any] = field(default_factory=dict)
    notice: dict[str, Any] = field(default_factory=dict)
    then: Callable[[Session, Contact, datetime], None] | None = None


NOW = datetime.fromisoformat("2026-11-24T09:00:00+00:00")

# The truth table: rule -> the fact that breaks it. One at a time, and every two together.
BAD: dict[str, Bad] = {
    "erased": Bad(contact={"erased_at": NOW}),
    "restricted": Bad(contact={"restricted_at": NOW}),
    "private_or_minor": Bad(contact={"quarantined_at": NOW}),
    "suppressed_optout": Bad(then=opt_out),
    "banned": Bad(then=object_to_all),
    "no_legal_basis": Bad(contact={"basis": None}),
    "consent_missing": Bad(notice={"purposes": {"e_marketing": {"basis": "consent"}}}),
    "country_requires_consent": Bad(contact={"countries": ["FI", "DE"]}),
    "duties_not_matching": Bad(contact={"functions": ["sales"]}),
    "duties_uncertain": Bad(contact={"role_confidence": 0.74}),
    "source_undeclared": Bad(source={"marketing_allowed": False}),
    "assurance_missing": Bad(source={"kind": "b2b_supplier", "assurance": None}),
    "stale_unverified": Bad(contact={"verified_at": NOW - timedelta(days=366)}),
    "retention_passed": Bad(
        contact={
            "relationship_kind": "customer",
            "customership_ended_at": (NOW - timedelta(days=366)).date(),
        }
    ),
    "art14_block_missing": Bad(ask={"informs": False}),
    "frequency_cap": Bad(
        contact={"last_marketing_at": NOW - timedelta(days=6)},
        notice={"targeting": {"frequency_cap_days": 7}},
    ),
    "already_sent": Bad(ask={"campaign_id": CAMPAIGN_ID}, then=send_before),
    "sender_identity_unverified": Bad(ask={"sender_verified": False}),
    "paused": Bad(ask={"paused": True}),
}


@pytest.fixture
def campaign(session: Session, now: datetime) -> None:
    session.add(Campaign(id=CAMPAIGN_ID, name="A", created_at=now, updated_at=now))
    session.flush()


def asked_of(session: Session, now: datetime, *bad: Bad) -> str | None:
    """The verdict on a contact with all of these faults."""
    contact_facts: dict[str, Any] = {}
    source_facts: dict[str, Any] = {}
    ask_facts: dict[str, Any] = {}
    notice_facts: dict[str, Any] = {}
    for each in bad:
        contact_facts |= each.contact
        source_facts |= each.source
        ask_facts |= each.ask
        notice_facts |= each.notice
    source = make_source(session, now, **source_facts)
    contact = make_contact(session, source, now, **contact_facts)
    for each in bad:
        if each.then is not None:
            each.then(session, contact, now)
    question = ask(now, notice=notice_with(**notice_facts), **ask_facts)
    return verdict(session, contact, question)


def test_a_contact_with_every_fact_in_order_is_clear(session: Session, now: datetime) -> None:
    assert asked_of(session, now) == "clear"


@pytest.mark.parametrize("code", BAD)
def test_each_rule_blocks_by_its_own_code(
    session: Session, now: datetime, campaign: None, code: str
) -> None:
    assert asked_of(session, now, BAD[code]) == code


def test_there_is_a_bad_fact_for_every_rule() -> None:
    families = [code.partition("_")[0] if "suppressed" in code else code for code in BAD]
    assert families == list(gate.RULES)


def test_of_two_failing_rules_the_first_is_told(
    session: Session, now: datetime, campaign: None
) -> None:
    told = {
        (first, second): asked_of(session, now, BAD[first], BAD[second])
        for first, second in itertools.combinations(BAD, 2)
    }
    assert told == {pair: pair[0] for pair in told}


@pytest.mark.parametrize("code", [code for code in gate.RULES if code != "suppressed"])
def test_a_rule_that_is_null_blocks(
    session: Session, now: datetime, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setitem(gate.RULES, code, lambda _: null())
    assert asked_of(session, now) == code


def test_a_contact_that_is_not_there_is_erased(session: Session, now: datetime) -> None:
    nobody = select(true().label("asked")).subquery()
    statement = gate.scope(
        select(gate.verdict(ask(now))).select_from(nobody).outerjoin(Contact, Contact.id == -1)
    )
    assert session.scalars(statement).all() == ["erased"]


def test_without_a_notice_nobody_is_clear(session: Session, now: datetime) -> None:
    contact = make_contact(session, make_source(session, now), now)
    assert verdict(session, contact, ask(now, notice=None)) == "private_or_minor"


def test_a_purpose_the_notice_does_not_declare_has_no_basis(
    session: Session, now: datetime
) -> None:
    contact = make_contact(session, make_source(session, now), now)
    assert verdict(session, contact, ask(now, purpose="events")) == "no_legal_basis"
    assert verdict(session, contact, ask(now, purpose="no such purpose")) == "banned"


def test_every_code_has_a_sentence() -> None:
    kinds = {f"suppressed_{kind}" for kind in suppression.KINDS}
    codes = {"clear", *kinds, *(code for code in gate.RULES if code != "suppressed")}
    assert codes == set(gate.SENTENCES)
    assert all(gate.sentence(code) for code in codes)


def test_sentences_are_told_in_the_order_of_the_rules() -> None:
    told = [code for code in gate.SENTENCES if not code.startswith("suppressed")]
    assert told == ["clear", *(code for code in gate.RULES if code != "suppressed")]


def test_a_set_and_one_person_get_the_same_answer(
    session: Session, now: datetime, campaign: None
) -> None:
    dice = random.Random(20261124)
    sources = [
        make_source(session, now, **facts)
        for facts in (
            {},
            {"kind": "b2b_supplier"},
            {"kind": "b2b_supplier", "assurance": "Contract 1", "assured_at": now.date()},
            {"kind": "cookies"},
            {"kind": "order", "expires": (now - timedelta(days=1)).date()},
        )
    ]
    companies = [
        None,
        make_company(session, sources[0], now, business_id="1234567-1").id,
        make_company(session, sources[0], now, business_id="2345678-6").id,
    ]
    for _ in range(200):
        make_random_contact(session, now, dice, sources=sources, companies=companies)
    suppression.suppress(
        session, [suppression.of_company("2345678-6")], "company_ban", origin="staff", now=now
    )
    for question in (
        ask(now),
        ask(now, campaign_id=CAMPAIGN_ID, informs=False),
        ask(
            now,
            purpose="market_research",
            notice=notice_with(targeting={"frequency_cap_days": 7}),
        ),
    ):
        asked = gate.verdict(question).label("verdict")
        statement = gate.scope(select(Contact.id, asked).select_from(Contact))
        as_set = {row.id: row.verdict for row in session.execute(statement)}
        one_by_one = {
            contact.id: verdict(session, contact, question)
            for contact in session.scalars(select(Contact))
        }
        assert as_set == one_by_one
        assert len(set(as_set.values())) > 8  # the dice showed enough of the table
        assert "clear" in as_set.values()


def make_random_contact(
    session: Session,
    now: datetime,
    dice: random.Random,
    *,
    sources: list[Source],
    companies: list[int | None],
) -> None:
    def seldom(bad: Any, good: Any) -> Any:
        return bad if dice.random() < 0.1 else good

    contact = make_contact(
        session,
        dice.choice([sources[0], *sources]),
        now,
        company_id=dice.choice(companies),
        kind=seldom("private_person", dice.choice(["organisation_contact", "shared_mailbox"])),
        functions=dice.choice([["finance"], ["finance", "hr"], ["payroll"], ["sales"], []]),
        role_confidence=seldom(0.3, 0.75),
        countries=seldom([], dice.choice([["FI"], ["FI"], ["NO"], ["FI", "DE"]])),
        basis=seldom(None, seldom("consent", "legitimate_interest")),
        art14_informed_at=dice.choice([None, now]),
        restricted_at=seldom(now, None),
        erased_at=seldom(now, None),
        quarantined_at=seldom(now, None),
        verified_at=seldom(now - LONG_AGO, None),
        collected_at=seldom(now - LONG_AGO, now),
        relationship_kind=seldom("customer", "prospect"),
        last_marketing_at=seldom(now - timedelta(days=1), None),
    )
    if dice.random() < 0.1:
        opt_out(session, contact, now)
    if dice.random() < 0.3:
        kind = dice.choice(["email_marketing", "market_research", "all_marketing"])
        record(session, contact, kind, dice.choice(list(consents.EVENTS)), now)
    if dice.random() < 0.2:
        send_before(session, contact, now)


# Suppressions


def test_a_suppressed_address_blocks_and_a_lifted_one_does_not(
    session: Session, now: datetime
) -> None:
    contact = make_contact(session, make_source(session, now), now)
    opt_out(session, contact, now)
    assert verdict(session, contact, ask(now)) == "suppressed_optout"
    (entry,) = suppression.find(session, canonical(contact.email))
    assert suppression.lift(session, entry.id, by="person", reason="asked by phone", now=now)
    assert verdict(session, contact, ask(now)) == "clear"


def test_an_opt_out_holds_for_the_same_person_at_another_address_of_the_employer(
    session: Session, now: datetime
) -> None:
    source = make_source(session, now)
    name = {"first_name": "Anna", "last_name": "Lehtonen"}
    known = make_contact(session, source, now, email="anna@puutyo.example", **name)
    suppression.opt_out(session, known.address_key, origin="one_click", now=now)
    other = make_contact(session, source, now, email="a.lehtonen@puutyo.example", **name)
    namesake = make_contact(session, source, now, email="anna@toinen.example", **name)
    assert verdict(session, other, ask(now)) == "suppressed_optout"
    assert verdict(session, namesake, ask(now)) == "clear"


def test_a_banned_domain_blocks_everybody_there_and_nobody_elsewhere(
    session: Session, now: datetime
) -> None:
    source = make_source(session, now)
    suppression.suppress(
        session,
        [suppression.of_domain("kielletty.example")],
        "domain_ban",
        origin="staff",
        now=now,
    )
    there = make_contact(session, source, now, email="kuka@kielletty.example")
    below = make_contact(session, source, now, email="kuka@muu.kielletty.example")
    assert verdict(session, there, ask(now)) == "suppressed_domain_ban"
    assert verdict(session, below, ask(now)) == "clear"


def test_a_company_ban_blocks_a_colleague_added_later(session: Session, now: datetime) -> None:
    source = make_source(session, now)
    suppression.suppress(
        session, [suppression.of_company("1234567-1")], "company_ban", origin="staff", now=now
    )
    banned = make_company(session, source, now, business_id="1234567-1")
    other = make_company(session, source, now, company_key=company_key("2345678-6"))
    colleague = make_contact(session, source, now, company_id=banned.id)
    stranger = make_contact(session, source, now, company_id=other.id)
    assert verdict(session, colleague, ask(now)) == "suppressed_company_ban"
    assert verdict(session, stranger, ask(now)) == "clear"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("ANNA.Lehtonen@Puutyo.Example", "anna.lehtonen@puutyo.example"),
        ("anna.lehtonen+uutiset@puutyo.example", "anna.lehtonen@puutyo.example"),
        ("anna.lehtonen@puutyo.example", "anna.lehtonen+kirjeet@puutyo.example"),
        (" anna.lehtonen@puutyö.example ", "anna.lehtonen@xn--puuty-nua.example"),
        ("anna.lehtonen@PUUTYÖ.example", "anna.lehtonen@puutyö.example"),
        ("ａnna.lehtonen@puutyo.example", "anna.lehtonen@puutyo.example"),
    ],
)
def test_an_opt_out_finds_the_address_however_it_is_written(
    session: Session, now: datetime, told: str, kept: str
) -> None:
    contact = make_contact(session, make_source(session, now), now, email=kept)
    entry = suppression.of_address(canonical(told))
    suppression.suppress(session, [entry], "optout", origin="staff", now=now)
    assert verdict(session, contact, ask(now)) == "suppressed_optout"


def test_dots_are_part_of_an_address(session: Session, now: datetime) -> None:
    contact = make_contact(session, make_source(session, now), now, email="a.b@puutyo.example")
    entry = suppression.of_address(canonical("ab@puutyo.example"))
    suppression.suppress(session, [entry], "optout", origin="staff", now=now)
    assert verdict(session, contact, ask(now)) == "clear"


@pytest.mark.parametrize("kind", suppression.KINDS)
def test_each_kind_of_suppression_has_its_code(session: Session, now: datetime, kind: str) -> None:
    contact = make_contact(session, make_source(session, now), now)
    entry = suppression.of_address(canonical(contact.email))
    suppression.suppress(session, [entry], kind, origin="staff", now=now)
    assert verdict(session, contact, ask(now)) == f"suppressed_{kind}"


def test_the_persons_own_wish_is_told_before_other_suppressions(
    session: Session, now: datetime
) -> None:
    contact = make_contact(session, make_source(session, now), now)
    entry = suppression.of_address(canonical(contact.email))
    for kind in ("hard_bounce", "complaint", "optout"):
        suppression.suppress(session, [entry], kind, origin="staff", now=now)
    assert verdict(session, contact, ask(now)) == "suppressed_optout"


def test_a_suppression_outlives_the_contact(session: Session, now: datetime) -> None:
    source = make_source(session, now)
    first = make_contact(session, source, now, email="anna@puutyo.example")
    opt_out(session, first, now)
    session.delete(first)
    session.flush()
    again = make_contact(session, source, now, email="anna@puutyo.example")
    assert verdict(session, again, ask(now)) == "suppressed_optout"


# Bans and consents

MARKETING = {"after_sales_marketing", "new_customer_acquisition", "e_marketing", "events"}
BANNED_BY = {
    "all_marketing": set(PURPOSES),
    "email_marketing": MARKETING | {"market_research"},
    "market_research": {"market_research"},
    "postal_marketing": set(),
    "distance_selling": set(),
    "disclosure": set(),
    "publication": set(),
    "email_tracking": set(),
    "cookies": set(),
    "customer_communication": {"customer_communication"},
    "after_sales_marketing": {"after_sales_marketing"},
    "new_customer_acquisition": {"new_customer_acquisition"},
    "e_marketing": {"e_marketing"},
    "events": {"events"},
}


def test_the_matrix_of_bans_is_whole() -> None:
    assert set(BANNED_BY) == set(consents.KINDS) | set(PURPOSES)


@pytest.mark.parametrize("kind", BANNED_BY)
@pytest.mark.parametrize("event", ["objected", "withdrawn"])
def test_a_ban_blocks_its_purposes_and_no_others(
    session: Session, now: datetime, kind: str, event: str
) -> None:
    contact = make_contact(session, make_source(session, now), now)
    record(session, contact, kind, event, now)
    notice = notice_with(purposes=EVERY_PURPOSE)
    blocked = {
        purpose
        for purpose in PURPOSES
        if verdict(session, contact, ask(now, purpose=purpose, notice=notice)) == "banned"
    }
    assert blocked == BANNED_BY[kind]


def test_a_lifted_ban_blocks_no_more(session: Session, now: datetime) -> None:
    contact = make_contact(session, make_source(session, now), now)
    record(session, contact, "all_marketing", "objected", now)
    record(session, contact, "all_marketing", "lifted", now)
    assert verdict(session, contact, ask(now)) == "clear"


def test_another_persons_ban_blocks_nobody_else(session: Session, now: datetime) -> None:
    source = make_source(session, now)
    object_to_all(session, make_contact(session, source, now), now)
    assert verdict(session, make_contact(session, source, now), ask(now)) == "clear"


def test_consent_opens_the_country_and_the_duties_but_no_ban(
    session: Session, now: datetime
) -> None:
    contact = make_contact(
        session, make_source(session, now), now, countries=["DE"], functions=[], role_confidence=0.0
    )
    assert verdict(session, contact, ask(now)) == "country_requires_consent"
    record(session, contact, "email_marketing", "given", now)
    assert verdict(session, contact, ask(now)) == "clear"
    record(session, contact, "all_marketing", "objected", now)
    assert verdict(session, contact, ask(now)) == "banned"


def test_where_the_notice_asks_for_consent_only_consent_helps(
    session: Session, now: datetime
) -> None:
    contact = make_contact(session, make_source(session, now), now)
    question = ask(now, notice=notice_with(purposes={"e_marketing": {"basis": "consent"}}))
    record(session, contact, "market_research", "given", now)
    assert verdict(session, contact, question) == "consent_missing"
    record(session, contact, "e_marketing", "given", now)
    assert verdict(session, contact, question) == "clear"


def test_a_contract_carries_marketing_to_customers_only(session: Session, now: datetime) -> None:
    source = make_source(session, now)
    question = ask(now, notice=notice_with(purposes={"e_marketing": {"basis": "contract"}}))
    prospect = make_contact(session, source, now)
    customer = make_contact(session, source, now, relationship_kind="customer")
    assert verdict(session, prospect, question) == "no_legal_basis"
    assert verdict(session, customer, question) == "clear"


# Facts at their limits


@pytest.mark.parametrize("minimum", [0.7, 0.75, 0.9])
def test_confidence_exactly_at_the_minimum_is_enough(
    session: Session, now: datetime, minimum: float
) -> None:
    contact = make_contact(session, make_source(session, now), now, role_confidence=minimum)
    question = ask(now, notice=notice_with(targeting={"confidence_minimum": minimum}))
    assert verdict(session, contact, question) == "clear"


def test_too_little_evidence_is_uncertain(session: Session, now: datetime) -> None:
    contact = make_contact(session, make_source(session, now), now, role_evidence=1)
    assert verdict(session, contact, ask(now)) == "duties_uncertain"


def test_a_message_that_concerns_nobodys_work_goes_to_no_person(
    session: Session, now: datetime
) -> None:
    source = make_source(session, now)
    person = make_contact(session, source, now)
    mailbox = make_contact(session, source, now, kind="shared_mailbox", functions=[])
    nothing = ask(now, functions=frozenset())
    assert verdict(session, person, nothing) == "duties_not_matching"
    assert verdict(session, mailbox, nothing) == "clear"


@pytest.mark.parametrize(
    ("countries", "kind", "expected"),
    [
        ([], "organisation_contact", "country_requires_consent"),
        (["XX"], "organisation_contact", "country_requires_consent"),
        (["FI", "XX"], "organisation_contact", "country_requires_consent"),
        (["FI", "SE"], "organisation_contact", "clear"),
        (["NO"], "organisation_contact", "country_requires_consent"),
        (["NO"], "shared_mailbox", "clear"),
        (["DE"], "shared_mailbox", "country_requires_consent"),
    ],
)
def test_the_strictest_country_decides(
    session: Session, now: datetime, countries: list[str], kind: str, expected: str
) -> None:
    contact = make_contact(session, make_source(session, now), now, countries=countries, kind=kind)
    assert verdict(session, contact, ask(now)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"kind": "cookies"}, "source_undeclared"),
        ({"expires": NOW.date()}, "clear"),
        ({"expires": (NOW - timedelta(days=1)).date()}, "source_undeclared"),
        ({"kind": "b2b_supplier", "assurance": "Contract 1"}, "assurance_missing"),
        (
            {"kind": "b2b_supplier", "assurance": "Contract 1", "assured_at": NOW.date()},
            "clear",
        ),
    ],
)
def test_the_source_must_be_declared_in_date_and_assured(
    session: Session, now: datetime, facts: dict[str, Any], expected: str
) -> None:
    contact = make_contact(session, make_source(session, now, **facts), now)
    assert verdict(session, contact, ask(now)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"collected_at": NOW - timedelta(days=364)}, "clear"),
        ({"collected_at": NOW - timedelta(days=366)}, "stale_unverified"),
        ({"collected_at": NOW - timedelta(days=366), "verified_at": NOW}, "clear"),
        ({"collected_at": NOW - LONG_AGO, "verified_at": NOW}, "retention_passed"),
        (
            {"collected_at": NOW - LONG_AGO, "verified_at": NOW, "relationship_kind": "customer"},
            "clear",
        ),
    ],
)
def test_old_data_is_checked_again_and_at_last_not_used(
    session: Session, now: datetime, facts: dict[str, Any], expected: str
) -> None:
    contact = make_contact(session, make_source(session, now), now, **facts)
    assert verdict(session, contact, ask(now)) == expected


def test_a_message_without_the_article_14_block_needs_none_for_the_persons_own_data(
    session: Session, now: datetime
) -> None:
    found = make_contact(session, make_source(session, now), now)
    told = make_contact(session, make_source(session, now), now, art14_informed_at=now)
    gave = make_contact(session, make_source(session, now, kind="form"), now)
    question = ask(now, informs=False)
    assert verdict(session, found, question) == "art14_block_missing"
    assert verdict(session, told, question) == "clear"
    assert verdict(session, gave, question) == "clear"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("queued", "clear"),
        ("blocked", "clear"),
        ("cancelled", "clear"),
        ("failed", "clear"),
        ("sending", "already_sent"),
        ("uncertain", "already_sent"),
        ("sent", "already_sent"),
        ("bounced", "already_sent"),
    ],
)
def test_only_what_may_have_left_counts_as_sent(
    session: Session, now: datetime, campaign: None, state: str, expected: str
) -> None:
    contact = make_contact(session, make_source(session, now), now)
    session.add(
        Message(campaign_id=CAMPAIGN_ID, contact_id=contact.id, state=state, created_at=now)
    )
    session.flush()
    assert verdict(session, contact, ask(now, campaign_id=CAMPAIGN_ID)) == expected
    assert verdict(session, contact, ask(now)) == "clear"
