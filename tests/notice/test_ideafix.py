"""The Ideafix group's notice on a running product: four companies, no tracking of mail."""

import pytest

from tests.notice.running import Mailed, Product

COMPANY = "ideafix"


def test_public_sources_and_assured_suppliers_are_taken_and_social_media_is_not(
    product: Product,
) -> None:
    assert product.sources_taken() == {
        "data_subject",
        "order",
        "form",
        "authority",
        "update_service",
        "b2b_supplier",
        "public_web",
    }


def test_people_of_a_third_party_wait_for_its_assurance(product: Product) -> None:
    bought = {"kind": "b2b_supplier", "assurance": None, "assured_at": None}
    waiting = product.add(source=bought)
    assert product.verdict(waiting, "new_customer_acquisition") == "assurance_missing"
    assured = bought | {"assurance": "Sopimus 5/2026", "assured_at": product.now.date()}
    allowed = product.add(source=assured, art14_informed_at=product.now)
    assert product.verdict(allowed, "new_customer_acquisition") == "clear"


def test_titles_and_employers_are_kept_and_duties_and_figures_are_not(product: Product) -> None:
    assert product.fields_kept() == {
        "first_name",
        "last_name",
        "email",
        "phone",
        "title",
        "company_name",
        "business_id",
        "street",
        "postal_code",
        "city",
        "country",
    }


def test_only_people_of_companies_are_taken(product: Product) -> None:
    product.import_row(email="aino.virtanen@gmail.com", company_name="", business_id="", title="")
    assert product.people() == 0
    product.import_row(email="tuomo.laine@yritys.example")
    assert product.people() == 1


def test_conversations_and_purchases_are_noted_and_plain_notes_are_not(product: Product) -> None:
    assert product.noted() == {"email_thread", "call", "order", "contract", "payment", "interest"}


def test_prospects_and_customers_may_be_mailed_for_marketing_only(product: Product) -> None:
    marketing = {"after_sales_marketing", "new_customer_acquisition", "e_marketing"}
    assert product.purposes(relationship_kind="prospect") == marketing
    assert product.purposes(relationship_kind="customer") == marketing


def test_the_four_companies_are_the_senders_there_are(product: Product) -> None:
    notice = product.notice
    assert [entity.name for entity in notice.entities] == [
        "Ideafix Oy",
        "Ideafix Visual Oy",
        "Ideafix Palvelut Oy",
        "Kinkerips Oy",
    ]
    sender = notice.entity_of_domain("ideafix.example")
    assert sender is not None
    assert sender.key == "ideafix"
    assert notice.entity_of_domain("muu.example") is None


@pytest.mark.parametrize("consents", [False, True])
def test_opens_and_clicks_leave_nothing_even_with_consent_and_an_opt_out_does(
    mailed: Mailed, consents: bool
) -> None:
    if consents:
        mailed.consent_to_tracking()
    assert mailed.open_and_click() == []
    assert mailed.opt_out() == ["opt_out"]
