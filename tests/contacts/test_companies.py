"""Companies of the register and the company's own no, against a real register."""

from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from mailer.contacts import companies, suppression
from mailer.contacts.address import canonical, domain_key
from mailer.contacts.suppression import Entry
from mailer.segments import build
from tests.contacts.staff import make_staff
from tests.segments.register import make_company, make_contact, make_source, publish_notice

BUSINESS_ID = "1234567-1"


def test_the_list_tells_how_many_people_there_are_and_finds_by_words(
    session: Session, now: datetime
) -> None:
    source = make_source(session, now)
    wood = make_company(
        session, source, now, name="Puutyö Oy", business_id=BUSINESS_ID, city="Oulu", headcount=20
    )
    other = make_company(session, source, now, name="Nordkraft Ab", city="Vaasa")
    make_contact(session, source, now, company_id=wood.id)
    make_contact(session, source, now, company_id=wood.id)
    make_contact(session, source, now, company_id=wood.id, quarantined_at=now)
    make_contact(session, source, now, company_id=wood.id, restricted_at=now)
    found, total = companies.page(session, order="people", descending=True)
    assert [(row.id, row.people) for row in found] == [(wood.id, 2), (other.id, 0)]
    assert total == 2
    for words, ids in {
        "puuty": [wood.id],
        "1234567": [wood.id],
        "VAASA": [other.id],
        "%": [],
        "oulu nord": [],
    }.items():
        found, total = companies.page(session, words)
        assert [row.id for row in found] == ids
        assert total == len(ids)


def test_a_company_without_a_figure_comes_last_either_way_round(
    session: Session, now: datetime
) -> None:
    source = make_source(session, now)
    small = make_company(session, source, now, headcount=5)
    none = make_company(session, source, now)
    large = make_company(session, source, now, headcount=500)
    for descending, expected in ((False, [small, large, none]), (True, [large, small, none])):
        found, _ = companies.page(session, order="headcount", descending=descending)
        assert [row.id for row in found] == [company.id for company in expected]


def test_roles_covered_are_counted_most_people_first(session: Session, now: datetime) -> None:
    source = make_source(session, now)
    company = make_company(session, source, now)
    make_contact(session, source, now, company_id=company.id, functions=["finance", "hr"])
    make_contact(session, source, now, company_id=company.id, functions=["finance"])
    make_contact(session, source, now, company_id=company.id, functions=["it"], restricted_at=now)
    assert [(r.function, r.people) for r in companies.roles(session, company.id)] == [
        ("finance", 2),
        ("hr", 1),
    ]


def test_a_company_s_ban_also_stops_a_colleague_added_later(
    session: Session, now: datetime
) -> None:
    publish_notice(session, now)
    actor_id = make_staff(session, now)
    source = make_source(session, now)
    company = make_company(session, source, now, business_id=BUSINESS_ID)
    assert companies.ban(session, company, evidence="Puhelu 24.11.", now=now, actor_id=actor_id)
    assert not companies.ban(session, company, evidence="Toinen puhelu", now=now, actor_id=actor_id)
    later = make_contact(session, source, now, company_id=company.id)
    ask = build.ask_for(session, purpose="e_marketing", functions=frozenset({"finance"}), now=now)
    assert build.check(session, later.id, ask) == "suppressed_company_ban"
    (line,) = companies.bans(session, company)
    assert (line.kind, line.evidence) == ("company_ban", "Puhelu 24.11.")
    found, total = companies.page(session, banned=True)
    assert ([row.id for row in found], total) == ([company.id], 1)
    suppression.lift(session, line.id, by="user:1", reason="The company asked", now=now)
    assert build.check(session, later.id, ask) == "clear"
    assert companies.bans(session, company) == []


def test_a_ban_needs_a_business_id_and_evidence(session: Session, now: datetime) -> None:
    source = make_source(session, now)
    nameless = make_company(session, source, now)
    company = make_company(session, source, now, business_id=BUSINESS_ID)
    for banned, evidence in ((nameless, "Puhelu"), (company, "  ")):
        with pytest.raises(ValueError, match="evidence"):
            companies.ban(session, banned, evidence=evidence, now=now, actor_id=1)


def test_a_ban_of_the_mail_domain_is_shown_at_the_company(session: Session, now: datetime) -> None:
    source = make_source(session, now)
    domain = canonical("a@puutyo.example").domain
    company = make_company(session, source, now, domain=domain)
    entry = Entry("domain", domain_key(domain))
    suppression.suppress(session, [entry], "domain_ban", origin="staff", now=now)
    assert [line.kind for line in companies.bans(session, company)] == ["domain_ban"]
