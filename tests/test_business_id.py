"""The Finnish Business ID."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.business_id import BusinessIdError, canonical, check_digit


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "bad_business_id"),
        ("1234567", "business_id_check_digit"),
        ("12345678-1", "bad_business_id"),
        ("1234567-12", "bad_business_id"),
        ("SE12345671", "bad_business_id"),
        ("1234567_1", "bad_business_id"),
        ("١٢٣٤٥٦٧-١", "bad_business_id"),
        ("1234567-1; DROP", "bad_business_id"),
        ("1234567-2", "business_id_check_digit"),
        ("0000001-0", "business_id_check_digit"),
    ],
)
def test_what_is_no_business_id_is_refused_by_name(raw: str, code: str) -> None:
    with pytest.raises(BusinessIdError) as caught:
        canonical(raw)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "raw",
    ["1234567-1", "12345671", "FI12345671", "fi 1234567-1", " 1234567\u20131 ", "1234567\u22121"],
)
def test_every_common_spelling_is_one_business_id(raw: str) -> None:
    assert canonical(raw) == "1234567-1"


def test_an_old_six_digit_number_gets_its_zero() -> None:
    digit = check_digit("0123456")
    assert canonical(f"123456-{digit}") == f"0123456-{digit}"


@given(st.integers(0, 9_999_999), st.integers(1, 9), st.integers(0, 6))
def test_one_wrong_digit_is_always_found(number: int, change: int, place: int) -> None:
    text = f"{number:07}"
    digit = check_digit(text)
    if digit is None:
        return
    assert canonical(f"{text}-{digit}") == f"{text}-{digit}"
    wrong = text[:place] + str((int(text[place]) + change) % 10) + text[place + 1 :]
    with pytest.raises(BusinessIdError):
        canonical(f"{wrong}-{digit}")
