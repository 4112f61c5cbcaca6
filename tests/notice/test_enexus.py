"""eNexus's notice on a running product: customers, private persons among them."""

import pytest

from tests.notice.running import Mailed, Product

COMPANY = "enexus"
PRIVATE = {"email": "aino.virtanen@gmail.com", "company_name": "", "title": ""}


def test_partners_systems_are_a_source_and_list_suppliers_and_social_media_are_not(
    product: Product,
) -> None:
    assert product.sources_taken() == {
        "data_subject",
        "form",
        "authority",
        "update_service",
        "service_provider",
        "cookies",
        "partner_system",
    }


def test_a_partners_system_must_be_named(product: Product) -> None:
    assert product.refusal("partner_system", name=" ") == "source_name_missing"
    assert product.refusal("partner_system", name="Kumppanin kauppa") is None


def test_addresses_are_kept_and_titles_and_business_ids_are_not(product: Product) -> None:
    assert product.fields_kept() == {
        "first_name",
        "last_name",
        "email",
        "phone",
        "company_name",
        "street",
        "postal_code",
        "city",
        "country",
    }


def test_a_private_person_is_stored_as_one(product: Product) -> None:
    _, entry = product.import_row(**PRIVATE)
    assert entry.counts["numbers"]["created"] == 1
    assert product.people() == 1


def test_a_private_customer_is_mailed_with_consent_only(product: Product) -> None:
    customer = product.add(
        email="aino.virtanen@gmail.com", kind="private_person", relationship_kind="customer"
    )
    assert product.verdict(customer, "after_sales_marketing") == "consent_missing"
    product.consent(customer, "email_marketing")
    assert product.verdict(customer, "after_sales_marketing") == "clear"


def test_a_contract_carries_marketing_to_customers_and_not_to_prospects(product: Product) -> None:
    prospect = product.add(relationship_kind="prospect")
    assert product.verdict(prospect, "after_sales_marketing") == "no_legal_basis"
    assert product.purposes(relationship_kind="prospect") == set()
    assert product.purposes(relationship_kind="customer") == {"after_sales_marketing"}


def test_orders_are_noted_and_visits_are_declared_and_nothing_else_is(product: Product) -> None:
    assert product.noted() == {"order"}
    assert product.notice.interaction_kinds == {"order", "web_visit"}


def test_former_customers_are_kept_ten_years_to_the_day(product: Product) -> None:
    day = product.now.date()
    ten_years = day.replace(year=day.year - 10)
    last = product.add(relationship_kind="customer", customership_ended_at=ten_years)
    assert product.verdict(last, "after_sales_marketing") == "clear"
    over = product.add(
        relationship_kind="customer", customership_ended_at=ten_years.replace(day=day.day - 1)
    )
    assert product.verdict(over, "after_sales_marketing") == "retention_passed"


@pytest.mark.parametrize("consents", [False, True])
def test_opens_and_clicks_leave_nothing_even_with_consent_and_an_opt_out_does(
    mailed: Mailed, consents: bool
) -> None:
    if consents:
        mailed.consent_to_tracking()
    assert mailed.open_and_click() == []
    assert mailed.opt_out() == ["opt_out"]
