"""What keeps a notice from being published, and what each gap asks for."""

from copy import deepcopy
from typing import Any

import pytest

from mailer.notice import profiles
from mailer.notice.gaps import GAPS, PLACEHOLDERS, Gap, gaps
from mailer.notice.parsing import NoticeError, parse
from mailer.notice.paths import assign

ABROAD = {"key": "x", "name": "Amazon SES", "country": "US"}
INDIVIDUAL = {"mode": "individual", "basis": "legitimate_interest"}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("register_name", {"register_name": " "}),
    ("dated", {"dated": ""}),
    ("entity", {"entities": []}),
    ("contact_name", {"contact": {"email": "tietosuoja@esimerkki.example"}}),
    ("contact_email", {"contact": {"name": "Maija Esimerkki"}}),
    ("contact_email", {"contact": {"name": "Maija Esimerkki", "email": "info@esimerkki"}}),
    ("purpose", {"purposes": {"statistics": {"basis": "contract"}}}),
    ("purpose_basis", {"purposes": {"e_marketing": {}}}),
    ("balancing_test", {"purposes": {"e_marketing": {"basis": "legitimate_interest"}}}),
    ("person_kinds", {"person_kinds": []}),
    ("offering", {"offering": []}),
    ("fields", {"fields": ["first_name"]}),
    ("source_kinds", {"source_kinds": []}),
    ("tracking_basis", {"tracking": {"opens": {"mode": "individual"}}}),
    ("tracking_balancing_test", {"tracking": {"clicks": INDIVIDUAL}}),
    ("processor", {"processors": ["Muu"]}),
    ("transfer_undeclared", {"processors": [ABROAD]}),
    ("transfer_basis", {"transfers": {"outside_eea": True}}),
    ("undertaking", {"undertaking": ""}),
    ("cookies_refusable", {"cookies": {"services": ["Analytics"]}}),
    ("prospect_months", {"retention": {"customer_months": 12}}),
    ("customer_months", {"retention": {"prospect_months": 24}}),
    ("repealed_statute", {"statutes": ["personal_data_act"]}),
    ("authority", {"authority": ""}),
]
# What a person may answer; the rest of the notice is that of the example.
ANSWERS = {
    "register_name": "Rekisteri",
    "dated": "2026-11-24",
    "contact_name": "Maija Esimerkki",
    "contact_email": "tietosuoja@esimerkki.example",
    "purpose": "consent",
    "purpose_basis": "contract",
    "balancing_test": "Weighed, and light.",
    "person_kinds": "organisation_contact",
    "offering": "finance,payroll",
    "fields": "email,first_name",
    "source_kinds": "data_subject",
    "tracking_basis": "consent",
    "tracking_balancing_test": "Weighed, and light.",
    "processor": "Amazon SES (Amazon Web Services EMEA SARL), eu-north-1",
    "transfer_undeclared": "true",
    "transfer_basis": "standard_clauses",
    "undertaking": "signed",
    "cookies_refusable": "true",
    "prospect_months": "24",
    "customer_months": "0",
    "repealed_statute": "gdpr,data_protection_act",
    "authority": "fi",
}


def example(**changes: Any) -> dict[str, Any]:
    # Assigning changes tables in place, and the cases are shared.
    return {**profiles.load("example"), **deepcopy(changes)}


def keys(content: dict[str, Any]) -> list[str]:
    return [gap.key for gap in gaps(parse(content))]


@pytest.mark.parametrize(("key", "changes"), CASES)
def test_each_gap_is_named_alone_and_closed_by_the_path_it_tells(
    key: str, changes: dict[str, Any]
) -> None:
    content = example(**changes)
    (gap,) = gaps(parse(content))
    assert gap.key == key
    assert gap.option == f"--set '{gap.path}={gap.value}'"
    if key in ANSWERS:
        assign(content, gap.path, ANSWERS[key])
        assert key not in keys(content)


def test_every_gap_that_there_is_has_a_case() -> None:
    asked = {key for key, _ in CASES}
    assert asked | {"entity_address", "business_id", "sender_domain", "group_companies"} == set(
        GAPS
    )


def test_a_notice_that_says_nothing_lacks_all_that_does_not_follow_from_something_said() -> None:
    # Of what is not there, nothing can be incomplete.
    assert set(GAPS) - set(keys({})) == {
        "entity_address",
        "business_id",
        "sender_domain",
        "group_companies",
        "purpose_basis",
        "balancing_test",
        "tracking_basis",
        "tracking_balancing_test",
        "transfer_undeclared",
        "transfer_basis",
        "cookies_refusable",
        "repealed_statute",
    }


@pytest.mark.parametrize("part", ["name", "street", "postal_code", "city"])
def test_an_entity_without_its_address_is_a_gap_at_its_place(part: str) -> None:
    content = example()
    content["entities"][0][part] = ""
    (gap,) = gaps(parse(content))
    assert (gap.key, gap.path) == ("entity_address", f"entities.esimerkki.{part}")
    assign(content, gap.path, "x")
    assert keys(content) == []


@pytest.mark.parametrize("number", ["", "2796282-5", "1234567", "x", "0201256-1"])
def test_a_business_id_with_a_wrong_check_digit_is_a_gap(number: str) -> None:
    content = example()
    assign(content, "entities.esimerkki.business_id", number)
    assert keys(content) == ["business_id"]


@pytest.mark.parametrize(
    "number",
    ["2796282-4", "1997513-1", "1060493-2", "0834973-3", "1894397-1", "3016098-8", "3013740-3"],
)
def test_the_business_ids_of_the_five_notices_are_right(number: str) -> None:
    content = example()
    assign(content, "entities.esimerkki.business_id", number)
    assert keys(content) == []


def test_the_first_entity_is_asked_for_a_domain_when_none_has_one() -> None:
    content = example()
    assign(content, "entities.esimerkki.sender_domains", "")
    (gap,) = gaps(parse(content))
    assert (gap.key, gap.path) == ("sender_domain", "entities.esimerkki.sender_domains")


def test_a_group_that_is_told_of_must_have_companies_or_be_taken_back() -> None:
    content = example(recipients={"group_company": ""})
    assert keys(content) == ["group_companies"]
    assign(content, "entities.tytar.name", "Tytär Oy")
    assert "group_companies" not in keys(content)
    taken_back = example(recipients={"group_company": ""})
    assign(taken_back, "recipients.group_company", "off")
    assert keys(taken_back) == []


@pytest.mark.parametrize(("key", "changes"), CASES)
def test_a_line_pasted_as_it_is_gives_an_answer_only_where_there_is_but_one(
    key: str, changes: dict[str, Any]
) -> None:
    content = example(**changes)
    (gap,) = gaps(parse(content))
    if gap.value in PLACEHOLDERS:
        return
    if key in ("authority", "transfer_undeclared", "cookies_refusable"):
        assign(content, gap.path, gap.value)
        assert key not in keys(content)
        return
    with pytest.raises(NoticeError):
        _answer(content, gap)


def _answer(content: dict[str, Any], gap: Gap) -> None:
    assign(content, gap.path, gap.value)
    parse(content)
