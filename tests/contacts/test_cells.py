"""Values as people type them."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.contacts import cells


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("040 123 4567", "+358401234567"),
        ("(+358) 40-1234567", "+358401234567"),
        ("+358 (0)40 123 4567", "+358401234567"),
        ("00358401234567", "+358401234567"),
        ("09 1234 5678", "+358912345678"),
        ("+46 8 123 456 78", "+46812345678"),
        ("ei ole", None),
        ("12", None),
        ("0015299396", None),
        ("", None),
        ("0" * 100, None),
    ],
)
def test_phone_numbers_become_international(text: str, number: str | None) -> None:
    assert cells.phone(text) == number


@given(
    st.sampled_from(["+358", "00358", "0", "(+358) ", "+358 ", "0 "]),
    st.from_regex(r"[0-9]{4,11}", fullmatch=True),
    st.sampled_from(["", " ", "-"]),
)
def test_the_short_way_to_finnish_numbers_agrees_with_the_library(
    start: str, digits: str, separator: str
) -> None:
    text = start + digits[:2] + separator + digits[2:]
    assert cells.phone(text) == by_the_library(text)


def by_the_library(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, "FI")
    except phonenumbers.NumberParseException:
        return None
    # Possible, and not only from a phone next door.
    possible = phonenumbers.ValidationResult.IS_POSSIBLE
    if phonenumbers.is_possible_number_with_reason(number) != possible:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("120", 120),
        ("12 417 000", 12_417_000),
        ("6893\u00a0000", 6_893_000),
        ("1.234.567,50 €", 1_234_568),
        ("1,234,567.25", 1_234_567),
        ("1 000 EUR", 1000),
        ("12,5", 13),
        ("-35 000", -35_000),
        ("−35000", -35_000),
        ("n. 50", 50),
        ("10-19", None),
        ("5,2 milj.", None),
        ("", None),
        ("monta", None),
        ("9" * 40, None),
    ],
)
def test_numbers_are_read_with_any_grouping(text: str, number: int | None) -> None:
    assert cells.whole_number(text) == number


def test_languages_and_countries_are_known_by_code_and_name() -> None:
    assert [cells.language(text) for text in ("FI", "Ruotsi", "englanti", "sv-FI", "klingon")] == [
        "fi",
        "sv",
        "en",
        "sv",
        None,
    ]
    names = ("Suomi", "Finland", "SE", "ruotsi", "Tyskland", "UK", "Marsu", "EU")
    found = ["FI", "FI", "SE", "SE", "DE", "GB", None, None]
    assert [cells.country(text) for text in names] == found


def test_industry_codes_are_digits() -> None:
    assert [cells.industry_code(t) for t in ("62010", "62.010", "J 62010", "62", "ohjelmisto")] == [
        "62010",
        "62010",
        "62010",
        "62",
        None,
    ]


def test_company_names_are_one_company_whatever_the_legal_form_and_case() -> None:
    names = ("Yritys Oy", "YRITYS OY", "Oy Yritys Ab", " yritys  oyj ", "Yritys")
    assert {cells.name_key(name) for name in names} == {"yritys"}
    assert cells.name_key("Oy") == "oy"
    assert cells.name_key("Toinen Oy") != cells.name_key("Yritys Oy")


def test_a_formula_is_marked_and_unmarked() -> None:
    for text in ("=1+1", "+358", "-2", "@SUM(A1)", "\tx", "\rx"):
        assert cells.neutralise(text) == f"'{text}"
        assert cells.unneutralise(f"'{text}") == text
    assert cells.neutralise("Oy 'Ab'") == "Oy 'Ab'"
    assert cells.unneutralise("'s") == "'s"


@given(st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    for read in (
        cells.phone,
        cells.whole_number,
        cells.language,
        cells.country,
        cells.industry_code,
        cells.name_key,
        cells.split_name,
    ):
        read(text)
    assert "\x00" not in cells.clean(text)
    assert not cells.neutralise(text).startswith(("=", "+", "-", "@", "\t", "\r"))
