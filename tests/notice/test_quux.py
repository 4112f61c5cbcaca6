"""Quux Oy's notice on a running product: business contacts, with tracking by consent."""

from tests.notice.running import Mailed, Product

COMPANY = "quux"


def test_group_applications_and_list_suppliers_are_sources_and_partners_systems_are_not(
    product: Product,
) -> None:
    assert product.sources_taken() == {
        "data_subject",
        "order",
        "form",
        "system_entry",
        "authority",
        "update_service",
        "service_provider",
        "b2b_supplier",
        "social_media",
        "public_web",
        "cookies",
        "email_tracking",
        "group_app",
    }


def test_a_page_of_the_public_web_must_be_named(product: Product) -> None:
    assert product.refusal("public_web", url=None) == "url_missing"
    assert product.refusal("public_web", url="https://yritys.example/yhteystiedot") is None


def test_figures_of_companies_are_kept_and_a_language_or_a_business_id_is_not(
    product: Product,
) -> None:
    kept = product.fields_kept()
    assert kept == product.notice.fields
    assert {"headcount", "turnover_eur", "result_eur", "industry_name", "duties", "note"} <= kept
    assert kept.isdisjoint({"language", "tags", "business_id"})


def test_a_private_person_is_deleted_at_once_and_stays_away(product: Product) -> None:
    private = {"email": "aino.virtanen@gmail.com", "company_name": "", "title": ""}
    for code in ("private_person", "private_person_earlier"):
        _, entry = product.import_row(**private)
        assert entry.counts["codes"].keys() & {"private_person", "private_person_earlier"}, code
        assert product.people() == 0


def test_a_person_without_an_organisation_is_refused(product: Product) -> None:
    _, entry = product.import_row(company_name="")
    assert entry.counts["codes"] == {"no_company": 1}
    assert product.people() == 0


def test_offers_orders_requests_offer_documents_and_visits_are_noted_and_invoices_are_not(
    product: Product,
) -> None:
    assert product.noted() == {
        "note",
        "call",
        "email_thread",
        "meeting",
        "contact_request",
        "support_request",
        "offer",
        "order",
        "offer_document",
    }
    # A visit comes from the site and is never written by hand.
    assert "web_visit" in product.notice.interaction_kinds


def test_prospects_and_customers_may_be_mailed_and_asked_but_not_invited_to_events(
    product: Product,
) -> None:
    marketing = {
        "after_sales_marketing",
        "new_customer_acquisition",
        "e_marketing",
        "market_research",
    }
    assert product.purposes(relationship_kind="prospect") == marketing
    assert product.purposes(relationship_kind="customer") == marketing
    contact = product.add()
    assert product.verdict(contact, "events") == "no_legal_basis"


def test_opens_and_clicks_of_a_person_are_recorded_only_with_their_consent(mailed: Mailed) -> None:
    assert mailed.open_and_click() == []
    mailed.consent_to_tracking()
    assert mailed.open_and_click() == ["click", "open"]


def test_no_table_holds_the_address_of_a_visitor(mailed: Mailed) -> None:
    mailed.consent_to_tracking()
    mailed.open_and_click()
    assert mailed.addresses_of_visitors() == 0
