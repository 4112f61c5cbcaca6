"""Puuha Group's notice on a running product: like Quux's, with profiling and events."""

from tests.notice.running import Mailed, Product

COMPANY = "puuha"


def test_list_suppliers_are_sources_and_group_applications_are_not(product: Product) -> None:
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
    }


def test_titles_and_segments_are_kept_and_figures_of_companies_are_not(product: Product) -> None:
    kept = product.fields_kept()
    assert kept == product.notice.fields
    assert {"title", "tags", "business_id", "country"} <= kept
    assert kept.isdisjoint({"headcount", "turnover_eur", "result_eur", "note", "duties"})


def test_a_password_is_told_of_and_never_stored(product: Product) -> None:
    assert "password" in product.notice.other_data
    plan, entry = product.import_row(more={"Salasana": "salainen-sana", "Sukupuoli": "nainen"})
    refused = {each.heading for each in plan.dropped if each.reason == "forbidden_column"}
    assert refused == {"Salasana", "Sukupuoli"}
    assert entry.counts["numbers"]["created"] == 1


def test_a_private_person_is_not_taken(product: Product) -> None:
    product.import_row(email="aino.virtanen@gmail.com", company_name="", business_id="", title="")
    assert product.people() == 0


def test_contracts_orders_and_the_portal_are_noted_and_offer_documents_are_not(
    product: Product,
) -> None:
    assert product.noted() == {"order", "contract", "portal_log"}


def test_events_and_research_are_purposes_and_people_may_be_profiled(product: Product) -> None:
    assert product.purposes(relationship_kind="prospect") == {
        "after_sales_marketing",
        "new_customer_acquisition",
        "e_marketing",
        "market_research",
        "events",
    }
    assert product.notice.profiling


def test_opens_and_clicks_of_a_person_are_recorded_only_with_their_consent(mailed: Mailed) -> None:
    assert mailed.open_and_click() == []
    mailed.consent_to_tracking()
    assert mailed.open_and_click() == ["click", "open"]
