"""User names and addresses: one account is one person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.accounts import names


@pytest.mark.parametrize(
    "name",
    [
        "info",
        "markkinointi",
        "marknadsforing",
        "marketing",
        "marketing-team",
        "myyntitiimi",
        "hr.osasto",
        "info+kampanja",
        "admin2",
        "tuki_fi",
        "no-reply",
        "ADMIN",
        "12345",
    ],
)
def test_role_and_team_names_are_refused(name: str) -> None:
    name = name.casefold()
    assert names.is_role_name(name)
    assert names.user_name_problem(name) == names.NOT_PERSONAL
    assert names.email_problem(f"{name}@yritys.example") == names.NOT_PERSONAL


@pytest.mark.parametrize(
    "name", ["maija.virtanen", "mvirtanen", "åsa.öberg", "matti-johto.virtanen", "itta.salo", "aho"]
)
def test_names_of_people_are_accepted(name: str) -> None:
    assert names.user_name_problem(name) is None
    assert names.email_problem(f"{name}@yritys.example") is None


@pytest.mark.parametrize(
    "name", ["", "ab", "a b c", ".maija", "maija/virtanen", "a" * 101, "maija\n", "maija\0virtanen"]
)
def test_what_is_no_user_name_is_refused(name: str) -> None:
    assert names.user_name_problem(name) == names.NOT_A_NAME


@pytest.mark.parametrize(
    "email",
    [
        "",
        "maija",
        "maija@",
        "@yritys.example",
        "maija@yritys",
        "a@b.c\n",
        "a b@yritys.example",
        "maija@yritys.example, x@y.example",
        f"maija@{'a' * 250}.example",
        "<m@y.example>",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    assert names.email_problem(email) == names.NOT_AN_ADDRESS


def test_case_and_spaces_do_not_make_another_user() -> None:
    assert names.normal_user_name("  Maija.Virtanen ") == "maija.virtanen"


@given(st.text(max_size=300))
def test_any_text_is_judged_without_failing(text: str) -> None:
    names.user_name_problem(names.normal_user_name(text))
    names.email_problem(text)
