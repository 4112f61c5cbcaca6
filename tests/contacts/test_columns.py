"""Headings in three languages, and the columns that are never imported."""

import pytest

from mailer.contacts.columns import TARGETS, plan, recognise, suggest
from mailer.notice.vocabulary import FIELDS

EVERYTHING = frozenset(FIELDS)


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Sähköposti", "email"),
        ("SÄHKÖPOSTIOSOITE", "email"),
        ("sahkoposti", "email"),
        ("E-mail", "email"),
        ("e mail address", "email"),
        ("E-postadress", "email"),
        ("Etunimi", "first_name"),
        ("Förnamn", "first_name"),
        ("Surname", "last_name"),
        ("Yhteyshenkilö", "full_name"),
        ("Y-tunnus", "business_id"),
        ("FO-nummer", "business_id"),
        ("Business ID", "business_id"),
        ("Toimiala (TOL)", "industry_code"),
        ("Toimialan nimi", "industry_name"),
        ("Henkilöstö", "headcount"),
        ("Antal anställda", "headcount"),
        ("Liikevaihto (EUR)", "turnover_eur"),
        ("Titteli", "title"),
        ("Befattning", "title"),
        ("Job title", "title"),
        ("Huom", "note"),
        ("Postitoimipaikka", "city"),
    ],
)
def test_headings_are_recognised_in_three_languages(heading: str, field: str) -> None:
    assert recognise(heading) == field


def test_every_field_of_a_notice_can_be_recognised_and_chosen() -> None:
    known = {recognise(word) for word in ("nimi", *(name.replace("_", " ") for name in FIELDS))}
    assert set(FIELDS) - known <= {"phone", "turnover_eur", "result_eur"}
    assert set(FIELDS) < set(TARGETS)


@pytest.mark.parametrize(
    "heading",
    [
        "Sukupuoli",
        "SUKUPUOLI (M/N)",
        "Kön",
        "Gender",
        "Hetu",
        "Henkilötunnus",
        "Personbeteckning",
        "Syntymäaika",
        "Födelsedatum",
        "Date of birth",
        "Ikä",
        "Uskonto",
        "Religion",
        "Puolue",
        "Political opinion",
        "AY-jäsen",
        "Terveydentila",
        "Etninen alkuperä",
        "Herra/Rouva",
        "Salasana",
    ],
)
def test_private_columns_are_dropped_even_when_chosen_by_hand(heading: str) -> None:
    header = ["Sähköposti", heading]
    by_itself = plan(header, EVERYTHING)
    by_hand = plan(header, EVERYTHING, {0: "email", 1: "note"})
    for made in (by_itself, by_hand):
        assert dict(made.fields) == {"email": 0}
        assert [(drop.heading, drop.reason) for drop in made.dropped] == [
            (heading, "forbidden_column")
        ]


@pytest.mark.parametrize("heading", ["Kontakti", "Postinumero", "Kieli", "Ikkunat", "Parturi"])
def test_lookalikes_of_private_columns_are_not_forbidden(heading: str) -> None:
    reasons = [drop.reason for drop in plan(["Sähköposti", heading], EVERYTHING).dropped]
    assert "forbidden_column" not in reasons


def test_a_column_outside_the_notice_is_dropped_and_named() -> None:
    made = plan(["Sähköposti", "Puhelin"], EVERYTHING - {"phone"})
    assert [(drop.heading, drop.reason) for drop in made.dropped] == [
        ("Puhelin", "undeclared_column")
    ]
    chosen = plan(["Sähköposti", "X"], EVERYTHING - {"note"}, {0: "email", 1: "note"})
    assert chosen.dropped[0].reason == "undeclared_column"


def test_one_column_for_both_names_needs_both_declared() -> None:
    assert plan(["Nimi"], EVERYTHING).fields == {"full_name": 0}
    assert plan(["Nimi"], EVERYTHING - {"last_name"}).fields == {}


def test_of_two_columns_for_one_field_the_first_counts() -> None:
    made = plan(["Sähköposti", "E-mail", "Väri"], EVERYTHING)
    assert dict(made.fields) == {"email": 0}
    assert [drop.reason for drop in made.dropped] == ["duplicate_column", "unknown_column"]
    by_hand = plan(["a", "b"], EVERYTHING, {0: "email", 1: "email"})
    assert dict(by_hand.fields) == {"email": 0}
    assert by_hand.dropped[0].reason == "duplicate_column"


def test_a_choice_of_a_field_that_does_not_exist_imports_nothing() -> None:
    made = plan(["Sähköposti"], EVERYTHING, {0: "password", 7: "email"})
    assert made.fields == {}
    assert made.dropped[0].reason == "not_imported"


def test_the_suggestion_leaves_private_columns_out() -> None:
    assert suggest(["Sukupuoli", "Nimi", "Sähköposti"]) == {1: "full_name", 2: "email"}
