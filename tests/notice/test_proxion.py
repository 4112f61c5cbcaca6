"""Proxion's notice on a running product: own sources, no tracking, no job titles."""

import pytest

from tests.notice.running import Mailed, Product

COMPANY = "proxion"


def test_only_the_person_the_employer_and_authorities_are_sources(product: Product) -> None:
    assert product.sources_taken() == {"data_subject", "employer", "order", "form", "authority"}


def test_contact_facts_are_kept_and_titles_and_figures_are_not(product: Product) -> None:
    assert product.fields_kept() == {
        "first_name",
        "last_name",
        "email",
        "phone",
        "company_name",
        "business_id",
        "street",
        "postal_code",
        "city",
        "country",
    }


def test_a_column_that_is_not_declared_is_named_in_the_report(product: Product) -> None:
    plan, _ = product.import_row()
    undeclared = {each.heading for each in plan.dropped if each.reason == "undeclared_column"}
    assert {"Titteli", "Liikevaihto", "Muistiinpano"} <= undeclared


def test_a_private_person_is_not_taken(product: Product) -> None:
    product.import_row(email="aino.virtanen@gmail.com", company_name="", business_id="")
    assert product.people() == 0


def test_without_titles_nobody_is_chosen_by_duties(product: Product) -> None:
    contact = product.add(title="", functions=[], role_confidence=0, role_evidence=0)
    assert product.verdict(contact, "e_marketing") == "duties_not_matching"


def test_commercial_dealings_are_noted_and_conversations_are_not(product: Product) -> None:
    assert product.noted() == {
        "order",
        "contract",
        "delivery",
        "invoice",
        "payment",
        "complaint",
        "warranty",
    }


def test_news_and_events_go_to_prospects_and_research_and_prospecting_to_nobody(
    product: Product,
) -> None:
    assert product.purposes(relationship_kind="prospect") == {"e_marketing", "events"}
    customers = product.purposes(relationship_kind="customer")
    assert customers == {"e_marketing", "events", "customer_communication"}


def test_data_of_former_customers_is_not_used_after_the_customership(product: Product) -> None:
    ended = product.now.date().replace(day=23)
    former = product.add(relationship_kind="customer", customership_ended_at=ended)
    assert product.verdict(former, "e_marketing") == "retention_passed"
    current = product.add(relationship_kind="customer")
    assert product.verdict(current, "e_marketing") == "clear"


@pytest.mark.parametrize("consents", [False, True])
def test_opens_and_clicks_leave_nothing_even_with_consent_and_an_opt_out_does(
    mailed: Mailed, consents: bool
) -> None:
    if consents:
        mailed.consent_to_tracking()
    assert mailed.open_and_click() == []
    assert mailed.opt_out() == ["opt_out"]
